"""Version 1 of the API: chat and generate, plain and streamed."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import text_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_dicts, as_text, given
from .values import parameters, read_usage, schema_of, units_of, usage_of

_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def read_chat_request(body: object) -> Request:
    """Read a request for the next message of a conversation."""
    body = as_dict(body)
    messages = [_of_history(turn) for turn in as_dicts(body.get("chat_history"))]
    asked = [text_part(body["message"])] if as_text(body.get("message")) else []
    documents = [{"type": "json", "content": {"document": each}} for each in as_dicts(body.get("documents"))]
    if asked or documents:
        messages.append({"role": "user", "parts": [*asked, *documents]})
    if body.get("tool_results"):
        messages.append({"role": "tool", "parts": _results(body["tool_results"])})
    preamble = as_text(body.get("preamble"))
    return Request(
        as_text(body.get("model")),
        messages,
        system=[text_part(preamble)] if preamble else None,
        tools=body.get("tools"),
        output_schema=schema_of(body),
        attributes={**parameters(body), semconv.CONVERSATION_ID: as_text(body.get("conversation_id"))},
    )


def _of_history(turn: JsonMapping) -> JsonObject:
    role = str(turn.get("role"))
    text = as_text(turn.get("message"))
    parts = [*([text_part(text)] if text else []), *_calls(turn), *_results(turn.get("tool_results"))]
    return {"role": _ROLES.get(role, role.lower()), "parts": parts}


def _calls(holder: JsonMapping) -> list[JsonObject]:
    return [
        {"type": "tool_call", "name": call.get("name"), "arguments": call.get("parameters")}
        for call in as_dicts(holder.get("tool_calls"))
    ]


def _results(results: object) -> list[JsonObject]:
    return [
        {"type": "tool_call_response", "id": as_dict(each.get("call")).get("name"), "response": each.get("outputs")}
        for each in as_dicts(results)
    ]


def read_chat_reply(body: object) -> Reply:
    """Read the next message of a conversation."""
    body = as_dict(body)
    reason, text = as_text(body.get("finish_reason")), as_text(body.get("text"))
    usage = usage_of(body)
    answer = {**text_part(text), **given({"annotations": body.get("citations")})} if text else None
    parts = [*([answer] if answer else []), *_calls(body)]
    return Reply(
        id=as_text(body.get("response_id")) or as_text(body.get("generation_id")),
        messages=[{"role": "assistant", "parts": parts, "finish_reason": reason}] if parts else [],
        finish_reasons=[reason] if reason else [],
        usage=read_usage(usage),
        attributes=units_of(usage),
    )


def read_generate_request(body: object) -> Request:
    """Read a request to complete a text."""
    body = as_dict(body)
    prompt = as_text(body.get("prompt"))
    messages = [{"role": "user", "parts": [text_part(prompt)]}] if prompt else []
    return Request(as_text(body.get("model")), messages, attributes=parameters(body))


def read_generate_reply(body: object) -> Reply:
    """Read completed texts."""
    body = as_dict(body)
    texts = as_dicts(body.get("generations"))
    reasons = [as_text(text.get("finish_reason")) for text in texts]
    usage = usage_of(body)
    return Reply(
        id=as_text(body.get("id")),
        messages=[
            {"role": "assistant", "parts": [text_part(as_text(text.get("text")) or "")], "finish_reason": reason}
            for text, reason in zip(texts, reasons)
        ],
        finish_reasons=[reason for reason in reasons if reason],
        usage=read_usage(usage),
        attributes=units_of(usage),
    )


class _Events:
    """Accumulates the events of a stream; the last one has the whole reply."""

    def __init__(self) -> None:
        self._texts: dict[int, list[str]] = {}
        self._others: JsonObject = {}
        self._end: JsonObject = {}

    def add(self, event: JsonObject) -> bool:
        """Take an event; True if it carries content."""
        event = as_dict(event)
        kind, text = event.get("event_type"), event.get("text")
        if kind == "stream-end" or (event.get("is_finished") and not text):
            self._end = event
            return False
        if isinstance(text, str) and kind in ("text-generation", None):
            index = event.get("index")
            self._texts.setdefault(index if isinstance(index, int) else 0, []).append(text)
            if event.get("finish_reason"):
                self._end = event
            return bool(text)
        own = {name: value for name, value in event.items() if name not in ("event_type", "is_finished", "text")}
        for name, value in own.items():
            held = self._others.get(name)
            self._others[name] = [*held, *value] if isinstance(value, list) and isinstance(held, list) else value
        return kind in ("tool-calls-generation", "tool-calls-chunk", "citation-generation")

    def _reply(self, partial: JsonObject) -> JsonObject:
        whole = as_dict(self._end.get("response"))
        reason = given({"finish_reason": self._end.get("finish_reason")})
        return {**partial, **self._others, **whole, **reason}

    def is_complete(self) -> bool:
        """Whether the last event has come."""
        return bool(self._end)


class ChatEvents(_Events):
    """Accumulates a streamed message."""

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        return self._reply({"text": "".join(piece for pieces in self._texts.values() for piece in pieces)})


class GenerateEvents(_Events):
    """Accumulates texts that are completed piece by piece."""

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        return self._reply({"generations": [{"text": "".join(pieces)} for pieces in self._texts.values()]})


CHAT = Operation("chat", read_chat_request, read_chat_reply, ChatEvents)
GENERATE = Operation(
    "text_completion", read_generate_request, read_generate_reply, GenerateEvents, span_type=SpanType.LLM
)
