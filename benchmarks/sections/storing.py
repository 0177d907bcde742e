"""What is stored on this machine: how fast it can be queried, and how much room it takes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Goal, Row, Spread, beside, ratios, spreads
from benchmarks.run import Run

SPANS = 10  # in each trace
LIMIT = "raw_sqlite"
READY = "SQLite alone inserting rows that are ready"
SHARE_OF_SQLITE = 0.5
TIMES_MLFLOW = 10
SHARE_OF_MLFLOW = 0.25
SLOW = {"mlflow_sqlite": 20}  # times fewer traces than the others


def measure(run: Run) -> list[Row]:
    """Rows for the rate and for the room."""
    return [row for row in (_rate(run), _room(run)) if row.values]


def _rate(run: Run) -> Row:
    with run.workers(name for name in run.environments if CONTENDERS[name].is_storing) as workers:
        limit = partial(workers[LIMIT].do, "rows", count=run.size.traces * SPANS)
        measures = {}
        for name in workers:
            traces = max(2, run.size.traces // SLOW.get(name, 1))
            measures[name] = beside(partial(workers[name].do, "trees", traces=traces, spans=SPANS), limit)
        samples = run.take_turns("store", measures, max(2, run.size.rounds // 2), slow_turns=1)
    row = Row("store.rate", f"spans until they can be queried, traces of {SPANS}", "/s", spreads(samples, "rate"))
    row.ratios, row.ratio_of = ratios(samples, "rate"), READY
    row.remarks = {name: f"{s.median:,.0f} rows /s" for name, s in spreads(samples, "rate alone").items()}
    if "tracer_autolog" in samples:
        share = row.ratios["tracer_autolog"].median
        row.goals.append(Goal(f"≥ {SHARE_OF_SQLITE} of {READY}", share, SHARE_OF_SQLITE, is_floor=True))
    if {"tracer_autolog", "mlflow_sqlite"} <= samples.keys():
        times = row.values["tracer_autolog"].median / row.values["mlflow_sqlite"].median
        row.goals.append(Goal(f"≥ {TIMES_MLFLOW} times mlflow", times, TIMES_MLFLOW, is_floor=True))
    return row


def _room(run: Run) -> Row:
    size = run.size
    row = Row("store.bytes", f"bytes on disk for a conversation of {size.turns} turns", "KB", {})
    for contender in run.contenders:
        if contender.is_storing and contender.start:
            name = contender.module
            with run.leaving_out(name, "bytes on disk"):
                empty, full = (_bytes_with(run, name, conversations) for conversations in (0, size.conversations))
                row.values[name] = Spread.of([(full - empty) / size.conversations / 1000])
    if {"tracer_autolog", "mlflow_sqlite"} <= row.values.keys():
        share = row.values["tracer_autolog"].median / row.values["mlflow_sqlite"].median
        row.goals.append(Goal(f"≤ {SHARE_OF_MLFLOW} of mlflow's", share, SHARE_OF_MLFLOW))
    return row


def _bytes_with(run: Run, name: str, conversations: int) -> int:
    """What a program leaves on disk that has had one call, and so many conversations."""
    with run.worker(name) as worker:
        worker.do("autolog")
        worker.do("chats", size=200, repeats=1)
        worker.do("converse", conversations=conversations, turns=run.size.turns)
        worker.do("close")
        return _bytes_in(worker.folder)


def _bytes_in(folder: Path) -> int:
    """What is allocated on disk once the write-ahead log has been taken in."""
    for file in folder.glob("*.db"):
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "stderr"]
    return sum(path.stat().st_blocks * 512 for path in files)
