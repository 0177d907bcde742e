"""Messages, tool calls and tool definitions of the chat schema (OpenAI, Chat Completions)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tracer._json import JsonObject, encode
from tracer.models.shape import Shape, ValidationError, mapping_of


@dataclass
class FunctionToolCallArguments(Shape):
    """Name and arguments of a function call: ``arguments`` is JSON text; a dict is converted to it."""

    name: str
    arguments: str = "{}"

    def __post_init__(self) -> None:
        if isinstance(self.arguments, Mapping):  # as Ollama has it
            self.arguments = encode(dict(self.arguments)).decode()
        super().__post_init__()

    def to_tool_call(self, id: str | None = None) -> ToolCall:
        """As a tool call of a message."""
        return ToolCall(function=self) if id is None else ToolCall(function=self, id=id)


def _call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"


@dataclass
class ToolCall(Shape):
    """A function call that a model requests; without an id it gets one."""

    function: FunctionToolCallArguments
    id: str = field(default_factory=_call_id)
    type: str = "function"

    def __post_init__(self) -> None:
        self.id = _call_id() if self.id is None else self.id
        self.type = self.type or "function"
        super().__post_init__()


@dataclass
class ChatMessage(Shape):
    """A message: ``content`` is text or a list of typed parts (text, image_url, …), and may be left out where the
    message refuses or calls tools.

    ``ChatMessage(**reply["choices"][0]["message"])`` works for the messages of OpenAI and Ollama and those like them.
    """

    role: str
    content: str | list[JsonObject] | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    # fields that providers add
    annotations: list[Any] | None = None
    audio: JsonObject | None = None
    function_call: FunctionToolCallArguments | None = None
    images: list[Any] | None = None
    parsed: Any = None
    reasoning: Any = None
    reasoning_content: str | None = None
    reasoning_details: Any = None
    thinking: str | None = None
    tool_name: str | None = None

    def __post_init__(self) -> None:
        content: object = self.content
        if isinstance(content, list):  # a provider's objects for the parts
            self.content = [mapping_of(part) or part for part in content]
        super().__post_init__()

    def _check(self) -> None:
        for index, part in enumerate(self.content if isinstance(self.content, list) else ()):
            if not isinstance(part.get("type"), str):
                raise ValidationError(
                    f"content[{index}].type", "is missing, expected such as {'type': 'text', 'text': '…'}"
                )
        if self.content is not None and self.refusal:
            if self.content:
                raise ValidationError("refusal", "cannot stand beside content: a message answers or refuses")
            self.content = None
        parts = (self.content, self.refusal, self.tool_calls, self.function_call, self.audio, self.thinking)
        if all(part is None for part in parts):
            raise ValidationError("content", "is missing, expected a text or a list of parts")
        if not self.role:
            raise ValidationError("role", "is empty, expected such as 'user', 'assistant', 'system' or 'tool'")


_TypeName: TypeAlias = Literal["string", "number", "integer", "object", "array", "boolean", "null"]


@dataclass
class ParamType(Shape):
    """The type of a function's parameter, in JSON Schema."""

    type: _TypeName | None


@dataclass
class ParamProperty(ParamType):
    """One parameter of a function, in JSON Schema."""

    type: _TypeName | None = None
    description: str | None = None
    enum: list[Any] | None = None
    items: JsonObject | None = None
    anyOf: list[JsonObject] | None = None
    default: Any = None

    def __post_init__(self) -> None:
        items: object = self.items
        if isinstance(items, ParamProperty):
            self.items = items.to_dict()
        super().__post_init__()


@dataclass
class ToolParamsSchema(Shape):
    """The parameters of a function, for writing tool definitions in Python."""

    properties: dict[str, ParamProperty]
    type: Literal["object"] = "object"
    required: list[str] | None = None
    additionalProperties: bool | None = None


@dataclass
class FunctionToolDefinition(Shape):
    """A function that a model may call; ``parameters`` is JSON Schema, kept as it is."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None

    def __post_init__(self) -> None:
        parameters: object = self.parameters
        if isinstance(parameters, ToolParamsSchema):
            self.parameters = parameters.to_dict()
        super().__post_init__()

    def to_tool_definition(self) -> ToolDefinition:
        """As a tool of a request."""
        return ToolDefinition(function=self)


@dataclass
class ToolDefinition(Shape):
    """A tool of a request."""

    function: FunctionToolDefinition
    type: str = "function"
