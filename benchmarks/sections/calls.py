"""A chat completion of the real SDK, whose transport answers in the process."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Goal, Row, added, best_peer, spreads, take_turns
from benchmarks.run import Run
from benchmarks.sections.beside import Callers, callers

SIZES = {"200 B": 200, "100 KB": 100_000}
SHARE_OF_CALL = 0.05
LARGE_IS_SLOWER = 4  # times fewer large calls in a batch


def measure(run: Run) -> list[Row]:
    """Rows for a small and a large request."""
    with callers(run) as taking_part:
        return [row for title, size in SIZES.items() for row in _rows(run, taking_part, title, size)]


def _rows(run: Run, taking_part: Callers, title: str, size: int) -> list[Row]:
    repeats = run.size.chats if size < 10_000 else max(1, run.size.chats // LARGE_IS_SLOWER)
    measured = {}
    for name, worker in taking_part.workers.items():
        worker.do("chats", size=size, repeats=2)
        if name not in taking_part.reference or run.records(worker, "chats"):
            measured[name] = partial(worker.do, "chats", size=size, repeats=repeats)
    samples = take_turns(measured, run.size.rounds)
    reference = {name: alone for name, alone in taking_part.reference.items() if name in measured}
    rows = []
    for key, where in (("thread", "caller's thread"), ("process", "all CPU with background work")):
        differences, shares = added(samples, key, reference, 1e-3)
        row = Row(f"chat.{size}.{key}", f"chat completion, {title}: added, {where}", "µs", differences)
        row.ratios, row.ratio_of = shares, "the call alone"
        alone = {name: spread for name, spread in spreads(samples, key, 1e-3).items() if name not in reference}
        row.remarks = {name: f"{spread.median:,.0f} µs" for name, spread in alone.items()}
        if "tracer_llm" in differences and key == "thread":
            if size == SIZES["200 B"]:
                goal = f"≤ {SHARE_OF_CALL} of the call alone"
                row.goals.append(Goal(goal, shares["tracer_llm"].median, SHARE_OF_CALL))
            best = best_peer(differences, run.peers)
            if best is not None:
                row.goals.append(Goal("lowest of all contenders", differences["tracer_llm"].median, best))
        rows.append(row)
    return rows
