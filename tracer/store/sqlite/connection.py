"""Connections to the SQLite file: one a process and thread, made after a fork, and never surprised by a lock."""

from __future__ import annotations

import atexit
import errno
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from tracer._distribution import upgrade_advice
from tracer._journal.locations import file_size
from tracer.errors import NewerStoreError, StoreError
from tracer.store.limits import deadline, took_too_long
from tracer.store.sqlite.functions import register_functions
from tracer.store.sqlite.migrations import MIGRATIONS, VERSION
from tracer.store.sqlite.schema import APPLICATION_ID, SCHEMA

_BUSY_TIMEOUT_MS = 30_000
_READ_ONLY = "ro"
_LOOKS_AT_A_CHANGING_FILE = 10
_BETWEEN_LOOKS_S = 0.02
_RETRY_FOR_S = 120.0
_PAGE_SIZE = 8192
_LEAST_BYTES = 512  # of a database: its smallest page
_STEPS_BETWEEN_LOOKS = 50_000  # instructions of SQLite's virtual machine, about a millisecond

Result = TypeVar("Result")


class Connections:
    """Hands out this thread's connection to one database file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start_empty()
        _check_before_touching(path)
        self.read_only = _is_only_readable(path)
        if not self.read_only:
            self._create_or_migrate()
        _open_pools.add(self)

    def _start_empty(self) -> None:
        self._pid = os.getpid()
        self._local = threading.local()
        self._opened: list[tuple[weakref.ref[threading.Thread], sqlite3.Connection]] = []
        self._opened_lock = threading.Lock()
        self._closed = False

    def get(self) -> sqlite3.Connection:
        """This thread's connection. Raises StoreError."""
        if self._pid != os.getpid():
            self.leave_to_parent()
        if self._closed:
            raise StoreError(f"the store {self.path} is closed")
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open()
            self._local.connection = connection
            self._remember(connection)
        return connection

    def get_for_writing(self) -> sqlite3.Connection:
        """This thread's connection, without a map of the file: a writer has no use for it, and it looks like a leak."""
        connection = self.get()
        if not getattr(self._local, "is_unmapped", False):
            connection.execute("PRAGMA mmap_size = 0")
            self._local.is_unmapped = True
        return connection

    def close(self) -> None:
        """Close every connection of this process."""
        with self._opened_lock:
            opened, self._opened = self._opened, []
            self._closed = True
        for _, connection in opened:
            _close_quietly(connection)

    def leave_to_parent(self) -> None:
        """Forget the parent's connections without closing them: a child must not touch, or even close, them."""
        _leave_open([connection for _, connection in self._opened])
        self._start_empty()

    def _remember(self, connection: sqlite3.Connection) -> None:
        with self._opened_lock:
            ended = [entry for entry in self._opened if _has_ended(entry[0])]
            self._opened = [entry for entry in self._opened if entry not in ended]
            self._opened.append((weakref.ref(threading.current_thread()), connection))
        for _, old in ended:
            _close_quietly(old)

    def _open(self) -> sqlite3.Connection:
        try:
            return retry_while_locked(self._open_once)
        except sqlite3.Error as error:
            raise store_error(error, self.path, "open") from error

    def _open_once(self) -> sqlite3.Connection:
        connection = _connect(self.path, _read_only_mode(self.path) if self.read_only else "rwc")
        try:
            if not self.read_only:
                connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: delete.py gives pages back
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA mmap_size = 268435456")
            connection.execute("PRAGMA cache_size = -16000")
            connection.execute("PRAGMA wal_autocheckpoint = 2000")
        except BaseException:
            connection.close()
            raise
        register_functions(connection)
        return connection

    def _create_or_migrate(self) -> None:
        try:
            connection = self.get()
            if _user_version(connection) == VERSION:
                return
            retry_while_locked(lambda: _migrate(connection, self.path))
        except sqlite3.Error as error:
            raise store_error(error, self.path, "open") from error


def _is_only_readable(path: Path) -> bool:
    """Whether the file is a whole store that this process may read but not write."""
    if not path.is_file() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return False
    try:
        connection = _connect(path, _read_only_mode(path))
        try:
            return _user_version(connection) == VERSION
        finally:
            connection.close()
    except sqlite3.Error:
        return False


def _read_only_mode(path: Path) -> str:
    # without a log there is no writer, and SQLite need not make the log's index, which a read-only folder forbids
    wal = path.with_name(path.name + "-wal")
    return _READ_ONLY if file_size(wal) else f"{_READ_ONLY}&immutable=1"


def begin_write(connection: sqlite3.Connection) -> None:
    """Start a transaction that writes. Raises NewerStoreError if another version has migrated the store."""
    connection.execute("BEGIN IMMEDIATE")
    if _user_version(connection) != VERSION:
        connection.execute("ROLLBACK")
        raise NewerStoreError(
            "a newer version of tracer has migrated the store while this process had it open: restart the process with "
            "that version, which takes in what was recorded meanwhile"
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that writes, undone where something is raised. Raises NewerStoreError as `begin_write` does."""
    begin_write(connection)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _user_version(connection)  # another process may have been first
        _refuse_foreign(connection, path)
        _refuse_newer(version, path)
        for statement in chain.from_iterable(MIGRATIONS[version - 1 :]) if version else SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_before_touching(path: Path) -> None:
    """Refuse a file that is no store of ours before anything is written to it or beside it.

    Through SQLite alone: where the process has the file open already, closing it in any other way would take all locks
    of its connections, and another process could then delete the log that they write to.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder; name a file for the store")
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        _require_folder(path)
        return
    except OSError as error:
        raise StoreError(f"cannot read the store {path}: {error.strerror or error}") from error
    if not size:
        return
    if not os.access(path, os.R_OK):
        raise StoreError(f"cannot read the store {path}: {os.strerror(errno.EACCES)}")
    if size < _LEAST_BYTES:  # SQLite would take it for an empty database
        raise _no_database(path)
    _check_inside(path)


def _check_inside(path: Path) -> None:
    """Check through a read-only connection: the write-ahead log may be newer than the header, and is left as it is."""
    looks = _LOOKS_AT_A_CHANGING_FILE
    while True:
        mode = _read_only_mode(path)
        try:
            _look_inside(path, mode)
            return
        except (sqlite3.Error, StoreError) as error:
            looks -= 1
            # while another process writes it, a file that is taken for unchanging may seem damaged, or another's
            if looks and mode != _READ_ONLY and not isinstance(error, NewerStoreError):
                time.sleep(_BETWEEN_LOOKS_S)
                continue
            if isinstance(error, StoreError):
                raise
            if "not a database" in str(error):
                raise _no_database(path) from error
            raise store_error(error, path, "open") from error


def _no_database(path: Path) -> StoreError:
    return StoreError(f"{path} is not an SQLite database; name another file for the store")


def _look_inside(path: Path, mode: str) -> None:
    connection = retry_while_locked(lambda: _connect(path, mode))
    try:
        retry_while_locked(lambda: _refuse_foreign(connection, path))
        _refuse_newer(_user_version(connection), path)
    finally:
        connection.close()


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreError(f"{path} is an SQLite database of something else; name another file for the store")


def _refuse_newer(version: int, path: Path) -> None:
    if version > VERSION:
        raise NewerStoreError(
            f"{path} was written by a newer version of tracer (store version {version}, this one knows {VERSION}); "
            f"upgrade ({upgrade_advice()}) or name another store"
        )


def _require_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {path.parent} of the store: {error.strerror or error}") from error


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads, beside those of a store; the caller closes it."""
    mode = _READ_ONLY if os.access(path.parent, os.W_OK) else _read_only_mode(path)
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # check_same_thread off: connections of ended threads are closed by another one
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=_BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def _user_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another connection holds a lock that this one needs."""
    text = str(error).lower()
    return isinstance(error, sqlite3.OperationalError) and (
        "locked" in text or "busy" in text or "schema has changed" in text
    )


def retry_while_locked(action: Callable[[], Result]) -> Result:
    """Run an action again while the database is locked: the busy handler is not asked in every case, nor fair."""
    deadline = time.monotonic() + _RETRY_FOR_S
    pause = 0.002
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause * (0.5 + random.random()))
        pause = min(pause * 1.6, 0.25)


@contextmanager
def within_time(connection: sqlite3.Connection) -> Iterator[None]:
    """End the statements of the connection at the caller's deadline. Raises QueryTimeoutError."""
    ends = deadline()
    if ends is None:
        yield
        return
    connection.set_progress_handler(ends.is_over, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    except sqlite3.OperationalError as error:
        # the second is how an error of one of our functions in SQL comes out
        is_ours = "interrupt" in str(error).lower() or "user-defined function" in str(error)
        if not (is_ours and ends.is_over()):
            raise
        raise took_too_long() from error
    finally:
        connection.set_progress_handler(None, 0)


def store_error(error: sqlite3.Error, path: Path, doing: str) -> StoreError:
    """The error for the user: the action that failed, the cause, and a hint."""
    text = str(error)
    lowered = text.lower()
    hint = ""
    if "full" in lowered:
        hint = "; the disk is full, make room and it goes on by itself"
    elif "readonly" in lowered or "read-only" in lowered:
        hint = "; the file or its folder is read-only for this user"
    elif "unable to open" in lowered:
        hint = "; does its folder exist, and may this user write there?"
    elif "malformed" in lowered or "not a database" in lowered:
        hint = "; the file is damaged or no database: move it away, or name another store"
    elif "i/o" in lowered:
        hint = "; the disk reports an error (full, gone, or a limit on file sizes)"
    elif "locked" in lowered:
        hint = "; another process holds it for minutes"
    return StoreError(f"cannot {doing} the store {path}: {text}{hint}")


def _has_ended(reference: weakref.ref[threading.Thread]) -> bool:
    thread = reference()
    return thread is None or not thread.is_alive()


def _close_quietly(connection: sqlite3.Connection) -> None:
    try:
        connection.close()
    except sqlite3.Error:
        pass


_open_pools: weakref.WeakSet[Connections] = weakref.WeakSet()
_left_open: list[sqlite3.Connection] = []


def _leave_open(connections: list[sqlite3.Connection]) -> None:
    if connections and not _left_open:
        atexit.register(_never_free)
    _left_open.extend(connections)


def _never_free() -> None:
    # freeing a connection closes it; at the end of the interpreter only a reference never given back prevents that
    import ctypes

    for connection in _left_open:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _after_fork_in_child() -> None:
    for pool in list(_open_pools):
        pool.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
