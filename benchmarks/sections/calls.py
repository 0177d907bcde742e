"""A chat completion of the real SDK, whose transport answers in the process."""

from __future__ import annotations

from benchmarks.figures import Goal, Row, added, lowest_of_all, shares_added
from benchmarks.run import Run
from benchmarks.sections.beside_openai import Callers, alone_remarks, callers

SMALL = 200
SIZES = {"200 B": SMALL, "100 KB": 100_000}
SHARE_OF_CALL = 0.05


def measure(run: Run) -> list[Row]:
    """Rows for a small and a large request."""
    with callers(run) as taking_part:
        return [row for title, size in SIZES.items() for row in _rows(run, taking_part, title, size)]


def _rows(run: Run, taking_part: Callers, title: str, size: int) -> list[Row]:
    is_small = size == SMALL  # then a batch is short, and the difference to find is small
    rounds = run.size.rounds * (12 if is_small else 2)
    repeats = run.size.chats if is_small else (run.size.chats + 1) // 2
    samples = taking_part.sample(run, f"chat completion, {title}", "chats", rounds, size=size, repeats=repeats)
    rows = []
    for key, where in (("thread", "caller's thread"), ("process", "all CPU with background work")):
        row = Row(
            f"chat.{size}.{key}",
            f"chat completion, {title}: added, {where}",
            "µs",
            added(samples, key, 1e-3),
            shares_added(samples, key),
            "the call alone",
            remarks=alone_remarks(samples, key),
        )
        if "tracer_llm" in row.values and key == "thread":
            if size == SMALL:
                goal = f"≤ {SHARE_OF_CALL} of the call alone"
                row.goals.append(Goal(goal, row.ratios["tracer_llm"].median, SHARE_OF_CALL))
            row.goals += lowest_of_all(row.values, run.peers)
        rows.append(row)
    return rows
