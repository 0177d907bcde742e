"""``tracer models serve`` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60


class Served:
    """Serves a model on a free port until it is closed; ``url`` ends with /v1."""

    def __init__(self, uri: str, store_url: str, *options: str, **environment: str) -> None:
        command = [
            sys.executable,
            "-m",
            "tracer",
            "models",
            "serve",
            uri,
            "--port",
            "0",
            "--store",
            store_url,
            *options,
        ]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.errors: list[str] = []
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr or ()), daemon=True)
        self._reader.start()
        self.said = self.process.stdout.readline() if self.process.stdout else ""
        found = re.search(r"http://\S+/v1", self.said)
        if found is None:
            self.close()
            raise AssertionError("".join(self.errors))
        self.url = found.group()
        self.root = self.url.removesuffix("/v1")

    def close(self) -> int:
        """Ask it to end, and wait; the exit code."""
        if self.process.poll() is None and self.said:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WAIT_SECONDS)
        self._reader.join(WAIT_SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return code
