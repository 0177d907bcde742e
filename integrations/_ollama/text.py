"""Chat and generate: requests and replies as conversations."""

from __future__ import annotations

from tracer._json import JsonMapping
from tracer.messages import text_part, to_message
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_text
from .chunks import ChatAccumulator, FieldAccumulator
from .values import error_in, parameters, times_of, usage_of


def _read_chat_request(body: object) -> Request:
    body = as_dict(body)
    return Request(
        as_text(body.get("model")), body.get("messages"), tools=body.get("tools"), attributes=parameters(body)
    )


def _read_chat_reply(body: object) -> Reply:
    body = as_dict(body)
    return _reply(body, body.get("message"))


def _read_generate_request(body: object) -> Request:
    body = as_dict(body)
    system = as_text(body.get("system"))
    prompt = {"role": "user", "content": body.get("prompt"), "images": body.get("images")}
    return Request(
        as_text(body.get("model")),
        [prompt] if prompt["content"] or prompt["images"] else [],
        system=[text_part(system)] if system else None,
        attributes=parameters(body),
    )


def _read_generate_reply(body: object) -> Reply:
    body = as_dict(body)
    message = {"content": body.get("response"), "thinking": body.get("thinking"), "images": body.get("image")}
    return _reply(body, message if any(message.values()) else None)


def _reply(body: JsonMapping, message: object) -> Reply:
    reason = as_text(body.get("done_reason"))
    messages = []
    if isinstance(message, dict):
        messages.append({**to_message({"role": "assistant", **message}), "finish_reason": reason})
    return Reply(
        model=as_text(body.get("model")),
        messages=messages,
        finish_reasons=[reason] if reason else [],
        usage=usage_of(body),
        attributes=times_of(body),
        **error_in(body),
    )


CHAT = Operation("chat", _read_chat_request, _read_chat_reply, ChatAccumulator)
GENERATE = Operation(
    "text_completion",
    _read_generate_request,
    _read_generate_reply,
    FieldAccumulator,
    span_type=SpanType.LLM,
)
