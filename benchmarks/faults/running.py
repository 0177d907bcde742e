"""All processes of the laboratory, so that they can be ended at once, and nobody waits any longer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading


class Interrupted(Exception):
    """Somebody wants the laboratory to end."""


class Running:
    """The processes that run now. After ``stop`` there are none, and none can be added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._is_over = threading.Event()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Have a process end with the others; each is the first of a session. Raises Interrupted."""
        with self._lock:
            self._processes.add(process)
        if self._is_over.is_set():  # looked at after the process was added, so that either here or there it is ended
            self.stop()
            raise Interrupted

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        """It has ended."""
        with self._lock:
            self._processes.discard(process)

    def pause(self, seconds: float) -> None:
        """Wait for that long. Raises Interrupted."""
        if self._is_over.wait(seconds):
            raise Interrupted

    def check(self) -> None:
        """Raises Interrupted."""
        self.pause(0)

    def stop(self) -> None:
        """End all, whoever waits for them."""
        self._is_over.set()
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
