"""Spans of the Agents SDK: names, types, inputs, outputs and attributes by kind."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import parsed
from tracer.provider import SpanType

HANDOFF = "HANDOFF"

AGENT_TOOLS = "tracer.agent.tools"
AGENT_HANDOFFS = "tracer.agent.handoffs"
AGENT_OUTPUT_TYPE = "tracer.agent.output_type"
MCP_SERVER = "tracer.mcp.server"


class SdkTrace(Hashable, Protocol):
    """A trace of the SDK."""

    name: str
    trace_id: str


class SdkSpan(Hashable, Protocol):
    """A span of the SDK; the fields of its data depend on its kind."""

    trace_id: str
    span_id: str
    parent_id: str | None
    started_at: str | None
    ended_at: str | None
    error: object
    span_data: Any


@dataclass(frozen=True)
class SpanContent:
    """Inputs, outputs and attributes of a span at its end."""

    inputs: object = None
    outputs: object = None
    attributes: JsonMapping = field(default_factory=dict)


@dataclass(frozen=True)
class _Kind:
    span_type: str
    name: Callable[[Any], object]
    content: Callable[[Any], SpanContent]
    operation: str | None = None


def kind_of(span: SdkSpan) -> str:
    """The SDK's name for the kind of a span."""
    return str(getattr(span.span_data, "type", "unknown"))


def name_of(data: Any) -> tuple[str, str, JsonObject]:
    """Name, type and attributes of a span at its start."""
    kind = _KINDS.get(data.type)
    if kind is None:
        return str(getattr(data, "name", None) or data.type), SpanType.UNKNOWN, {}
    return str(kind.name(data) or data.type), kind.span_type, {semconv.OPERATION: kind.operation}


def describe(data: Any, inputs: object) -> SpanContent:
    """The content of a span at its end; ``inputs`` are those of its start."""
    if data.type == "custom":
        return _custom(data, inputs)
    kind = _KINDS.get(data.type)
    return SpanContent(outputs=data.export()) if kind is None else kind.content(data)


def _agent(data: Any) -> SpanContent:
    return SpanContent(
        attributes={
            semconv.AGENT_NAME: data.name,
            AGENT_TOOLS: data.tools or None,
            AGENT_HANDOFFS: data.handoffs or None,
            AGENT_OUTPUT_TYPE: data.output_type,
        }
    )


def _turn(data: Any) -> SpanContent:
    return SpanContent(attributes={semconv.AGENT_NAME: data.agent_name})


def _function(data: Any) -> SpanContent:
    server = data.mcp_data.get("server") if isinstance(getattr(data, "mcp_data", None), Mapping) else None
    return SpanContent(parsed(data.input), data.output, {semconv.TOOL_NAME: data.name, MCP_SERVER: server})


def _handoff(data: Any) -> SpanContent:
    return SpanContent({"from": data.from_agent}, {"to": data.to_agent})


def _guardrail(data: Any) -> SpanContent:
    return SpanContent(outputs={"triggered": data.triggered})


def _custom(data: Any, inputs: object) -> SpanContent:
    """A custom span: its data at the start are the inputs; those added or changed until its end are the outputs."""
    now = data.data if isinstance(data.data, Mapping) else {}
    before = inputs if isinstance(inputs, Mapping) else {}
    added = {key: value for key, value in now.items() if key not in before or before[key] != value}
    return SpanContent(outputs=added["output"] if set(added) == {"output"} else added or None)


def _mcp_tools(data: Any) -> SpanContent:
    return SpanContent({"server": data.server}, data.result, {MCP_SERVER: data.server})


def _voice(data: Any) -> SpanContent:
    return SpanContent(data.input, getattr(data, "output", None), {semconv.REQUEST_MODEL: getattr(data, "model", None)})


def error_text(error: object) -> str | None:
    """The text of an error of the SDK, in one line."""
    if not isinstance(error, Mapping):
        return None
    message, details = str(error.get("message") or "error"), error.get("data")
    if not isinstance(details, Mapping) or not details:
        return message
    detail = details.get("error")
    more = str(detail) if detail else ", ".join(f"{key}={value}" for key, value in details.items())
    return f"{message}: {more}"


_KINDS = {
    "agent": _Kind(SpanType.AGENT, lambda data: data.name, _agent, "invoke_agent"),
    "task": _Kind(SpanType.WORKFLOW, lambda data: data.name, lambda _: SpanContent(), "invoke_workflow"),
    "turn": _Kind(SpanType.TASK, lambda data: f"turn {data.turn}", _turn),
    "function": _Kind(SpanType.TOOL, lambda data: data.name, _function, "execute_tool"),
    "handoff": _Kind(HANDOFF, lambda _: "handoff", _handoff),
    "guardrail": _Kind(SpanType.GUARDRAIL, lambda data: data.name, _guardrail),
    "custom": _Kind(SpanType.UNKNOWN, lambda data: data.name, lambda _: SpanContent()),
    "mcp_tools": _Kind(SpanType.TASK, lambda data: f"list tools of {data.server}", _mcp_tools),
    "transcription": _Kind(SpanType.TASK, lambda _: "transcription", _voice),
    "speech": _Kind(SpanType.TASK, lambda _: "speech", _voice),
    "speech_group": _Kind(SpanType.TASK, lambda _: "speech group", _voice),
}
