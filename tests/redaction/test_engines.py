"""The automaton and plain Python find the same secrets."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.secrets import look_alikes, secrets_in_context
from tracer._redaction import secrets
from tracer._redaction.anchors import Automaton, Hit, PlainSearch

pytestmark = pytest.mark.no_store
ROOT = Path(__file__).resolve().parents[2]
NUMBERED = [(anchor.literal, number) for number, anchor in enumerate(secrets._ANCHORS)]
PLAIN = PlainSearch(
    [each for each in NUMBERED if not secrets._ANCHORS[each[1]].in_word],
    [each for each in NUMBERED if secrets._ANCHORS[each[1]].in_word],
)
LITERALS = [literal.decode("latin-1") for literal, _ in NUMBERED]


@pytest.fixture(scope="module")
def automaton() -> Automaton:
    pytest.importorskip("hyperscan")
    return Automaton([literal for literal, _ in NUMBERED])


def found_by(hits: Callable[[bytes], list[Hit]], line: bytes) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "_hits", hits)
        return secrets._without_secrets(line)


def lines() -> list[bytes]:
    texts = [json.dumps(case.value) for case in (*secrets_in_context(2), *look_alikes(2))]
    texts += [path.read_text() for path in sorted(ROOT.glob("docs/*.md"))]
    return [json.dumps({"text": text}).encode() for text in texts]


def test_both_engines_find_the_same_secrets_in_context_and_in_pages(automaton: Automaton) -> None:
    for line in lines():
        assert found_by(automaton.hits, line) == found_by(PLAIN.hits, line)


@given(
    st.lists(st.sampled_from(LITERALS) | st.sampled_from(list("=: ,'\"\\\n@.-_/aZ09")), max_size=8), st.integers(0, 99)
)
@settings(max_examples=300, deadline=None)
def test_both_engines_find_the_same_in_any_text(automaton: Automaton, pieces: list[str], seed: int) -> None:
    chance = random.Random(seed)
    tail = "".join(chance.choices("abcdefXYZ0123456789-_", k=chance.randrange(60)))
    line = json.dumps({"text": "".join(pieces) + tail}).encode()

    assert found_by(automaton.hits, line) == found_by(PLAIN.hits, line)


def test_plain_python_remembers_a_harmless_word_with_what_is_in_front_of_it() -> None:
    token = b"bsa" + b"0x1a2B3c4D5e6F7g8H9i0J"

    assert not any(
        secrets._ANCHORS[number].literal == b"=bsa" for _, number in PLAIN.hits(b'{"text":"?' + token + b'"}')
    )
    assert any(secrets._ANCHORS[number].literal == b"=bsa" for _, number in PLAIN.hits(b'{"text":"=' + token + b'"}'))


def test_plain_python_finds_every_place_that_the_automaton_finds_outside_of_words(automaton: Automaton) -> None:
    for line in lines():
        outside = [hit for hit in automaton.hits(line) if not secrets._ANCHORS[hit[1]].in_word]
        assert set(outside) <= set(PLAIN.hits(line))


def test_threads_search_side_by_side(automaton: Automaton) -> None:
    line = b"{" + b'"password":"Winter2026!",' * 20_000 + b"}"
    expected = automaton.hits(line)
    found: list[list[Hit]] = []
    threads = [threading.Thread(target=lambda: found.append(automaton.hits(line))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [expected] * 4


def test_the_search_works_where_the_automaton_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer._redaction.anchors.hyperscan", None)
    monkeypatch.setattr(secrets, "_hits", secrets._make_search)

    assert secrets.without_secrets(b'{"password":"Winter2026!"}') == b'{"password":"[REDACTED]"}'


def test_counts_beside_a_name_are_told_from_secrets_at_once(automaton: Automaton) -> None:
    counts = b'"prompt_tokens":9,"max_tokens":-1,"api_key":123456,"auth":0'
    secret = b'"token":"b7Kq93xZp0wLmN4rT8vY"'
    for hits in (automaton.hits, PLAIN.hits):
        assert found_by(hits, b"{" + counts + b"}") == b"{" + counts + b"}"
        assert found_by(hits, b"{" + counts + b"," + secret + b"}") == b"{" + counts + b',"token":"[REDACTED]"}'
