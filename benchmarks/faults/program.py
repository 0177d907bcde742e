"""The program that is killed: records spans with a contender, and counts each that has ended over a pipe of its own.

``python -m benchmarks.faults.program recorder folder server plan``, where the plan is JSON: ``[["record", 100], …]``.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults.recorders import RECORDERS

ENDED = "FAULTS_ENDED"  # the variable with the pipe's number
READY = "ready"  # what comes over the pipe beside names: the program waits
PAUSE_SECONDS = 0.001


class Program:
    """Its steps are the verbs of a plan."""

    def __init__(self, recorder: str, folder: str, server: str) -> None:
        self._recorder = RECORDERS[recorder].load()
        self._recorder.record_into(Path(folder), server)
        self._pipe = int(os.environ[ENDED])
        self._numbers = itertools.count()

    def follow(self, plan: list[list[Any]]) -> None:
        for verb, *arguments in plan:
            getattr(self, verb)(*arguments)

    def record(self, count: int, seconds: float = 0.0) -> None:
        """So many spans, at once or over a time."""
        for _ in range(count):
            self._span()
            if seconds:
                time.sleep(seconds / count)

    def record_on_and_on(self) -> None:
        """Spans until something ends the program."""
        while True:
            self._span()
            time.sleep(PAUSE_SECONDS)

    def ask(self) -> None:
        """A model that does not answer, counted once it has been asked."""
        name = self._new_name()
        url = _unanswered(name, lambda: self._tell(name))
        if hasattr(self._recorder, "call"):
            self._recorder.call(name, url)
        else:
            self._recorder.record(name, lambda: urllib.request.urlopen(f"{url}/{name}"))

    def wait(self) -> None:
        """Until the laboratory says to go on."""
        self._tell(READY)
        sys.stdin.readline()

    def fail(self) -> None:
        """With an exception that nobody handles."""
        raise RuntimeError("the program's own fault")

    def fork(self, plan: list[list[Any]]) -> None:
        """A child follows another plan beside this one, and ends as any program does."""
        if os.fork() == 0:
            self.follow(plan)
            sys.exit()

    def join(self) -> None:
        """Until the child has ended."""
        os.wait()

    def leave(self) -> None:
        """At once, as the workers of multiprocessing do."""
        os._exit(0)

    def _span(self) -> None:
        name = self._new_name()
        self._recorder.record(name)
        self._tell(name)

    def _new_name(self) -> str:
        return f"{os.getpid()}.{next(self._numbers)}"

    def _tell(self, line: str) -> None:
        os.write(self._pipe, f"{line}\n".encode())


def _unanswered(name: str, asked: Callable[[], None]) -> str:
    """The URL of a server that takes the request with this name, and is silent."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        received = b""
        while name.encode() not in received:
            received += connection.recv(4096)
        asked()
        threading.Event().wait()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


if __name__ == "__main__":
    Program(*sys.argv[1:4]).follow(json.loads(sys.argv[4]))
