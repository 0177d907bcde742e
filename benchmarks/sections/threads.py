"""The same number of spans from one thread and from eight."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Goal, Row, beside, ratios
from benchmarks.run import Run

THREADS = 8


def measure(run: Run) -> list[Row]:
    """Rows for the time on the clock and the CPU time of eight threads, over those of one."""
    names = [name for name in ("tracer_autolog", "bare_sdk") if name in run.environments]
    with run.workers(names) as workers:
        measures = {}
        for name, worker in workers.items():
            many, one = (
                partial(worker.do, "in_threads", threads=threads, spans=run.size.in_threads) for threads in (THREADS, 1)
            )
            measures[name] = beside(many, one)
        samples = run.take_turns(f"{THREADS} threads", measures, max(2, run.size.rounds // 2))
    rows = []
    for key, what in (("wall", "time"), ("cpu", "CPU time")):
        title = f"{THREADS} threads over one, the same number of spans: {what}"
        row = Row(f"threads.{key}", title, "times", ratios(samples, key))
        if "tracer_autolog" in row.values:
            mine = row.values["tracer_autolog"]
            row.goals.append(Goal("no slower than one, within the spread", mine.low, 1.0))
        rows.append(row)
    return rows
