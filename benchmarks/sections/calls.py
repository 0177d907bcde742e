"""A chat completion of the real SDK, whose transport answers in the process."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from benchmarks.figures import Goal, Row, beside, lowest_of_all
from benchmarks.run import Run
from benchmarks.sections.beside_openai import Callers, added_row, callers

SMALL, LARGE = 200, 100_000
SHARE_OF_CALL = 0.05
# what a call may be made within, and costs nothing when it is over
OVER = {"replay": "after a replay", "limit": "after a limit"}


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
    """Rows for small and large requests, for what comes before a request is sent, and for what is over."""
    with callers(run) as taking_part:
        rows = [row for asked in REQUESTS for row in _rows(run, taking_part, asked)]
        rows.append(_sent(run, taking_part))
    if "tracer_autolog" in run.environments:
        rows += [_over(run, what, title) for what, title in OVER.items()]
    return [row for row in rows if row.values]


def _sent(run: Run, taking_part: Callers) -> Row:
    """The record of a call that runs is made before its request is sent."""
    what = "chat completion, 200 B, until its request is sent"
    samples = taking_part.sample(run, what, "sent", run.size.rounds * 6, size=SMALL, repeats=run.size.chats)
    return added_row("sent.thread", f"{what}: added, caller's thread", samples, "thread", "the call alone up to there")


def _over(run: Run, what: str, title: str) -> Row:
    """A call of a program that has used something, beside one that never did."""
    asked = {"size": SMALL, "repeats": run.size.chats}
    with run.worker("tracer_autolog") as having_used, run.worker("tracer_autolog") as other:
        for worker in (having_used, other):
            worker.do("autolog")
        samples = {}
        with run.leaving_out("tracer_autolog", title):
            having_used.do("use", name=what)
            measure = beside(partial(having_used.do, "chats", **asked), partial(other.do, "chats", **asked))
            samples = run.take_turns(title, {"tracer_autolog": measure}, run.size.rounds * 12)
    shown = f"chat completion, 200 B, {title}: added, caller's thread"
    row = added_row(f"over.{what}.thread", shown, samples, "thread", "the recorded call without it")
    if "tracer_autolog" in row.values:
        mine = row.values["tracer_autolog"]
        row.goals.append(Goal(f"nothing measurable: within {mine.error:.3g} µs", mine.median, mine.error))
    return row


def _rows(run: Run, taking_part: Callers, asked: Asked) -> list[Row]:
    is_small = asked.size == SMALL  # then a batch is short, and the difference to find is small
    rounds = run.size.rounds * (12 if is_small else 3)
    repeats = run.size.chats if is_small else (run.size.chats + 1) // 2
    what = f"chat completion, {asked.title}"
    samples = taking_part.sample(run, what, "chats", rounds, size=asked.size, new=asked.new, repeats=repeats)
    rows = []
    for key, where in (("thread", "caller's thread"), ("process", "all CPU with background work")):
        row = added_row(f"{asked.key}.{key}", f"{what}: added, {where}", samples, key, "the call alone")
        if "tracer_autolog" in row.values and key == "thread":
            if is_small:
                goal = f"≤ {SHARE_OF_CALL} of the call alone"
                row.goals.append(Goal(goal, row.ratios["tracer_autolog"].median, SHARE_OF_CALL))
            row.goals += lowest_of_all(row.values, run.peers)
        rows.append(row)
    return rows
