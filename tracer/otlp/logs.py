"""Log records of OTLP, as far as they have the name of an event.

Source: OpenTelemetry protocol 1.x, "Logs"; a name is the record's own since 1.5, before that an attribute or the body.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from tracer._json import JsonMapping, JsonObject
from tracer.dialects.dialect import Log
from tracer.dialects.logs import LogReader
from tracer.otlp.values import UNREADABLE, attributes_from_otlp, hex_id, reason_of, time_of, value_from_otlp


def records_of_logs(
    found: Iterable[JsonMapping], refused: list[str]
) -> Iterator[tuple[JsonObject, Iterator[JsonObject]]]:
    """Of each ResourceLogs its resource, and the records of what its log records say of spans.

    Those that break OTLP are left out; ``refused`` gets the reasons. Each is read when it is asked for.
    """
    reader = LogReader()
    for resource_logs in found:
        resource = attributes_from_otlp((resource_logs.get("resource") or {}).get("attributes"))
        yield resource, (record for log in _logs(resource_logs, refused) for record in reader.records(log))


def _logs(resource_logs: JsonMapping, refused: list[str]) -> Iterator[Log]:
    for scope_logs in resource_logs.get("scopeLogs") or ():
        scope = (scope_logs.get("scope") or {}).get("name") or ""
        for record in scope_logs.get("logRecords") or ():
            try:
                log = _log(record, scope)
            except UNREADABLE as error:
                refused.append(reason_of(error))
            else:
                if log is not None:
                    yield log


def _log(record: JsonMapping, scope: str) -> Log | None:
    body = record.get("body")
    return log_of(
        attributes_from_otlp(record.get("attributes")),
        value_from_otlp(body) if isinstance(body, dict) else body,
        name=record.get("eventName"),
        time_ns=time_of(record.get("timeUnixNano"), "timeUnixNano")
        or time_of(record.get("observedTimeUnixNano"), "observedTimeUnixNano"),
        trace_id=_id(record, "traceId", 16),
        span_id=_id(record, "spanId", 8),
        scope=scope,
    )


def _id(record: JsonMapping, field: str, size: int) -> str:
    """An id; empty for none, which some producers write as zeros."""
    value = record.get(field) or ""
    return hex_id(value, size, field) if value.strip("0") else ""


def log_of(
    attributes: JsonObject,
    body: object,
    *,
    name: str | None,
    time_ns: int | None,
    trace_id: str,
    span_id: str,
    scope: str,
) -> Log | None:
    """A log record by its fields; None for one without a name."""
    names = (name, attributes.get("event.name"), body)
    found = [each for each in names if isinstance(each, str) and each and len(each) < _LONGEST_NAME]
    if not found:
        return None
    # the most specific, as in event.name = "api_request" beside the body "claude_code.api_request"
    best = next((each for each in found if "." in each and " " not in each), found[0])
    if body is not None and body != best:
        attributes = {**attributes, "body": body}
    has_span = bool(trace_id and span_id)
    return Log(
        best, time_ns or time.time_ns(), attributes, trace_id if has_span else "", span_id if has_span else "", scope
    )


_LONGEST_NAME = 200
