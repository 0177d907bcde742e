"""Traces: the list, one of them, a span's payload, deleting."""

from __future__ import annotations

from starlette.responses import Response

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError, TraceNotFoundError
from tracer.export.lines import otlp_line
from tracer.server.operation import Call, selection
from tracer.server.shapes import light_span, trace_shape, whole_span
from tracer.store import StoredTrace, TraceQuery
from tracer.store.filter import Comparison, Field, all_of, parse_order

_SNIPPETS_LIMIT = 200


def list_traces(call: Call) -> JsonObject:
    """One page of the selected traces."""
    seq = call.store.change_number()  # before the query: a change meanwhile is reported twice rather than missed
    query = call.query
    changed = query["changed_since"]
    since = None if changed is None else Comparison(Field("seq", "number"), ">", changed)
    page = call.store.find_traces(
        TraceQuery(
            all_of(call.selection, since), parse_order(query["order_by"] or None), query["limit"], query["page_token"]
        )
    )
    return {
        "traces": [trace_shape(row) for row in page.traces],
        "next_page_token": page.next_page_token,
        "complete": page.complete,
        "seq": seq,
    }


def list_snippets(call: Call) -> JsonObject:
    """The first place of a text in each of the traces."""
    trace_ids, text = call.body.get("trace_ids"), call.body.get("text")
    if not isinstance(trace_ids, list) or len(trace_ids) > _SNIPPETS_LIMIT:
        raise InvalidArgumentError(f"trace_ids is no list of at most {_SNIPPETS_LIMIT} texts")
    if not isinstance(text, str) or not all(isinstance(trace_id, str) for trace_id in trace_ids):
        raise InvalidArgumentError("trace_ids is no list of texts, or text is none")
    found = call.store.snippets(trace_ids, text)
    return {"snippets": [{"trace_id": trace_id, **snippet._asdict()} for trace_id, snippet in found.items()]}


def get_trace(call: Call) -> JsonObject:
    """A trace with its light spans."""
    seq = call.store.change_number()
    stored = stored_trace(call, after=call.query["position"])
    return {
        "trace": trace_shape(stored.row),
        "spans": [light_span(record) for record in stored.spans],
        "position": stored.position,
        "seq": seq,
        "resource": stored.resource,
    }


def stored_trace(call: Call, *, payload: bool = False, after: int = 0) -> StoredTrace:
    """The trace of the path. Raises TraceNotFoundError."""
    trace_id = call.path["trace_id"]
    stored = call.store.trace(trace_id, payload=payload, after=after)
    if stored is None:
        raise TraceNotFoundError(f"no trace {trace_id[:40]!r} in the store")
    return stored


def get_span(call: Call) -> JsonObject:
    """A complete span."""
    trace_id, span_id = call.path["trace_id"], call.path["span_id"]
    record = call.store.payload(trace_id, span_id)
    if record is None:
        running = [record for record in stored_trace(call).spans if record["span_id"] == span_id]
        if not running:
            raise TraceNotFoundError(f"trace {trace_id[:40]!r} has no span {span_id[:40]!r}")
        record = running[0]
    return whole_span(record)


def get_otlp(call: Call) -> Response:
    """A complete trace on one line, as tracer export writes it and tracer import reads it."""
    line = otlp_line(call.store, stored_trace(call, payload=True))
    return Response(line, 200, {"Cache-Control": "no-store"}, "application/json")


def delete_trace(call: Call) -> None:
    """Delete one trace."""
    if not call.store.delete_traces(trace_ids=[call.path["trace_id"]]):
        raise TraceNotFoundError(f"no trace {call.path['trace_id'][:40]!r} in the store")


def delete_traces(call: Call) -> JsonObject:
    """Delete the traces with these ids, or those that meet the conditions."""
    ids = call.body.get("trace_ids")
    if ids is not None and not (isinstance(ids, list) and all(isinstance(item, str) for item in ids)):
        raise InvalidArgumentError("trace_ids is no list of texts")
    since_ns, until_ns = _whole_number(call.body, "since_ns"), _whole_number(call.body, "until_ns")
    conditions = selection(call.body.get("filter"), since_ns, until_ns)
    if ids is None and conditions is None:
        raise InvalidArgumentError("nothing says which traces to delete; give trace_ids, filter, since_ns or until_ns")
    limit = _whole_number(call.body, "limit")
    if limit is not None and limit < 1:
        raise InvalidArgumentError(f"limit is {limit}, expected a whole number from 1")
    deleted = call.store.delete_traces(trace_ids=ids, filter=conditions, limit=limit) if ids != [] else 0
    return {"deleted": deleted}


def _whole_number(body: JsonObject, name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise InvalidArgumentError(f"{name} is {value!r:.40}, expected a whole number")
    return value
