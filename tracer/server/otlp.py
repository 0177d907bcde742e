"""``POST /v1/traces``: spans from any OpenTelemetry exporter; the response follows the commit.

Source: OpenTelemetry protocol 1.x, "OTLP/HTTP": protobuf and JSON, gzip, partial success, 400 for errors that must not
be retried, 503 with Retry-After for those that may.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer._fault import logger
from tracer._json import JsonObject
from tracer._records.attachments import take_out
from tracer._records.record import Record
from tracer._redaction.redactor import REDACT_DEFAULT
from tracer.errors import InvalidArgumentError, StoreError
from tracer.otlp.json import Batch, batch_from_request
from tracer.server import otlp_protobuf
from tracer.server.answer import AnswerError
from tracer.server.body import check_spans, check_values, read_body, refuse_if_busy
from tracer.server.records import record_line, redacted_record
from tracer.store import Store

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_RETRY_SECONDS = "2"
_REASONS_SHOWN = 3
_INVALID_ARGUMENT = 3  # google.rpc.Code
_RPC_CODES = {500: 13, 503: 14}


async def take_spans(request: Request) -> Response:
    """Take in an ExportTraceServiceRequest."""
    state = request.app.state
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (PROTOBUF, JSON):
        return _failure(JSON, 415, f"content-type is {media_type[:40]!r}, expected {PROTOBUF} or {JSON}")
    try:
        refuse_if_busy(request)
        # two steps, so that the body is not kept while its spans are written
        read = partial(_batches, await read_body(request, state.settings), media_type)
        batches, refused = await to_thread.run_sync(read, limiter=state.writers)
        del read
        write = partial(_take_in, batches, refused, state.open_store)
        await to_thread.run_sync(write, limiter=state.writers)
    except AnswerError as error:
        return _failure(media_type, error.status, str(error))
    except InvalidArgumentError as error:
        return _failure(media_type, 400, str(error))
    except StoreError as error:
        logger.warning("tracer server: %s", error)
        return _failure(media_type, 503, str(error))
    except Exception as error:
        logger.error("tracer server: spans could not be taken in", exc_info=error)
        return _failure(media_type, 500, "this is a fault of the server; its log says more")
    return _success(media_type, refused)


async def drop_metrics(request: Request) -> Response:
    """Take an ExportMetricsServiceRequest and keep nothing: exporters that send metrics along would complain else."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    media_type = PROTOBUF if media_type == PROTOBUF else JSON
    try:
        await read_body(request, request.app.state.settings)  # within its bounds; the connection is then used again
    except AnswerError as error:
        return _failure(media_type, error.status, str(error))
    return _success(media_type, [])


def _batches(body: bytes, media_type: str) -> tuple[list[Batch], list[str]]:
    """The spans of a request, and the reason of each refused one. Raises AnswerError if it has too many values."""
    refused: list[str] = []
    if media_type == PROTOBUF:
        return otlp_protobuf.batches_from_protobuf(body, refused), refused
    return _batches_from_json(body, refused), refused


def _take_in(batches: list[Batch], refused: list[str], open_store: Callable[[], Store]) -> None:
    """Write spans into the store; ``refused`` gets the reason of each refused one."""
    store = open_store()
    for batch in batches:
        lines = _lines(batch.records, refused)
        if lines:
            resource = redacted_record(_storable(batch.resource, refused))
            owner = _owner_of(resource)
            process = {"kind": "process", "owner": owner, "resource": resource}
            store.append([orjson.dumps(process), *lines], owner=owner)


def _lines(records: list[Record], refused: list[str]) -> list[bytes]:
    lines: list[bytes] = []
    records.reverse()
    while records:
        record = records.pop()  # a record and its line are not both kept
        try:
            line, attachments = take_out(record_line(record))
            line = REDACT_DEFAULT(line)
        except InvalidArgumentError as error:
            refused.append(str(error))
            continue
        lines.append(line)
        lines.extend(map(orjson.dumps, attachments))
    return lines


def _storable(resource: JsonObject, refused: list[str]) -> JsonObject:
    """The resource, empty if it cannot be stored: the spans are worth more than their origin."""
    try:
        record_line(resource)
    except InvalidArgumentError as error:
        refused.append(f"resource: {error}")
        return {}
    return resource


def _batches_from_json(body: bytes, refused: list[str]) -> list[Batch]:
    check_values(body)
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"the body is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise InvalidArgumentError("the body is no ExportTraceServiceRequest: it is no object")
    found = request.get("resourceSpans")
    if not isinstance(found, (list, type(None))):
        raise InvalidArgumentError("the body is no ExportTraceServiceRequest: resourceSpans is no list")
    try:
        scopes = (scope for resource_spans in found or () for scope in resource_spans.get("scopeSpans") or ())
        check_spans(sum(len(scope.get("spans") or ()) for scope in scopes))
        return [batch_from_request(resource_spans, refused) for resource_spans in found or ()]
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidArgumentError(f"the body is no ExportTraceServiceRequest: {error}") from None


def _owner_of(resource: JsonObject) -> str:
    """Name of the producer, the same in all of its requests."""
    described = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    return f"otlp-{hashlib.sha256(described).hexdigest()[:16]}"


def _success(media_type: str, refused: list[str]) -> Response:
    message = "; ".join(refused[:_REASONS_SHOWN])
    if media_type == PROTOBUF:
        return Response(otlp_protobuf.response(len(refused), message), 200, media_type=PROTOBUF)
    partial_success = {"rejectedSpans": str(len(refused)), "errorMessage": message}
    return Response(orjson.dumps({"partialSuccess": partial_success} if refused else {}), 200, media_type=JSON)


def _failure(media_type: str, status: int, message: str) -> Response:
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else {}
    code = _RPC_CODES.get(status, _INVALID_ARGUMENT)
    if media_type == PROTOBUF:
        return Response(otlp_protobuf.status(code, message), status, headers, PROTOBUF)
    return Response(orjson.dumps({"code": code, "message": message}), status, headers, JSON)
