"""Every operation of the API."""

from __future__ import annotations

from typing import Final

from tracer.server import traces
from tracer.server.operation import PAGE, SELECTION, Operation, Parameter

BASE: Final = "/api/v1"

_ORDER = Parameter("order_by", 'Sort keys, such as "cost desc, name"; newest first by default.')
_CHANGED = Parameter("changed_since", "Only traces that changed after this change number.", "integer")
_POSITION = Parameter("position", "Only spans that ended from this position on, and those that run.", "integer", 0)

OPERATIONS: Final = (
    Operation("GET", "/traces", "List traces.", traces.list_traces, "TracePage", (*SELECTION, _ORDER, *PAGE, _CHANGED)),
    Operation(
        "POST", "/traces/delete", "Delete traces.", traces.delete_traces, "Deleted", body="DeleteTraces", writes=True
    ),
    Operation("GET", "/traces/{trace_id}", "One trace with light spans.", traces.get_trace, "TraceTree", (_POSITION,)),
    Operation("DELETE", "/traces/{trace_id}", "Delete a trace.", traces.delete_trace, status=204, writes=True),
    Operation("GET", "/traces/{trace_id}/spans/{span_id}", "One span, whole.", traces.get_span, "WholeSpan"),
)
