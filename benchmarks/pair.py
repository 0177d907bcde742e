"""Two checkouts in one run: this one, and tracer as it was at another commit, by turns in batches side by side."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contenders import CONTENDERS
from benchmarks.environments import ROOT, Environment
from benchmarks.figures import Row, Sample, beside, ratios, spreads
from benchmarks.history import git
from benchmarks.page import MINE, number
from benchmarks.run import Run, Size
from benchmarks.sections.calls import LARGE, SMALL
from benchmarks.sections.spans import KINDS
from benchmarks.workers import Worker, WorkerFailed

HERE = Environment(sys.executable, 1, 1.0, {each.name: each.version for each in distributions()})
THEN = "then"
DAYS = 7
_LIBRARY = ("tracer", "integrations", "pyproject.toml")  # of the other checkout; what measures is of this one


class Measured(NamedTuple):
    """Something that both checkouts do."""

    key: str
    title: str
    task: str
    arguments: dict[str, Any]
    figures: dict[str, str]  # what is taken of a sample, by name
    times: int = 1  # as many rounds


class CannotCompare(Exception):
    """With the reason."""


def other_commit(given: str) -> str:
    """The commit that is given, else the last tag's, else the newest that is a week old. Raises CannotCompare."""
    revision = (
        given or git("describe", "--tags", "--abbrev=0") or git("log", "-1", "--format=%H", f"--before={DAYS} days ago")
    )
    commit = revision and git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if commit:
        return commit
    if given:
        raise CannotCompare(f"this clone has no commit {given}")
    raise CannotCompare(f"this clone has no tag, and no commit that is {DAYS} days old")


def measure(run: Run, folder: Path) -> list[Row]:
    """A row for each figure: of this checkout, of that in the folder, and the ratio of both. Raises CannotCompare."""
    with run.worker(MINE) as now, _worker_of(folder) as then:
        return [row for measured in _all(run.size) for row in _rows(run, measured, now, then)]


def _all(size: Size) -> Iterator[Measured]:
    both = {"thread": "caller's thread", "process": "all CPU"}
    for what in KINDS:
        yield Measured(what, KINDS[what], "spans", {"what": what, "repeats": size.most}, both, 6)
    chats = {"size": SMALL, "repeats": size.chats}
    yield Measured("chat.small", "recorded chat completion, 200 B", "chats", chats, both, 5)
    yield Measured("sent", "… up to where its request is sent", "sent", chats, {"thread": "caller's thread"}, 5)
    large = {"size": LARGE, "repeats": (size.chats + 1) // 2}
    yield Measured("chat.history", "recorded chat completion, 100 KB with a history", "chats", large, both, 2)
    stream = {"kind": "chat", "chunks": size.chunks}
    of_stream = {"chunk": "a chunk", "first": "up to the first chunk"}
    yield Measured("stream.chat", "recorded streamed chat", "streams", stream, of_stream, 3)


def _rows(run: Run, measured: Measured, now: Worker, then: Worker) -> Iterator[Row]:
    samples: dict[str, list[Sample]] = {}
    with run.leaving_out(MINE, measured.title):
        for worker in (now, then):
            if measured.task != "spans":
                worker.do("autolog")
            worker.do(measured.task, **measured.arguments)  # the first time is another
        by_turns = beside(
            partial(now.do, measured.task, **measured.arguments), partial(then.do, measured.task, **measured.arguments)
        )
        samples = run.take_turns(measured.title, {MINE: by_turns}, run.size.rounds * measured.times, slow_turns=1)
    for figure, words in measured.figures.items() if samples else ():
        values = spreads(samples, figure, 1e-3)
        values[THEN] = spreads(samples, f"{figure} alone", 1e-3)[MINE]
        yield Row(
            f"{measured.key}.{figure}", f"{measured.title}, {words}", "µs", values, ratios(samples, figure), "the other"
        )


def table(rows: list[Row], commit: str) -> Iterator[str]:
    """The rows as text; a ratio is said to have changed where its samples tell so with 95 % certainty."""
    yield f"{'CPU time, µs':66} {commit[:10]:>10} {'now':>10}  ratio (quartiles)"
    for row in rows:
        ratio = row.ratios[MINE]
        then, now = (number(row.values[name].median) for name in (THEN, MINE))
        verdict = "slower" if ratio.median - ratio.error > 1 else "faster" if ratio.median + ratio.error < 1 else ""
        figures = f"{ratio.median:5.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
        yield f"{row.title:66} {then:>10} {now:>10}  {figures} {verdict}".rstrip()


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A folder with the library as it was; git's own places are left as they are."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as name:
        packed = subprocess.run(["git", "archive", commit, *_LIBRARY], cwd=ROOT, capture_output=True)
        if packed.returncode:
            raise CannotCompare(f"git has not the files of {commit}: {packed.stderr.decode(errors='replace').strip()}")
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(name, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        yield Path(name)


@contextmanager
def _worker_of(folder: Path) -> Iterator[Worker]:
    """A worker that imports the library from there, and what measures from here. Raises CannotCompare."""
    try:
        worker = Worker(CONTENDERS[MINE], HERE.python, more={"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))})
    except WorkerFailed as failure:
        raise CannotCompare(f"tracer of that commit does not run in this environment: {failure}") from None
    with worker:
        yield worker
