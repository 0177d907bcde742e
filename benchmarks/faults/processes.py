"""The laboratory's side of its processes: the programs that record, the servers that they send to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.faults.program import ENDED, READY
from benchmarks.faults.running import Interrupted, Running
from benchmarks.workers import worker_environment

PATIENCE_SECONDS = 90.0  # who has not ended by then hangs, or is not done for a long time
_POLL_SECONDS = 0.05


class GaveUp(Exception):
    """A process did not do in time, or at all, what it had to."""


class Process:
    """A Python process, with its children a group of its own, which ends with the laboratory."""

    def __init__(
        self,
        running: Running,
        arguments: Sequence[str],
        folder: Path,
        said: Path,
        *,
        pipe: int | None = None,
        variables: Mapping[str, str] = {},
        **options: Any,
    ) -> None:
        running.check()
        self._running = running
        self._said = said
        self._has_gone = False
        more = {} if pipe is None else {ENDED: str(pipe)}
        with said.open("ab") as stderr:
            self._popen = subprocess.Popen(
                arguments,
                cwd=folder,
                env={**worker_environment(said.parent), **more, **variables},
                stderr=stderr,
                pass_fds=() if pipe is None else (pipe,),
                start_new_session=True,
                **options,
            )
        try:
            running.add(self._popen)
        except Interrupted:
            self._popen.wait()
            raise

    @property
    def pid(self) -> int:
        return self._popen.pid

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to it and its children, and wait until it has gone; once, since its number is free then."""
        if self._has_gone:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
        self._popen.wait()
        self._running.remove(self._popen)
        self._has_gone = True

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        return self._said.read_text(errors="replace")[-2_000:]


class Answering(Process):
    """A program that is run for what it writes."""

    def __init__(self, running: Running, command: Sequence[str], folder: Path, said: Path) -> None:
        super().__init__(running, command, folder, said, stdout=subprocess.PIPE)

    def answer(self) -> str:
        """All that it writes to stdout until it has ended. Raises GaveUp where it fails."""
        written, _ = self._popen.communicate()
        self.end()
        self._running.check()
        if self._popen.returncode:
            raise GaveUp(f"cannot be read: {self.said()}")
        return written.decode()


class Program(Process):
    """A program that records; ``ended`` are the names of the spans that it has counted."""

    def __init__(
        self,
        running: Running,
        command: Sequence[str],
        plan: Sequence[Sequence[Any]],
        folder: Path,
        said: Path,
        variables: Mapping[str, str],
    ) -> None:
        reading, writing = os.pipe()
        super().__init__(
            running,
            [*command, json.dumps(plan)],
            folder,
            said,
            pipe=writing,
            variables=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        os.close(writing)
        self.ended: list[str] = []
        self._waiting = 0
        self._is_over = False
        self._changed = threading.Condition()
        self._counting = threading.Thread(target=self._count, args=(reading,), daemon=True)
        self._counting.start()

    def until_ended(self, count: int) -> None:
        """Wait until that many spans have ended."""
        self._until(lambda: len(self.ended) >= count)

    def until_waiting(self) -> None:
        """Wait until it waits."""
        self._until(lambda: self._waiting > 0)
        self._waiting -= 1

    def go_on(self) -> None:
        """Let it go on. Raises GaveUp where it has ended."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(b"\n")
            self._popen.stdin.flush()
        except BrokenPipeError:
            raise GaveUp(f"the program did not come that far: {self.said()}") from None

    def finish(self) -> None:
        """Wait for its end, and that of its children. Raises GaveUp when it must be killed for that."""
        try:
            self._popen.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise GaveUp(f"did not end within {PATIENCE_SECONDS:.0f} s and was killed") from None
        finally:
            self.end()
            self._counting.join()
        self._running.check()

    def end(self, number: int = signal.SIGKILL) -> None:
        super().end(number)
        assert self._popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.close()

    def _until(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: is_so() or self._is_over, PATIENCE_SECONDS) or not is_so():
                self._running.check()
                raise GaveUp(f"the program did not come that far: {self.said()}")

    def _count(self, reading: int) -> None:
        with os.fdopen(reading) as lines:
            for line in lines:
                with self._changed:
                    if line.strip() == READY:
                        self._waiting += 1
                    else:
                        self.ended.append(line.strip())
                    self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


class Server:
    """A contender's server, which can be killed and come back at the same address."""

    def __init__(self, running: Running, command: Callable[[int], Sequence[str]], folder: Path, said: Path) -> None:
        self._running = running
        self._port = _free_port()
        self._start: Callable[[], Process] = lambda: Process(
            running, command(self._port), folder, said, stdout=subprocess.DEVNULL
        )
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def begin(self) -> None:
        """Start it, and wait until it listens."""
        self._process = self._start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            self._running.pause(_POLL_SECONDS)
        raise GaveUp(f"the server does not listen: {self._process.said()}")

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
