"""Streamed chats and responses of the real SDK, whose transport answers in the process."""

from __future__ import annotations

from benchmarks.figures import Goal, Row, Sample, lowest_of_all, spreads
from benchmarks.run import Run
from benchmarks.sections.beside_openai import Callers, added_row, callers

KINDS = {"chat": "streamed chat", "responses": "streamed response"}
WHAT = {"chunk": "added to a chunk", "first": "added up to the first chunk"}
SHARE_OF_CHUNK = 0.03


def measure(run: Run) -> list[Row]:
    """Rows for chats and responses: what a chunk costs more, and the first one."""
    with callers(run) as taking_part:
        return [row for kind, title in KINDS.items() for row in _rows(run, taking_part, kind, title)]


def _rows(run: Run, taking_part: Callers, kind: str, title: str) -> list[Row]:
    samples = taking_part.sample(run, title, "streams", run.size.rounds * 2, kind=kind, chunks=run.size.chunks)
    return [_row(run, f"stream.{kind}.{key}", title, key, samples) for key in WHAT]


def _row(run: Run, name: str, title: str, key: str, samples: dict[str, list[Sample]]) -> Row:
    shown = f"{title}, {run.size.chunks:,} chunks: {WHAT[key]}"
    row = added_row(name, shown, samples, key, "the stream alone")
    if "tracer_autolog" in row.values:
        share = row.ratios["tracer_autolog"].median
        if key == "chunk":
            row.goals.append(Goal(f"≤ {SHARE_OF_CHUNK} of the SDK's own cost", share, SHARE_OF_CHUNK))
        else:
            alone = spreads(samples, f"{key} alone")["tracer_autolog"]
            noise = (alone.high - alone.low) / 2 / alone.median
            row.goals.append(Goal(f"within the noise of the stream alone (≤ {noise:.3g} of it)", share, noise))
        row.goals += lowest_of_all(row.values, run.peers)
    return row
