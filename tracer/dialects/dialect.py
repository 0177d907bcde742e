"""A dialect: how another instrumentation names what a span, or a log record, holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer._json import JsonObject
    from tracer.dialects.reading import Reading


@dataclass(frozen=True)
class Log:
    """A log record of OpenTelemetry that has a name, as events have."""

    name: str
    time: int  # ns since the epoch
    attributes: JsonObject  # its body is one of them
    trace_id: str = ""
    span_id: str = ""
    scope: str = ""

    def event(self) -> JsonObject:
        """The same as an event of a span."""
        return {"name": self.name, "time": self.time, "attributes": self.attributes}

    def of_span(self, trace_id: str, span_id: str, **fields: object) -> JsonObject:
        """The record of what it says of a span: fields are ``event`` and ``span``."""
        return {"kind": "log", "trace_id": trace_id, "span_id": span_id, "time": self.time, **fields}


def id_of(*words: object, size: int) -> str:
    """An id of so many bytes in hex that follows from these words alone."""
    return hashlib.sha256("\0".join(map(str, words)).encode("utf-8", "replace")).hexdigest()[: 2 * size]


@dataclass(frozen=True)
class Dialect:
    """Reads the spans of one instrumentation.

    :param name: what it is called in logs.
    :param prefixes: first words of attributes' names, up to the dot; a span with any of them is read.
    :param read: brings what it knows of a span to the names of the conventions; does nothing else.
    :param scopes: names of OpenTelemetry tracers whose spans are read too, also without such an attribute.
    :param logs: first words of the names of log records that belong to spans.
    :param read_log: what such a log record says of spans; the second argument keeps what later ones of the same
        request refer to.
    """

    name: str
    prefixes: frozenset[str]
    read: Callable[[Reading], None]
    scopes: frozenset[str] = frozenset()
    logs: frozenset[str] = frozenset()
    read_log: Callable[[Log, JsonObject], Iterable[JsonObject]] | None = None
