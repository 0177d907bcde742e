"""Keeps the full-text index up to date, so that searches do not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tracer._fault import log_once
from tracer._threads import start_thread
from tracer.store import Store

_EVERY_SECONDS = 1.0
_PAUSE_SECONDS = 0.02  # lets writers take the lock


class Indexer:
    """A thread that indexes new records of all processes."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        # in the event loop of a program that mounts the app, which is the user's thread
        self._thread = start_thread(self._run, "tracer-index")

    def stop(self) -> None:
        """End after the current part."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        indexed: int | None = None
        while not self._ended.wait(_EVERY_SECONDS):
            try:
                store = self._open_store()
                number = store.change_number()
                if number != indexed:
                    while not self._ended.wait(_PAUSE_SECONDS) and store.index_more():
                        pass
                    indexed = number
            except Exception as error:
                log_once("indexing", "tracer server cannot index what was written: %s", error)
