"""Stores with many spans, and the questions that a page or a terminal asks them: one module for each that stores.

``fill(folder, spans, longest)``  traces of ten spans over the last week, and one of ``longest``
``QUESTIONS``                     by name; everybody is asked the same, as far as they can be
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MODELS = ("gpt-4o", "gpt-4o-mini", "o3-mini")
TOPICS = ("holidays", "invoices", "shipping", "passwords", "refunds", "opening hours", "warranty", "allergies")
RARE = "zanzibar"  # in one trace of a thousand
RARE_EVERY = 1000
SPANS = 10  # in a trace
WEEK_NS = 7 * 86_400 * 10**9
HOUR_SECONDS = 3_600


@dataclass(frozen=True)
class Question:
    """A query for a contender; its result is the number of hits."""

    words: str
    ask: Callable[[], int]


def question_of(number: int) -> str:
    """What the user of trace ``number`` asked."""
    rare = f" in {RARE}" if number % RARE_EVERY == RARE_EVERY // 2 else ""
    return f"What does the handbook say about {TOPICS[number % len(TOPICS)]}{rare}, case {number}?"


def starts(now: int, traces: int) -> list[int]:
    """When each trace began: evenly over the last week, the newest first."""
    return [now - number * (WEEK_NS // (traces + 1)) for number in range(traces)]


def tokens_of(number: int, place: int) -> tuple[int, int]:
    """Those in and out of a call."""
    return 600 + number % 700, 200 + place * 7
