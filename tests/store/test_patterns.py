"""Patterns of LIKE: what they match, and that matching takes few steps however they are made."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import found, span
from tracer.errors import QueryTimeoutError
from tracer.store import Store
from tracer.store.limits import time_limit
from tracer.store.pattern import PIECE_LIMIT, ilike, like

LETTERS = st.text("ab%_\n", max_size=12)


class Counted(str):
    """A text that counts how often it is searched, and how many of its characters were looked at."""

    searches = 0
    looked_at = 0

    def find(self, part: str, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        place = super().find(part, start, end)
        self.searches += 1
        self.looked_at += (len(self) if place < 0 else place + len(part)) - start
        return place


@settings(max_examples=400, deadline=None)
@given(text=st.text("ab\n", max_size=12), pattern=LETTERS)
def test_like_matches_as_its_two_wildcards_say(text: str, pattern: str) -> None:
    parts = (".*" if letter == "%" else "." if letter == "_" else re.escape(letter) for letter in pattern)

    assert like(text, pattern) == (re.fullmatch("".join(parts), text, re.DOTALL) is not None)


def test_ilike_matches_in_any_case() -> None:
    assert ilike("Straße NACH Rom", "straße%ROM")
    assert not like("Straße NACH Rom", "straße%ROM")


@pytest.mark.parametrize("pattern", ["%a%a%a%a%b", "%" + "a%" * 300 + "b%", "%ab" * 200 + "%", "%a" * 200 + "%"])
def test_like_looks_at_each_character_once(pattern: str) -> None:
    text = Counted("a" * 400)

    like(text, pattern)

    assert text.searches <= pattern.count("%")
    assert text.looked_at <= len(text)


def test_a_name_of_one_letter_over_and_over_is_searched(store: Store) -> None:
    store.append([span("t", "r", name="a" * 400)])

    assert found(store, "name LIKE '%a%a%a%a%a%a%a%a%b'") == []
    assert found(store, "name LIKE '%a%_a%_a_%a%a%a%a%a%a'") == ["t"]
    assert found(store, f"name ILIKE '%{'A_' * (PIECE_LIMIT // 2)}%'") == ["t"]


def test_a_piece_is_found_wherever_a_long_text_has_it() -> None:
    for place in (99_999, 99_998, 100_000, 250_000, 299_997):
        text = "a" * place + "bcb" + "a" * (300_000 - place - 3)
        assert like(text, "%b_b%")
        assert not like(text, "%b_c%")


def test_matching_stops_when_the_time_is_over() -> None:
    with time_limit(0), pytest.raises(QueryTimeoutError):
        like("a" * 400_000, "%a_b%")


def test_a_function_in_sql_stops_when_the_time_is_over(store: Store) -> None:
    store.append([span("t", "r", name="a" * 400_000)])

    with time_limit(60, work_seconds=0), pytest.raises(QueryTimeoutError):
        found(store, "name LIKE '%a_b%'")
