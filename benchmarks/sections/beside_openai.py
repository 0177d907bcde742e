"""Workers that call OpenAI, each beside one that does the same uninstrumented with the same version of the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.figures import Row, Sample, added, beside, shares_added, spreads
from benchmarks.run import Run
from benchmarks.workers import Worker


@dataclass
class Callers:
    """Who calls, each with the one that does the same uninstrumented."""

    pairs: dict[str, tuple[Worker, Worker]]

    def sample(self, run: Run, what: str, task: str, rounds: int, **arguments: Any) -> dict[str, list[Sample]]:
        """A task of everybody whose record of it holds what it should."""
        measures = {}
        for name, (mine, alone) in self.pairs.items():
            with run.leaving_out(name, what):
                mine.do(task, **arguments)
                if run.records(mine, task):
                    measures[name] = beside(partial(mine.do, task, **arguments), partial(alone.do, task, **arguments))
        return run.take_turns(what, measures, rounds)


@contextmanager
def callers(run: Run) -> Iterator[Callers]:
    """A worker of each contender that records calls, and of the program alone for each version of openai."""
    recording = [c.module for c in run.contenders if c.start]
    with ExitStack() as stack, run.workers(recording, lambda worker: worker.do("autolog")) as workers:
        alone: dict[str, Worker] = {}
        pairs = {}
        for name, worker in workers.items():
            openai = worker.do("version", distribution="openai")
            if openai not in alone:
                alone[openai] = stack.enter_context(run.worker("uninstrumented", elsewhere=name))
                alone[openai].do("autolog")
            pairs[name] = (worker, alone[openai])
        yield Callers(pairs)


def added_row(key: str, title: str, samples: dict[str, list[Sample]], figure: str, beside_what: str) -> Row:
    """The row of what a figure exceeds the one beside it by, with what the same took uninstrumented."""
    alone = spreads(samples, f"{figure} alone", 1e-3)
    return Row(
        key,
        title,
        "µs",
        added(samples, figure, 1e-3),
        shares_added(samples, figure),
        beside_what,
        remarks={name: f"{spread.median:,.1f} µs alone" for name, spread in alone.items()},
    )
