"""Messages that a trace adds to its session: one turn of the conversation."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonObject
from tracer.server.shapes import is_message
from tracer.store import Store, TraceRow
from tracer.store.text import value_of

Message = JsonObject
_USER_ROLES = ("user", "human")


def turn_messages(store: Store, row: TraceRow) -> list[Message]:
    """The request of a trace, the tool calls it took, and the reply, without the history sent along."""
    record = _last_call(store, row)
    if record is not None:
        asked = _list(value_of(record, semconv.INPUT_MESSAGES))
        return [*_since_last_question(asked), *_list(value_of(record, semconv.OUTPUT_MESSAGES))]
    root = store.payload(row.trace_id, row.root_span_id) if row.root_span_id else None
    if root is None:
        return _from_previews(row)
    messages = (("user", value_of(root, semconv.INPUTS)), ("assistant", value_of(root, semconv.OUTPUTS)))
    return [_message(role, value) for role, value in messages if value is not None]


def _last_call(store: Store, row: TraceRow) -> JsonObject | None:
    """The last model call to end that has messages: it includes the results of tools."""
    calls = [span for span in store.spans(row.trace_id, payload=False) if span.get("model") and "end" in span]
    for span in sorted(calls, key=lambda call: int(call["end"]), reverse=True)[:3]:
        record = store.payload(row.trace_id, str(span["span_id"]))
        if record is not None and _list(value_of(record, semconv.INPUT_MESSAGES)):
            return record
    return None


def _since_last_question(messages: list[Message]) -> list[Message]:
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].get("role") in _USER_ROLES:
            return messages[place:]
    return [message for message in messages if message.get("role") not in ("system", "developer")]


def _list(value: object) -> list[Message]:
    return [message for message in value if is_message(message)] if isinstance(value, list) else []


def _from_previews(row: TraceRow) -> list[Message]:
    messages = (("user", row.request_preview), ("assistant", row.response_preview))
    return [_message(role, text) for role, text in messages if text]


def _message(role: str, value: object) -> Message:
    if isinstance(value, dict) and len(value) == 1:  # a function with one argument
        value = next(iter(value.values()))
    kind = "text" if isinstance(value, str) else "json"
    return {"role": role, "parts": [{"type": kind, "content": value}]}
