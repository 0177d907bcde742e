"""Records between tracer processes: batches of a journal come in, whole records go out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer._fault import logger
from tracer._json import JsonObject
from tracer._records.attachments import redacted_line
from tracer._redaction.redactor import REDACT_DEFAULT
from tracer.errors import InvalidArgumentError, QueryTimeoutError, TraceNotFoundError
from tracer.server.access import is_allowed
from tracer.server.answer import AnswerError, answer_for
from tracer.server.body import RECORDS_LIMIT, Body, check_places, check_values, read_body, refuse_if_busy, too_many
from tracer.server.metrics import Door
from tracer.server.operation import Call
from tracer.server.served import served
from tracer.server.shapes import trace_shape
from tracer.server.stores import CALLER
from tracer.server.traces import stored_trace
from tracer.store import Store, StoredTrace
from tracer.store.decode import parsed
from tracer.store.shape import put_in_shape

MEDIA_TYPE = "application/x-ndjson"
_OWNER_LIMIT = 200
_MARKS_OF_DELETIONS = (b"restore", b"deleted", b"alias", b"\\u")  # any character may be written as its number
_TRACES_LIMIT = 1000
_ANSWER_BYTES = 8 * 1024 * 1024
_FIRST_TRACES = 8  # that are read at once, while their sizes are unknown
_PART_BYTES = 1 << 20
_LEVELS = 8  # of nesting around a record in responses: each accepted record must fit into them


async def take_records(request: Request) -> Response:
    """Take in records; the response follows the commit. An empty batch is a heartbeat of the owner."""
    state, store = request.app.state, served(request)
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
            raise AnswerError(415, f"expected {MEDIA_TYPE}")
        owner = _checked_owner(request.query_params.get("owner"))
        if owner is not None:
            store.heartbeats.note(owner)
        refuse_if_busy(request)
        with state.bodies.body() as held:
            body = await read_body(request, state.settings, held)
            await to_thread.run_sync(
                _take_in,
                body,
                owner,
                store.open_store,
                state.metrics.door("records"),
                is_allowed("both", request.scope[CALLER].roles),
                limiter=store.writers,
            )
    except Exception as error:
        return answer_for(error)
    return Response(status_code=204)


def _take_in(body: Body, owner: str | None, open_store: Callable[[], Store], door: Door, may_delete: bool) -> None:
    """Write the records of a body into the store."""
    lines = _lines(body.take())
    if not may_delete:
        lines = _without_deletions(lines)
    store = open_store()
    for part in in_parts(lines):
        store.append(part, owner=owner)
        door.taken(part)


def _without_deletions(lines: Sequence[bytes]) -> list[bytes]:
    """The records that only add; the others need a key that may read, too. Refusing all would keep them coming."""
    kept = [line for line in lines if not (any(mark in line for mark in _MARKS_OF_DELETIONS) and _deletes(line))]
    if len(kept) < len(lines):
        logger.warning(
            "tracer server: %d records that delete or restore were left out: that needs a key with the roles read and "
            "write",
            len(lines) - len(kept),
        )
    return kept


def _deletes(line: bytes) -> bool:
    try:
        record, _ = parsed(line)  # read as the store reads it, or it would find deletions that are not seen here
        put_in_shape(record)
        kind = record["kind"]
        return kind == "restore" or record.get("deleted") is True or (kind == "alias" and not record.get("id"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False  # the store leaves it out


def in_parts(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines in lists of about a megabyte: decoded in a store, they take a multiple of that."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        part.append(line)
        size += len(line)
        if size >= _PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _lines(content: bytes) -> list[bytes]:
    """The lines of a body, without secrets. Raises AnswerError for too many lines or values."""
    if content.count(b"\n") >= RECORDS_LIMIT:
        raise too_many(RECORDS_LIMIT, "lines")
    lines = [line for line in content.split(b"\n") if line]
    check_values(*lines)
    check_places(content)
    return [found for line in lines if (found := redacted_line(line)) is not None]


def redacted_record(record: JsonObject) -> JsonObject:
    """A record, or an object of one, without secrets."""
    return cast("JsonObject", orjson.loads(REDACT_DEFAULT(record_line(record))))


def owner_gone(call: Call) -> None:
    """A process has ended: its running traces are marked as interrupted."""
    owner = _checked_owner(call.path["owner"])
    assert owner is not None
    call.store.owner_gone(owner)


def _checked_owner(owner: str | None) -> str | None:
    if owner is not None and not 0 < len(owner) <= _OWNER_LIMIT:
        raise InvalidArgumentError(f"owner is {owner[:40]!r}, expected the name of a process in the journal")
    return owner


def record_line(record: Mapping[str, object]) -> bytes:
    """A record as a line for the store. Raises InvalidArgumentError if it cannot be JSON or is nested too deeply."""
    wrapped: object = record
    for _ in range(_LEVELS):
        wrapped = [wrapped]
    try:
        return orjson.dumps(wrapped)[_LEVELS:-_LEVELS]
    except orjson.JSONEncodeError as error:
        raise InvalidArgumentError(f"this cannot be kept: {error}") from None


def get_records(call: Call) -> JsonObject:
    """A trace with the records of its spans as they were written."""
    return _records_shape(stored_trace(call, payload=bool(call.query["payload"]), after=call.query["position"]))


def _records_shape(stored: StoredTrace) -> JsonObject:
    return {
        "trace": trace_shape(stored.row),
        "records": stored.spans,
        "position": stored.position,
        "resource": stored.resource,
    }


def list_records(call: Call) -> JsonObject:
    """The records of the first of the traces, as many as fit into an answer, and at least one.

    With ``about`` also the trace's own fields, for each trace that is there.
    """
    trace_ids, payload, about = (
        call.body.get("trace_ids"),
        call.body.get("payload", True),
        call.body.get("about", False),
    )
    if not (isinstance(trace_ids, list) and all(isinstance(trace_id, str) for trace_id in trace_ids)):
        raise InvalidArgumentError("trace_ids is no list of texts")
    if len(trace_ids) > _TRACES_LIMIT:
        raise InvalidArgumentError(f"trace_ids has {len(trace_ids)} ids, expected at most {_TRACES_LIMIT}")
    for name, flag in (("payload", payload), ("about", about)):
        if not isinstance(flag, bool):
            raise InvalidArgumentError(f"{name} is {flag!r:.40}, expected true or false")
    found: list[bytes] = []
    size, at_once = 0, _FIRST_TRACES
    while left := trace_ids[len(found) :][:at_once]:
        try:
            part = _records_of(call.store, left, payload=payload, about=about)
        except QueryTimeoutError:
            if found:
                break  # the caller asks again for the rest
            raise
        for item in part:
            size += len(item)
            if found and size > _ANSWER_BYTES:
                return _fragments(found)
            found.append(item)
        # as many more as fit if they are as large as those before
        at_once = max(1, (_ANSWER_BYTES - size) * len(found) // size)
    return _fragments(found)


def _records_of(store: Store, trace_ids: list[str], *, payload: bool, about: bool) -> list[bytes]:
    if not about:
        spans = store.spans_of(trace_ids, payload=payload)
        return [orjson.dumps({"trace_id": trace_id, "records": spans[trace_id]}) for trace_id in trace_ids]
    stored = {each.row.trace_id: _records_shape(each) for each in store.traces(trace_ids)}
    return [orjson.dumps({"trace_id": trace_id, "records": [], **stored.get(trace_id, {})}) for trace_id in trace_ids]


def _fragments(items: list[bytes]) -> JsonObject:
    return {"traces": [orjson.Fragment(item) for item in items]}


def get_record(call: Call) -> JsonObject:
    """The record of one span that has ended."""
    record = call.store.payload(call.path["trace_id"], call.path["span_id"])
    if record is None:
        raise TraceNotFoundError(f"trace {call.path['trace_id'][:40]!r} has no such span that has ended")
    return {"record": record}
