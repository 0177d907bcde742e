"""Opens the store that a command reads, and finds a trace by id, prefix or as the latest."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer.cli.screen import note
from tracer.errors import InvalidArgumentError, StoreError, TraceNotFoundError, TracerError

if TYPE_CHECKING:
    from pathlib import Path

    from tracer.store import Store, StoredTrace, TraceRow

_LISTED_WHEN_AMBIGUOUS = 5
LATEST = "latest"


class NoStoreError(TracerError):
    """There is no store yet."""

    def __init__(self, what: str, place: Place, advice: str) -> None:
        elsewhere = "For a store elsewhere, use --store or set TRACER_STORE."
        super().__init__(f"no {what} yet: there is no store at {place}\n{advice}\n{elsewhere}")


@dataclass(frozen=True)
class Place:
    """Location of a store; as text its file, or the URL of its server."""

    url: str

    @property
    def file(self) -> Path | None:
        """The file; None for a store of a server."""
        from tracer._journal.locations import is_remote, store_path

        return None if is_remote(self.url) else store_path(self.url)

    @property
    def journals(self) -> list[Path]:
        """Folders of the journals of this machine's processes, with records that are not in the store yet."""
        from tracer._engine.runtime import runtime
        from tracer._journal.locations import journal_folders, with_project

        return journal_folders(with_project(self.url, runtime().settings.token))

    def exists(self) -> bool:
        """Whether there is anything to read: a server, the store's file, or journals with records for it."""
        from tracer._journal.recovery import pending

        if self.file is None or self.file.exists():
            return True
        return any(journal["segments"] for folder in self.journals for journal in pending(folder))

    def __str__(self) -> str:
        from tracer._journal.locations import without_password

        return str(self.file or without_password(self.url))


def store_place(url: str | None, *, token: str | None = None) -> Place:
    """Location of the store: of the option, of TRACER_STORE, or the default; with a token that counts for this one."""
    from tracer._api.configuration import configure, get_tracking_uri  # tracer's own may be another owner's

    if token is not None:
        configure(token=token)
    if url is not None:
        configure(store=url)
    return Place(get_tracking_uri())


def store_for_reading(url: str | None, *, token: str | None = None) -> Store:
    """The open store with all records so far. Raises NoStoreError rather than create one."""
    from tracer._engine.runtime import runtime

    place = store_place(url, token=token)
    if not place.exists():
        advice = "Run your program with tracer in this folder first, or try `tracer demo`."
        raise NoStoreError("traces", place, advice)
    store = runtime().store()
    try:
        runtime().sync()
    except StoreError as error:
        note(f"tracer: shows what is in the store; what waits in journals beside it could not be taken in: {error}")
    return store


def _shown(store: Store) -> str:
    from tracer._journal.locations import without_password

    return without_password(store.url)


def find_trace(store: Store, name: str) -> StoredTrace:
    """The trace with an id, with the first digits of an id, or the latest."""
    trace = store.trace(trace_id_of(store, name))
    if trace is None:
        raise TraceNotFoundError(f"no trace {name!r} in {_shown(store)}. `tracer list` shows what there is.")
    return trace


def trace_id_of(store: Store, name: str) -> str:
    """The whole id for a user's input. Raises TraceNotFoundError, or InvalidArgumentError if several match."""
    wanted: str = name.strip().lower().removeprefix("tr-").replace("-", "")
    if wanted == LATEST:
        found = _newest(store, None, 1)
        if not found:
            raise TraceNotFoundError(f"the store {_shown(store)} holds no traces yet. `tracer demo` makes one.")
        return found[0].trace_id
    if not wanted or set(wanted) - set(string.hexdigits) or len(wanted) > 32:
        raise InvalidArgumentError(
            f"got {name!r}, expected a trace id, the first digits of one, or {LATEST!r}. `tracer list` shows ids."
        )
    if len(wanted) == 32:
        return wanted
    return _only_one(name, _newest(store, f"trace_id LIKE '{wanted}%'", _LISTED_WHEN_AMBIGUOUS + 1), store)


def _only_one(name: str, found: list[TraceRow], store: Store) -> str:
    if not found:
        raise TraceNotFoundError(f"no trace {name!r} in {_shown(store)}. `tracer list` shows what there is.")
    if len(found) > 1:
        ids = "\n".join(f"  {row.trace_id}  {row.name or ''}" for row in found[:_LISTED_WHEN_AMBIGUOUS])
        more = "\n  …" if len(found) > _LISTED_WHEN_AMBIGUOUS else ""
        raise InvalidArgumentError(f"several traces start with {name!r}, give more digits:\n{ids}{more}")
    return found[0].trace_id


def _newest(store: Store, filter_string: str | None, limit: int) -> list[TraceRow]:
    from tracer.store import TraceQuery
    from tracer.store.filter import parse_filter

    query = TraceQuery(filter=parse_filter(filter_string) if filter_string else None, limit=limit)
    return list(store.find_traces(query).traces)
