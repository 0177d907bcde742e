"""One scenario with one contender: its folder, its processes, and what is lost when they have gone."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.environments import Environment
from benchmarks.faults.disks import Disk, NoDisk, small_disk
from benchmarks.faults.lockless import NoCompiler, without_locks
from benchmarks.faults.processes import Answering, GaveUp, Program, Server
from benchmarks.faults.recorders import RECORDERS
from benchmarks.faults.running import Running

_LOOK_SECONDS = 1.0  # between two looks at what has been stored


class Unfit(Exception):
    """A scenario that a contender, or this machine, cannot take part in."""


@dataclass(frozen=True)
class Outcome:
    """What became of the spans."""

    ended: int  # as the programs counted
    lost: int  # of these, cannot be read back
    twice: int  # can be read back more than once


class Laboratory:
    """Starts a contender's programs in a folder, and compares what they counted with what is stored."""

    def __init__(self, recorder: str, environment: Environment, empty_store: Path, running: Running) -> None:
        self._recorder = recorder
        self._running = running
        self._python = environment.python
        self._empty_store = empty_store
        self._programs: list[Program] = []
        self._server: Server | None = None
        self._variables: dict[str, str] = {}  # of the programs that record
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

    def take_locks_away(self) -> None:
        """Have the store on a file system that knows no locks, for the programs that record. Raises Unfit."""
        if RECORDERS[self._recorder].is_remote:
            raise Unfit("keeps nothing on disk")
        try:
            self._variables = without_locks(self._store, self._work)
        except NoCompiler as error:
            raise Unfit(str(error)) from None

    def journals(self) -> list[Path]:
        """Files in which records wait until they are stored. Raises Unfit where there are none."""
        pattern = RECORDERS[self._recorder].journals
        found = list(self._work.glob(pattern)) if pattern else []
        if not found:
            raise Unfit("keeps no journal")
        return found

    def start(self, *plan: list[Any]) -> Program:
        """A program that follows this plan."""
        said = self._work / f"program{len(self._programs)}"
        where = [str(self._store), self._server.url if self._server is not None else ""]
        command = [*self._command("benchmarks.faults.program"), *where]
        program = Program(self._running, command, plan, self._store, said, self._variables)
        self._programs.append(program)
        self._ending.callback(program.end)
        return program

    def run(self, *plan: list[Any]) -> Program:
        """The same, and wait for its end."""
        program = self.start(*plan)
        program.finish()
        return program

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self._running.pause(seconds)

    def until_stored(self, seconds: float) -> None:
        """Wait until all spans that have ended so far can be read back, for that long at most."""
        names = {name for program in self._programs for name in program.ended}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(GaveUp):  # whoever cannot be read now may be in a moment
                if names <= set(self._stored()):
                    return
            self.pause(_LOOK_SECONDS)

    def count(self) -> Outcome:
        """What is stored of what the programs counted."""
        ended = [name for program in self._programs for name in program.ended]
        stored = Counter(self._stored())
        lost = sum(name not in stored for name in ended)
        return Outcome(len(ended), lost, sum(stored[name] > 1 for name in ended))

    def serve(self) -> None:
        """Run the contender's server; from now on programs send to it."""
        command = [*self._command("benchmarks.faults.serve"), str(self._store)]
        self._server = Server(self._running, lambda port: [*command, str(port)], self._store, self._work / "server")
        self._ending.callback(self._server.kill)
        self._server.begin()

    def _lay_store(self) -> None:
        shutil.copytree(self._empty_store, self._store, dirs_exist_ok=True)

    def _stored(self) -> list[str]:
        server = self._server.url if self._server is not None else ""
        return read(self._running, self._recorder, self._python, self._store, server)

    def _command(self, module: str) -> list[str]:
        return [self._python, "-m", module, self._recorder]


def read(running: Running, recorder: str, python: str, folder: Path, server: str = "") -> list[str]:
    """The names of all spans that a new program finds; the store is made where there is none. Raises GaveUp."""
    command = [python, "-m", "benchmarks.faults.read", recorder, str(folder), server]
    answer = Answering(running, command, folder, folder.parent / "reader").answer()
    return list(json.loads(answer.splitlines()[-1]))
