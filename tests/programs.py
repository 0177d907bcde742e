"""Real processes that record into the test's store, and what the store holds afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 120.0  # never reached by a program that works

# a part of a program: an exporter that takes nothing
EXPORTER_DOWN = """
class Down:
    def export(self, spans):
        raise OSError("down")
    def shutdown(self):
        pass
tracer.configure(exporters=[Down()])
"""

_MODULES = ("atexit", "asyncio", "gc", "multiprocessing", "os", "resource", "signal", "threading", "time", "weakref")
_PRELUDE = """\
import sys
import tracer
if sys.argv[1:]:
    tracer.configure(store=sys.argv[1])
def step(name, **attributes):
    with tracer.start_span(name, attributes=attributes or None) as span:
        pass
    return span
def say(text):
    sys.stdout.write(f"{text}\\n")
    sys.stdout.flush()
def hear():
    return sys.stdin.readline().strip()
"""


class Program:
    """A Python program that runs in a process of its own and talks over its pipes."""

    def __init__(self, source: str, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        script = folder / f"program{len(list(folder.glob('program*')))}.py"
        # multiprocessing's children import the program again, so its statements are in main()
        named = [f"import {name}\n" for name in _MODULES if re.search(rf"\b{name}\b", source)]
        script.write_text("".join(named) + _PRELUDE + textwrap.dedent(source))
        self.popen = subprocess.Popen(
            [sys.executable, "-W", "error", str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            start_new_session=True,
        )
        self._watchdog = threading.Timer(TIMEOUT, self._kill_all)
        self._watchdog.daemon = True
        self._watchdog.start()

    def hear(self) -> str:
        """The next line of the program's output."""
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def say(self, text: str = "go") -> None:
        """Let the program go on."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{text}\n")
        self.popen.stdin.flush()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        self.popen.send_signal(number)
        self.popen.wait()

    def finish(self) -> tuple[int, str, str]:
        """Exit code, the rest of what it said, and its standard error."""
        out, err = self.popen.communicate()
        self._watchdog.cancel()
        return self.popen.returncode, out, err

    def stop(self) -> None:
        """End it and its children, whatever they do."""
        self._watchdog.cancel()
        self._kill_all()
        self.popen.communicate()

    def _kill_all(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path, own_store: str) -> Iterator[Start]:
    """Start a program; without ``arguments`` it records into the test's store."""
    programs: list[Program] = []

    def start(source: str, *arguments: str, **environment: str) -> Program:
        programs.append(Program(source, list(arguments) or [own_store], tmp_path, environment))
        return programs[-1]

    yield start
    for program in programs:
        program.stop()


@pytest.fixture
def run(start: Start) -> Callable[..., str]:
    """Run a program to its end, which must be a good one, and return what it said."""

    def run(source: str, *arguments: str, **environment: str) -> str:
        code, out, err = start(source, *arguments, **environment).finish()
        assert (code, err) == (0, ""), f"ended with {code}: {err}"
        return out

    return run


class Stored:
    """What the store holds once everything that was recorded has been taken in."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of the store, after taking in what waits in journals."""
        from tracer._engine.runtime import runtime

        runtime().sync()
        runtime().store()
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def names(self) -> dict[str, int]:
        """How many spans of each name there are."""
        return dict(self.query("SELECT name, count(*) FROM spans GROUP BY name ORDER BY name"))  # type: ignore[arg-type]

    def states(self) -> dict[str, int]:
        """How many traces are in each state."""
        return dict(self.query("SELECT state, count(*) FROM traces GROUP BY state ORDER BY state"))  # type: ignore[arg-type]

    def twice(self) -> int:
        """How many spans are there more than once."""
        return int(str(self.query("SELECT count(*) - count(DISTINCT span_id) FROM spans")[0][0]))

    def left(self) -> list[str]:
        """The journal's files that are left when everything was taken in."""
        self.query("SELECT 1")
        folder = self.path.with_name(self.path.name + ".journal")
        own = f"{os.getpid()}-"
        return sorted(p.name for p in folder.iterdir() if not p.name.startswith(own) and p.suffix != ".adopting")


@pytest.fixture
def stored(own_store: str) -> Stored:
    """What the test's store holds."""
    return Stored(Path(own_store.removeprefix("sqlite:///")))
