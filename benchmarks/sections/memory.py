"""Memory in use after many spans."""

from __future__ import annotations

from benchmarks.figures import Goal, Row, Spread
from benchmarks.run import Run

MEASURABLE = 1.0  # MB
WEIGHED = ("tracer_autolog", "bare_sdk")


def measure(run: Run) -> list[Row]:
    """One row: what the second half of the spans added."""
    spans = run.size.weighed
    row = Row("memory", f"memory that {spans:,} spans add after as many before them", "MB", {})
    names = [name for name in WEIGHED if name in run.environments]
    with run.workers(names) as workers:
        for name, worker in workers.items():
            with run.leaving_out(name, "memory"):
                half = worker.do("record_and_weigh", spans=spans)
                whole = worker.do("record_and_weigh", spans=spans)
                row.values[name] = Spread.of([(whole - half) / 1e6])
                row.remarks[name] = f"{whole / 1e6:.0f} MB in use"
    if "tracer_autolog" in row.values:
        goal = Goal(f"nothing measurable: < {MEASURABLE:.0f} MB", row.values["tracer_autolog"].median, MEASURABLE)
        row.goals.append(goal)
    return [row]
