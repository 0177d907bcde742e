"""Steps of coding agents that report themselves in log records, with or without spans beside them.

A prompt is a trace: the agent's turn, and below it each call of a model and each tool. An event that came within a
span of the agent belongs to the span's trace. Ids are made from the event's content, so that an event that comes again,
or by another way, is the same step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from tracer._json import JsonObject
from tracer.dialects.dialect import Log, id_of
from tracer.semconv import SpanType

_NS_PER_MS = 1_000_000
_MS_PER_SECOND = 1000
_FIRST_YEAR = 2000
_REDACTED = ("", "<REDACTED>", "[REDACTED]")


@dataclass(frozen=True)
class Turn:
    """A prompt of a session and the event that reports it."""

    log: Log
    agent: str
    session: str
    prompt: str  # its id; empty where the agent has none, so that the whole session is one trace
    scope: str  # of the spans that are made
    about: JsonObject  # attributes of the turn

    @property
    def trace_id(self) -> str:
        """The trace of the span that the event came in, else one of the prompt's own."""
        return self.log.trace_id or id_of(self.agent, self.session, self.prompt, size=16)

    @property
    def root_id(self) -> str:
        """The span that the event came in, else the turn."""
        return self.log.span_id or id_of(self.agent, self.session, self.prompt, size=8)

    def event(self) -> JsonObject:
        """Log record for the event, as one of the turn's."""
        made = {} if self.log.span_id else {"span": self._root(self.log.time)}
        return self.log.of_span(self.trace_id, self.root_id, event=self.log.event(), **made)

    def step(
        self,
        span_type: str,
        key: object,
        name: str,
        *,
        attributes: JsonObject,
        duration_ms: object = None,
        error: str | None = None,
    ) -> Iterator[JsonObject]:
        """Log records for an event at the end of a step: with the step's span, and the turn's, extended until then."""
        start = max(self.log.time - int((amount_of(duration_ms) or 0) * _NS_PER_MS), 0)
        span = self._span(step_id(self.agent, span_type, key), name.strip(), span_type, start, attributes)
        span["parent_id"] = self.root_id
        if error is not None:
            span.update(status="ERROR", message=error)
        yield self.log.of_span(self.trace_id, span["span_id"], event=self.log.event(), span=span)
        if not self.log.span_id:
            yield self.log.of_span(self.trace_id, self.root_id, span=self._root(start))

    def _root(self, start: int) -> JsonObject:
        return self._span(self.root_id, f"invoke_agent {self.agent}", SpanType.AGENT, start, self.about)

    def _span(self, span_id: str, name: str, span_type: str, start: int, attributes: JsonObject) -> JsonObject:
        return {
            "kind": "span", "trace_id": self.trace_id, "span_id": span_id, "name": name, "type": span_type,
            "start": start, "end": self.log.time, "status": "UNSET", "scope": self.scope, "attributes": attributes,
        }  # fmt: skip


def dated(log: Log) -> Log:
    """The record with the time in its event: a record's own may be the time when it was sent."""
    said = log.attributes.get("event.timestamp")
    try:
        moment = datetime.fromisoformat(said.replace("Z", "+00:00")) if isinstance(said, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year < _FIRST_YEAR:
        return log
    return replace(log, time=round(moment.timestamp() * _MS_PER_SECOND) * _NS_PER_MS)


def step_id(agent: str, span_type: str, key: object) -> str:
    """The id of a step that an agent names by a key of its own."""
    return id_of(agent, span_type, key, size=8)


def said_in(attributes: JsonObject, *names: str) -> str:
    """The first of some attributes that is a text, and not left out for privacy; empty if none is."""
    values = (attributes.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value not in _REDACTED), "")


def amount_of(value: object) -> float | None:
    """A number, also where it was sent as text; None if it is none."""
    try:
        amount = float(value) if isinstance(value, (int, float, str)) else None
    except ValueError:
        return None
    return amount if amount is not None and 0 <= amount < 2**53 else None


def has_failed(attributes: JsonObject) -> bool:
    """Whether a step's attributes report a failure."""
    return str(attributes.get("success")).lower() == "false"
