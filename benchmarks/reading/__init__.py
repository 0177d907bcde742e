"""Stores with many spans, and the questions that a page or a terminal asks them: one module for each that stores.

``fill(folder, spans, longest)``  traces of ten spans, and one of ``longest``
``QUESTIONS``                     by name, functions whose answer has a length
"""

from __future__ import annotations

MODELS = ("gpt-4o", "gpt-4o-mini", "o3-mini")
TOPICS = ("holidays", "invoices", "shipping", "passwords", "refunds", "opening hours", "warranty", "allergies")
RARE = "zanzibar"  # one trace in a thousand speaks of it
RARE_EVERY = 1000
SPANS = 10  # in a trace


def question_of(number: int) -> str:
    """What the user of trace ``number`` asked."""
    rare = f" in {RARE}" if number % RARE_EVERY == RARE_EVERY // 2 else ""
    return f"What does the handbook say about {TOPICS[number % len(TOPICS)]}{rare}, case {number}?"
