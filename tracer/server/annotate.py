"""Annotations of a trace: session, user, tags, metadata, feedback, expectations."""

from __future__ import annotations

import time
import uuid

from tracer._json import JsonObject
from tracer._redaction.redactor import REDACT_DEFAULT
from tracer.errors import InvalidArgumentError, TraceNotFoundError
from tracer.server.operation import Call
from tracer.server.records import record_line, redacted_record
from tracer.server.shapes import assessment_shape
from tracer.server.traces import stored_trace
from tracer.store.rows import AssessmentRow

_KEY_LIMIT = 250
_TYPES = ("feedback", "expectation")
_UPDATABLE = ("session_id", "user", "tags", "metadata")
_EDITABLE = ("name", "value", "rationale", "metadata")


def update_trace(call: Call) -> None:
    """Set a trace's session, user, tags and metadata; a tag or metadata of null is removed."""
    unknown = call.body.keys() - set(_UPDATABLE)
    if unknown or not call.body:
        given = f"{sorted(unknown)[0]!r:.40} cannot be set" if unknown else "there is nothing to set"
        raise InvalidArgumentError(f"{given}; {', '.join(_UPDATABLE)} can")
    for name in ("session_id", "user"):
        if not isinstance(call.body.get(name, ""), str):
            raise InvalidArgumentError(f"{name} is no text")
    for name in ("tags", "metadata"):
        group = call.body.get(name, {})
        if not isinstance(group, dict) or not all(isinstance(value, (str, type(None))) for value in group.values()):
            raise InvalidArgumentError(f"{name} is no object of texts")
        if not all(0 < len(key) <= _KEY_LIMIT for key in group):
            raise InvalidArgumentError(f"the keys of {name} have 1 to {_KEY_LIMIT} characters")
    trace_id = stored_trace(call).row.trace_id
    _append(call, {"kind": "trace", "trace_id": trace_id, "time": time.time_ns(), **call.body})


def set_tag(call: Call) -> None:
    """Set a tag of a trace."""
    value = call.body.get("value")
    if not isinstance(value, str):
        raise InvalidArgumentError(f"value is {value!r:.40}, expected a text")
    _tag(call, value)


def delete_tag(call: Call) -> None:
    """Remove a tag of a trace."""
    _tag(call, None)


def _tag(call: Call, value: str | None) -> None:
    key = call.path["key"]
    if not 0 < len(key) <= _KEY_LIMIT:
        raise InvalidArgumentError(f"the key of a tag has 1 to {_KEY_LIMIT} characters, this one {len(key)}")
    trace_id = stored_trace(call).row.trace_id
    _append(call, {"kind": "trace", "trace_id": trace_id, "time": time.time_ns(), "tags": {key: value}})


def add_assessment(call: Call) -> JsonObject:
    """Add feedback or an expectation to a trace or one of its spans."""
    body, stored = call.body, stored_trace(call)
    _check(body)
    if body.get("value") is None:
        raise InvalidArgumentError("value is missing: a number, a text, true or false, or any JSON")
    span_id = body.get("span_id")
    if span_id is not None and not any(span["span_id"] == span_id for span in stored.spans):
        raise TraceNotFoundError(f"the trace has no span {span_id!r:.40}")
    row = AssessmentRow(
        id=f"a-{uuid.uuid4().hex}",
        trace_id=stored.row.trace_id,
        span_id=span_id,
        name=body["name"],
        type=body.get("type") or "feedback",
        value=body["value"],
        rationale=body.get("rationale"),
        source=_source(body.get("source")),
        metadata=body.get("metadata") or {},
        error=None,
        time=time.time_ns(),
    )
    return _kept(call, row)


def edit_assessment(call: Call) -> JsonObject:
    """Change feedback or an expectation."""
    old = _stored_assessment(call)
    unknown = call.body.keys() - set(_EDITABLE)
    if unknown:
        raise InvalidArgumentError(f"{sorted(unknown)[0]!r:.40} cannot be changed; {', '.join(_EDITABLE)} can")
    _check({"name": old.name, **call.body})
    changed = {name: value for name, value in call.body.items() if value is not None or name == "rationale"}
    row = old._replace(**{**changed, "time": _later_than(old.time)})
    return _kept(call, row)


def delete_assessment(call: Call) -> None:
    """Delete feedback or an expectation."""
    old = _stored_assessment(call)
    _append(
        call,
        {
            "kind": "assessment",
            "id": old.id,
            "trace_id": old.trace_id,
            "name": old.name,
            "type": old.type,
            "deleted": True,
            "time": _later_than(old.time),
        },
    )


def _stored_assessment(call: Call) -> AssessmentRow:
    wanted = call.path["assessment_id"]
    for row in stored_trace(call).row.assessments:
        if row.id == wanted:
            return row
    raise TraceNotFoundError(f"the trace has no assessment {wanted[:60]!r}")


def _later_than(time_ns: int) -> int:
    # the newer of two records wins, even if clocks differ
    return max(time.time_ns(), time_ns + 1)


def _check(body: JsonObject) -> None:
    if not isinstance(body.get("name"), str) or not 0 < len(body["name"]) <= _KEY_LIMIT:
        raise InvalidArgumentError(f"name is missing, or no text of 1 to {_KEY_LIMIT} characters")
    if body.get("type") not in (None, *_TYPES):
        raise InvalidArgumentError(f"type is {body['type']!r:.40}, expected {' or '.join(_TYPES)}")
    for name in ("rationale", "span_id"):
        if not isinstance(body.get(name), (str, type(None))):
            raise InvalidArgumentError(f"{name} is no text")
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InvalidArgumentError("metadata is no object of texts")


def _source(given: object) -> dict[str, str]:
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise InvalidArgumentError('source is no object such as {"type": "HUMAN", "id": "ann"}')
    return {"type": (given.get("type") or "HUMAN").upper(), "id": given.get("id") or "default"}


def _record(row: AssessmentRow) -> JsonObject:
    return {"kind": "assessment", **{name: value for name, value in row._asdict().items() if value is not None}}


def _kept(call: Call, row: AssessmentRow) -> JsonObject:
    """Store an assessment; the response shows what was stored."""
    record = redacted_record(_record(row))
    _append(call, record)
    return assessment_shape(row._replace(**{name: value for name, value in record.items() if name != "kind"}))


def _append(call: Call, record: JsonObject) -> None:
    call.store.append([REDACT_DEFAULT(record_line(record))])
