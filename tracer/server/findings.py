"""Findings in traces: avoidable spending, and differences of two traces."""

from __future__ import annotations

from tracer._api.traces import trace_from_stored
from tracer._diff import diff
from tracer._json import JsonObject
from tracer.errors import TraceNotFoundError
from tracer.genai.auditing import audit_of_store
from tracer.server.operation import Call


def audit(call: Call) -> JsonObject:
    """Avoidable spending of model calls in the newest traces of a selection."""
    return audit_of_store(call.store, call.selection, call.query["limit"]).to_dict()


def compare(call: Call) -> JsonObject:
    """The differences of two traces. Raises TraceNotFoundError."""
    traces = []
    for trace_id in (call.path["trace_id"], call.query["other"]):
        stored = call.store.trace(trace_id or "", payload=True)
        if stored is None:
            raise TraceNotFoundError(f"no trace {str(trace_id)[:40]!r} in the store")
        traces.append(trace_from_stored(stored))
    return diff(*traces, ignore=[name for name in (call.query["ignore"] or "").split(",") if name]).to_dict()
