"""Background work of a server that is repeated at an interval."""

from __future__ import annotations

import threading

from tracer._fault import log_once
from tracer._threads import start_thread


class Repeated:
    """A thread that works at an interval until it is stopped; each failure is logged once."""

    def __init__(
        self, name: str, task: str, every_seconds: float, *, stop_seconds: float = 5.0, is_at_once: bool = False
    ) -> None:
        self._name = name
        self._task = task  # in words: "tracer server cannot …"
        self._every_seconds = every_seconds
        self._stop_seconds = stop_seconds  # for the task that runs
        self._first_seconds = 0.0 if is_at_once else every_seconds
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        # in the event loop of a program that mounts the app, which is the user's thread
        self._thread = start_thread(self._run, f"tracer-{self._name}")

    def stop(self) -> None:
        """End after the task that runs."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self._stop_seconds)

    def _run(self) -> None:
        seconds = self._first_seconds
        while not self._ended.wait(seconds):
            seconds = self._every_seconds
            try:
                self._work()
            except Exception as error:
                log_once(self._name, "tracer server cannot %s: %s", self._task, error)

    def _work(self) -> None:
        raise NotImplementedError
