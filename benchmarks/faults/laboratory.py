"""One scenario with one contender: its folder, its processes, and what is lost when they have gone."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.environments import Environment
from benchmarks.faults.disks import Disk, NoDisk, small_disk
from benchmarks.faults.processes import GaveUp, Program, Server
from benchmarks.faults.recorders import RECORDERS
from benchmarks.workers import worker_environment


class Unfit(Exception):
    """A scenario that a contender, or this machine, cannot take part in."""


@dataclass(frozen=True)
class Outcome:
    """What became of the spans."""

    ended: int  # as the programs counted
    lost: int  # of these, cannot be read back
    twice: int  # can be read back more than once
    remark: str = ""


class Laboratory:
    """Starts a contender's programs in a folder, and compares what they counted with what is stored."""

    def __init__(self, recorder: str, environment: Environment, empty_store: Path) -> None:
        self._recorder = recorder
        self._python = environment.python
        self._empty_store = empty_store
        self._programs: list[Program] = []
        self._server: Server | None = None
        self._ending = ExitStack()

    def __enter__(self) -> Laboratory:
        folder = tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True)
        self._work = Path(self._ending.enter_context(folder))
        self._store = self._work / "store"
        self._lay_store()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._ending.close()

    @property
    def server(self) -> Server:
        """What programs send to. Raises Unfit where there is none."""
        if self._server is None:
            raise Unfit("has no server")
        return self._server

    def put_on_small_disk(self) -> Disk:
        """Have the store on a disk that can be full. Raises Unfit."""
        if RECORDERS[self._recorder].is_remote:
            raise Unfit("keeps nothing on disk")
        try:
            disk = self._ending.enter_context(small_disk(self._store))
        except NoDisk as error:
            raise Unfit(str(error)) from None
        self._lay_store()
        return disk

    def start(self, *plan: list[Any]) -> Program:
        """A program that follows this plan."""
        said = self._work / f"program{len(self._programs)}"
        where = [str(self._store), self._server.url if self._server is not None else ""]
        program = Program([*self._command("benchmarks.faults.program"), *where], plan, self._store, said)
        self._programs.append(program)
        self._ending.callback(program.end)
        return program

    def run(self, *plan: list[Any]) -> Program:
        """The same, and wait for its end."""
        program = self.start(*plan)
        program.finish()
        return program

    def count(self, remark: str) -> Outcome:
        """What is stored of what the programs counted."""
        ended = [name for program in self._programs for name in program.ended]
        stored = Counter(self._stored())
        lost = sum(name not in stored for name in ended)
        return Outcome(len(ended), lost, sum(stored[name] > 1 for name in ended), remark)

    def serve(self) -> None:
        """Run the contender's server; from now on programs send to it."""
        command = [*self._command("benchmarks.faults.serve"), str(self._store)]
        self._server = Server(lambda port: [*command, str(port)], self._store, self._work / "server")
        self._ending.callback(self._server.kill)
        self._server.begin()

    def _lay_store(self) -> None:
        shutil.copytree(self._empty_store, self._store, dirs_exist_ok=True)

    def _stored(self) -> list[str]:
        return read(self._recorder, self._python, self._store, self._server.url if self._server is not None else "")

    def _command(self, module: str) -> list[str]:
        return [self._python, "-m", module, self._recorder]


def read(recorder: str, python: str, folder: Path, server: str = "") -> list[str]:
    """The names of all spans that a new program finds; the store is made where there is none. Raises GaveUp."""
    command = [python, "-m", "benchmarks.faults.read", recorder, str(folder), server]
    ran = subprocess.run(command, cwd=folder, env=worker_environment(folder.parent), capture_output=True, text=True)
    if ran.returncode:
        raise GaveUp(f"cannot be read: {ran.stderr[-2_000:]}")
    return list(json.loads(ran.stdout.splitlines()[-1]))
