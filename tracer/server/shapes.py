"""Traces, spans and assessments as JSON objects of the API."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from tracer import semconv
from tracer._json import JsonObject
from tracer._records.usage import first_chunk_ns, token_usage
from tracer.messages import Message, to_messages
from tracer.store.rows import AssessmentRow, RegisteredRow, TraceRow

_KINDS = dict(enumerate(("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")))
# attributes with fields of their own
_LIFTED = {
    "inputs": semconv.INPUTS,
    "outputs": semconv.OUTPUTS,
    "input_messages": semconv.INPUT_MESSAGES,
    "output_messages": semconv.OUTPUT_MESSAGES,
    "system_instructions": semconv.SYSTEM_INSTRUCTIONS,
    "tools": semconv.TOOL_DEFINITIONS,
}
_TEXT_OR_NONE = (str, type(None))
_DROPPED = ("attributes", "events", "links")


def trace_shape(row: TraceRow) -> JsonObject:
    """A trace without its spans."""
    return {
        "trace_id": row.trace_id,
        "seq": row.seq,
        "name": row.name,
        "state": row.state,
        "start_ns": row.start,
        "duration_ns": row.duration,
        "root_span_id": row.root_span_id,
        "span_count": row.span_count,
        "error_count": row.error_count,
        "usage": row.usage,
        "cost": row.cost,
        "models": row.models,
        "providers": row.providers,
        "failed_steps": row.failed_steps,
        "request_preview": row.request_preview,
        "response_preview": row.response_preview,
        "session_id": row.session_id,
        "user": row.user,
        "model_id": row.model_id,
        "run_id": row.run_id,
        "client_request_id": row.client_request_id,
        "experiment_id": row.experiment_id,
        "experiment": row.experiment,
        "tags": row.tags,
        "metadata": row.metadata,
        "assessments": [assessment_shape(assessment) for assessment in row.assessments],
    }


def assessment_shape(row: AssessmentRow) -> JsonObject:
    """Feedback or an expectation."""
    return {
        "id": row.id,
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "name": row.name,
        "type": row.type,
        "value": row.value,
        "rationale": row.rationale,
        "source": row.source,
        "metadata": row.metadata,
        "error": row.error,
        "time_ns": row.time,
    }


def registered_shape(row: RegisteredRow) -> JsonObject:
    """A version of a prompt or of a registered model."""
    return {"created_ns" if name == "created" else name: value for name, value in row._asdict().items()}


def light_span(record: JsonObject) -> JsonObject:
    """A span in a tree, from a record without payload; fields without a value are left out."""
    return {name: value for name, value in _span_fields(record).items() if value is not None}


def _span_fields(record: JsonObject) -> JsonObject:
    start, end = record.get("start", 0), record.get("end")
    return {
        "span_id": record["span_id"],
        "parent_id": record.get("parent_id"),
        "remote_parent": True if record.get("remote_parent") else None,
        "name": record.get("name", ""),
        "type": record.get("type") or semconv.SpanType.UNKNOWN,
        "status": _status(record),
        "message": record.get("message"),
        "start_ns": start,
        "duration_ns": None if end is None else end - start,
        "first_chunk_ns": record.get("first_chunk"),
        "model": record.get("model"),
        "provider": record.get("provider"),
        "usage": record.get("usage"),
        "cost": record.get("cost"),
    }


def _status(record: JsonObject) -> str:
    if record.get("kind") == "start":
        return "INTERRUPTED" if record.get("gone") else "IN_PROGRESS"
    return str(record.get("status") or "UNSET")


def whole_span(record: JsonObject) -> JsonObject:
    """A complete span, from its whole record."""
    plain = record.get("attributes") or {}
    structured = record.get("json") or {}
    derived = {
        "model": _text(plain.get(semconv.RESPONSE_MODEL)) or _text(plain.get(semconv.REQUEST_MODEL)),
        "provider": _text(plain.get(semconv.PROVIDER)),
        "usage": token_usage(plain),
        "first_chunk": first_chunk_ns(plain),
    }
    attributes = {**plain, **structured}
    lifted = {
        field: attributes.pop(name, None) if _HAS_SHAPE[field](attributes.get(name)) else None
        for field, name in _LIFTED.items()
    }
    for field in ("input_messages", "output_messages"):
        if lifted[field] is None:
            lifted[field] = _read_messages(attributes.get(_LIFTED[field]))
    dropped = record.get("dropped") or {}
    return {
        **_span_fields({**derived, **record}),
        "remote_parent": bool(record.get("remote_parent")),
        **lifted,
        "attributes": attributes,
        "events": [_event(event) for event in record.get("events") or ()],
        "links": [{"attributes": {}, **link} for link in record.get("links") or ()],
        "kind": _KINDS.get(record.get("otel_kind", 0), "INTERNAL"),
        "scope": record.get("scope"),
        "dropped": {name: dropped.get(name, 0) for name in _DROPPED},
    }


def is_message(value: object) -> bool:
    """Whether this is a message in the schema of OpenTelemetry's GenAI conventions; others may have sent anything."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("role"), str)
        and _are_parts(value.get("parts"))
        and isinstance(value.get("finish_reason"), _TEXT_OR_NONE)
        and isinstance(value.get("name"), _TEXT_OR_NONE)
    )


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and all(map(is_message, value))


def _read_messages(value: object) -> list[Message] | None:
    """Messages of another shape in that of the conventions; None where they cannot be read."""
    if not isinstance(value, (list, dict, str)) or not value:
        return None
    messages = to_messages(value)
    return messages if _are_messages(messages) else None


def _are_parts(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(part, dict) and isinstance(part.get("type"), str) for part in value
    )


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_any(_value: object) -> bool:
    return True


# values of another shape stay among the attributes
_HAS_SHAPE: dict[str, Callable[[object], bool]] = {
    "inputs": _is_any,
    "outputs": _is_any,
    "input_messages": _are_messages,
    "output_messages": _are_messages,
    "system_instructions": _are_parts,
    "tools": _is_list,
}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _event(event: JsonObject) -> JsonObject:
    attributes = dict(event.get("attributes") or {})
    chunk = attributes.get(semconv.CHUNK)
    if isinstance(chunk, str):
        attributes[semconv.CHUNK] = _parsed(chunk)
    return {"name": event.get("name", ""), "time_ns": event.get("time", 0), "attributes": attributes}


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
