"""The embedded store: one SQLite file in WAL mode, opened by as many processes as like."""

from __future__ import annotations

from pathlib import Path

from tracer.errors import InvalidArgumentError
from tracer.store.sqlite.store import SqliteStore


def open_sqlite(url: str) -> SqliteStore:
    """The store in the file that a ``sqlite:`` URL names."""
    return SqliteStore(url, _path_from_url(url))


def _path_from_url(url: str) -> Path:
    rest = url[len("sqlite:") :]
    path = rest[3:] if rest.startswith("///") else ""
    if not path or path == ":memory:" or "\x00" in path:
        raise InvalidArgumentError(
            f"{url!r} names no file; expected sqlite:///tracer.db (a file here) or sqlite:////absolute/path/tracer.db"
        )
    # made absolute at once: a later os.chdir must not move the store
    return Path(path).absolute()
