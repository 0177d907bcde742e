"""Methods of the protocol: kind of step, name, attributes, inputs and outputs of each that is recorded.

Names of spans and attributes: OpenTelemetry's conventions for MCP (semantic-conventions-genai, docs/gen-ai/mcp.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.provider import SpanType

from .._values import as_dict, as_dicts, as_text

METHOD = semconv.MCP_METHOD
TOOL_CALL = "tools/call"
TOOL_ERROR = "tool_error"

# with the parameter and the attribute for the name of the target, if it has one
_RECORDED: Mapping[str, tuple[str, str | None, str | None]] = {
    TOOL_CALL: (SpanType.TOOL, "name", semconv.TOOL_NAME),
    "resources/read": (SpanType.RETRIEVER, "uri", semconv.MCP_RESOURCE),
    "resources/list": (SpanType.TASK, None, None),
    "resources/templates/list": (SpanType.TASK, None, None),
    "prompts/get": (SpanType.TASK, "name", semconv.PROMPT_NAME),
    "prompts/list": (SpanType.TASK, None, None),
    "tools/list": (SpanType.TASK, None, None),
    "completion/complete": (SpanType.TASK, None, None),
    "sampling/createMessage": (SpanType.TASK, None, None),
    "elicitation/create": (SpanType.TASK, None, None),
    "roots/list": (SpanType.TASK, None, None),
}
# clients ask these by themselves, before or after a call: recorded as a part of something, not alone
ONLY_WITHIN = frozenset({"tools/list", "completion/complete"})


def is_recorded(method: object) -> bool:
    """Whether requests of this method are steps; the others open, watch or end a session."""
    return method in _RECORDED


def type_of(method: str) -> str:
    """The kind of step."""
    return _RECORDED[method][0]


def name_of(method: str, params: JsonMapping) -> str:
    """The span's name: the method, with the tool or the prompt; a URI would make too many names."""
    target = as_text(params.get("name")) if _RECORDED[method][1] == "name" else None
    return f"{method} {target}" if target else method


def attributes_of(method: str, params: JsonMapping) -> JsonObject:
    """The attributes of a request."""
    _, field, key = _RECORDED[method]
    found: JsonObject = {METHOD: method}
    if field is not None and key is not None:
        target = params.get(field)
        found[key] = None if target is None else str(target)
    if method == TOOL_CALL:
        found[semconv.OPERATION] = "execute_tool"
    return found


def inputs_of(method: str, params: JsonMapping) -> object:
    """Inputs from a request: a tool's or a prompt's arguments, else all of it."""
    if method in (TOOL_CALL, "prompts/get"):
        return params.get("arguments") or {}
    return {key: value for key, value in params.items() if key != "_meta"} or None


def outputs_of(method: str, result: JsonMapping) -> object:
    """Outputs from a result: of a tool the structured content, the text of its only block, or its blocks."""
    if method == TOOL_CALL and "content" in result:
        structured, content = result.get("structuredContent"), result["content"]
        if structured is not None:
            return structured
        only = as_dict(content[0]) if isinstance(content, list) and len(content) == 1 else {}
        return only["text"] if only.get("type") == "text" else content
    return {key: value for key, value in result.items() if key not in ("_meta", "resultType")}


def failure_of(method: str, result: JsonMapping) -> str | None:
    """A tool's words for the failure that its result reports, maybe none of them; None if it reports none."""
    if method != TOOL_CALL or result.get("isError") is not True:
        return None
    return "\n".join(str(block["text"]) for block in as_dicts(result.get("content")) if "text" in block)
