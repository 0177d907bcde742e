"""Copies of a store that others write to meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tracer._journal.locations import attachments_folder_of
from tracer.errors import StoreError
from tracer.store.sqlite.connection import open_for_reading


def copy_database(source: Path, target: Path) -> None:
    """Copy a store's file as it is at one moment, whole or not at all. Raises StoreError.

    One transaction that only reads: programs that write to the store go on, and what they write is not in the copy.
    """
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with closing(open_for_reading(source)) as reading, closing(sqlite3.connect(unfinished)) as writing:
            reading.backup(writing)  # all pages at once: in steps it would begin anew with each write of others
            found = writing.execute("PRAGMA quick_check(1)").fetchone()[0]
            # one file to move, until somebody opens it as a store again
            writing.execute("PRAGMA journal_mode = DELETE")
        if found != "ok":
            raise StoreError(f"{source} is damaged: {found}. tracer doctor looks at it more closely")
        os.replace(unfinished, target)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from error
    finally:
        for left in (unfinished, *(Path(f"{unfinished}{end}") for end in ("-wal", "-shm", "-journal"))):
            with suppress(OSError):
                left.unlink()


@contextmanager
def copied_store(source: Path, target: Path) -> Iterator[None]:
    """Copy a store's file with the attachments that lie beside it. Raises StoreError and OSError.

    What else belongs to it is copied in the block: the file gets its name last, so that a store that is there is whole.
    What the copy of the file names was written before it, and is removed after it at the earliest: it is copied before
    and after. Only who deletes and writes an attachment at that moment can get away with it.
    """
    unnamed = target.with_name(f"{target.name}.new")
    try:
        _copy_attachments(source, target)
        copy_database(source, unnamed)
        _copy_attachments(source, target)
        yield
        os.replace(unnamed, target)
    finally:
        unnamed.unlink(missing_ok=True)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder that belongs to a store, such as that of its models, if it is there. Raises StoreError."""
    if not source.is_dir():
        return
    try:
        shutil.copytree(source, target)
    except shutil.Error as error:
        file, _, reason = error.args[0][0]
        raise StoreError(f"{file} cannot be copied to {target}: {reason}") from error
    except OSError as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error.strerror or error}") from error


def _copy_attachments(source: Path, target: Path) -> None:
    folder, copy = attachments_folder_of(source), attachments_folder_of(target)
    for path in folder.glob("??/*"):
        to = copy / path.parent.name / path.name
        if not to.exists():
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # deleted meanwhile
                shutil.copyfile(path, to)
