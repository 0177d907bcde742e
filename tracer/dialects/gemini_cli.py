"""Gemini CLI's spans: the conventions' keys, for tools and agents too.

Source: google-gemini/gemini-cli, its page "Observability with OpenTelemetry".
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import put_reply, put_request
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_TYPES = {
    "llm_call": SpanType.CHAT_MODEL,
    "tool_call": SpanType.TOOL,
    "schedule_tool_calls": SpanType.CHAIN,
    "agent_call": SpanType.AGENT,
    "user_prompt": SpanType.CHAIN,
}


def read(reading: Reading) -> None:
    """Read the operations of Gemini CLI."""
    kind = _TYPES.get(str(reading.attributes.get(semconv.OPERATION)))
    if kind is None:
        return
    reading.is_a(kind)
    asked, replied = reading.take_first(semconv.INPUT_MESSAGES), reading.take_first(semconv.OUTPUT_MESSAGES)
    if kind in (SpanType.CHAT_MODEL, SpanType.AGENT):
        put_request(reading, asked)
        put_reply(reading, replied)
    else:
        reading.put(semconv.INPUTS, asked)
        reading.put(semconv.OUTPUTS, replied)


DIALECT = Dialect("gemini_cli", frozenset({"gen_ai"}), read)
