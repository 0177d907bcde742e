"""Streamed chats and responses of the real SDK, whose transport answers in the process."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Goal, Row, added, best_peer, spreads, take_turns
from benchmarks.run import Run
from benchmarks.sections.beside import Callers, callers

KINDS = {"chat": "streamed chat", "responses": "streamed response"}
SHARE_OF_CHUNK = 0.03


def measure(run: Run) -> list[Row]:
    """Rows for chats and responses: what a chunk costs more, and the first one."""
    with callers(run) as taking_part:
        return [row for kind, title in KINDS.items() for row in _rows(run, taking_part, kind, title)]


def _rows(run: Run, taking_part: Callers, kind: str, title: str) -> list[Row]:
    measured = {}
    for name, worker in taking_part.workers.items():
        worker.do("streams", kind=kind, chunks=run.size.chunks, repeats=1)
        if name not in taking_part.reference or run.records(worker, "streams"):
            measured[name] = partial(worker.do, "streams", kind=kind, chunks=run.size.chunks, repeats=1)
    samples = take_turns(measured, run.size.rounds)
    reference = {name: alone for name, alone in taking_part.reference.items() if name in measured}
    rows = []
    for key, what in (("chunk", "added to a chunk"), ("first", "added up to the first chunk")):
        differences, shares = added(samples, key, reference, 1e-3)
        row = Row(f"stream.{kind}.{key}", f"{title}, {run.size.chunks:,} chunks: {what}", "µs", differences)
        row.ratios, row.ratio_of = shares, "the stream alone"
        alone = {name: spread for name, spread in spreads(samples, key, 1e-3).items() if name not in reference}
        row.remarks = {name: f"{spread.median:,.1f} µs" for name, spread in alone.items()}
        if "tracer_llm" in differences:
            mine = shares["tracer_llm"]
            if key == "chunk":
                row.goals.append(Goal(f"≤ {SHARE_OF_CHUNK} of the SDK's own cost", mine.median, SHARE_OF_CHUNK))
            else:
                noise = max(alone[name].high / alone[name].median - 1 for name in alone)
                row.goals.append(Goal("within the noise of the stream alone", mine.median, noise))
            best = best_peer(differences, run.peers)
            if best is not None:
                row.goals.append(Goal("lowest of all contenders", differences["tracer_llm"].median, best))
        rows.append(row)
    return rows
