"""Claude Code's spans: ``span.type``, ``user_prompt``, ``new_context``, ``response.model_output``.

Source: the page "Monitoring" of Claude Code's documentation, with traces switched on.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import put_usage
from tracer.dialects.dialect import Dialect
from tracer.dialects.normal import messages_of
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_SCOPE = "com.anthropic.claude_code"
_TYPES = {
    "interaction": SpanType.AGENT,
    "llm_request": SpanType.CHAT_MODEL,
    "tool": SpanType.TOOL,
}
_COUNTS = {
    "input_tokens": "input_tokens",  # without those of the cache
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_creation_tokens": "cache_creation_input_tokens",
}


def read(reading: Reading) -> None:
    """Read the attributes of Claude Code."""
    if not (reading.scope.startswith(_SCOPE) or reading.name.startswith("claude_code.")):
        return
    kind = str(reading.get("span.type"))
    reading.is_a(_TYPES.get(kind))
    if kind == "interaction":
        reading.put(semconv.INPUTS, reading.take("user_prompt"))
        reading.put(semconv.OUTPUTS, reading.take_first("response.model_output"))
    elif kind == "llm_request":
        _call(reading)
    elif kind == "tool":
        _tool(reading)


def _call(reading: Reading) -> None:
    asked, replied = reading.take_first("new_context", "user_prompt"), reading.take_first("response.model_output")
    reading.all_messages(messages_of(asked, "user"), messages_of(replied, "assistant"))
    reading.put(semconv.SYSTEM_INSTRUCTIONS, reading.take_first("system_prompt"))
    put_usage(reading, {name: reading.get(key) for key, name in _COUNTS.items()})
    reading.put_text(semconv.REQUEST_MODEL, reading.get("model"))
    reading.put_plain(semconv.PROVIDER, "anthropic")
    reading.first_chunk_after(reading.take("ttft_ms"), unit=1e-3)
    if isinstance(reason := reading.get("stop_reason"), str):
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, [reason])


def _tool(reading: Reading) -> None:
    name = reading.get("tool_name")
    reading.put_text(semconv.TOOL_NAME, name)
    reading.put(semconv.INPUTS, reading.take_first("tool_input"))
    for event in reading.events:
        if event.get("name") == "tool.output":
            attributes = event.get("attributes") or {}
            reading.put(semconv.OUTPUTS, next((attributes[k] for k in ("output", "content") if k in attributes), None))
            reading.put(semconv.OUTPUTS, attributes)


DIALECT = Dialect("claude_code", frozenset({"span"}), read)
