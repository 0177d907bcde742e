"""Parts of messages in the schema of OpenTelemetry's GenAI conventions, from the blocks of any provider or framework.

Source: ``gen_ai.input.messages`` in open-telemetry/semantic-conventions-genai; content blocks of OpenAI, Anthropic,
Gemini, Bedrock's Converse, LangChain, the Vercel AI SDK and PydanticAI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tracer._encoding.media import media_type_of_base64
from tracer._json import JsonMapping, JsonObject, encode, loads

Part = JsonObject

_BLOB_AS_URL = 512  # characters of base64 from which content becomes a data URL, and so an attachment of the span
_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm16": "audio/L16"}
_MODALITIES = frozenset({"image", "audio", "video"})
_CALL_IDS = ("call_id", "toolCallId", "tool_call_id", "toolUseId", "tool_use_id", "callId", "ref", "id")
_RESULTS = ("response", "result", "output", "content")
_CACHE_POINT = {"cachePoint"}  # Bedrock's mark for the end of the cached part of a prompt, which is no content


def content_parts(content: object) -> Iterator[Part]:
    """The parts of a message's content, which is text, a block, a list of them, or nothing."""
    if content is None or content == "":
        return
    if isinstance(content, str):
        yield text_part(content)
        return
    for part in _listed(content):
        if isinstance(part, (list, tuple)):
            yield from (part_of(inner) for inner in part if inner is not None)
        elif isinstance(part, dict) and "type" not in part and isinstance(part.get("parts"), (list, str)):
            yield from content_parts(part["parts"])  # Gemini's contents
        elif part is not None and not (isinstance(part, dict) and part.keys() == _CACHE_POINT):
            yield part_of(part)


def part_of(value: object) -> Part:
    """One part; a part that follows the conventions stays as it is."""
    if isinstance(value, str):
        return text_part(value)
    block = value if isinstance(value, dict) else loads(encode(value))
    if not isinstance(block, dict):
        return {"type": "json", "content": block}
    kind = block.get("type")
    if isinstance(kind, str) and kind:
        convert = _BY_TYPE.get(kind)
        if convert is not None:
            return convert(block)
        return _server_tool_result(block) if kind.endswith("_tool_result") else block
    for key, convert_inner in _BY_KEY.items():
        if block.get(key) is not None:
            return convert_inner(block[key], block)
    return {"type": "json", "content": block}


def is_part(block: JsonMapping) -> bool:
    """Whether a map has the type of a part of a message."""
    return "role" not in block and isinstance(block.get("type"), str) and block["type"] in _BY_TYPE


def text_part(text: str) -> Part:
    """A part of plain text."""
    return {"type": "text", "content": text}


def tool_call_part(call: object) -> Part:
    """A tool call of a model, its arguments parsed; arguments that are not JSON stay text."""
    call = _as_dict(call) or {}
    function = _as_dict(call.get("function") or call.get("custom")) or call
    arguments = _first(function, ("arguments", "args", "input"))
    name = _first(function, ("name", "toolName", "tool_name"))
    part = {"type": "tool_call", "id": _first(call, _CALL_IDS), "name": name, "arguments": parsed(arguments)}
    return {key: value for key, value in part.items() if value is not None or key == "arguments"}


def tool_result_part(result: JsonMapping) -> Part:
    """The result of a tool call, by any provider's names."""
    response = _first(result, _RESULTS)
    if isinstance(response, dict) and response.get("type") in ("text", "json") and "value" in response:
        response = response["value"]  # the Vercel AI SDK's
    elif isinstance(response, list) and any(_is_block(item) for item in response):
        response = [part_of(item) for item in response if item is not None]
    part: Part = {"type": "tool_call_response", "response": response}
    known = {"id": _first(result, (*_CALL_IDS, "tool_name", "name")), "name": _first(result, ("name", "toolName"))}
    failed = result.get("is_error") or result.get("isError") or result.get("status") == "error"
    return {**part, **{k: v for k, v in known.items() if v is not None}, **({"is_error": True} if failed else {})}


def _is_block(item: object) -> bool:
    return isinstance(item, dict) and (isinstance(item.get("type"), str) or isinstance(item.get("text"), str))


def reasoning_part(reasoning: object) -> Part:
    """A model's reasoning, as text."""
    return {"type": "reasoning", "content": _text_of(parsed_list(reasoning), "\n\n")}


def parsed(arguments: object) -> object:
    """A tool call's arguments as JSON; else the text that the model wrote."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return loads(arguments)
    except ValueError:
        return arguments


def parsed_list(value: object) -> object:
    """A list of blocks that was written as JSON text; anything else as it is."""
    if isinstance(value, str) and value.startswith("[{"):
        found = parsed(value)
        return found if isinstance(found, list) and all(map(_is_block, found)) else value
    return value


def _text_of(value: object, joint: str = "") -> str:
    """The text inside a value; other values as JSON."""
    if isinstance(value, str) or value is None:
        return value or ""
    if isinstance(value, (list, tuple)):
        return joint.join(filter(None, (_text_of(item) for item in value)))
    if isinstance(value, dict):
        for key in ("text", "content", "thinking", "reasoning", "summary"):
            if isinstance(value.get(key), str):
                return str(value[key])
    return encode(value).decode()


# --- media


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


def image_part(image: object) -> Part:
    """An image of a message of Ollama's: base64."""
    if not isinstance(image, str):
        return {"type": "json", "content": image}
    return media_part("image", image, media_type_of_base64(image) or "image/png")


def audio_part(audio: JsonMapping) -> Part:
    """Sound as OpenAI sends and takes it, with its transcript."""
    content = audio.get("data") or audio.get("audio")
    if not isinstance(content, str):
        known = file_part("audio", audio["id"]) if audio.get("id") else {"type": "blob", "modality": "audio"}
        return {**known, **_transcript(audio)}
    kind = audio.get("format")
    mime = _AUDIO_TYPES.get(str(kind), f"audio/{kind}") if kind else media_type_of_base64(content) or "audio/wav"
    return {**media_part("audio", content, mime), **_transcript(audio)}


def _transcript(audio: JsonMapping) -> Part:
    return {"transcript": audio["transcript"]} if audio.get("transcript") else {}


def _modality(mime: object) -> str:
    kind = str(mime or "").partition("/")[0]
    return kind if kind in _MODALITIES else "file"


# --- blocks with a type


def _text(part: JsonObject) -> Part:
    content = part.get("content")
    if type(content) is str and part["type"] == "text":
        return part
    kept = {key: part[key] for key in ("annotations", "logprobs") if part.get(key)}
    if part.get("citations"):
        kept["annotations"] = part["citations"]
    text = part.get("text")
    return {**text_part(_text_of(content if text is None else text)), **kept}


def _reasoning(part: JsonObject) -> Part:
    content = part.get("content")
    if type(content) is str and part["type"] == "reasoning" and not content.startswith("[{"):
        return part
    texts = [part.get(key) for key in ("thinking", "reasoning", "text", "summary", "content")]
    joined = "\n\n".join(filter(None, (str(reasoning_part(text)["content"]) for text in texts if text)))
    return {"type": "reasoning", "content": joined}


def _redacted_thinking(_: JsonObject) -> Part:
    return {"type": "reasoning", "content": "", "redacted": True}


def _tool_call(part: JsonObject) -> Part:
    if part["type"] == "tool_call" and "arguments" in part and not isinstance(part["arguments"], str):
        return part
    return tool_call_part(part)


def _tool_result(part: JsonObject) -> Part:
    if part["type"] == "tool_call_response" and "response" in part:
        return part
    return tool_result_part(part)


def _server_tool_use(block: JsonObject) -> Part:
    name = block.get("name")
    call = {"type": name, "arguments": block.get("input"), "server_name": block.get("server_name")}
    given = {key: value for key, value in call.items() if value is not None}
    return {"type": "server_tool_call", "id": block.get("id"), "name": name, "server_tool_call": given}


def _server_tool_result(block: JsonObject) -> Part:
    result = {key: value for key, value in block.items() if key != "tool_use_id"}
    return {"type": "server_tool_call_response", "id": block.get("tool_use_id"), "server_tool_call_response": result}


def _refusal(part: JsonObject) -> Part:
    return {"type": "refusal", "content": part.get("refusal", part.get("content"))}


def _image_url(part: JsonObject) -> Part:
    image = part.get("image_url", part.get("url"))
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(url, str):
        return uri_part("image", url)
    return file_part("image", part.get("file_id"))


def _input_audio(part: JsonObject) -> Part:
    audio = part.get("input_audio")
    return audio_part(audio if isinstance(audio, dict) else part)


def _file(part: JsonObject) -> Part:
    file = part.get("file")
    file = file if isinstance(file, dict) else part
    media = _media(file)
    if media is not None:
        converted = media
    elif isinstance(file.get("file_data"), str):
        content = uri_part("file", file["file_data"])
        converted = content if content["type"] == "blob" else media_part("file", file["file_data"], "application/pdf")
    elif isinstance(file.get("file_url"), str):
        converted = uri_part("file", file["file_url"])
    else:
        converted = file_part("file", file.get("file_id"))
        if file is part and part.get("modality"):
            return part
    return {**converted, "filename": file["filename"]} if file.get("filename") else converted


def _source(part: JsonObject) -> Part:
    """An image or a document: Anthropic's, with a source of its own, or a framework's."""
    modality = "image" if part["type"] == "image" else "file"
    source = part.get("source") if isinstance(part.get("source"), dict) else part
    assert isinstance(source, dict)
    title = {"filename": part["title"]} if isinstance(part.get("title"), str) else {}
    kind, content = source.get("type"), source.get("data", source.get("image", source.get("base64")))
    if kind == "text" and isinstance(content, str):
        return {**text_part(content), **title}
    if isinstance(source.get("file_id"), str):
        return {**file_part(modality, source["file_id"]), **title}
    if isinstance(content, str) and content.startswith(("data:", "http")):
        return {**uri_part(modality, content), **title}
    if isinstance(content, str):
        return {**media_part(modality, content, _mime(source)), **title}
    url = source.get("url")
    return {**uri_part(modality, url), **title} if isinstance(url, str) else part


def _mime(holder: JsonMapping) -> str | None:
    found = _first(holder, ("media_type", "mime_type", "mimeType", "mediaType", "contentType"))
    return found if isinstance(found, str) else None


def _media(part: JsonMapping) -> Part | None:
    """Media by its type and data, as Gemini, LangChain, PydanticAI and the Vercel AI SDK name them."""
    mime = _mime(part)
    content = part.get("data", part.get("content"))
    if isinstance(content, str) and mime:
        if content.startswith(("data:", "http")):
            return uri_part(_modality(mime), content)
        # Google's SDK writes URL-safe base64
        return media_part(_modality(mime), content.replace("-", "+").replace("_", "/"), mime)
    uri = _first(part, ("file_uri", "fileUri", "url", "uri"))
    return uri_part(_modality(mime), uri) if isinstance(uri, str) else None


def _media_block(part: JsonObject) -> Part:
    return _media(part) or part


_BY_TYPE: dict[str, Callable[[JsonObject], Part]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "summary_text", "reasoning_text"), _text),
    **dict.fromkeys(("reasoning", "thinking"), _reasoning),
    "redacted_thinking": _redacted_thinking,
    **dict.fromkeys(("tool_call", "tool-call", "tool_use", "function_call", "function"), _tool_call),
    **dict.fromkeys(
        ("tool_call_response", "tool_result", "tool-result", "function_call_output", "function_result"), _tool_result
    ),
    **dict.fromkeys(("server_tool_use", "mcp_tool_use"), _server_tool_use),
    "refusal": _refusal,
    **dict.fromkeys(("image_url", "input_image", "image-url"), _image_url),
    **dict.fromkeys(("image", "document"), _source),
    **dict.fromkeys(("input_audio", "output_audio"), _input_audio),
    **dict.fromkeys(("file", "input_file"), _file),
    **dict.fromkeys(("media", "binary", "audio", "video", "audio-url", "video-url", "document-url"), _media_block),
}


# --- blocks without a type, known by a key: Gemini's and Bedrock's


def _keyed_text(text: object, block: JsonObject) -> Part:
    content = _text_of(text)
    return {"type": "reasoning", "content": content} if block.get("thought") else text_part(content)


def _keyed_call(call: object, _: JsonObject) -> Part:
    if isinstance(call, dict) and call.get("type") == "server_tool_use":  # Bedrock's
        return _server_tool_use({**call, "id": call.get("toolUseId")})
    part = tool_call_part(call)
    return part if part["arguments"] is not None else {**part, "arguments": {}}


def _keyed_function(function: object, block: JsonObject) -> Part:
    return tool_call_part(block) if isinstance(function, dict) else {"type": "json", "content": block}


def _keyed_result(result: object, _: JsonObject) -> Part:
    if not isinstance(result, dict):
        return tool_result_part({"response": result})
    content = result.get("content")
    if "toolUseId" in result and isinstance(content, list):  # Bedrock's
        parts = [_bedrock_result(block) for block in content if block is not None]
        is_json = len(parts) == 1 and parts[0]["type"] == "json"
        return tool_result_part({**result, "response": parts[0]["content"] if is_json else parts})
    return tool_result_part(result)


def _bedrock_result(block: object) -> Part:
    if isinstance(block, dict) and block.keys() == {"json"}:
        return {"type": "json", "content": block["json"]}
    return part_of(block)


def _keyed_reasoning(reasoning: object, _: JsonObject) -> Part:
    inner = reasoning.get("reasoningText", reasoning) if isinstance(reasoning, dict) else reasoning
    if isinstance(inner, dict) and "redactedContent" in inner:
        return {"type": "reasoning", "content": "", "redacted": True}
    return reasoning_part([inner])


def _keyed_media(media: object, block: JsonObject) -> Part:
    found = _media(media) if isinstance(media, dict) else None
    return found or {"type": "json", "content": block}


def _bedrock_media(modality: str) -> Callable[[object, JsonObject], Part]:
    def convert(media: object, block: JsonObject) -> Part:
        source = media.get("source") if isinstance(media, dict) else None
        if not isinstance(media, dict) or not isinstance(source, dict):
            return {"type": "json", "content": block}
        part = _bedrock_source(modality, source, media.get("format"))
        if part is None:
            return {"type": "json", "content": block}
        return {**part, "filename": media["name"]} if isinstance(media.get("name"), str) else part

    return convert


_BEDROCK_TYPES = {
    "pdf": "application/pdf", "csv": "text/csv", "html": "text/html", "txt": "text/plain", "md": "text/markdown",
    "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "mp3": "audio/mpeg", "three_gp": "video/3gpp", "mkv": "video/x-matroska", "mov": "video/quicktime",
}  # fmt: skip


def _bedrock_source(modality: str, source: JsonObject, kind: object) -> Part | None:
    """The content of an image, a document, a video or a sound, which Bedrock names by its format."""
    content, uri = source.get("bytes"), (_as_dict(source.get("s3Location")) or {}).get("uri")
    if isinstance(content, str):
        known = f"{modality}/{kind}" if kind and modality != "file" else None
        mime = _BEDROCK_TYPES.get(str(kind), known)
        if content.startswith("data:"):  # bytes that this process encoded
            head, _, content = content[5:].partition(",")
            mime = mime or head.partition(";")[0]
        return media_part(modality, content, mime)
    if isinstance(uri, str):
        return uri_part(modality, uri)
    texts = source.get("text", source.get("content"))
    return None if texts is None else text_part(_text_of(texts, "\n"))


def _guarded(content: object, block: JsonObject) -> Part:
    """Content that Bedrock's guardrail is to look at."""
    inner = content if isinstance(content, dict) else {}
    text = inner.get("text")
    if isinstance(text, dict) and isinstance(text.get("text"), str):
        return text_part(text["text"])
    return part_of(inner) if isinstance(inner.get("image"), dict) else {"type": "json", "content": block}


def _cited(content: object, _: JsonObject) -> Part:
    """Text with the citations that Bedrock gives for it."""
    inner = _as_dict(content) or {}
    part = text_part(_text_of(inner.get("content")))
    return {**part, "annotations": inner["citations"]} if inner.get("citations") else part


def _code(code: object, _: JsonObject) -> Part:
    inner = _as_dict(code) or {}
    call = {"type": "code_execution", **inner}
    return {"type": "server_tool_call", "id": inner.get("id"), "name": "code_execution", "server_tool_call": call}


def _code_result(result: object, _: JsonObject) -> Part:
    inner = _as_dict(result) or {}
    response = {"type": "code_execution", **inner}
    return {"type": "server_tool_call_response", "id": inner.get("id"), "server_tool_call_response": response}


_BY_KEY: dict[str, Callable[[Any, JsonObject], Part]] = {
    "text": _keyed_text,
    **dict.fromkeys(("functionCall", "function_call", "toolUse", "toolRequest"), _keyed_call),
    **dict.fromkeys(("functionResponse", "function_response", "toolResult", "toolResponse"), _keyed_result),
    "reasoningContent": _keyed_reasoning,
    **dict.fromkeys(("inlineData", "inline_data", "fileData", "file_data", "media"), _keyed_media),
    **{name: _bedrock_media(name) for name in ("image", "video", "audio")},
    "document": _bedrock_media("file"),
    "guardContent": _guarded,
    "citationsContent": _cited,
    **dict.fromkeys(("executableCode", "executable_code"), _code),
    **dict.fromkeys(("codeExecutionResult", "code_execution_result"), _code_result),
    "function": _keyed_function,
}


def _listed(value: object) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else (value,)


def _first(holder: JsonMapping, names: Iterable[str]) -> Any:
    return next((holder[name] for name in names if holder.get(name) is not None), None)


def _as_dict(value: object) -> JsonObject | None:
    if value is None:
        return None
    plain = value if isinstance(value, dict) else loads(encode(value))
    return plain if isinstance(plain, dict) else None
