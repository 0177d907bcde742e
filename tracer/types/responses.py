"""Requests, replies and events of a ResponsesAgent (OpenAI, Responses API), and functions that make their items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, TypeAlias

import orjson

from tracer._distribution import install_advice
from tracer._json import JsonObject

try:
    from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator, model_validator
except ImportError as error:
    raise ImportError(f"a ResponsesAgent's types are made with pydantic 2: {install_advice('models')}") from error

__all__ = [
    "Message",
    "OutputItem",
    "ResponsesAgentRequest",
    "ResponsesAgentResponse",
    "ResponsesAgentStreamEvent",
    "create_annotation_added",
    "create_function_call_item",
    "create_function_call_output_item",
    "create_reasoning_item",
    "create_text_delta",
    "create_text_output_item",
    "output_to_responses_items_stream",
    "responses_agent_output_reducer",
    "responses_to_cc",
    "to_chat_completions_input",
]

_ROLES = ("user", "assistant", "system", "developer")
_CHAT_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")
# fields that an item or an event of a type must have; items and events of other types are taken as they are
_NEEDED = {
    "message": ("content",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "reasoning": ("summary",),
    "response.output_text.delta": ("item_id", "delta"),
    "response.output_text.annotation.added": ("item_id", "annotation"),
    "response.output_item.done": ("item",),
    "response.completed": ("response",),
    "error": ("message",),
}


class _Open(BaseModel):
    """Fields that are not known here are kept."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _from_an_sdks_object(cls, value: Any) -> Any:
        return value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value


class _Typed(_Open):
    type: str

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> Any:
        missing = [name for name in _NEEDED.get(self.type, ()) if getattr(self, name, None) is None]
        if missing:
            raise ValueError(f"an object of the type {self.type!r} needs {', '.join(missing)}")
        return self


class Message(_Open):
    """A message of a request: ``content`` is text or a list of parts such as ``{"type": "input_text", "text": …}``."""

    role: str
    content: str | list[JsonObject]
    type: str = "message"

    @field_validator("role")
    @classmethod
    def _is_known(cls, role: str) -> str:
        if role not in _ROLES:
            raise ValueError(f"is {role!r}, expected one of {', '.join(_ROLES)}")
        return role


class OutputItem(_Typed):
    """An item of a reply, or of an earlier one in a request: a message, a function call and its output, and so on."""


def _item(value: object) -> object:
    """A dict as a message if it has a role, else as another item."""
    if isinstance(value, BaseModel) and not isinstance(value, (Message, OutputItem)):
        value = value.model_dump(exclude_unset=True)
    if not isinstance(value, Mapping):
        return value
    is_message = "role" in value and value.get("type", "message") == "message"
    return Message.model_validate(value) if is_message else OutputItem.model_validate(value)


Item: TypeAlias = Annotated[Message | OutputItem, BeforeValidator(_item)]


class ResponsesAgentRequest(_Open):
    """A request to a ResponsesAgent: ``input`` is a text, or a list of messages and items.

    ``custom_inputs`` is for whatever you like, ``context`` for ``conversation_id`` and ``user_id``.
    """

    input: list[Item]
    custom_inputs: JsonObject | None = None
    context: Context | None = None
    model: str | None = None
    instructions: str | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    reasoning: JsonObject | None = None
    text: JsonObject | None = None
    truncation: str | None = None
    metadata: JsonObject | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    stream: bool | None = None
    background: bool | None = None
    user: str | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _text_as_message(cls, value: object) -> object:
        return [Message(role="user", content=value)] if isinstance(value, str) else value


class Context(_Open):
    """Origin of a request: a conversation, and a user of the app."""

    conversation_id: str | None = None
    user_id: str | None = None


class ResponsesAgentResponse(_Open):
    """A reply of a ResponsesAgent: ``output`` is a list of items, ``output_text`` the text of its messages."""

    output: list[OutputItem]
    id: str | None = None
    object: str = "response"
    created_at: float | None = None
    status: str | None = None
    model: str | None = None
    usage: JsonObject | None = None
    error: JsonObject | None = None
    incomplete_details: JsonObject | None = None
    metadata: JsonObject | None = None
    custom_outputs: JsonObject | None = None

    @property
    def output_text(self) -> str:
        """The text of all messages."""
        return "".join(_texts(item) for item in self.output if item.type == "message")


class ResponsesAgentStreamEvent(_Typed):
    """An event of a streamed reply, such as ``response.output_text.delta`` and ``response.output_item.done``."""

    custom_outputs: JsonObject | None = None


ResponsesAgentRequest.model_rebuild()


def _texts(item: OutputItem) -> str:
    content = item.model_dump().get("content")
    return "".join(part.get("text", "") for part in content or () if part.get("type") == "output_text")


# ---- items and events ----


def create_text_delta(delta: str, item_id: str) -> JsonObject:
    """The event of a piece of a message's text."""
    return {"type": "response.output_text.delta", "item_id": item_id, "delta": delta}


def create_annotation_added(item_id: str, annotation: JsonObject, annotation_index: int | None = 0) -> JsonObject:
    """The event of an annotation, such as a citation, of a message's text."""
    return {
        "type": "response.output_text.annotation.added",
        "item_id": item_id,
        "annotation_index": annotation_index,
        "annotation": annotation,
    }


def create_text_output_item(text: str, id: str, annotations: list[JsonObject] | None = None) -> JsonObject:
    """A message of the assistant."""
    part = {"type": "output_text", "text": text, "annotations": annotations or []}
    return {"type": "message", "id": id, "role": "assistant", "content": [part]}


def create_reasoning_item(id: str, reasoning_text: str) -> JsonObject:
    """The summary of a model's reasoning."""
    return {"type": "reasoning", "id": id, "summary": [{"type": "summary_text", "text": reasoning_text}]}


def create_function_call_item(id: str, call_id: str, name: str, arguments: str) -> JsonObject:
    """A call of a function; ``arguments`` is JSON text."""
    return {"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": arguments}


def create_function_call_output_item(call_id: str, output: str) -> JsonObject:
    """The result of a function call."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


# ---- to and from chat completions ----


def to_chat_completions_input(responses_input: Iterable[JsonObject | BaseModel]) -> list[JsonObject]:
    """Items of a request as messages for a chat completions API."""
    return [message for item in responses_input for message in responses_to_cc(_plain(item))]


def responses_to_cc(message: JsonObject) -> list[JsonObject]:
    """An item as messages of the chat schema."""
    kind = message.get("type", "message")
    if kind == "function_call":
        function = {"name": message["name"], "arguments": message.get("arguments") or "{}"}
        call = {"id": message["call_id"], "type": "function", "function": function}
        # some models refuse a message without content
        return [{"role": "assistant", "content": "tool call", "tool_calls": [call]}]
    if kind == "function_call_output":
        return [{"role": "tool", "content": _as_text(message["output"]), "tool_call_id": message["call_id"]}]
    if kind == "reasoning":
        return [{"role": "assistant", "content": _as_text(message["summary"])}]
    content = message.get("content")
    if isinstance(content, list):
        if all(isinstance(part.get("text"), str) for part in content):
            return [{"role": message["role"], "content": part["text"]} for part in content]
        return [{"role": message["role"], "content": [_chat_part(part) for part in content]}]
    kept: JsonObject = {
        key: message[key] for key in ("role", "content", "name", "tool_calls", "tool_call_id") if key in message
    }
    return [kept] if kept else []


def _chat_part(part: JsonObject) -> JsonObject:
    if part.get("type") == "input_image" and "image_url" in part:
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    return {"type": "text", "text": part["text"]} if isinstance(part.get("text"), str) else part


def output_to_responses_items_stream(
    chunks: Iterable[Any], aggregator: list[JsonObject] | None = None
) -> Iterator[ResponsesAgentStreamEvent]:
    """The events of a streamed chat completion (dicts or the SDK's chunks): texts as they come, then whole items.

    The whole items are added to ``aggregator`` as well.
    """
    text = thought = ""
    calls: dict[int, JsonObject] = {}
    message_id = "msg"
    for chunk in map(_plain, chunks):
        message_id = chunk.get("id") or message_id
        delta = (chunk.get("choices") or [{}])[0].get("delta") or {}
        thought += delta.get("reasoning_content") or ""
        for piece in delta.get("tool_calls") or ():
            _add_call(calls.setdefault(piece.get("index") or 0, {"id": None, "name": "", "arguments": ""}), piece)
        if delta.get("content"):
            text += delta["content"]
            yield ResponsesAgentStreamEvent(**create_text_delta(delta["content"], message_id))
    items = [create_reasoning_item(f"rs_{message_id}", thought)] if thought else []
    items += [create_text_output_item(text, message_id)] if text else []
    for call in (calls[index] for index in sorted(calls)):
        items.append(create_function_call_item(f"fc_{call['id']}", call["id"], call["name"], call["arguments"]))
    for item in items:
        if aggregator is not None:
            aggregator.append(item)
        yield ResponsesAgentStreamEvent.model_validate({"type": "response.output_item.done", "item": item})


def _add_call(call: JsonObject, piece: JsonObject) -> None:
    call["id"] = piece.get("id") or call["id"]
    for key in ("name", "arguments"):
        call[key] += (piece.get("function") or {}).get(key) or ""


def responses_agent_output_reducer(chunks: Iterable[JsonObject | BaseModel]) -> JsonObject:
    """The reply that the events of a stream make up."""
    items = [event["item"] for event in map(_plain, chunks) if event.get("type") == "response.output_item.done"]
    return ResponsesAgentResponse(output=items).model_dump(exclude_none=True)


def _plain(value: Any) -> JsonObject:
    plain: JsonObject = value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else dict(value)
    return plain


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
