"""What is measured, section by section; ``--only`` takes these names."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.figures import Row
from benchmarks.run import Run
from benchmarks.sections import calls, installing, memory, reads, spans, starting, storing, streams, threads

SECTIONS: dict[str, Callable[[Run], list[Row]]] = {
    "spans": spans.measure,
    "calls": calls.measure,
    "streams": streams.measure,
    "start": starting.measure,
    "install": installing.measure,
    "store": storing.measure,
    "memory": memory.measure,
    "threads": threads.measure,
    "reads": reads.measure,
}
