"""Sources of a replay's calls: the file of a cassette, or stored traces."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Union

from tracer._api.queries import get_trace, search_traces
from tracer._api.traces import Trace
from tracer._replay import cassette
from tracer._replay.cassette import Recorded
from tracer._replay.session import Session
from tracer._replay.traced_calls import calls_of
from tracer.errors import CassetteError, FilterSyntaxError, InvalidArgumentError, TraceNotFoundError
from tracer.store.filter import parse_filter

if TYPE_CHECKING:
    from typing import TypeAlias

Given: TypeAlias = "Union[str, os.PathLike[str], Trace, Sequence[Trace]]"

_TRACE_ID = re.compile(r"(?:tr-)?[0-9a-f]{32}")


class Source(Protocol):
    """Recorded calls, by a name for messages."""

    name: str

    def calls(self, session: Session) -> list[Recorded]:
        """The calls, read when the block begins. Raises CassetteError."""
        ...

    def write(self, lines: Iterable[str]) -> None:
        """Replace the calls."""
        ...


class CassetteFile:
    """The file of a cassette."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def calls(self, session: Session) -> list[Recorded]:
        """Its calls; none of a file that is not there yet and will be recorded."""
        if self._path.exists():
            return cassette.read(self._path)
        if session.record is None and not session.stays_live:
            raise CassetteError(
                f"there is no cassette {self._path}. Record it first: "
                f'with tracer.record("{self._path}"): …, or replay(…, record="new")'
            )
        return []

    def write(self, lines: Iterable[str]) -> None:
        """Replace the file as a whole."""
        cassette.write(self._path, lines)


class StoredTraces:
    """Traces, which are only read."""

    def __init__(self, name: str, find: Callable[[], Sequence[Trace]]) -> None:
        self.name = name
        self._find = find

    def calls(self, session: Session) -> list[Recorded]:
        """The calls of models in these traces, and those of the steps that are to be answered."""
        return calls_of(self._find(), session.steps)

    def write(self, lines: Iterable[str]) -> None:
        """Do nothing: replay() takes no ``record=`` with traces."""


def source_of(given: Given, *, is_recorded: bool) -> Source:
    """The source for a file, the id of a trace, a filter, or one or several traces. Raises InvalidArgumentError."""
    if isinstance(given, os.PathLike):
        return CassetteFile(Path(given))
    found = _traces(given)
    if found is None:
        return CassetteFile(Path(str(given)))
    if is_recorded:
        raise InvalidArgumentError(f"record= writes a cassette, and {found.name} is none: name a file")
    return found


def _traces(given: object) -> StoredTraces | None:
    if isinstance(given, Trace):
        return StoredTraces(f"trace {given.trace_id}", lambda: [given])
    if isinstance(given, str):
        if _TRACE_ID.fullmatch(given):
            return StoredTraces(f"trace {given}", lambda: [trace_of(given)])
        return StoredTraces(f"traces with {given}", lambda: _with(given)) if _is_filter(given) else None
    if isinstance(given, Sequence) and given and all(isinstance(each, Trace) for each in given):
        traces: Sequence[Trace] = given
        return StoredTraces(f"{len(traces)} traces", lambda: traces)
    raise InvalidArgumentError(
        f"replay({given!r}): expected the path of a cassette, the id of a trace, a Trace, a list of traces, or a filter"
    )


def _is_filter(text: str) -> bool:
    if Path(text).exists():
        return False
    try:
        return parse_filter(text) is not None
    except FilterSyntaxError:
        return False


def trace_of(trace_id: str) -> Trace:
    """The trace of an id. Raises TraceNotFoundError."""
    found = get_trace(trace_id)
    if found is None:
        raise TraceNotFoundError(f"there is no trace {trace_id!r} to replay")
    return found


def all_with(filter_string: str, order_by: Sequence[str] | None = None) -> list[Trace]:
    """All traces that meet a filter, also those beyond a page."""
    found = search_traces(filter_string, order_by=order_by)
    traces = list(found)
    while found.next_page_token:
        found = search_traces(filter_string, order_by=order_by, page_token=found.next_page_token)
        traces += found
    return traces


def _with(filter_string: str) -> list[Trace]:
    traces = all_with(filter_string)
    if not traces:
        raise CassetteError(f"no trace meets {filter_string!r}, so there is nothing to replay")
    return traces
