"""One run of the benchmark: how much is measured, who takes part, and who was left out for which reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.contenders import CONTENDERS, LIMITS, Contender
from benchmarks.environments import Environment
from benchmarks.figures import Measure, Sample, take_turns
from benchmarks.sink import VARIABLE, Sink
from benchmarks.tasks import signs
from benchmarks.workers import Worker, WorkerFailed

MAX_REASON = 300  # characters


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    name: str
    rounds: int  # turns that everybody takes
    batch_ms: int  # how long a batch of spans takes, with what follows in the background
    most: int  # spans in a batch
    chats: int  # calls in a batch
    chunks: int  # chunks in a stream
    starts: int  # processes started to measure an import
    traces: int  # traces of ten spans until they can be queried
    conversations: int
    turns: int
    weighed: int  # spans after which memory is looked at, twice
    in_threads: int  # spans that threads share
    read: int  # spans in the store that is read
    read_elsewhere: int  # … in the store of a contender that cannot load as many


FULL = Size("full", 12, 60, 400, 10, 1000, 7, 300, 3, 30, 50_000, 8_000, 1_000_000, 20_000)
SMALL = Size("small", 2, 5, 20, 2, 20, 2, 20, 1, 3, 200, 160, 2_000, 500)


@dataclass
class Run:
    """What the sections need to measure, and where they note what went wrong."""

    size: Size
    environments: dict[str, Environment]
    sink: Sink
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def contenders(self) -> list[Contender]:
        return [CONTENDERS[name] for name in self.environments]

    @property
    def peers(self) -> list[str]:
        return [contender.module for contender in self.contenders if contender.is_peer]

    def worker(self, name: str, *, elsewhere: str | None = None) -> Worker:
        """A worker of a contender, in its own environment or in that of another one."""
        python = self.environments[elsewhere or name].python
        return Worker(CONTENDERS[name], python, more={VARIABLE: self.sink.url})

    @contextmanager
    def workers(
        self, names: Iterable[str], prepare: Callable[[Worker], object] = lambda worker: None
    ) -> Iterator[dict[str, Worker]]:
        """Workers of those that start and can be prepared; who does not is noted, but a limit is needed."""
        with ExitStack() as stack:
            started = {}
            for name in dict.fromkeys(names):
                with self.leaving_out(name) if name not in LIMITS else nullcontext():
                    worker = stack.enter_context(self.worker(name))
                    prepare(worker)
                    started[name] = worker
            yield started

    @contextmanager
    def leaving_out(self, name: str, what: str = "") -> Iterator[None]:
        """Note a contender that fails in this block, and go on without it."""
        try:
            yield
        except WorkerFailed as failure:
            self.note(name, f"{what}: {_last_line(failure)}" if what else _last_line(failure))

    def take_turns(
        self, what: str, measures: Mapping[str, Measure], rounds: int | None = None, **options: Any
    ) -> dict[str, list[Sample]]:
        """The samples of everybody who can be measured; who cannot is noted with what it was."""
        return take_turns(measures, rounds or self.size.rounds, partial(self.leaving_out, what=what), **options)

    def records(self, worker: Worker, what: str) -> bool:
        """Whether the last record holds what a record of this kind should; noted if not."""
        last = worker.do("last_recorded")
        missing = [sign for sign in signs(what) if sign not in last]
        if missing:
            self.note(worker.contender.module, f"{what}: the record does not hold {missing[0]!r}")
        return not missing

    def note(self, name: str, reason: str) -> None:
        """Name a contender that is left out of something."""
        print(f"{CONTENDERS[name].title}: {reason}", flush=True)
        self.left_out[name] = f"{self.left_out[name]}; {reason}" if name in self.left_out else reason


def _last_line(failure: WorkerFailed) -> str:
    """Of a traceback, what was raised."""
    return (str(failure).strip().splitlines() or ["no reason was given"])[-1][:MAX_REASON]
