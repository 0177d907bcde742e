"""What a page or a terminal asks a store with very many spans."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Goal, Row, spreads
from benchmarks.run import Run

LONGEST = 5_000
MAX_MS = 100.0
READERS = ("tracer_autolog", "mlflow_sqlite")
QUESTIONS = ("newest 50", "filter", "full text", "usage by model and hour", "longest trace")


def measure(run: Run) -> list[Row]:
    """A row for each question; each contender's store has as many spans as it loads in reasonable time."""
    spans = {"tracer_autolog": run.size.read, "mlflow_sqlite": run.size.read_elsewhere}
    longest = min(LONGEST, run.size.read_elsewhere // 2)
    rows = [Row(f"read.{what}", f"read, {what}", "ms", {}) for what in QUESTIONS]
    with run.workers(name for name in READERS if name in run.environments) as workers:
        for name, worker in workers.items():
            with run.leaving_out(name, "filling the store"):
                seconds = worker.do("fill", spans=spans[name], longest=longest)
                print(f"{name}: {spans[name]:,} spans in {seconds:.0f} s", flush=True)
        for row, what in zip(rows, QUESTIONS):
            measures = {}
            for name, worker in workers.items():
                with run.leaving_out(name, what):
                    found = worker.do("ask", what=what)["found"]
                    measures[name] = partial(worker.do, "ask", what=what)
                    asked = worker.do("asked", what=what)
                    row.remarks[name] = f"{asked}; {found:,.0f} found among {spans[name]:,} spans"
            row.values = spreads(run.take_turns(what, measures), "ms")
            if "tracer_autolog" in row.values:
                row.goals.append(Goal(f"< {MAX_MS:.0f} ms", row.values["tracer_autolog"].median, MAX_MS))
    return [row for row in rows if row.values]
