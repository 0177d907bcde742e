"""Chat of version 2 of the API: requests, replies, and the accumulator of its streams."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import to_message
from tracer.provider import Operation, Reply, Request

from .._values import as_dict, as_dicts, as_text
from .values import parameters, read_usage, schema_of, units_of, usage_of


def read_request(body: object) -> Request:
    """Read a request for a message."""
    body = as_dict(body)
    documents = _documents(body.get("documents"))
    messages = [_message(message) for message in as_dicts(body.get("messages"))]
    return Request(
        as_text(body.get("model")),
        [*messages, *([{"role": "user", "parts": documents}] if documents else [])],
        tools=body.get("tools"),
        output_schema=schema_of(body),
        attributes={**parameters(body), semconv.REQUEST_REASONING_LEVEL: _thinking(body)},
    )


def read_reply(body: object) -> Reply:
    """Read a message of the model."""
    body = as_dict(body)
    reason = as_text(body.get("finish_reason"))
    usage = usage_of(body)
    message = body.get("message")
    failed = body.get("error")
    return Reply(
        id=as_text(body.get("id")),
        messages=[{**_message({"role": "assistant", **message}), "finish_reason": reason}]
        if isinstance(message, dict)
        else None,
        finish_reasons=[reason] if reason else [],
        usage=read_usage(usage),
        attributes=units_of(usage),
        error_type="error" if failed else None,
        error_message=str(failed) if failed else None,
    )


def _message(message: JsonMapping) -> JsonObject:
    """A message with its plan for tools as reasoning, and its citations at the text that they are about."""
    plan = message.get("tool_plan")
    converted = to_message({**message, "reasoning": plan} if plan else message)
    citations = message.get("citations")
    texts = [part for part in converted["parts"] if part["type"] == "text"]
    if citations and texts:
        texts[-1]["annotations"] = citations
    return converted


def _documents(documents: object) -> list[JsonObject]:
    listed = documents if isinstance(documents, list) else []
    return [{"type": "json", "content": {"document": document}} for document in listed]


def _thinking(body: JsonMapping) -> str | None:
    return as_text(as_dict(body.get("thinking")).get("type"))


class ChatAccumulator:
    """Accumulates a streamed message from its events."""

    def __init__(self) -> None:
        self._reply: JsonObject = {}
        self._role = "assistant"
        self._contents: dict[int, _Pieces] = {}
        self._calls: dict[int, JsonObject] = {}
        self._plan: list[str] = []
        self._citations: list[object] = []

    def add(self, event: JsonObject) -> bool:
        """Take an event; True if it carries content."""
        event = as_dict(event)
        kind, delta = event.get("type"), as_dict(event.get("delta"))
        message = as_dict(delta.get("message"))
        if kind == "message-start":
            self._role = as_text(message.get("role")) or self._role
            self._reply["id"] = event.get("id")
        elif kind == "message-end":
            self._reply.update(delta)
        elif kind == "tool-plan-delta":
            self._plan.append(as_text(message.get("tool_plan")) or "")
        elif kind in ("content-start", "content-delta"):
            content = self._contents.setdefault(_place(event), _Pieces())
            return content.add(as_dict(message.get("content")))
        elif kind in ("tool-call-start", "tool-call-delta"):
            self._add_call(_place(event), message.get("tool_calls"))
        elif kind == "citation-start":
            citations = message.get("citations")
            self._citations.extend(citations if isinstance(citations, list) else [citations])
        return kind in ("tool-plan-delta", "tool-call-start", "tool-call-delta", "citation-start")

    def _add_call(self, index: int, delta: object) -> None:
        delta = next(iter(as_dicts(delta)), {}) if isinstance(delta, list) else as_dict(delta)
        call = self._calls.setdefault(index, {"function": {"arguments": []}})
        function = as_dict(delta.get("function"))
        call["function"]["arguments"].append(as_text(function.get("arguments")) or "")
        call["function"].update({name: value for name, value in function.items() if name != "arguments"})
        call.update({name: value for name, value in delta.items() if name != "function"})

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        message: JsonObject = {"role": self._role}
        if self._plan:
            message["tool_plan"] = "".join(self._plan)
        if self._contents:
            message["content"] = [self._contents[index].whole() for index in sorted(self._contents)]
        if self._calls:
            message["tool_calls"] = [_whole_call(self._calls[index]) for index in sorted(self._calls)]
        if self._citations:
            message["citations"] = self._citations
        return {**self._reply, "message": message}

    def is_complete(self) -> bool:
        """Whether the message has a finish reason."""
        return bool(self._reply.get("finish_reason"))


class _Pieces:
    """A block of content, with the pieces of its texts that have arrived."""

    __slots__ = ("_fields", "_texts")

    def __init__(self) -> None:
        self._fields: JsonObject = {}
        self._texts: dict[str, list[str]] = {}

    def add(self, delta: JsonObject) -> bool:
        has_content = False
        for name, value in delta.items():
            if name in ("text", "thinking") and isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
                has_content = has_content or bool(value)
            elif value is not None:
                self._fields[name] = value
        return has_content

    def whole(self) -> JsonObject:
        texts = {name: "".join(pieces) for name, pieces in self._texts.items()}
        return {"type": "thinking" if "thinking" in texts else "text", **self._fields, **texts}


def _whole_call(call: JsonObject) -> JsonObject:
    function = call["function"]
    return {"type": "function", **call, "function": {**function, "arguments": "".join(function["arguments"])}}


def _place(event: JsonMapping) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


CHAT = Operation("chat", read_request, read_reply, ChatAccumulator)
