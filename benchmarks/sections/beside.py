"""Workers that call OpenAI, each beside one that does the same uninstrumented with the same version of the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.run import Run
from benchmarks.workers import Worker


@dataclass
class Callers:
    """Who calls, and whom each is compared with."""

    workers: dict[str, Worker]
    reference: dict[str, str]  # contender → name of the uninstrumented worker


@contextmanager
def callers(run: Run) -> Iterator[Callers]:
    """A worker of each contender that records calls, and of the program alone for each version of openai."""
    recording = [c.module for c in run.contenders if c.is_peer or c.module == "tracer_llm"]
    with ExitStack() as stack, run.workers(recording, lambda worker: worker.do("autolog")) as workers:
        everybody, reference = dict(workers), {}
        for name, worker in workers.items():
            openai = worker.do("version", distribution="openai")
            alone = f"uninstrumented, openai {openai}"
            if alone not in everybody:
                everybody[alone] = stack.enter_context(run.worker("uninstrumented", elsewhere=name))
                everybody[alone].do("autolog")
            reference[name] = alone
        yield Callers(everybody, reference)
