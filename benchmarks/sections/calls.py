"""A chat completion of the real SDK, whose transport answers in the process."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.figures import Goal, Row, added, lowest_of_all, shares_added
from benchmarks.run import Run
from benchmarks.sections.beside_openai import Callers, alone_remarks, callers

SMALL, LARGE = 200, 100_000
SHARE_OF_CALL = 0.05


class Asked(NamedTuple):
    """A kind of request."""

    key: str
    title: str
    size: int  # in bytes
    new: str = "last"  # which messages no request before had


REQUESTS = (
    Asked("chat.small", "200 B", SMALL),
    Asked("chat.history", "100 KB, a history and a new message", LARGE),
    Asked("chat.new", "100 KB, all of it new", LARGE, "all"),
)


def measure(run: Run) -> list[Row]:
    """Rows for small and large requests."""
    with callers(run) as taking_part:
        return [row for asked in REQUESTS for row in _rows(run, taking_part, asked)]


def _rows(run: Run, taking_part: Callers, asked: Asked) -> list[Row]:
    is_small = asked.size == SMALL  # then a batch is short, and the difference to find is small
    rounds = run.size.rounds * (12 if is_small else 3)
    repeats = run.size.chats if is_small else (run.size.chats + 1) // 2
    what = f"chat completion, {asked.title}"
    samples = taking_part.sample(run, what, "chats", rounds, size=asked.size, new=asked.new, repeats=repeats)
    rows = []
    for key, where in (("thread", "caller's thread"), ("process", "all CPU with background work")):
        row = Row(
            f"{asked.key}.{key}",
            f"{what}: added, {where}",
            "µs",
            added(samples, key, 1e-3),
            shares_added(samples, key),
            "the call alone",
            remarks=alone_remarks(samples, key),
        )
        if "tracer_autolog" in row.values and key == "thread":
            if is_small:
                goal = f"≤ {SHARE_OF_CALL} of the call alone"
                row.goals.append(Goal(goal, row.ratios["tracer_autolog"].median, SHARE_OF_CALL))
            row.goals += lowest_of_all(row.values, run.peers)
        rows.append(row)
    return rows
