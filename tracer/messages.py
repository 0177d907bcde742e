"""Conversations in the schema of OpenTelemetry's GenAI conventions: messages, their parts, and tool definitions.

Source: ``gen_ai.input.messages`` and ``gen_ai.output.messages`` in open-telemetry/semantic-conventions-genai.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tracer import semconv
from tracer._fault import log_once, report
from tracer._json import JsonMapping, JsonObject, encode, loads
from tracer._parts import (
    Part,
    audio_part,
    content_parts,
    file_part,
    image_part,
    is_part,
    media_part,
    parsed,
    part_of,
    reasoning_part,
    text_part,
    tool_call_part,
    uri_part,
)

__all__ = [
    "content_parts",
    "file_part",
    "media_part",
    "parsed",
    "set_span_chat_messages",
    "set_span_chat_tools",
    "text_part",
    "to_message",
    "to_messages",
    "to_tools",
    "uri_part",
]

Message = JsonObject

_KEPT = ("name", "finish_reason", "annotations", "logprobs")
_ROLES = {"model": "assistant", "ai": "assistant", "human": "user", "function": "tool"}
_ROLES_OF_TYPES = {  # LangChain's
    "human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool",
    "HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system", "ToolMessage": "tool",
    "HumanMessageChunk": "user", "AIMessageChunk": "assistant", "FunctionMessage": "tool",
}  # fmt: skip
_PARTS_OF_MODELS = frozenset({"reasoning", "tool_call", "server_tool_call"})
_PLAIN_ROLES = frozenset({"system", "developer", "user", "assistant"})
_BESIDE_PARTS = frozenset({"tool_calls", "tool_call_id"})
_ONE_MESSAGE = frozenset({"role", "content", "parts", "tool_calls"})


def set_span_chat_messages(span: Any, messages: object, append: bool = False) -> None:
    """Record a conversation on a span: its input, or with ``append=True`` its output.

    Takes OpenAI-style dicts, providers' message objects (pydantic, dataclass) or any mapping. An unknown shape is kept
    as JSON; nothing is raised.
    """
    try:
        key = semconv.OUTPUT_MESSAGES if append else semconv.INPUT_MESSAGES
        if not _is_recording(span, "set_span_chat_messages"):
            return
        earlier = span.get_attribute(key) if append else None
        added = to_messages(span.within_bounds(key, messages))
        span.set_json(key, [*(earlier if isinstance(earlier, list) else ()), *added])
    except Exception as fault:
        report("recording chat messages", fault)


def set_span_chat_tools(span: Any, tools: object) -> None:
    """Record on a span the tools that a model may call, as they are: any provider's definitions, dicts or objects."""
    try:
        if not _is_recording(span, "set_span_chat_tools"):
            return
        plain = _plain(span.within_bounds(semconv.TOOL_DEFINITIONS, tools))  # in the caller's own form
        span.set_json(semconv.TOOL_DEFINITIONS, plain if isinstance(plain, list) else [plain])
    except Exception as fault:
        report("recording chat tools", fault)


def _is_recording(span: Any, function: str) -> bool:
    if hasattr(span, "is_recording"):
        return bool(span.is_recording())
    log_once(
        f"{function} {type(span)}",
        "tracer.%s recorded nothing: got %.200r as the span, expected that of `with tracer.start_span(…) as span`, or "
        "tracer.get_current_active_span(), which is None outside of every step",
        function,
        span,
    )
    return False


def to_tools(tools: object) -> list[object]:
    """Tool definitions of any provider's in one flat form; tools that are no functions stay as they are."""
    listed = tools if isinstance(tools, (list, tuple)) else [] if tools is None else [tools]
    return [flat for tool in listed for flat in _flat_tools(tool)]


def _flat_tools(tool: object) -> Iterator[object]:
    tool = tool if isinstance(tool, (dict, str)) else _plain(tool)
    if not isinstance(tool, dict):
        yield tool
        return
    declared = next((tool[key] for key in _DECLARATIONS if isinstance(tool.get(key), list)), None)
    if declared is not None:  # Gemini's
        for function in declared:
            yield from _flat_tools(function)
    elif "type" not in tool and len(tool) == 1 and isinstance(content := next(iter(tool.values())), dict):
        kind = next(iter(tool))
        if kind == "toolSpec":  # Bedrock's
            yield from _flat_tools(content)
        else:  # Gemini's own tools, such as {"googleSearch": {}}
            yield {"type": kind, **content}
    else:
        yield _flat_tool(tool)


_DECLARATIONS = ("functionDeclarations", "function_declarations")
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema", "parameters_json_schema")


def _flat_tool(tool: JsonMapping) -> JsonObject:
    inner = next((tool[key] for key in ("function", "custom") if isinstance(tool.get(key), dict)), None)
    fields = dict(tool) if inner is None else {**{k: v for k, v in tool.items() if v is not inner}, **inner}
    found = next((key for key in _SCHEMAS if fields.get(key) is not None), None)
    if found is None and "name" not in fields:
        return fields
    schema = None if found is None else fields[found]
    if isinstance(schema, dict) and set(schema) == {"json"}:  # Bedrock's
        schema = schema["json"]
    known = {
        "type": fields.get("type") or "function",
        "name": fields.get("name"),
        "description": fields.get("description"),
        "parameters": schema,
    }
    rest = {key: value for key, value in fields.items() if key not in known and key not in _SCHEMAS}
    return {**{key: value for key, value in known.items() if value is not None}, **rest}


def to_messages(messages: object, role: str = "user") -> list[Message]:
    """Messages of any known style in the conventions' schema; messages in that schema stay as they are.

    ``role`` is that of text without one.
    """
    if messages is None:
        return []
    plain = messages if isinstance(messages, (list, tuple, dict, str)) else _plain(messages)
    if isinstance(plain, dict) and _ONE_MESSAGE.isdisjoint(plain) and isinstance(plain.get("messages"), list):
        plain = plain["messages"]
    if not isinstance(plain, (list, tuple)):
        return [to_message(plain, role)]
    converted: list[Message] = []
    for message in plain:
        if type(message) is dict and "parts" in message and _is_well_formed(message):
            converted.append(message)
        elif isinstance(message, (list, tuple)):  # one list for each of several prompts
            converted.extend(to_message(inner, role) for inner in message if inner is not None)
        elif message is not None:
            converted.append(to_message(message, role))
    return converted


def to_message(message: object, role: str = "user") -> Message:
    """One message in the conventions' schema."""
    if isinstance(message, str):
        return {"role": role, "parts": [text_part(message)]}
    plain = message if type(message) is dict else _plain(message)
    if isinstance(plain, dict):
        content, named = plain.get("content"), plain.get("role")
        if len(plain) == 2 and type(content) is str and type(named) is str and named in _PLAIN_ROLES:  # the common case
            return {"role": named, "parts": [text_part(content)] if content else []}
        if "parts" in plain and _is_well_formed(plain):
            return plain
        found = _of_framework(plain) or plain
        if "parts" in found and (found["parts"] is not None or "content" not in found):
            return _with_parts(found, role)
        if not (_ONE_MESSAGE.isdisjoint(found) or is_part(found)):
            return _from_chat(found)
        part = part_of(found)
        if part["type"] in _PARTS_OF_MODELS:
            return {"role": "assistant", "parts": [part]}
        if part["type"] == "tool_call_response":
            return {"role": "tool", "parts": [part]}
        if part["type"] != "json":
            return {"role": role, "parts": [part]}
    log_once(f"message {type(message)}", "tracer: a message of an unknown shape (%s) was kept as JSON", type(message))
    return {"role": "unknown", "parts": [{"type": "json", "content": plain}]}


def _of_framework(message: JsonMapping) -> JsonObject | None:
    """A message without the wrapping of a framework: LangChain's two forms, and choices of a reply."""
    inner = message.get("message")
    if isinstance(inner, dict) and _ONE_MESSAGE.isdisjoint(message):
        reason = message.get("finish_reason")
        unwrapped = _of_framework(inner) or inner
        return {**unwrapped, "finish_reason": reason} if reason else {**unwrapped}
    is_constructor, kind = "lc" in message, message.get("type")
    fields = message.get("kwargs") if is_constructor else None if "role" in message else message.get("data")
    if not isinstance(fields, dict):
        if is_constructor or "role" in message or "content" not in message or str(kind) not in _ROLES_OF_TYPES:
            return None
        fields = message
    names = message.get("id") if is_constructor else None
    name = names[-1] if isinstance(names, list) and names else kind
    role = _ROLES_OF_TYPES.get(str(fields.get("type"))) or _ROLES_OF_TYPES.get(str(name)) or fields.get("role")
    calls = fields.get("tool_calls") or _inside(fields, "additional_kwargs", "tool_calls")
    ended = fields.get("response_metadata")
    reason = _first_of(ended, ("finish_reason", "stop_reason")) if isinstance(ended, dict) else None
    return {**fields, "role": role or "user", "tool_calls": calls, "finish_reason": reason}


def _first_of(fields: JsonMapping, names: Iterable[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name)), None)


def _inside(fields: JsonMapping, name: str, inner: str) -> Any:
    found = fields.get(name)
    return found.get(inner) if isinstance(found, dict) else None


def _is_well_formed(message: JsonObject) -> bool:
    """Whether a message follows the conventions as it is."""
    role, parts = message.get("role"), message.get("parts")
    if type(role) is not str or not role or role in _ROLES or type(parts) is not list:
        return False
    if not _BESIDE_PARTS.isdisjoint(message):
        return False
    for part in parts:
        is_text = type(part) is dict and part.get("type") == "text" and type(part.get("content")) is str
        if not is_text and (type(part) is not dict or part_of(part) is not part):
            return False
    return True


def _with_parts(message: JsonObject, role: str) -> Message:
    """A message whose parts are in another form, or that has calls or a result beside them, as LiteLLM's have."""
    named = message.get("role")
    named = _ROLES.get(named, named) if isinstance(named, str) and named else role
    parts = list(content_parts(message["parts"]))
    if named == "tool" and message.get("tool_call_id") and all(part["type"] == "text" for part in parts):
        text = "".join(str(part["content"]) for part in parts)
        parts = [{"type": "tool_call_response", "id": message["tool_call_id"], "response": text}]
    known = [part.get("id") for part in parts if part["type"] == "tool_call"]
    calls = [tool_call_part(call) for call in _listed(message.get("tool_calls"))]
    parts.extend(call for call in calls if call.get("id") is None or call["id"] not in known)
    if parts and named == "user" and all(part["type"] == "tool_call_response" for part in parts):
        named = "tool"
    kept = {key: value for key, value in message.items() if key not in _BESIDE_PARTS}
    return {**kept, "role": named, "parts": parts}


def _from_chat(message: JsonMapping) -> Message:
    role = message.get("role")
    role = _ROLES.get(role, role) if isinstance(role, str) and role else "assistant"
    parts = _tool_results(message) if role == "tool" else list(_chat_parts(message))
    if parts and role == "user" and all(part["type"] == "tool_call_response" for part in parts):
        role = "tool"
    converted: Message = {"role": role, "parts": parts}
    for key in _KEPT:
        if message.get(key):
            converted[key] = message[key]
    return converted


def _chat_parts(message: JsonMapping) -> Iterator[Part]:
    """Parts in the order of generation: reasoning, text, media, tool calls."""
    reasoning = _first_of(message, ("reasoning_content", "reasoning", "thinking"))
    if reasoning is not None:
        yield reasoning_part(reasoning)
    calls = [tool_call_part(call) for call in _listed(message.get("tool_calls"))]
    called = [call["id"] for call in calls if call.get("id")]
    for part in content_parts(message.get("content")):
        if part["type"] != "tool_call" or part.get("id") not in called:  # LangChain has them in both places
            yield part
    if message.get("refusal"):
        yield {"type": "refusal", "content": message["refusal"]}
    if isinstance(message.get("audio"), dict):
        yield audio_part(message["audio"])
    for image in _listed(message.get("images")):
        yield image_part(image)
    yield from calls
    if isinstance(message.get("function_call"), dict):
        yield tool_call_part({"function": message["function_call"]})


def _tool_results(message: JsonMapping) -> list[Part]:
    content = message.get("content")
    parts = [] if isinstance(content, str) or content is None else list(content_parts(content))
    if parts and all(part["type"] == "tool_call_response" for part in parts):
        return parts
    part: Part = {"type": "tool_call_response", "response": parts or content}
    identity = _first_of(message, ("tool_call_id", "tool_name", "name"))
    return [{**part, "id": identity} if identity else part]


def _listed(value: object) -> Iterable[Any]:
    if isinstance(value, (list, tuple)):
        return value
    return () if value is None else (value,)


def _plain(value: object) -> Any:
    return loads(encode(value))
