"""The search for secrets: a record stays a record, and what was searched before is not searched again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer._redaction import secrets, seen
from tracer._redaction.secrets import without_secrets

TELLING = [
    *["password", "api_key", "token", "access_token", "authorization", "cookie", "secret"],
    *("Bearer ", "bearer ", "b'"),
    *"=: ,'\"\\{}[]\n?&;#/@.é1sxd",
    *("sk-proj-", "sk-abcdefghijklmnopqrstuvwxyz0123456789", "https://", "u:p@h", "eyJabcdefghijklmnopqrstuvwxyz."),
    *("-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "abcdef123456", '{"role":', '{"type":'),
]
texts = st.lists(st.sampled_from(TELLING), max_size=7).map("".join)
names = texts | st.sampled_from(["role", "type"])
values = st.recursive(
    texts | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4) | inner.map(json.dumps),
    max_leaves=12,
)


def line_of(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@given(values)
@settings(max_examples=400, deadline=None)
def test_a_record_without_its_secrets_is_still_a_record(value: Any) -> None:
    json.loads(without_secrets(line_of({"value": value})))


@pytest.mark.parametrize(
    "text", ["password=", "api_key\\", '-----BEGIN RSA PRIVATE KEY-----"', 'my "password\\', "token='"]
)
def test_the_structure_around_a_text_is_no_part_of_a_secret(text: str) -> None:
    value: Any = {text: 1, "text": text}
    for _ in range(9):
        value = {"a": value}

    json.loads(without_secrets(line_of(value)))


@given(values, values)
@settings(max_examples=300, deadline=None)
def test_what_is_searched_by_parts_is_searched_as_a_whole(first: Any, second: Any) -> None:
    messages = [{"role": "user", "content": first}, {"role": "assistant", "content": second}] * 2
    whole = without_secrets(line_of(messages))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen, "_SHORT", 0)
        patch.setattr(seen, "_SMALLEST_PART", 0)

        assert [without_secrets(line_of(messages)) for _ in range(2)] == [whole, whole]


def test_a_history_that_is_sent_again_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_harmless", set())
    searched: list[bytes] = []

    def search(part: bytes) -> bytes:
        searched.append(part)
        return part.replace(b"hunter2", b"***")

    def send(messages: list[Any]) -> tuple[int, bytes]:
        searched.clear()
        found = seen.where_new(
            line_of({"id": len(messages), "input": messages, "more": {"n": len(messages)}}), search
        )
        return sum(map(len, searched)), found

    history = [{"role": "user", "content": f"{number} " + "words " * 200} for number in range(30)]
    first, _ = send(history)
    again, found = send([*history, {"role": "assistant", "content": "it is hunter2 " * 50}])
    with_secret, found_again = send([*history, {"role": "assistant", "content": "it is hunter2 " * 50}])

    assert first > 30_000
    assert again < 5_000
    assert with_secret < 2_000
    assert b"hunter2" not in found
    assert found_again == found


def test_what_was_harmless_is_forgotten_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_harmless", set())
    for start in range(0, 30_000, 1_000):
        lines = [{"role": "user", "content": f"{start + number} ".ljust(600, "x")} for number in range(1_000)]
        seen.where_new(line_of(lines), lambda part: part)

    assert 1_000 <= len(seen._harmless) <= 20_000


@pytest.mark.parametrize(
    "beginning", ["?key=", "password=", "authorization: ", "cookie: ", "_token=", "api_key=", "x-api-key: "]
)
def test_a_beginning_that_repeats_is_searched_once(beginning: str) -> None:
    line = line_of({"text": beginning * 500})
    text = line.decode().lower()
    looked_at = [
        end - start
        for name, rules in secrets._NAMES_AND_PARAMETERS
        for start, end, _ in secrets._beside(line, text, name, rules)
    ]

    assert sum(looked_at) <= 2 * len(line)  # not once for each beginning
