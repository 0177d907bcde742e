"""The parent's side of a worker: starts it in the contender's environment, and asks it to do things."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.environments import ROOT

# nothing of the developer's shell reaches a contender, and no key of theirs
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
# what contenders would tell their makers about their use
_NO_TELEMETRY = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "OPIK_SENTRY_ENABLE": "false"}
PATIENCE_SECONDS = 10.0


class WorkerFailed(Exception):
    """With the end of what the worker said."""


class Worker:
    """A process that runs one contender, with a folder of its own that goes when it does."""

    def __init__(self, contender: Contender, python: str, *, more: Mapping[str, str] = {}) -> None:
        self.contender = contender
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self._said = (self.folder / "stderr").open("w+")
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", contender.module, self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=self.folder,
            env={**worker_environment(self.folder), **more},
        )
        self._answer()

    def do(self, task: str, **arguments: Any) -> Any:
        """The result of a task of ``benchmarks.tasks``. Raises WorkerFailed."""
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            raise WorkerFailed(f"{self.contender.title} has ended")
        with suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write(json.dumps([task, arguments]) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process and remove its folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._said.close()
        self._folder.cleanup()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            said = self._said.read()[-2000:]
            self.close()
            raise WorkerFailed(f"{self.contender.title} ended: {said}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(f"{self.contender.title}: {answer['error']}")
        return answer["result"]


def worker_environment(folder: Path) -> dict[str, str]:
    """The variables of a process that runs a contender: this checkout to import, a home of its own, no proxy."""
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "OPENAI_API_KEY": "none",
        **_NO_TELEMETRY,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
