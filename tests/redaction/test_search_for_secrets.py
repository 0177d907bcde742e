"""The search for secrets: a record stays a record, and what was searched before is not searched again."""

from __future__ import annotations

import json
import re
import sys
import warnings
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer._redaction import secrets, seen, shapes
from tracer._redaction.secrets import without_secrets

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_parse  # how far a pattern can reach

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
        found = seen.where_new(line_of({"id": len(messages), "input": messages, "more": {"n": len(messages)}}), search)
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


BEGINNINGS = [
    *("sig=", "q~", ":54", "-user", " net use "),
    *("?key=", "password=", "authorization: ", "cookie: ", "_token=", "api_key=", "x-api-key: ", "sk-", "-----BEGIN"),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "-eyJ",
        "bearer ",
        "basic ",
        "headers={",
        '"cookies": {',
        "://a:",
        "://a:b@",
    ),
    *(
        "@",
        "password ",
        "--password ",
        "api_key='",
        'api_key="',
        '"key": "',
        '"password": [',
        "mysql -p",
        " -u a:",
        "secret",
    ),
]


def steps(line: bytes) -> int:
    """Functions that a search calls, Python's and C's."""
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        secrets._without_secrets(line)
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_beginning_that_repeats_takes_steps_in_proportion_to_the_text(beginning: str) -> None:
    steps(line_of({"text": beginning * 10}))  # makes what is made once
    assert steps(line_of({"text": beginning * 800})) <= 2.2 * steps(line_of({"text": beginning * 400})) + 10


DENSE = {
    **{beginning: beginning for beginning in BEGINNINGS},
    "values": '{"key": "photos", "value": 1}, ',
    "entries of a log": "user ann@example.org key=abcd token: abcde auth=ok\n",
    "addresses": "https://example.org/list?key=first&page_token=abc ",
}


@pytest.mark.parametrize("text", DENSE.values(), ids=DENSE)
def test_a_text_made_of_beginnings_takes_few_steps_a_byte(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_LOOKS", 100)
    line = line_of({"text": (text * 40_000)[:40_000]})
    steps(line)

    assert steps(line) <= 3 * len(line)


def test_a_text_with_more_places_than_programs_write_is_left_out_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_LOOKS", 100)
    key = "x-token: b7Kq93xZp0wLmN4rT8vY"
    value = {
        "first": f"{key} is one, this is kept",
        "full": "sig=sig=" * 400 + key,
        "an auth: " * 30 + "password": "Winter2026!",
        "last": [f"{key} is one, this is kept"] * 40,
    }

    found = json.loads(without_secrets(line_of(value)))

    redacted = "x-token: [REDACTED] is one, this is kept"
    assert found == {"first": redacted, "full": "[REDACTED]", "[REDACTED]": "[REDACTED]", "last": [redacted] * 40}


def test_a_long_text_with_many_places_is_kept() -> None:
    text = "".join(f"user ann@example.org my_key=photos{n} x-auth: basic-{n}\n" for n in range(1_900))
    line = line_of({"text": text})

    assert len(line) > 100_000
    assert without_secrets(line) == line


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_place_in_a_text_is_taken_for_a_secret_twice(beginning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of({"text": beginning * 500})
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(secrets, "_replaced", lambda line, places: found.extend(place[:2] for place in places) or line)

    secrets._without_secrets(line)

    assert sum(end - start for start, end in found) <= len(line)


@pytest.mark.parametrize("room", ["names", "places", "shapes", "judging"])
def test_no_step_looks_further_than_a_bound_unless_it_finds_a_secret(room: str) -> None:
    module = import_module(f"tracer._redaction.{room}")
    patterns = {name: value for name, value in vars(module).items() if isinstance(value, re.Pattern)}
    if module is shapes:
        patterns |= {shape.beginning.decode(): re.compile(shape.rest) for shape in shapes._SHAPES}
    # matched only behind a decision, or called with an end
    allowed = {"_HEADER", "_LIST", "_UNTIL_QUOTE", "_SETTING", "_UP_TO_SEMICOLON", "_PARAMETER", "_ARGUMENT", "_IN_XML"}
    allowed |= {
        "_PLACEHOLDER",
        "_PROSE",
        "_LONG_PART",
        "_PLAIN_WORD",
        "_TOKEN_TEXT",
        "_CODE",
        "_CAMEL_WORD",
        "_HARMLESS_HEADER",
    }

    widths = {
        name: sre_parse.parse(each.pattern).getwidth()[1] for name, each in patterns.items() if name not in allowed
    }
    assert {name: width for name, width in widths.items() if width > 40_000} == {}
