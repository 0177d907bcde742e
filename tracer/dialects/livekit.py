"""LiveKit Agents: ``lk.function_tool.…``, ``lk.chat_ctx``, ``lk.response.…``.

Source: livekit-agents 1.x, ``livekit.agents.telemetry.trace_types``.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.dialect import Dialect
from tracer.dialects.normal import messages_of
from tracer.dialects.reading import Reading, as_dict
from tracer.semconv import SpanType

_TYPES = {
    "llm_request": SpanType.CHAT_MODEL,
    "function_tool": SpanType.TOOL,
    "agent_turn": SpanType.AGENT,
    "agent_session": SpanType.AGENT,
    "llm_node": SpanType.CHAIN,
    "user_turn": SpanType.CHAIN,
}


def read(reading: Reading) -> None:
    """Read the attributes of LiveKit."""
    reading.is_a(_TYPES.get(reading.name))
    name = reading.get("lk.function_tool.name")
    if isinstance(name, str) and name:
        reading.is_a(SpanType.TOOL)
        reading.put_plain(semconv.TOOL_NAME, name)
        if reading.name == "function_tool":
            reading.name = name
    reading.put(semconv.INPUTS, reading.take_first("lk.function_tool.arguments"))
    reading.put(semconv.OUTPUTS, reading.take_first("lk.function_tool.output"))
    if reading.span_type == SpanType.CHAT_MODEL:
        items = as_dict(reading.take("lk.chat_ctx")).get("items")
        given = [item for item in items or () if isinstance(item, dict) and item.get("type") != "agent_handoff"]
        reading.all_messages(
            messages_of(given, "user") if given else [],
            messages_of(reading.take_first("lk.response.text"), "assistant"),
        )
    reading.put(semconv.INPUTS, reading.take_first("lk.user_input", "lk.user_transcript", "lk.input_text"))
    reading.put(semconv.OUTPUTS, reading.take_first("lk.response.text"))
    reading.first_chunk_after(reading.take("lk.response.ttft"))


DIALECT = Dialect("livekit", frozenset({"lk"}), read, scopes=frozenset({"livekit-agents"}))
