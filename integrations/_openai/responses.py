"""The Responses API: requests, replies and streams."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import content_parts
from tracer.provider import Operation, Reply, Request, SpanType, varying_values

from .._values import as_dict, as_dicts, as_text, given
from .chat import envelope_attributes, output_type_of, parameters, schema_of
from .items import Item, input_messages, items_parts, put_part, waits_for_tools
from .usage import read_usage

TERMINAL_EVENTS = frozenset(
    {"response.completed", "response.failed", "response.incomplete", "response.cancelled", "response.done"}
)
_FINISH_REASONS = {"max_output_tokens": "length", "max_tokens": "length", "content_filter": "content_filter"}
# the field that each kind of delta extends: in the item itself, in its content, or in its summary
_DELTA_FIELD = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.mcp_call.arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
_DELTA_PART = {
    "response.output_text.delta": ("content", "output_text", "text"),
    "response.refusal.delta": ("content", "refusal", "refusal"),
    # of realtime sessions, by their new and old names
    "response.output_audio_transcript.delta": ("content", "output_audio", "transcript"),
    "response.audio_transcript.delta": ("content", "output_audio", "transcript"),
    "response.text.delta": ("content", "output_text", "text"),
    "response.reasoning_text.delta": ("content", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text", "text"),
}


def read_request(body: object) -> Request:
    """Read a request of the Responses API."""
    body = as_dict(body)
    instructions = body.get("instructions")
    return Request(
        as_text(body.get("model")),
        input_messages(body.get("input")),
        system=list(content_parts(instructions)) if isinstance(instructions, str) else items_parts(instructions),
        tools=body.get("tools"),
        output_schema=schema_of(as_dict(body.get("text")).get("format")),
        attributes={**parameters(body), **_own_parameters(body)},
    )


def _own_parameters(body: JsonMapping) -> JsonObject:
    conversation = body.get("conversation")
    own = {
        semconv.CONVERSATION_ID: as_dict(conversation).get("id") or as_text(conversation),
        semconv.REQUEST_PREVIOUS_RESPONSE: body.get("previous_response_id"),
        semconv.REQUEST_REASONING_LEVEL: as_dict(body.get("reasoning")).get("effort"),
        semconv.OUTPUT_TYPE: output_type_of(as_dict(body.get("text")).get("format")),
    }
    return given(own)


def read_reply(body: object) -> Reply:
    """Read a response."""
    body = as_dict(body)
    output = as_dicts(body.get("output"))
    status = as_text(body.get("status"))
    finish_reason = _finish_reason(body, output)
    return Reply(
        model=as_text(body.get("model")),
        id=as_text(body.get("id")),
        messages=_output_messages(output, finish_reason),
        finish_reasons=[finish_reason] if finish_reason else [],
        usage=read_usage(body.get("usage")),
        attributes={
            **envelope_attributes(body),
            semconv.RESPONSE_STATUS: status,
            semconv.CONVERSATION_ID: as_dict(body.get("conversation")).get("id"),
        },
        incomplete=_why_incomplete(body) if status in ("incomplete", "cancelled") else None,
        **_failure(body),
    )


def _output_messages(output: list[Item], finish_reason: str | None) -> list[JsonObject]:
    """One message of the assistant, whatever the number of items."""
    if not output:
        return []
    return [{"role": "assistant", "parts": items_parts(output), "finish_reason": finish_reason}]


def _finish_reason(body: Item, output: list[Item]) -> str | None:
    """The finish reason, by the names of chat completions: the Responses API has only a status."""
    status = body.get("status")
    if status == "completed":
        return "tool_calls" if waits_for_tools(output) else "stop"
    if status == "incomplete":
        reason = _why_incomplete(body)
        return _FINISH_REASONS.get(reason, reason)
    return "error" if status == "failed" else None


def _why_incomplete(body: Item) -> str:
    return str(as_dict(body.get("incomplete_details")).get("reason") or body.get("status"))


def _failure(body: Item) -> JsonObject:
    error = as_dict(body.get("error"))
    if body.get("status") != "failed" and not error:
        return {}
    kind = error.get("code") or error.get("type") or "failed"
    return {"error_type": str(kind), "error_message": as_text(error.get("message")) or str(kind)}


Place = tuple[
    object, object, object, object
]  # of the text that an event extends: type, output, content and summary index


class ResponseAccumulator:
    """Accumulates a streamed response; its terminal event carries the whole response."""

    def __init__(self) -> None:
        self._response: Item = {}
        self._items: dict[int, Item] = {}
        self._texts: dict[tuple[int, str, str, str, int], list[str]] = {}
        self._last_text: tuple[Place | None, list[str]] = (
            None,
            [],
        )  # place and pieces of the text that the last delta extended
        self._annotations: dict[tuple[int, int], list[object]] = {}
        self._is_terminal = False

    varying = varying_values("delta obfuscation", "sequence_number")

    def add(self, event: object) -> bool:
        """Take an event; True if it carries content."""
        if not isinstance(event, dict):
            return False
        if "type" not in event and isinstance(event.get("data"), dict):
            event = as_dict(event["data"])  # openai 1.66 wraps events with unknown names
        kind = event.get("type")
        if not isinstance(kind, str):
            return False
        if kind.endswith(".delta"):
            return self._add_delta(kind, event)
        if isinstance(event.get("response"), dict):
            self._response = event["response"]
            self._is_terminal = kind in TERMINAL_EVENTS
        elif kind == "response.output_item.added":
            self._items[_index(event, "output_index")] = as_dict(event.get("item"))
        elif kind == "response.output_item.done":
            self._finish_item(_index(event, "output_index"), as_dict(event.get("item")))
        elif kind == "response.output_text.annotation.added":
            place = _index(event, "output_index"), _index(event, "content_index")
            self._annotations.setdefault(place, []).append(event.get("annotation"))
        elif kind == "error":
            self._response = {**self._response, "status": "failed", "error": event.get("error") or _error_of(event)}
            self._is_terminal = True
        return False

    def continued(self, event: object) -> tuple[list[str], str] | None:
        """The text that the last delta extended, and what an event adds to it that does nothing else."""
        if type(event) is not dict:
            return None
        delta, (place, pieces) = event.get("delta"), self._last_text
        if type(delta) is not str or delta == "" or _place_of(event) != place:
            return None
        return pieces, delta

    def _add_delta(self, kind: str, event: Item) -> bool:
        delta = event.get("delta")
        if not isinstance(delta, str):
            return bool(delta)
        item = _index(event, "output_index")
        if kind in _DELTA_PART:
            field, part, text = _DELTA_PART[kind]
            place = (item, field, part, text, _index(event, "summary_index" if field == "summary" else "content_index"))
        elif kind in _DELTA_FIELD:
            place = (item, _DELTA_FIELD[kind], "", "", 0)
        else:
            return bool(delta)
        pieces = self._texts.setdefault(place, [])
        pieces.append(delta)
        self._last_text = _place_of(event), pieces
        return bool(delta)

    def _finish_item(self, index: int, item: Item) -> None:
        self._items[index] = item
        for place in [place for place in self._texts if place[0] == index]:
            del self._texts[place]
        self._last_text = None, []

    def is_complete(self) -> bool:
        """Whether the terminal event has arrived."""
        return self._is_terminal

    def reply(self) -> Item:
        """The response in the shape of a reply that was not streamed."""
        if self._is_terminal and self._response.get("output"):
            return self._response
        output = self._output()
        return {**self._response, "output": output} if output or "output" not in self._response else self._response

    def _output(self) -> list[Item]:
        items = {index: dict(item) for index, item in self._items.items()}
        for (index, field, part, text, position), pieces in sorted(self._texts.items()):
            item = items.setdefault(index, {"type": _item_type(field)})
            if part:
                put_part(item, field, position, {"type": part, text: "".join(pieces)})
            else:
                item[field] = "".join(pieces)
        for (index, position), found in self._annotations.items():
            parts = items.get(index, {}).get("content")
            if isinstance(parts, list) and position < len(parts) and not as_dict(parts[position]).get("annotations"):
                parts[position] = {**as_dict(parts[position]), "annotations": found}
        return [items[index] for index in sorted(items)]


def _place_of(event: Item) -> Place:
    get = event.get
    return get("type"), get("output_index"), get("content_index"), get("summary_index")


def _index(event: Item, key: str) -> int:
    index = event.get(key)
    return index if isinstance(index, int) else 0


def _error_of(event: Item) -> Item:
    return {key: event.get(key) for key in ("code", "message", "param")}


def _item_type(field: str) -> str:
    return {
        "content": "message",
        "summary": "reasoning",
        "arguments": "function_call",
        "input": "custom_tool_call",
    }.get(field, "code_interpreter_call")


RESPONSE = Operation("chat", read_request, read_reply, ResponseAccumulator)
FETCHED_RESPONSE = Operation("fetch_response", read_request, read_reply, ResponseAccumulator)
COMPACTION = Operation("responses.compact", read_request, read_reply, ResponseAccumulator, span_type=SpanType.LLM)
