"""Conversations in the schema of OpenTelemetry's GenAI conventions: messages, their parts, and tool definitions.

Source: ``gen_ai.input.messages`` and ``gen_ai.output.messages`` in open-telemetry/semantic-conventions-genai.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tracer import semconv
from tracer._encoding.media import media_type_of_base64
from tracer._fault import log_once, report
from tracer._json import JsonMapping, JsonObject, encode, loads

Message = JsonObject
Part = JsonObject

_BLOB_AS_URL = 512  # characters of base64 from which content becomes a data URL, and so an attachment of the span
_TEXT_TYPES = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})
_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm16": "audio/L16"}
_KEPT = ("name", "finish_reason", "annotations", "logprobs")
_PLAIN_ROLES = frozenset({"system", "developer", "user", "assistant"})
_ONE_MESSAGE = frozenset({"role", "content", "parts", "tool_calls"})


def set_span_chat_messages(span: Any, messages: object, append: bool = False) -> None:
    """Record a conversation on a span: its input, or with ``append=True`` its output.

    Takes OpenAI-style dicts, providers' message objects (pydantic, dataclass) or any mapping. An unknown shape is kept
    as JSON; nothing is raised.
    """
    try:
        key = semconv.OUTPUT_MESSAGES if append else semconv.INPUT_MESSAGES
        earlier = span.get_attribute(key) if append else None
        span.set_json(key, [*(earlier if isinstance(earlier, list) else ()), *to_messages(messages)])
    except Exception as fault:
        report("recording chat messages", fault)


def set_span_chat_tools(span: Any, tools: object) -> None:
    """Record on a span the tools that a model may call, as they are: any provider's definitions, dicts or objects."""
    try:
        plain = _plain(tools)  # in the caller's own form
        span.set_json(semconv.TOOL_DEFINITIONS, plain if isinstance(plain, list) else [plain])
    except Exception as fault:
        report("recording chat tools", fault)


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


def to_messages(messages: object) -> list[Message]:
    """Messages of any known style in the conventions' schema; messages in that schema stay as they are."""
    if isinstance(messages, (list, tuple)):
        return [to_message(message) for message in messages]
    if messages is None:
        return []
    plain = _plain(messages)
    if isinstance(plain, list):
        return [to_message(message) for message in plain]
    return [to_message(plain)]


def to_message(message: object) -> Message:
    """One message in the conventions' schema."""
    if isinstance(message, str):
        return {"role": "user", "parts": [text_part(message)]}
    plain = message if type(message) is dict else _plain(message)
    if isinstance(plain, dict):
        content = plain.get("content")
        if len(plain) == 2 and type(content) is str and plain.get("role") in _PLAIN_ROLES:  # the common case
            return {"role": plain["role"], "parts": [text_part(content)] if content else []}
        if isinstance(plain.get("parts"), list):
            return plain
        if not _ONE_MESSAGE.isdisjoint(plain):
            return _from_chat(plain)
    log_once(f"message {type(message)}", "tracer: a message of an unknown shape (%s) was kept as JSON", type(message))
    return {"role": "unknown", "parts": [{"type": "json", "content": plain}]}


def _from_chat(message: JsonMapping) -> Message:
    role = str(message.get("role") or "assistant")
    is_tool_result = role in ("tool", "function")
    parts = [_tool_result(message)] if is_tool_result else list(_chat_parts(message))
    converted: Message = {"role": role, "parts": parts}
    for key in _KEPT:
        if message.get(key):
            converted[key] = message[key]
    return converted


def _chat_parts(message: JsonMapping) -> Iterator[Part]:
    """Parts in the order of generation: reasoning, text, media, tool calls."""
    reasoning = next((message[k] for k in ("reasoning_content", "reasoning", "thinking") if message.get(k)), None)
    if reasoning is not None:
        yield {"type": "reasoning", "content": reasoning if isinstance(reasoning, str) else encode(reasoning).decode()}
    yield from content_parts(message.get("content"))
    if message.get("refusal"):
        yield {"type": "refusal", "content": message["refusal"]}
    if isinstance(message.get("audio"), dict):
        yield _audio_part(message["audio"])
    for image in _listed(message.get("images")):
        yield _image_part(image)
    for call in _listed(message.get("tool_calls")):
        yield tool_call_part(call)
    if isinstance(message.get("function_call"), dict):
        yield tool_call_part({"function": message["function_call"]})


def content_parts(content: object) -> Iterator[Part]:
    """The parts of a message's content, which is text, a list of typed parts, or nothing."""
    if content is None or content == "":
        return
    if isinstance(content, str):
        yield text_part(content)
        return
    for part in _listed(content):
        yield _content_part(part)


def _content_part(part: object) -> Part:
    if isinstance(part, str):
        return text_part(part)
    part = _as_dict(part)
    if part is None:
        return {"type": "json", "content": None}
    kind = part.get("type")
    if kind in _TEXT_TYPES or (kind is None and isinstance(part.get("text"), str)):
        kept = {key: part[key] for key in ("annotations", "logprobs") if part.get(key)}
        return {**text_part(part.get("text") or ""), **kept}
    if kind == "refusal":
        return {"type": "refusal", "content": part.get("refusal")}
    convert = _PART_CONVERSIONS.get(str(kind))
    return convert(part) if convert is not None else {"type": "unknown", **part}


def text_part(text: str) -> Part:
    """A part of plain text."""
    return {"type": "text", "content": text}


def tool_call_part(call: object) -> Part:
    """A tool call of a model, its arguments parsed; arguments that are not JSON stay text."""
    call = _as_dict(call) or {}
    function = _as_dict(call.get("function") or call.get("custom")) or call
    arguments = function.get("arguments", function.get("input"))
    part = {"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": parsed(arguments)}
    return {key: value for key, value in part.items() if value is not None or key == "arguments"}


def parsed(arguments: object) -> object:
    """A tool call's arguments as JSON; else the text that the model wrote."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return loads(arguments)
    except ValueError:
        return arguments


def _tool_result(message: JsonMapping) -> Part:
    content = message.get("content")
    response = content if isinstance(content, str) or content is None else list(content_parts(content))
    part: Part = {"type": "tool_call_response", "response": response}
    identity = message.get("tool_call_id") or message.get("tool_name") or message.get("name")
    return {**part, "id": identity} if identity else part


def media_part(modality: str, content: str, mime: str | None) -> Part:
    """Content in base64; without a media type, its first bytes give it."""
    mime = mime or media_type_of_base64(content)
    if len(content) >= _BLOB_AS_URL:
        content = f"data:{mime or 'application/octet-stream'};base64,{content}"
    part: Part = {"type": "blob", "modality": modality, "mime_type": mime, "content": content}
    return {key: value for key, value in part.items() if value is not None}


def uri_part(modality: str, uri: str) -> Part:
    """Content at a URL; a data URL holds the content itself."""
    if not uri.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": uri}
    head, _, content = uri[5:].partition(",")
    return media_part(modality, content, head.split(";")[0] or None)


def file_part(modality: str, file_id: object) -> Part:
    """Content that the provider stores under an id."""
    return {"type": "file", "modality": modality, "file_id": file_id}


def _image_url(part: JsonMapping) -> Part:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(url, str):
        return uri_part("image", url)
    return file_part("image", part.get("file_id"))


def _image_part(image: object) -> Part:
    if not isinstance(image, str):
        return {"type": "json", "content": image}
    return media_part("image", image, media_type_of_base64(image) or "image/png")


def _input_audio(part: JsonMapping) -> Part:
    audio = part.get("input_audio")
    return _audio_part(audio if isinstance(audio, dict) else part)


def _audio_part(audio: JsonMapping) -> Part:
    content = audio.get("data") or audio.get("audio")
    if not isinstance(content, str):
        known = file_part("audio", audio["id"]) if audio.get("id") else {"type": "blob", "modality": "audio"}
        return {**known, **_transcript(audio)}
    kind = audio.get("format")
    mime = _AUDIO_TYPES.get(str(kind), f"audio/{kind}") if kind else media_type_of_base64(content) or "audio/wav"
    return {**media_part("audio", content, mime), **_transcript(audio)}


def _transcript(audio: JsonMapping) -> Part:
    return {"transcript": audio["transcript"]} if audio.get("transcript") else {}


def _file(part: JsonMapping) -> Part:
    file = part.get("file")
    file = file if isinstance(file, dict) else part
    if isinstance(file.get("file_data"), str):
        content = uri_part("file", file["file_data"])
        converted = content if content["type"] == "blob" else media_part("file", file["file_data"], "application/pdf")
    elif isinstance(file.get("file_url"), str):
        converted = uri_part("file", file["file_url"])
    else:
        converted = file_part("file", file.get("file_id"))
    return {**converted, "filename": file["filename"]} if file.get("filename") else converted


def _thinking(part: JsonMapping) -> Part:
    thinking = part.get("thinking")
    texts = [inner.get("text") or "" for inner in _listed(thinking) if isinstance(inner, dict)]
    return {"type": "reasoning", "content": thinking if isinstance(thinking, str) else "".join(texts)}


_PART_CONVERSIONS = {
    "thinking": _thinking,
    "image_url": _image_url,
    "input_image": _image_url,
    "input_audio": _input_audio,
    "output_audio": _input_audio,
    "file": _file,
    "input_file": _file,
}


def _listed(value: object) -> Iterable[Any]:
    if isinstance(value, (list, tuple)):
        return value
    return () if value is None else (value,)


def _plain(value: object) -> Any:
    return loads(encode(value))


def _as_dict(value: object) -> JsonObject | None:
    plain = value if isinstance(value, dict) else _plain(value)
    return plain if isinstance(plain, dict) else None
