"""The records of the journal: JSON objects that a process writes, and that every sink and store reads.

A span's record is written when it ends. Values that are not OpenTelemetry primitives (messages, inputs, outputs,
dicts) are JSON under ``json``; in OpenTelemetry's view of the span they are attributes holding JSON text.
Fields that are empty are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

from tracer._json import JsonObject

if TYPE_CHECKING:
    from typing_extensions import Required  # in `typing` from Python 3.11


class EventRecord(TypedDict, total=False):
    """Something that happened during a span."""

    name: Required[str]
    time: Required[int]  # ns since the epoch
    attributes: JsonObject


class ChunksRecord(TypedDict, total=False):
    """The chunks of a stream: times, and their JSON, or their sizes where the JSON may hold a part of a secret."""

    after: Required[list[int]]  # ns since the start of the span
    json: list[str]
    bytes: list[int]


class LinkRecord(TypedDict, total=False):
    """A pointer to a span of another trace."""

    trace_id: Required[str]
    span_id: Required[str]
    attributes: JsonObject


class SpanRecord(TypedDict, total=False):
    """A span that has ended."""

    kind: Required[Literal["span"]]
    trace_id: Required[str]  # 32 hex digits
    span_id: Required[str]  # 16 hex digits
    parent_id: str  # absent on a root
    remote_parent: bool  # the parent lives in another process
    name: str
    type: str  # SpanType or any string
    start: int  # ns since the epoch
    end: int
    status: Literal["UNSET", "OK", "ERROR"]
    message: str  # status description
    otel_kind: int  # opentelemetry.trace.SpanKind value; absent where it is INTERNAL
    attributes: JsonObject  # OpenTelemetry primitives and lists of them
    json: JsonObject  # structured values by attribute key
    events: list[EventRecord]
    links: list[LinkRecord]
    scope: str  # name of the instrumentation
    # resolved before a span is stored: tracer/_records/derive.py
    reader: str  # the operation that reads inputs and outputs; empty if they are read already
    started: JsonObject  # fields of the start record that have not changed since
    chunks: ChunksRecord  # events of a stream
    trace_state: str
    dropped: dict[str, int]  # attributes, events, links left out
    known_as: list[str]  # ids by which log records may name it beside its own
    joined: JoinedRecord  # in a store only: the log records that are part of it


class LogRecord(TypedDict, total=False):
    """Information from a log record about a span, which arrives itself or is known from log records alone."""

    kind: Required[Literal["log"]]
    trace_id: Required[str]
    span_id: Required[str]
    time: int
    event: EventRecord  # is read as an event of the span
    span: SpanRecord  # stored where the span itself does not arrive; lasts as long as all such records of it together
    attachments: list[AttachmentRecord]


class JoinedRecord(TypedDict, total=False):
    """The log records that are part of a stored span, so that later ones can be read together with them."""

    span: Required[SpanRecord]  # as it is without them
    logs: list[LogRecord]
    made: bool  # of log records alone


class StartRecord(TypedDict, total=False):
    """The start of a span: its trace is running, or interrupted if its process dies.

    A call to a provider writes one with its request, a local root one without values, and any step that stays open
    one with the values that it has by then.
    """

    kind: Required[Literal["start"]]
    trace_id: Required[str]
    span_id: Required[str]
    parent_id: str
    remote_parent: bool
    name: str
    type: str
    start: int
    scope: str
    otel_kind: int
    attributes: JsonObject
    json: JsonObject
    reader: str


class TraceRecord(TypedDict, total=False):
    """Fields of a whole trace; later records win field by field, a tag or metadata of null is removed."""

    kind: Required[Literal["trace"]]
    trace_id: Required[str]
    time: int
    experiment: str  # name
    tags: dict[str, str | None]
    metadata: dict[str, str | None]
    session_id: str
    user: str
    model_id: str
    run_id: str
    state: str
    request_preview: str
    response_preview: str
    client_request_id: str


class RestoreRecord(TypedDict):
    """A trace that was deleted is to come again: without this, records that arrive after the deletion are dropped."""

    kind: Literal["restore"]
    trace_id: str


class AssessmentRecord(TypedDict, total=False):
    """Feedback or an expectation on a trace or one of its spans."""

    kind: Required[Literal["assessment"]]
    id: Required[str]
    trace_id: Required[str]
    span_id: str
    name: str
    type: Literal["feedback", "expectation"]
    value: Any
    rationale: str
    source: dict[str, str]  # {"type": "HUMAN" | "LLM_JUDGE" | "CODE", "id": "..."}
    metadata: dict[str, str]
    error: str
    time: int


class ModelRecord(TypedDict, total=False):
    """Fields of a version of an app; later records win field by field, a tag of null is removed."""

    kind: Required[Literal["model"]]
    model_id: Required[str]
    time: int
    name: str
    experiment: str  # name
    created: int  # ns since the epoch
    model_type: str
    source_run_id: str
    status: str
    status_message: str
    deleted: bool  # its earlier records are gone, but for its name
    tags: dict[str, str | None]
    params: dict[str, str]
    metrics: dict[str, float]


class RegisteredRecord(TypedDict, total=False):
    """A version of a prompt or of a registered model. The store numbers those of a name, from 1, as they come."""

    kind: Required[Literal["registered"]]
    of: Required[Literal["prompt", "model"]]
    name: Required[str]
    id: Required[str]
    time: int
    number: int  # the number it had in another store, kept where it is free
    tags: dict[str, str]
    content: JsonObject  # a prompt's template and commit_message; a model's model_id, source and run_id


class AliasRecord(TypedDict, total=False):
    """A name such as "production" for a version of a prompt or of a registered model; the latest record counts."""

    kind: Required[Literal["alias"]]
    of: Required[Literal["prompt", "model"]]
    name: Required[str]
    alias: Required[str]
    id: str  # of the version; absent where the alias is taken away
    time: int


class RunRecord(TypedDict, total=False):
    """Fields of a run; later records win field by field."""

    kind: Required[Literal["run"]]
    run_id: Required[str]
    time: int
    name: str
    experiment: str  # name
    parent_id: str
    status: str
    started: int  # ns since the epoch
    ended: int
    deleted: bool
    tags: dict[str, str | None]
    params: dict[str, str]
    metrics: dict[str, float]
    steps: dict[str, dict[str, float]]  # values of metrics by step, a whole number as text


class ExperimentRecord(TypedDict, total=False):
    """An experiment that is made before anything belongs to it."""

    kind: Required[Literal["experiment"]]
    name: Required[str]
    time: int


class AttachmentRecord(TypedDict):
    """Binary content taken out of a payload, named by its digest."""

    kind: Literal["attachment"]
    id: str  # sha256 in hex
    mime: str
    content: str  # base64


class ProcessRecord(TypedDict, total=False):
    """The first record of every journal file: the process that writes it."""

    kind: Required[Literal["process"]]
    owner: Required[str]
    pid: int
    time: int
    resource: JsonObject  # OpenTelemetry resource attributes


Record = Union[
    SpanRecord, LogRecord, StartRecord, TraceRecord, RestoreRecord, AssessmentRecord, ModelRecord, RunRecord,
    ExperimentRecord, RegisteredRecord, AliasRecord, AttachmentRecord, ProcessRecord,
]  # fmt: skip
