"""Review queues: questions for people about traces, and the traces that are left."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError, QueueNotFoundError
from tracer.server.operation import Call
from tracer.server.records import redacted_record
from tracer.server.shapes import trace_shape
from tracer.store import TraceQuery
from tracer.store.filter import parse_order
from tracer.store.reviews import NAME_LIMIT, checked_queue, in_queue, left_for, reviewed, reviewed_by
from tracer.store.rows import StoredQueue

_OLDEST_FIRST = "timestamp asc"


def list_review_queues(call: Call) -> JsonObject:
    """The review queues, newest first."""
    return {"queues": [_shape(queue) for queue in call.store.review_queues()]}


def write_review_queue(call: Call) -> JsonObject:
    """Make the queue of a name, or give it other contents."""
    return _shape(call.store.write_review_queue(checked_queue(redacted_record(checked_queue(call.body)))))


def get_review_queue(call: Call) -> JsonObject:
    """One review queue."""
    return _shape(_queue(call))


def delete_review_queue(call: Call) -> None:
    """Delete a review queue; feedback that was given in it stays."""
    call.store.delete_review_queue(call.path["queue_id"])


def list_traces_to_review(call: Call) -> JsonObject:
    """Traces of a queue that need another review, oldest first; with a reviewer those that they have not reviewed."""
    seq, query = call.store.change_number(), call.query
    left = left_for(_queue(call), _reviewer(call))
    page = call.store.find_traces(TraceQuery(left, parse_order(_OLDEST_FIRST), query["limit"], query["page_token"]))
    return {
        "traces": [trace_shape(row) for row in page.traces],
        "next_page_token": page.next_page_token,
        "complete": page.complete,
        "seq": seq,
    }


def review_progress(call: Call) -> JsonObject:
    """Numbers of a queue's traces: all, those with enough reviews, and those that the given reviewer has reviewed."""
    queue, reviewer = _queue(call), _reviewer(call)
    count = call.store.count_traces
    return {
        "trace_count": count(in_queue(queue)),
        "reviewed_count": count(reviewed(queue)),
        "by_reviewer": None if reviewer is None else count(reviewed_by(queue, reviewer)),
        "left_count": count(left_for(queue, reviewer)),
    }


def _queue(call: Call) -> StoredQueue:
    found = call.store.review_queues(queue_id=call.path["queue_id"])
    if not found:
        raise QueueNotFoundError(f"no review queue has the id {call.path['queue_id'][:60]!r}; it may have been deleted")
    return found[0]


def _reviewer(call: Call) -> str | None:
    name: str | None = call.query["reviewer"]
    if name is not None and len(name) > NAME_LIMIT:
        raise InvalidArgumentError(f"reviewer has {len(name)} characters, expected at most {NAME_LIMIT}")
    return name


def _shape(queue: StoredQueue) -> JsonObject:
    return {f"{name}_ns" if name in ("created", "updated") else name: value for name, value in queue._asdict().items()}
