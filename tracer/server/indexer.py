"""Keeps the full-text index up to date, so that searches do not wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from tracer.server.repeated import Repeated
from tracer.store import Store

_EVERY_SECONDS = 1.0
_PAUSE_SECONDS = 0.02  # lets writers take the lock
_RESTS = 3  # times as long as the work took, if there were writes meanwhile: incoming records go first


class Indexer(Repeated):
    """A thread that indexes new records of all processes."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        super().__init__("index", "index what was written", _EVERY_SECONDS)
        self._open_store = open_store
        self._indexed: int | None = None
        self._behind_since: float | None = None

    def lag_seconds(self) -> float:
        """Time since the index has been behind; 0 if all is indexed."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    def _work(self) -> None:
        store = self._open_store()
        if store.is_indexed_at_once:
            self._ended.set()
            return
        number = store.change_number()
        if number != self._indexed:
            self._behind_since = self._behind_since or time.monotonic()
            while self._index_more(store):
                pass
            self._indexed = number
        self._behind_since = None

    def _index_more(self, store: Store) -> bool:
        """Index a slice, and rest; whether to go on."""
        started, number = time.monotonic(), store.change_number()
        if not store.index_more():
            return False
        has_news = store.change_number() != number
        rest = _RESTS * (time.monotonic() - started) if has_news else 0.0
        return not self._ended.wait(max(rest, _PAUSE_SECONDS))
