"""What stands behind the journal of one store: the store itself, the exporters, and the threads that feed them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer._adopt import adopt
from tracer._drain import Drainer, Sink
from tracer._fault import log_once, logger
from tracer._journal import Journal
from tracer.config import Settings
from tracer.record import AttachmentRecord

if TYPE_CHECKING:
    from tracer.store import Store

_ATTACHMENTS_REMEMBERED = 4096


def store_path(url: str) -> Path:
    """The file behind an SQLite store's URL, as an absolute path."""
    return Path(url.removeprefix("sqlite:///")).absolute()


class StoreSink:
    """The store as a sink; it is opened by the thread that first needs it."""

    name = "store"

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: Store | None = None
        self._opening = threading.Lock()

    def store(self) -> Store:
        """The open store; raises StoreError where it cannot be opened."""
        with self._opening:
            if self._store is None:
                from tracer.store import open_store

                self._store = open_store(self._url)
            return self._store

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        self.store().append(lines, owner=owner)

    def owner_gone(self, owner: str) -> None:
        """Mark what a dead process left running."""
        self.store().owner_gone(owner)

    def close(self) -> None:
        """Close the store if it was opened."""
        with self._opening:
            if self._store is not None:
                self._store.close()
                self._store = None


class Pipeline:
    """The journal and its sinks, for one set of settings."""

    def __init__(self, settings: Settings, about: Callable[[], dict[str, Any]], exporters: Sequence[Sink]) -> None:
        self.path = store_path(settings.store)
        self.url = f"sqlite:////{str(self.path).lstrip('/')}"
        self.folder = self.path.with_name(self.path.name + ".journal")
        self.journal = Journal(self.folder, max_bytes=settings.journal_max_bytes, about=about)
        self.append = self.journal.append
        self.sink = StoreSink(self.url)
        self._dead_owners: set[str] = set()
        self._attachments: dict[str, None] = {}
        self._store_drainer = Drainer(self.journal, self.sink, prepare=self.adopt)
        self._exporters = [Drainer(self.journal, sink, prepare=self._adopter(sink)) for sink in exporters]

    def adopt(self) -> None:
        """Give the store what processes that died left in their journals."""
        adopt(self.folder, [self.sink], self.journal.owner, self.sink.owner_gone, self._dead_owners)

    def _adopter(self, sink: Sink) -> Callable[[], None]:
        return lambda: adopt(self.folder, [sink], self.journal.owner, lambda owner: None, set())

    def keep_attachments(self, attachments: list[AttachmentRecord], encode: Callable[[Any], bytes]) -> None:
        """Write binary content down, unless this process did so lately."""
        for attachment in attachments:
            if attachment["id"] in self._attachments:
                continue
            if len(self._attachments) >= _ATTACHMENTS_REMEMBERED:
                self._attachments.clear()
            self._attachments[attachment["id"]] = None
            self.append(encode(attachment))

    def sync(self, timeout: float = 30.0) -> None:
        """Bring everything recorded so far into the store, dead processes' journals included; raises StoreError."""
        self._store_drainer.drain(timeout)
        self.adopt()

    def flush(self, timeout: float, *, retry_failures: bool = True) -> bool:
        """Hand everything recorded so far to every sink; False if one did not take it in time."""
        deadline = time.monotonic() + timeout
        flushed = True
        for drainer in (self._store_drainer, *self._exporters):
            left = max(0.0, deadline - time.monotonic())
            flushed = drainer.flush(left, retry_failures=retry_failures) and flushed
        return flushed

    def close(self, timeout: float, *, retry_failures: bool = True) -> bool:
        """Flush, end the threads, and leave in the journal what a sink has not taken."""
        flushed = self.flush(timeout, retry_failures=retry_failures)
        for drainer in (self._store_drainer, *self._exporters):
            drainer.stop()
        owner = self.journal.owner
        if not self.journal.close():
            logger.info("tracer left records in %s for the next run", self.folder)
        else:
            self._left_running(owner)
        self.sink.close()
        return flushed

    def _left_running(self, owner: str) -> None:
        try:
            if self.path.exists():
                self.sink.owner_gone(owner)
        except Exception as error:
            log_once("owner gone", "tracer could not mark unfinished traces as interrupted: %s", error)
