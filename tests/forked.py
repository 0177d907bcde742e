"""Programs that begin with packages of others loaded, each in a process of its own.

To load an SDK takes a second or more of a processor: one process does it, and forks for each program. What is tracer's
is loaded by each program, and so is what the test is about.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TIMEOUT = 120.0  # never reached by a program that works


class Forking:
    """A process that has loaded these modules."""

    def __init__(self, *modules: str) -> None:
        command = [sys.executable, "-W", "error", __file__, *modules]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *arguments: str, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end: a file with its arguments, or ``-m``, a module and its arguments."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            self._say([arguments, str(cwd), dict(env), str(out), str(err)])
            watchdog = threading.Timer(TIMEOUT, os.kill, (self._hear(), signal.SIGKILL))
            watchdog.start()
            code = self._hear()
            watchdog.cancel()
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _say(self, program: Sequence[Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(program) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def main(modules: Sequence[str]) -> None:
    """Load modules, and run a program in a child for each line of standard input."""
    for name in modules:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would leave the other threads behind"
    gc.collect()
    gc.freeze()
    program = program_of_child()
    if program is not None:
        run_here(*program)


def program_of_child() -> list[Any] | None:
    """In a child what it is to run, in this process None, when there is nothing more to run."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return list(json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def run_here(arguments: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> None:
    """Run a program in this process, as Python does that has been started with these arguments."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate((os.devnull, out, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    is_module = arguments[0] == "-m"
    own = cwd if is_module else str(Path(arguments[0]).parent)
    sys.path[:1] = [own, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv[:] = arguments[1:] if is_module else arguments
    if is_module:
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
