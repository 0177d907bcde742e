"""Tags, metadata, session, user, feedback and expectations of a recorded trace."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from tracer._api.assessments import Assessment, AssessmentSource, assessment_from_row, of_type
from tracer._api.tracing import trace_updates
from tracer._encoding.shown import shown_text
from tracer._encoding.text import clean_text
from tracer._ids import is_sampled
from tracer._json import JsonMapping, JsonObject, encode_at_most, loads
from tracer.config import MAX_VALUE_BYTES
from tracer.errors import InvalidArgumentError, NotAllowedError, TraceNotFoundError
from tracer.semconv import OVERRIDDEN_BY, OVERRIDES
from tracer.store.rows import AssessmentRow

_SOURCE_EXAMPLE = 'e.g. source="HUMAN", source={"source_type": "HUMAN", "source_id": "ann"} or an AssessmentSource'
_KEY_LIMIT = 250


def set_trace_tag(trace_id: str, key: str, value: object) -> None:
    """Set a tag of a trace; values other than strings are converted with ``str()``."""
    _check_key(key)
    if value is None:
        raise InvalidArgumentError(
            f"the value of tag {key!r} is None; call delete_trace_tag(trace_id, {key!r}) to remove it"
        )
    _tag(trace_id, key, shown_text(value, MAX_VALUE_BYTES))


def delete_trace_tag(trace_id: str, key: str) -> None:
    """Remove a tag of a trace; without effect if the trace has no such tag."""
    _check_key(key)
    _tag(trace_id, key, None)


def update_trace(
    trace_id: str,
    *,
    tags: JsonMapping | None = None,
    metadata: JsonMapping | None = None,
    session_id: str | None = None,
    user: str | None = None,
) -> None:
    """Update a trace that was recorded, as `update_current_trace` does the one that is; only the given fields change.

    Values of tags and metadata become strings; a value of None removes its key. Raises TraceNotFoundError.
    """
    updates = trace_updates({"session_id": session_id, "user": user}, tags, metadata)
    if not updates:
        raise InvalidArgumentError("update_trace() got nothing to set; pass tags=, metadata=, session_id= or user=")
    _check_stored(trace_id, None)
    _append({"kind": "trace", "trace_id": trace_id, "time": time.time_ns(), **updates})


def log_feedback(
    *,
    trace_id: str,
    name: str = "feedback",
    value: object = None,
    rationale: str | None = None,
    source: AssessmentSource | Mapping[str, str] | str | object = None,
    span_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
    error: BaseException | str | None = None,
) -> Assessment:
    """Record feedback on a trace, or on one of its spans: a number, a string, a bool or a dict.

    ``source`` is "HUMAN", "LLM_JUDGE" or "CODE" (the default), or a dict or an object with ``source_type`` and
    ``source_id``. ``error`` is the reason why there is no value.
    """
    if value is None and error is None:
        raise InvalidArgumentError(
            "log_feedback() got neither value nor error; pass value=…, e.g. value=True or value=0.9"
        )
    return _assess("feedback", trace_id, name, value, rationale, source, span_id, metadata, error)


def log_expectation(
    *,
    trace_id: str,
    name: str,
    value: object,
    source: AssessmentSource | Mapping[str, str] | str | object = None,
    span_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Assessment:
    """Record the expected result of a trace, or of one of its spans, such as the right answer."""
    if value is None:
        raise InvalidArgumentError("log_expectation() got value=None; pass what was expected, e.g. value='Paris'")
    return _assess("expectation", trace_id, name, value, None, source or "HUMAN", span_id, metadata, None)


def _assess(
    kind: str,
    trace_id: str,
    name: str,
    value: object,
    rationale: str | None,
    source: object,
    span_id: str | None,
    metadata: Mapping[str, str] | None,
    error: BaseException | str | None,
) -> Assessment:
    _check_text("name", name)
    _check_stored(trace_id, span_id)
    now = time.time_ns()
    assessment = of_type(
        {
            "assessment_id": f"a-{uuid.uuid4().hex}",
            "trace_id": trace_id,
            "name": name,
            "type": kind,
            "value": loads(encode_at_most(value, MAX_VALUE_BYTES)),
            "span_id": span_id,
            "rationale": rationale,
            "source": source_of(source),
            "metadata": _texts(metadata),
            "error": error if error is None or isinstance(error, str) else f"{type(error).__name__}: {error}",
            "create_time_ms": now // 1_000_000,
        }
    )
    _append(_record(assessment, now))
    return assessment


def log_assessment(trace_id: str, assessment: Assessment) -> Assessment:
    """Record a `Feedback` or an `Expectation` on a trace; returns it as it was recorded."""
    _check_assessment(assessment)
    return _assess(
        assessment.type, trace_id, assessment.name, assessment.value, assessment.rationale, assessment.source,
        assessment.span_id, assessment.metadata, assessment.error,
    )  # fmt: skip


def get_assessment(trace_id: str, assessment_id: str) -> Assessment:
    """Feedback or an expectation by its id. Raises TraceNotFoundError, or InvalidArgumentError for an unknown id."""
    return assessment_from_row(_stored_row(trace_id, assessment_id))


def update_assessment(trace_id: str, assessment_id: str, assessment: Assessment) -> Assessment:
    """Give recorded feedback, or an expectation, the name, value, rationale, error and metadata of another.

    What the other has not (None) stays as it is.
    """
    _check_assessment(assessment)
    old = _stored_row(trace_id, assessment_id)
    if assessment.type != old.type:
        raise InvalidArgumentError(f"{assessment_id!r} is of type {old.type}, the new one of type {assessment.type}")
    value = old.value if assessment.value is None else loads(encode_at_most(assessment.value, MAX_VALUE_BYTES))
    return _rewritten(
        old._replace(
            name=assessment.name,
            value=value,
            rationale=old.rationale if assessment.rationale is None else assessment.rationale,
            error=old.error if assessment.error is None else assessment.error,
            metadata={**old.metadata, **_texts(assessment.metadata)},
        )
    )


def override_feedback(
    *,
    trace_id: str,
    assessment_id: str,
    value: object,
    rationale: str | None = None,
    source: AssessmentSource | Mapping[str, str] | str | object = None,
    metadata: Mapping[str, str] | None = None,
) -> Assessment:
    """Record feedback in the place of other feedback, such as a person's in that of a judge's.

    The other stays to be read, is no longer ``valid``, and counts in no filter and no mean. Unless given, the source is
    HUMAN.
    """
    old = _stored_row(trace_id, assessment_id)
    if old.type != "feedback":
        raise InvalidArgumentError(f"{assessment_id!r} is an expectation; update_assessment() changes it")
    if OVERRIDDEN_BY in old.metadata:
        raise InvalidArgumentError(f"{assessment_id!r} is overridden by {old.metadata[OVERRIDDEN_BY]!r}; override that")
    new = _assess(
        "feedback", trace_id, old.name, value, rationale, source or "HUMAN", old.span_id,
        {**(metadata or {}), OVERRIDES: assessment_id}, None,
    )  # fmt: skip
    _rewritten(old._replace(metadata={**old.metadata, OVERRIDDEN_BY: new.assessment_id}))
    return new


def delete_assessment(trace_id: str, assessment_id: str) -> None:
    """Delete feedback or an expectation; feedback that it overrode counts again."""
    old = _stored_row(trace_id, assessment_id)
    _append({"kind": "assessment", "deleted": True, **_row_record(old)})
    if OVERRIDES in old.metadata:
        for row in _stored_rows(trace_id):
            if row.id == old.metadata[OVERRIDES]:
                metadata = {key: text for key, text in row.metadata.items() if key != OVERRIDDEN_BY}
                _rewritten(row._replace(metadata=metadata))


def _check_assessment(given: object) -> None:
    if not isinstance(given, Assessment):
        raise InvalidArgumentError(
            f"assessment: got {given!r}, expected tracer.entities.Feedback(name=…, value=…) or "
            "tracer.entities.Expectation(name=…, value=…)"
        )


def _rewritten(row: AssessmentRow) -> Assessment:
    _append({"kind": "assessment", **_row_record(row)})
    return assessment_from_row(row)


def _row_record(row: AssessmentRow) -> JsonObject:
    fields = {**row._asdict(), "time": row.time + 1}  # newer than the stored row, but at the same place in the order
    return {name: value for name, value in fields.items() if value is not None}


def _stored_row(trace_id: str, assessment_id: str) -> AssessmentRow:
    _check_text("assessment_id", assessment_id)
    for row in _stored_rows(trace_id):
        if row.id == assessment_id:
            return row
    raise InvalidArgumentError(
        f"trace {trace_id!r} has no assessment {assessment_id!r}; the assessment_id of one in trace.info.assessments "
        "is expected"
    )


def _stored_rows(trace_id: str) -> list[AssessmentRow]:
    from tracer._engine.runtime import runtime

    _check_stored(trace_id, None)
    stored = runtime().store().trace(clean_text(trace_id), payload=False)
    return stored.row.assessments if stored else []


def _texts(metadata: Mapping[str, str] | None) -> dict[str, str]:
    return {str(key): str(item) for key, item in (metadata or {}).items()}


def _record(assessment: Assessment, time_ns: int) -> JsonObject:
    record = {
        "kind": "assessment",
        "id": assessment.assessment_id,
        "trace_id": assessment.trace_id,
        "span_id": assessment.span_id,
        "name": assessment.name,
        "type": assessment.type,
        "value": assessment.value,
        "rationale": assessment.rationale,
        "source": {"type": assessment.source.source_type, "id": assessment.source.source_id},
        "metadata": assessment.metadata,
        "error": assessment.error,
        "time": time_ns,
    }
    return {key: value for key, value in record.items() if value is not None and value != {}}


def source_of(source: object) -> AssessmentSource:
    """The source that a text, a mapping or an object names. Raises InvalidArgumentError."""
    if source is None:
        return AssessmentSource()
    if isinstance(source, AssessmentSource):
        return source
    if isinstance(source, str):
        return AssessmentSource(_source_type(source), "default")
    if isinstance(source, Mapping):
        kind, identity = source.get("source_type", source.get("type")), source.get("source_id", source.get("id"))
    else:
        kind, identity = getattr(source, "source_type", None), getattr(source, "source_id", None)
    if kind is None:
        raise InvalidArgumentError(f"source is {source!r}, which has no source_type; {_SOURCE_EXAMPLE}")
    return AssessmentSource(_source_type(str(getattr(kind, "value", kind))), str(identity or "default"))


def _source_type(text: str) -> str:
    if not text.strip():
        raise InvalidArgumentError(f"source is empty; {_SOURCE_EXAMPLE}")
    return text.strip().upper()


def _tag(trace_id: str, key: str, value: str | None) -> None:
    _check_stored(trace_id, None)
    _append({"kind": "trace", "trace_id": trace_id, "time": time.time_ns(), "tags": {key: value}})


def _check_stored(trace_id: str, span_id: str | None) -> None:
    from tracer._engine.runtime import runtime

    _check_text("trace_id", trace_id)
    if not is_sampled(trace_id, runtime().settings.sample_rate):
        return  # left out by sampling, not a mistake of the caller
    runtime().sync()
    try:
        spans = runtime().store().spans(clean_text(trace_id), payload=False)
    except NotAllowedError:  # the key of a program that only sends
        return
    if not spans:
        raise TraceNotFoundError(
            f"no trace {trace_id!r} in the store; get_last_active_trace_id() and search_traces() give ids"
        )
    if span_id is not None and not any(span["span_id"] == span_id for span in spans):
        raise InvalidArgumentError(
            f"trace {trace_id!r} has no span {span_id!r}; span.span_id of one of its spans is expected"
        )


def _append(record: JsonObject) -> None:
    from tracer._engine.runtime import runtime

    runtime().recorder.append(record)


def _check_key(key: object) -> None:
    _check_text("key", key)
    if len(str(key)) > _KEY_LIMIT:
        raise InvalidArgumentError(f"key has {len(str(key))} characters, expected at most {_KEY_LIMIT}")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(f"{name} is {value!r}, expected a text that is not empty")
