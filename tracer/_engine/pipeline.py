"""A journal with its sinks: the store, the exporters, and the threads that feed them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracer._fault import guard, logger, reraise_interruption
from tracer._journal import lockfile
from tracer._journal.drainer import Drainer, FlushRequest
from tracer._journal.journal import Journal
from tracer._journal.locations import (
    absolute_url,
    folders_with_locks,
    is_remote,
    journal_folder,
    journal_folders,
    store_path,
    with_project,
)
from tracer._journal.recovery import Recovery
from tracer._json import JsonMapping
from tracer._late import Aside
from tracer._threads import start_thread
from tracer.config import Settings
from tracer.errors import StoreError

if TYPE_CHECKING:
    from tracer._records.record import AttachmentRecord
    from tracer.export.otel import ExporterSink
    from tracer.store import Store

_ATTACHMENTS_REMEMBERED = 4096
_REMEMBERED_SECONDS = 600.0
# stored at once: of more, so many objects live side by side that Python looks through all of the program's for garbage
_RECORDS_AT_ONCE = 100


class StoreSink:
    """The store as a sink; it is opened by the thread that first needs it."""

    name = "store"
    may_block = False

    def __init__(self, url: str, path: Path, folder: Path) -> None:
        self._url = url
        self._path = path
        self._folder = folder
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        self._opening = threading.RLock()
        self._aside = Aside()

    def store(self) -> Store:
        """The open store; raises StoreError where it cannot be opened."""
        with self._opening:
            if self._store is not None and self._file != _identity(self._path):
                self.close()  # the file was deleted or replaced: records written to the old one would be lost
            if self._store is None:
                if not lockfile.knows_locks(self._folder):
                    raise StoreError(f"{self._path} cannot be opened: SQLite needs locks, and its file system has none")
                try:
                    self._clear_remains()
                except OSError as error:  # a folder that may not be looked into
                    raise StoreError(f"{self._path} cannot be opened: {error.strerror}") from error
                from tracer.store import open_store

                self._store = open_store(self._url)
                self._file = _identity(self._path)
            return self._store

    def _clear_remains(self) -> None:
        """Delete SQLite's files beside a file that is gone: a new store would be read together with them."""
        remains = [self._path.with_name(self._path.name + ending) for ending in ("-wal", "-shm")]
        if self._path.exists() or not any(path.exists() for path in remains):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = lockfile.take_within(self._folder / "store.opening", 10.0)  # no other process makes the store meanwhile
        if lock is None:
            raise StoreError(f"another process has been opening {self._path} for a long time")
        try:
            if not self._path.exists():
                for path in remains:
                    path.unlink(missing_ok=True)
                self._path.touch()
        finally:
            lockfile.release(lock)

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Store the records durably, or raise: then they are written again later."""
        for start in range(0, len(lines), _RECORDS_AT_ONCE):
            part = lines[start : start + _RECORDS_AT_ONCE]
            self._aside.run(partial(self._append, part, owner))

    def _append(self, lines: Sequence[bytes], owner: str | None) -> None:
        self.store().append(lines, owner=owner)

    def owner_gone(self, owner: str) -> None:
        """Mark the spans that a dead process left running."""
        self._aside.run(lambda: self.store().owner_gone(owner))

    def close(self) -> None:
        """Close the store if it was opened."""
        with self._opening:
            store, self._store = self._store, None
            if store is not None:
                store.close()


class ServerSink:
    """A tracer server as a sink."""

    name = "server"
    may_block = True

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token
        self._store: Store | None = None
        if url.startswith("clickhouse://"):
            import concurrent.futures.thread  # noqa: F401  # of the driver's modules the one that cannot be loaded at exit

    def store(self) -> Store:
        """The store behind the server; no request is made yet."""
        if self._store is None:
            from tracer.store import open_store

            self._store = open_store(self._url, token=self._token)
        return self._store

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Store the records durably, or raise: then they are written again later."""
        self.store().append(lines, owner=owner)

    def owner_gone(self, owner: str) -> None:
        """Mark the spans that a dead process left running."""
        self.store().owner_gone(owner)

    def close(self) -> None:
        """Close the connection."""
        store, self._store = self._store, None
        if store is not None:
            store.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Pipeline:
    """The journal and its sinks, for one set of settings."""

    def __init__(
        self,
        settings: Settings,
        process: JsonMapping,
        exporters: Sequence[ExporterSink],
        write_open_steps: Callable[[], bool],
    ) -> None:
        self.url = absolute_url(settings.store)
        place = with_project(self.url, settings.token)
        self.folder = journal_folder(place)
        self.journal = Journal(
            self.folder,
            max_bytes=settings.journal_max_bytes,
            process_fields=process,
            folders_with_locks=partial(folders_with_locks, place),
        )
        self.append = self.journal.append
        self.sink: StoreSink | ServerSink = (
            ServerSink(self.url, settings.token)
            if is_remote(self.url)
            else StoreSink(self.url, store_path(self.url), self.folder)
        )
        self._exporters = exporters
        self._attachments: dict[str, float] = {}  # and when they were written
        own = self.journal.owner
        folders = journal_folders(place)
        self._store_drainer = Drainer(
            self.journal,
            self.sink,
            [
                Recovery(
                    folder,
                    self.sink,
                    own=own,
                    takes_all=True,
                    owner_gone=self.sink.owner_gone,
                    max_bytes=settings.journal_max_bytes,
                )
                for folder in folders
            ],
            sends_heartbeats=is_remote(self.url),
            write_more=write_open_steps,
        )
        others = [
            Drainer(self.journal, sink, [Recovery(folder, sink, own=own) for folder in folders]) for sink in exporters
        ]
        self._drainers = [self._store_drainer, *others]

    def keep_attachments(self, attachments: list[AttachmentRecord], encode: Callable[[object], bytes]) -> None:
        """Write attachments, except those that this process has written in the last minutes.

        Not later: they may have been deleted with the traces that used them.
        """
        now = time.monotonic()
        for attachment in attachments:
            if now - self._attachments.get(attachment["id"], -_REMEMBERED_SECONDS) < _REMEMBERED_SECONDS:
                continue
            if len(self._attachments) >= _ATTACHMENTS_REMEMBERED:
                self._attachments.clear()
            self._attachments[attachment["id"]] = now
            self.append(encode(attachment))

    def forget_attachments(self) -> None:
        """Write all attachments anew: some may have been deleted."""
        self._attachments.clear()

    def sync(self, timeout: float = 30.0) -> None:
        """Bring everything recorded so far into the store, dead processes' journals included; raises StoreError."""
        try:
            self._store_drainer.drain(timeout)
        except TimeoutError as error:
            raise StoreError(str(error)) from error
        self._store_drainer.recover(timeout)

    def flush(self, timeout: float, *, retry_failures: bool = True) -> bool:
        """Hand everything recorded so far to every sink; False if one did not take it in time."""
        deadline = time.monotonic() + timeout
        asked = [drainer.request_flush(retry=retry_failures) for drainer in self._drainers]
        return _wait_for(asked, deadline)

    def close(self, timeout: float, *, retry_failures: bool = True, shut_exporters: bool = False) -> bool:
        """Flush and end the threads within ``timeout`` seconds; records that a sink has not taken stay in the journal.

        Everything slow is done by the drainers' threads: where one hangs, the caller goes on.
        """
        deadline = time.monotonic() + timeout
        recorded = self.journal.position() != (0, 0)
        marked = self._store_drainer.request_flush(retry=retry_failures, last=self._left_running) if recorded else None
        asked = [drainer.request_flush(retry=retry_failures, recover=True) for drainer in self._drainers[1:]]
        flushed = _wait_for([marked, *asked], deadline)
        ended = [drainer.stop(deadline - time.monotonic()) for drainer in self._drainers]
        if not self.journal.close(keep_alive_file=marked is not None and not marked.is_done):
            logger.info("tracer left records in %s for the next run", self.journal.folder)
        if ended[0]:
            self.sink.close()
        if shut_exporters:
            self._shut_exporters(deadline)
        return flushed

    def _left_running(self) -> None:
        self.sink.owner_gone(self.journal.owner)

    def _shut_exporters(self, deadline: float) -> None:
        """Shut the exporters down: until then OpenTelemetry allows them to hold spans back."""
        try:
            threads = [start_thread(partial(_shut, sink), "tracer-shut") for sink in self._exporters]
        except RuntimeError as error:  # the interpreter is shutting down
            reraise_interruption(error)
            return
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def pause(self, timeout: float) -> None:
        """Before a fork: end the threads, so that none holds a lock of ours or of SQLite's that the child needs."""
        deadline = time.monotonic() + timeout
        self._store_drainer.pause(timeout)
        for drainer in self._drainers[1:]:
            # a thread that waits for its backend goes on: the child does not touch its locks
            drainer.pause(min(0.1, deadline - time.monotonic()))

    def resume(self) -> None:
        """After a fork, in the parent."""
        for drainer in self._drainers:
            drainer.resume()

    def leave_to_parent(self) -> None:
        """After a fork, in the child: leave open files to the parent."""
        self.journal.leave_to_parent()


def _wait_for(asked: Sequence[FlushRequest | None], deadline: float) -> bool:
    answers = [request.wait(deadline - time.monotonic()) for request in asked if request is not None]
    return all(answers)


def _shut(sink: ExporterSink) -> None:
    with guard("shutting an exporter down"):
        sink.shutdown()
