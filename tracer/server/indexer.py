"""Keeps the full-text index up to date, so that searches do not wait for it."""

from __future__ import annotations

import threading
import time
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
        self._behind_since: float | None = None

    def start(self) -> None:
        """Begin."""
        # in the event loop of a program that mounts the app, which is the user's thread
        self._thread = start_thread(self._run, "tracer-index")

    def stop(self) -> None:
        """End after the current part."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def lag_seconds(self) -> float:
        """For how long there has been something that is not indexed; 0 if there is nothing."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        indexed: int | None = None
        while not self._ended.wait(_EVERY_SECONDS):
            try:
                store = self._open_store()
                number = store.change_number()
                if number != indexed:
                    self._behind_since = self._behind_since or time.monotonic()
                    while not self._ended.wait(_PAUSE_SECONDS) and store.index_more():
                        pass
                    indexed = number
                self._behind_since = None
            except Exception as error:
                log_once("indexing", "tracer server cannot index what was written: %s", error)
