"""Attachments: a row for each, with its content, or with the content in a file beside the store.

The content lies beside a store where the folder for it is there, as it is for the projects of a server. Files are named
by their digests, and written and removed by who may write to the store just then: a file that is removed is not one
that somebody is about to name. Between a deletion and the removal of its files a process may be killed: files that no
row names are removed by the first deletion of another process.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tracer._journal.locations import attachments_folder_of
from tracer.errors import StoreError
from tracer.store.sqlite.connection import open_for_reading, transaction

_OF_NOTHING = hashlib.sha256(b"").hexdigest()
_PART = ".part"  # at the end of a file that is being written
_AT_ONCE = 500  # short transactions, so that writers get their turn
_UNUSED_SECONDS = 24 * 3600
_tidied: set[Path] = set()  # folders that this process has looked through


def write_attachments(connection: sqlite3.Connection, attachments: Iterable[tuple[str, str, bytes]]) -> None:
    """Write digests, media types and contents, in the caller's transaction. Raises StoreError."""
    folder = _folder_beside(connection)
    rows: Iterable[tuple[str, str, bytes]] = attachments
    if folder is not None:
        rows = [(digest, mime, _beside(folder, digest, content)) for digest, mime, content in attachments]
    connection.executemany("INSERT OR IGNORE INTO attachments(digest, mime, content) VALUES (?,?,?)", rows)


def read_attachment(connection: sqlite3.Connection, digest: str) -> tuple[str, bytes] | None:
    """Media type and content of an attachment. Raises StoreError where its file is missing."""
    stored = "SELECT mime, content FROM attachments WHERE digest = ?"
    row: tuple[str, bytes] | None = connection.execute(stored, (digest,)).fetchone()
    if row is None or row[1] or digest == _OF_NOTHING:
        return row
    path = _path(attachments_folder_of(_file(connection)), digest)
    try:
        return row[0], path.read_bytes()
    except OSError as error:
        if connection.execute(stored, (digest,)).fetchone() is None:  # it was deleted just now
            return None
        raise StoreError(f"the attachment cannot be read from {path}: {error.strerror or error}") from error


def missing_files(file: Path) -> int:
    """Number of attachments of a store whose files are missing."""
    folder = attachments_folder_of(file)
    with closing(open_for_reading(file)) as connection:
        rows = connection.execute("SELECT digest FROM attachments WHERE length(content) = 0").fetchall()
    return sum(digest != _OF_NOTHING and not _path(folder, digest).is_file() for (digest,) in rows)


@contextmanager
def removing(connection: sqlite3.Connection) -> Iterator[list[str]]:
    """A transaction that deletes attachments: after it, the files of those whose digests were put into the list go."""
    gone: list[str] = []
    with transaction(connection):
        yield gone
    remove_files(connection, gone)


def delete_unused(connection: sqlite3.Connection, digests: Iterable[str]) -> list[str]:
    """Delete those of the attachments that nothing uses, in the caller's transaction, and return their digests."""
    used = "SELECT 1 FROM attachment_uses WHERE digest = ?"
    gone = [digest for digest in digests if connection.execute(used, (digest,)).fetchone() is None]
    connection.executemany("DELETE FROM attachments WHERE digest = ?", [(digest,) for digest in gone])
    return gone


def remove_files(connection: sqlite3.Connection, digests: Collection[str]) -> None:
    """Remove the files of attachments that have been deleted, and once in a process what others left."""
    folder = _folder_beside(connection) if digests else None
    if folder is not None:
        _remove(connection, folder, list(digests))
        if folder not in _tidied:
            _tidied.add(folder)
            remove_unknown(connection)


def remove_unknown(connection: sqlite3.Connection) -> None:
    """Remove the files that no row names, of processes that were killed, and what nothing has used for a day."""
    folder = _folder_beside(connection)
    if folder is not None:
        names = [path.name for path in folder.glob("??/*")]
        for start in range(0, len(names), _AT_ONCE):
            _remove(connection, folder, names[start : start + _AT_ONCE])


def _remove(connection: sqlite3.Connection, folder: Path, names: Sequence[str]) -> None:
    known, used = (f"SELECT 1 FROM {table} WHERE digest = ?" for table in ("attachments", "attachment_uses"))
    try:
        with transaction(connection):  # nobody writes one of them anew meanwhile
            for name in names:
                path = _path(folder, name)
                if connection.execute(known, (name,)).fetchone() is None:
                    path.unlink(missing_ok=True)
                # of a trace that was deleted before its step ended; another may be about to name a newer one
                elif connection.execute(used, (name,)).fetchone() is None and _age(path) > _UNUSED_SECONDS:
                    connection.execute("DELETE FROM attachments WHERE digest = ?", (name,))
                    path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"attachments in {folder} cannot be removed: {error.strerror or error}") from error


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime if path.exists() else 0.0


def _beside(folder: Path, digest: str, content: bytes) -> bytes:
    """Keep the content in a file, and return what the row has of it."""
    path = _path(folder, digest)
    try:
        if content and not path.exists():
            path.parent.mkdir(exist_ok=True)
            part = path.with_name(f"{digest}{_PART}")
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # before the row, which may be on disk first
            os.replace(part, path)
            _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"an attachment cannot be written to {path}: {error.strerror or error}") from error
    return b""


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to disk, where folders can be opened for that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _path(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / digest


def _folder_beside(connection: sqlite3.Connection) -> Path | None:
    folder = attachments_folder_of(_file(connection))
    return folder if folder.is_dir() else None


def _file(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2])
