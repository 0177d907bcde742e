"""A stored trace: state, usage, cost, and its spans."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn, SupportsIndex, overload

import orjson

from tracer._api.assessments import (
    Assessment,
    AssessmentSource,
    Expectation,
    Feedback,
    assessment_from_row,
    known_fields,
)
from tracer._api.frames import data_frame
from tracer._api.spans import Span, SpanEvent, SpanLink, SpanStatus
from tracer._json import JsonObject
from tracer._late import load_registered
from tracer._records.other_keys import METADATA, TAGS, with_other_keys
from tracer.errors import InvalidArgumentError
from tracer.store.rows import StoredTrace, TraceRow

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

__all__ = [
    "Assessment",
    "AssessmentSource",
    "Expectation",
    "Feedback",
    "Span",
    "SpanEvent",
    "SpanLink",
    "SpanStatus",
    "Trace",
    "TraceData",
    "TraceInfo",
    "TraceList",
]

_NS_PER_MS = 1_000_000
_AS_TABLE = "search_traces(…).to_pandas() for a table"


@dataclass(frozen=True)
class TraceLocation:
    """The place where a trace is kept: its experiment."""

    experiment_id: str

    @property
    def tracer_experiment(self) -> TraceLocation:
        """Itself, the experiment."""
        return self


@dataclass
class TraceInfo:
    """Summary of a trace: times in ms, costs in USD, tokens by kind.

    ``state`` is OK, ERROR, IN_PROGRESS or INTERRUPTED. ``execution_duration`` is None while it runs.
    """

    trace_id: str
    experiment_id: str
    state: str
    request_time: int
    execution_duration: float | None = None
    name: str | None = None
    experiment: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    token_usage: dict[str, int] | None = None
    cost: dict[str, float] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    trace_metadata: dict[str, str] = field(default_factory=dict)
    model_id: str | None = None
    run_id: str | None = None
    session_id: str | None = None
    user: str | None = None
    client_request_id: str | None = None
    models: list[str] = field(default_factory=list)
    span_count: int = 0
    error_count: int = 0
    assessments: list[Assessment] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The state."""
        return self.state

    @property
    def request_id(self) -> str:
        """The trace's id."""
        return self.trace_id

    @property
    def request_metadata(self) -> dict[str, str]:
        """The metadata."""
        return self.trace_metadata

    @property
    def trace_location(self) -> TraceLocation:
        """The place where the trace is kept."""
        return TraceLocation(self.experiment_id)

    @property
    def timestamp_ms(self) -> int:
        """The request time."""
        return self.request_time

    @property
    def execution_time_ms(self) -> float | None:
        """The execution duration."""
        return self.execution_duration

    def to_dict(self) -> JsonObject:
        """As plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: JsonObject) -> TraceInfo:
        """Read back the result of :meth:`to_dict`."""
        assessments = [Assessment.from_dict(assessment) for assessment in fields.get("assessments", ())]
        return cls(**{**known_fields(cls, fields), "assessments": assessments})


@dataclass
class TraceData:
    """The spans of a trace, sorted by start."""

    spans: list[Span] = field(default_factory=list)
    root_span_id: str | None = None

    @property
    def root(self) -> Span | None:
        """The top-most span."""
        return next((span for span in self.spans if span.span_id == self.root_span_id), None)

    @property
    def request(self) -> str | None:
        """Inputs of the root span, as JSON text."""
        return self._json_of(self.root.inputs if self.root else None)

    @property
    def response(self) -> str | None:
        """Outputs of the root span, as JSON text."""
        return self._json_of(self.root.outputs if self.root else None)

    @staticmethod
    def _json_of(value: object) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def to_dict(self) -> JsonObject:
        """As plain values."""
        return {"spans": [span.to_dict() for span in self.spans], "root_span_id": self.root_span_id}

    @classmethod
    def from_dict(cls, fields: JsonObject) -> TraceData:
        """Read back the result of :meth:`to_dict`."""
        return cls([_span_from_dict(record) for record in fields.get("spans", ())], fields.get("root_span_id"))


@dataclass
class Trace:
    """A recorded trace: ``info`` about the whole, ``data.spans`` for every step."""

    info: TraceInfo
    data: TraceData

    @property
    def trace_id(self) -> str:
        """Its id."""
        return self.info.trace_id

    def search_spans(
        self,
        span_type: str | None = None,
        name: str | re.Pattern[str] | None = None,
        span_id: str | None = None,
        *,
        status: str | None = None,
        model: str | None = None,
    ) -> list[Span]:
        """The spans that match every condition; a pattern for ``name`` is searched for, a string has to be equal."""
        return [
            span
            for span in self.data.spans
            if (span_type is None or span.span_type == span_type)
            and (name is None or _is_named(span, name))
            and (span_id is None or span.span_id == span_id)
            and (status is None or span.status == status.upper())
            and (model is None or span.model == model)
        ]

    def search_assessments(
        self,
        name: str | None = None,
        *,
        span_id: str | None = None,
        all: bool = False,
        type: Literal["expectation", "feedback"] | None = None,
    ) -> list[Assessment]:
        """Feedback and expectations that match every condition; with ``all`` also feedback that was overridden."""
        return [
            found
            for found in self.info.assessments
            if (name is None or found.name == name)
            and (span_id is None or found.span_id == span_id)
            and (type is None or found.type == type)
            and (all or found.valid)
        ]

    def to_dict(self) -> JsonObject:
        """As plain values; :meth:`from_dict` reads them back without loss."""
        return {"info": self.info.to_dict(), "data": self.data.to_dict()}

    def to_json(self, pretty: bool = False) -> str:
        """As JSON text; :meth:`from_json` reads it back without loss."""
        return orjson.dumps(self.to_dict(), option=orjson.OPT_INDENT_2 if pretty else None).decode()

    @classmethod
    def from_dict(cls, fields: JsonObject) -> Trace:
        """The trace that :meth:`to_dict` was called on. Raises InvalidArgumentError for anything else."""
        try:
            return cls(TraceInfo.from_dict(fields["info"]), TraceData.from_dict(fields["data"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidArgumentError(
                f"not the dict of a trace ({type(error).__name__}: {error}); expected what Trace.to_dict() gives"
            ) from error

    @classmethod
    def from_json(cls, text: str | bytes) -> Trace:
        """The trace that :meth:`to_json` was called on. Raises InvalidArgumentError for anything else."""
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidArgumentError(f"not JSON: {error}; expected what Trace.to_json() gives") from error
        return cls.from_dict(fields)

    def __repr__(self) -> str:
        info = self.info
        took = "" if info.execution_duration is None else f", {info.execution_duration:.1f} ms"
        return f"Trace({info.name!r}, {info.state}, {len(self.data.spans)} spans{took}, trace_id={info.trace_id!r})"

    def _repr_html_(self) -> str | None:
        return notebook_html(self)


class TraceList(list[Trace]):
    """One page of traces; ``next_page_token`` is for the next page, None on the last."""

    def __init__(self, traces: Iterable[Trace] = (), next_page_token: str | None = None) -> None:
        super().__init__(traces)
        self.next_page_token = next_page_token

    @property
    def token(self) -> str | None:
        """The next page token."""
        return self.next_page_token

    def _repr_html_(self) -> str | None:
        return notebook_html(self)

    def to_pandas(self) -> pandas.DataFrame:
        """One row per trace: the fields of its ``info``, its root's ``request`` and ``response``, ``spans``, ``trace``.

        Raises ImportError where pandas is not installed.
        """
        columns = [name.name for name in dataclasses.fields(TraceInfo)]
        rows = [{**{name: getattr(trace.info, name) for name in columns}, **_of_root(trace)} for trace in self]
        return data_frame("to_pandas()", rows, [*columns, "request", "response", "spans", "trace"])

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a TraceList is a list of traces and has no {name!r}; write {_AS_TABLE}")

    @overload
    def __getitem__(self, index: SupportsIndex) -> Trace: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trace]: ...
    def __getitem__(self, index: Any) -> Any:
        """A trace by its place, or several by a slice."""
        if isinstance(index, str):
            raise TypeError(f"a TraceList is a list of traces and has no column {index!r}; write {_AS_TABLE}")
        return super().__getitem__(index)


def _of_root(trace: Trace) -> JsonObject:
    root = trace.data.root
    return {
        "request": root.inputs if root else None,
        "response": root.outputs if root else None,
        "spans": trace.data.spans,
        "trace": trace,
    }


def notebook_html(value: object) -> str | None:
    """HTML for a trace, traces, an evaluation or a version in a notebook; None where that is switched off."""
    html: str | None = load_registered("notebook_html")(value)
    return html


def trace_from_stored(stored: StoredTrace) -> Trace:
    """The public form of a stored trace."""
    return trace_from_row(stored.row, stored.spans)


def trace_from_row(row: TraceRow, spans: list[JsonObject]) -> Trace:
    """A trace from its row and the records of its spans."""
    return Trace(info_from_row(row), TraceData([Span(record) for record in spans], row.root_span_id))


def info_from_row(row: TraceRow) -> TraceInfo:
    """The summary of a trace, from its row."""
    return TraceInfo(
        trace_id=row.trace_id,
        experiment_id=row.experiment_id,
        state=row.state,
        request_time=row.start // _NS_PER_MS,
        execution_duration=None if row.duration is None else row.duration / _NS_PER_MS,
        name=row.name,
        experiment=row.experiment,
        request_preview=row.request_preview,
        response_preview=row.response_preview,
        token_usage=row.usage,
        cost=row.cost,
        tags=with_other_keys(row.tags, TAGS, {"name": row.name}),
        trace_metadata=with_other_keys(row.metadata, METADATA, {**row._asdict(), "token_usage": row.usage}),
        model_id=row.model_id,
        run_id=row.run_id,
        session_id=row.session_id,
        user=row.user,
        client_request_id=row.client_request_id,
        models=row.models,
        span_count=row.span_count,
        error_count=row.error_count,
        assessments=[assessment_from_row(assessment) for assessment in row.assessments],
    )


def _span_from_dict(record: JsonObject) -> Span:
    for name in ("trace_id", "span_id"):
        if not isinstance(record.get(name), str):
            raise TypeError(f"the {name} of a span is {record.get(name)!r}")
    return Span(record)


def _is_named(span: Span, name: str | re.Pattern[str]) -> bool:
    return span.name == name if isinstance(name, str) else name.search(span.name) is not None


def started_ns(trace: Trace) -> int:
    """Start in ns since the epoch: two traces may start within one millisecond."""
    return min((span.start_time_ns for span in trace.data.spans), default=trace.info.request_time * _NS_PER_MS)
