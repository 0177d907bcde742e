"""A stored span, the read side of a LiveSpan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tracer import semconv
from tracer._engine.exceptions import event_attributes, message_of
from tracer._json import JsonObject
from tracer._records.other_keys import answer
from tracer._records.usage import token_usage
from tracer.store.text import json_text


class SpanStatusCode(str, Enum):
    """Codes of a span's status, equal to their texts."""

    UNSET = "UNSET"
    OK = "OK"
    ERROR = "ERROR"


class SpanStatus(str):
    """Status of a span: "OK", "ERROR" or "UNSET", with a description if it failed."""

    description: str | None

    def __new__(cls, status_code: str, description: str | None = None) -> SpanStatus:
        status = super().__new__(cls, str.__str__(status_code))
        status.description = description
        return status

    @property
    def status_code(self) -> str:
        """The code as plain text."""
        return str.__str__(self)

    def __reduce__(self) -> tuple[type[SpanStatus], tuple[str, str | None]]:
        return SpanStatus, (self.status_code, self.description)


@dataclass(frozen=True)
class SpanEvent:
    """Event of a span; ``timestamp`` in ns since the epoch, now by default."""

    name: str
    timestamp: int = field(default_factory=time.time_ns)
    attributes: JsonObject = field(default_factory=dict)

    @classmethod
    def from_exception(cls, exception: BaseException) -> SpanEvent:
        """The event that `record_exception` records."""
        return cls("exception", attributes=event_attributes(exception, message_of(exception)))


@dataclass(frozen=True)
class SpanLink:
    """A pointer to a span of another trace."""

    trace_id: str
    span_id: str
    attributes: JsonObject = field(default_factory=dict)


class Span:
    """A step of a stored trace: inputs, outputs, duration and status."""

    __slots__ = ("_record",)

    def __init__(self, record: JsonObject) -> None:
        self._record = record

    @property
    def trace_id(self) -> str:
        """The trace it belongs to, 32 hex digits."""
        return str(self._record["trace_id"])

    @property
    def span_id(self) -> str:
        """Its id, 16 hex digits."""
        return str(self._record["span_id"])

    @property
    def parent_id(self) -> str | None:
        """The span it was started under; None on a root."""
        return self._record.get("parent_id")

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._record.get("name", ""))

    @property
    def span_type(self) -> str:
        """The kind of step, a SpanType or any other string."""
        return str(self._record.get("type") or semconv.SpanType.UNKNOWN)

    @property
    def status(self) -> SpanStatus:
        """Its status; compares equal to "OK", "ERROR" or "UNSET"."""
        return SpanStatus(self._record.get("status") or "UNSET", self._record.get("message"))

    @property
    def is_running(self) -> bool:
        """Whether it had not ended when it was read."""
        return "end" not in self._record

    @property
    def start_time_ns(self) -> int:
        """When it started, ns since the epoch."""
        return int(self._record.get("start") or 0)

    @property
    def end_time_ns(self) -> int | None:
        """When it ended, ns since the epoch; None while it runs."""
        return self._record.get("end")

    @property
    def duration_ms(self) -> float | None:
        """Duration in ms; None while it runs."""
        return None if self.end_time_ns is None else (self.end_time_ns - self.start_time_ns) / 1e6

    @property
    def inputs(self) -> Any:
        """Inputs of the step."""
        return self.get_attribute(semconv.INPUTS)

    @property
    def outputs(self) -> Any:
        """Outputs of the step."""
        return self.get_attribute(semconv.OUTPUTS)

    @property
    def attributes(self) -> JsonObject:
        """All attributes, in OpenTelemetry's types: structured values are JSON text."""
        structured = {key: json_text(value) for key, value in self._structured.items()}
        return {semconv.SPAN_TYPE: self.span_type, **self._plain, **structured}

    def get_attribute(self, key: str) -> Any:
        """The value under a key, structured values as dicts and lists; None where there is none."""
        if key in self._structured:
            return self._structured[key]
        if key in self._plain:
            return self._plain[key]
        return self.span_type if key == semconv.SPAN_TYPE else answer(self, key)

    @property
    def events(self) -> list[SpanEvent]:
        """Events of the span."""
        return [
            SpanEvent(event.get("name", ""), event.get("time", 0), event.get("attributes") or {})
            for event in self._record.get("events") or ()
        ]

    @property
    def links(self) -> list[SpanLink]:
        """Links to spans of other traces."""
        return [
            SpanLink(link.get("trace_id", ""), link.get("span_id", ""), link.get("attributes") or {})
            for link in self._record.get("links") or ()
        ]

    @property
    def token_usage(self) -> dict[str, int] | None:
        """Tokens of this step's call: input_tokens, output_tokens, total_tokens, …; None if it used none."""
        return token_usage(self._plain)

    @property
    def cost(self) -> dict[str, float] | None:
        """input_cost, output_cost and total_cost in USD; None where the price is not known."""
        return self._record.get("cost")

    @property
    def model(self) -> str | None:
        """The model in the reply, or else the model in the request."""
        return self._plain.get(semconv.RESPONSE_MODEL) or self._plain.get(semconv.REQUEST_MODEL)

    @property
    def request_id(self) -> str:
        """The trace it belongs to, as `trace_id`."""
        return self.trace_id

    @property
    def model_name(self) -> str | None:
        """The model, as `model`."""
        return self.model

    @property
    def llm_cost(self) -> dict[str, float] | None:
        """The cost, as `cost`."""
        return self.cost

    @property
    def description(self) -> str | None:
        """The attribute ``description``."""
        return self._plain.get("description")

    @property
    def _plain(self) -> JsonObject:
        return self._record.get("attributes") or {}

    @property
    def _structured(self) -> JsonObject:
        return self._record.get("json") or {}

    def to_dict(self) -> JsonObject:
        """The span as a record (tracer/_records/record.py), with its cost; ``Span(record)`` reads it back."""
        return dict(self._record)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self._record == other._record

    def __hash__(self) -> int:
        return hash((self.trace_id, self.span_id))

    def __repr__(self) -> str:
        took = "running" if self.duration_ms is None else f"{self.duration_ms:.1f} ms"
        return f"Span({self.name!r}, {self.span_type}, {self.status.status_code}, {took}, span_id={self.span_id!r})"
