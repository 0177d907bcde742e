"""``POST /v1/traces`` and ``/v1/logs``: from any OpenTelemetry exporter; the response follows the commit.

Log records that say nothing of a span are taken and dropped, and so is all of ``/v1/metrics``.

Source: OpenTelemetry protocol 1.x, "OTLP/HTTP": protobuf and JSON, gzip, partial success, 400 for errors that must not
be retried, 503 with Retry-After for those that may.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer._fault import logger
from tracer._json import JsonObject
from tracer._json_size import VALUES_LIMIT, values_in
from tracer._records.attachments import redacted_line, take_out
from tracer._records.record import AttachmentRecord, Record
from tracer.errors import InvalidArgumentError, StoreError
from tracer.otlp.json import resource_and_records
from tracer.otlp.logs import records_of_logs
from tracer.server import otlp_protobuf
from tracer.server.answer import RETRY_SECONDS, AnswerError
from tracer.server.body import (
    Body,
    check_events,
    check_origins,
    check_places,
    check_spans,
    check_values,
    read_body,
    refuse_if_busy,
    too_many,
)
from tracer.server.metrics import Door
from tracer.server.records import in_parts, record_line, redacted_record
from tracer.server.served import served
from tracer.store import Store

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_REASONS_SHOWN = 3
_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, RecursionError)
_INVALID_ARGUMENT = 3  # google.rpc.Code
_RPC_CODES = {500: 13, 503: 14}


TakeIn = Callable[[Body, str, Callable[[], Store], Door], list[str]]


async def take_spans(request: Request) -> Response:
    """Take in an ExportTraceServiceRequest."""
    return await _taken(request, _take_in, "Spans", "otlp_traces")


async def take_logs(request: Request) -> Response:
    """Take in an ExportLogsServiceRequest."""
    return await _taken(request, _take_in_logs, "LogRecords", "otlp_logs")


async def _taken(request: Request, take_in: TakeIn, what: str, name: str) -> Response:
    """The response to a request whose body is taken in by a thread."""
    state, store = request.app.state, served(request)
    door: Door = state.metrics.door(name)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (PROTOBUF, JSON):
        return _failure(JSON, 415, f"content-type is {media_type[:40]!r}, expected {PROTOBUF} or {JSON}")
    try:
        refuse_if_busy(request)
        with state.bodies.body() as held:
            body = await read_body(request, state.settings, held)
            work = partial(take_in, body, media_type, store.open_store, door)
            refused = await to_thread.run_sync(work, limiter=store.writers)
    except AnswerError as error:
        return _failure(media_type, error.status, str(error))
    except InvalidArgumentError as error:
        return _failure(media_type, 400, str(error))
    except StoreError as error:
        logger.warning("tracer server: %s", error)
        return _failure(media_type, 503, str(error))
    except Exception as error:
        logger.error("tracer server: a request of OTLP could not be taken in", exc_info=error)
        return _failure(media_type, 500, "this is a fault of the server; its log says more")
    door.refused(len(refused))
    return _success(media_type, refused, what)


async def drop_metrics(request: Request) -> Response:
    """Take an ExportMetricsServiceRequest and keep nothing: exporters that send metrics along would complain else."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    media_type = PROTOBUF if media_type == PROTOBUF else JSON
    try:
        with request.app.state.bodies.body() as held:
            await read_body(request, request.app.state.settings, held)  # so that the connection is used again
    except AnswerError as error:
        return _failure(media_type, error.status, str(error))
    return _success(media_type, [], "DataPoints")


def _take_in(body: Body, media_type: str, open_store: Callable[[], Store], door: Door) -> list[str]:
    """Write the spans of a body into the store; the reason of each refused one.

    Raises AnswerError if there is too much in it.
    """
    refused: list[str] = []
    content = body.take()
    found = _resource_spans(content, media_type)
    check_places(content)
    try:
        texts = _Texts()
        batches = [resource_and_records(texts.within(each), refused) for each in found]
    except _UNREADABLE as error:
        raise _no_request(error) from None
    store = open_store()
    for resource, records in batches:
        _append(store, resource, _lines(records, refused), refused, door)
    return refused


def _take_in_logs(body: Body, media_type: str, open_store: Callable[[], Store], door: Door) -> list[str]:
    """Write what the log records of a body say of spans into the store; the reason of each refused one.

    Raises AnswerError if there is too much in it.
    """
    refused: list[str] = []
    content = body.take()
    found = _resource_logs(content, media_type)
    check_places(content)
    try:
        texts = _Texts()
        batches = list(records_of_logs((texts.within(each, "scopeLogs", "logRecords") for each in found), refused))
    except _UNREADABLE as error:
        raise _no_request(error, "ExportLogsServiceRequest") from None
    store = open_store()
    for resource, records in batches:
        _append(store, resource, _log_lines(records, refused), refused, door)
    return refused


def _append(store: Store, resource: JsonObject, lines: Iterator[bytes], refused: list[str], door: Door) -> None:
    resource = redacted_record(_storable(resource, refused))
    owner = _owner_of(resource)
    process = orjson.dumps({"kind": "process", "owner": owner, "resource": resource})
    for part in in_parts(lines):
        store.append([process, *part], owner=owner)
        door.taken(part)


def _log_lines(records: Iterator[JsonObject], refused: list[str]) -> Iterator[bytes]:
    """Lines of log records with their attachments in them, which are kept once it is known for which trace."""
    for line, attachments in _redacted(records, refused):
        yield orjson.dumps({**orjson.loads(line), "attachments": attachments}) if attachments else line


def _lines(records: Iterator[Record], refused: list[str]) -> Iterator[bytes]:
    for line, attachments in _redacted(records, refused):
        yield line
        yield from map(orjson.dumps, attachments)


def _redacted(
    records: Iterator[Record] | Iterator[JsonObject], refused: list[str]
) -> Iterator[tuple[bytes, list[AttachmentRecord]]]:
    """The line of each record without secrets, and its attachments."""
    for record in records:
        try:
            line, attachments = take_out(record_line(record))
        except InvalidArgumentError as error:
            refused.append(str(error))
            continue
        safe = redacted_line(line)
        if safe is not None:
            yield safe, attachments


class _Texts:
    """Counts the keys and values of attributes that are JSON texts: other instrumentations write messages so."""

    def __init__(self) -> None:
        self._count = 0

    def within(self, found: JsonObject, scopes: str = "scopeSpans", items: str = "spans") -> JsonObject:
        """The same, whose items are counted when they are asked for; that raises AnswerError if there are too many."""
        for scope in found.get(scopes) or ():
            scope[items] = map(self._counted, scope.get(items) or ())
        return found

    def _counted(self, span: JsonObject) -> JsonObject:
        if isinstance(span, dict):
            self._count += _values_inside(span.get("body"))  # of a log record
            events = span.get("events")
            for holder in (span, *(events if isinstance(events, list) else ())):
                self._count += sum(map(_values_inside, _attribute_values(holder)))
        if self._count > VALUES_LIMIT:
            raise too_many(VALUES_LIMIT, "keys and values in attributes that are JSON")
        return span


def _attribute_values(holder: object) -> Iterable[object]:
    attributes = holder.get("attributes") if isinstance(holder, dict) else None
    if isinstance(attributes, dict):  # of protobuf
        return attributes.values()
    return [each.get("value") for each in attributes if isinstance(each, dict)] if isinstance(attributes, list) else ()


def _values_inside(value: object) -> int:
    text = value.get("stringValue") if isinstance(value, dict) else value
    if not isinstance(text, str) or text.lstrip()[:1] not in ("[", "{"):
        return 0
    return values_in(text.encode("utf-8", "replace"))


def _storable(resource: JsonObject, refused: list[str]) -> JsonObject:
    """The resource, empty if it cannot be stored: the spans are worth more than their origin."""
    try:
        record_line(resource)
    except InvalidArgumentError as error:
        refused.append(f"resource: {error}")
        return {}
    return resource


def _resource_spans(body: bytes, media_type: str) -> Iterable[JsonObject]:
    if media_type == PROTOBUF:
        return otlp_protobuf.resource_spans_from_protobuf(body)
    found = _listed(body, "resourceSpans", "ExportTraceServiceRequest")
    try:
        scopes = _checked_scopes(found)
    except _UNREADABLE as error:
        raise _no_request(error) from None
    for scope in scopes:
        scope["spans"] = _taken_out(scope.get("spans") or [])
    return found


def _resource_logs(body: bytes, media_type: str) -> Iterable[JsonObject]:
    if media_type == PROTOBUF:
        return otlp_protobuf.resource_logs_from_protobuf(body)
    found = _listed(body, "resourceLogs", "ExportLogsServiceRequest")
    try:
        check_origins(len(found))
        scopes = [scope for resource_logs in found for scope in resource_logs.get("scopeLogs") or ()]
        check_origins(len(found) + len(scopes))
        check_spans(sum(len(scope.get("logRecords") or ()) for scope in scopes), "log records")
        for scope in scopes:
            scope["logRecords"] = _taken_out(scope.get("logRecords") or [])
    except _UNREADABLE as error:
        raise _no_request(error, "ExportLogsServiceRequest") from None
    return found


def _listed(body: bytes, name: str, kind: str) -> list[JsonObject]:
    """The list of this name in a request in JSON."""
    check_values(body)
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"the body is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise _no_request("it is no object", kind)
    found = request.get(name) or []
    if not isinstance(found, list):
        raise _no_request(f"{name} is no list", kind)
    return found


def _taken_out(items: Collection[JsonObject]) -> Iterator[JsonObject]:
    """Each item, which is not kept meanwhile."""
    left = [*items]
    left.reverse()
    while left:
        yield left.pop()


def _checked_scopes(found: list[JsonObject]) -> list[JsonObject]:
    """All scopes. Raises AnswerError if there is too much in them."""
    check_origins(len(found))
    scopes = [scope for resource_spans in found for scope in resource_spans.get("scopeSpans") or ()]
    check_origins(len(found) + len(scopes))
    check_spans(sum(len(scope.get("spans") or ()) for scope in scopes))
    spans = (span for scope in scopes for span in scope.get("spans") or () if isinstance(span, dict))
    lists = (span.get(name) for span in spans for name in ("events", "links"))
    check_events(sum(len(each) for each in lists if isinstance(each, list)))
    return scopes


def _no_request(reason: object, kind: str = "ExportTraceServiceRequest") -> InvalidArgumentError:
    return InvalidArgumentError(f"the body is no {kind}: {reason}")


def _owner_of(resource: JsonObject) -> str:
    """Name of the producer, the same in all of its requests."""
    described = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    return f"otlp-{hashlib.sha256(described).hexdigest()[:16]}"


def _success(media_type: str, refused: list[str], what: str) -> Response:
    message = "; ".join(refused[:_REASONS_SHOWN])
    if media_type == PROTOBUF:
        return Response(otlp_protobuf.response(len(refused), message), 200, media_type=PROTOBUF)
    partial_success = {f"rejected{what}": str(len(refused)), "errorMessage": message}
    return Response(orjson.dumps({"partialSuccess": partial_success} if refused else {}), 200, media_type=JSON)


def _failure(media_type: str, status: int, message: str) -> Response:
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else {}
    code = _RPC_CODES.get(status, _INVALID_ARGUMENT)
    if media_type == PROTOBUF:
        return Response(otlp_protobuf.status(code, message), status, headers, PROTOBUF)
    return Response(orjson.dumps({"code": code, "message": message}), status, headers, JSON)
