"""The same number of spans from one thread and from eight."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Goal, Row, Spread, take_turns
from benchmarks.run import Run

THREADS = 8


def measure(run: Run) -> list[Row]:
    """Rows for the time on the clock and the CPU time of eight threads, over those of one."""
    names = [name for name in ("tracer_llm", "bare_sdk") if name in run.environments]
    with run.workers(names) as workers:
        measured = {
            f"{name} {threads}": partial(worker.do, "in_threads", threads=threads, spans=run.size.in_threads)
            for name, worker in workers.items()
            for threads in (1, THREADS)
        }
        samples = take_turns(measured, run.size.rounds)
    rows = []
    for key, what in (("wall", "time"), ("cpu", "CPU time")):
        row = Row(f"threads.{key}", f"{THREADS} threads over one, the same number of spans: {what}", "times", {})
        for name in workers:
            pairs = zip(samples[f"{name} {THREADS}"], samples[f"{name} 1"])
            row.values[name] = Spread.of(many[key] / one[key] for many, one in pairs)
        if "tracer_llm" in row.values:
            mine = row.values["tracer_llm"]
            row.goals.append(Goal("no slower than one, within the spread", mine.low, 1.0))
        rows.append(row)
    return rows
