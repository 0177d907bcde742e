"""Google's Agent Development Kit in its own names: ``gcp.vertex.agent.llm_request`` and the like.

Source: google-adk 1.14 to 2.13, schema version 1 of its telemetry.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import put_call
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_OWN = "gcp.vertex.agent"
_TYPES = {
    "call_llm": SpanType.CHAT_MODEL,
    "generate_content": SpanType.CHAT_MODEL,
    "invocation": SpanType.CHAIN,
    "agent_run": SpanType.AGENT,
    "invoke_agent": SpanType.AGENT,
    "execute_tool": SpanType.TOOL,
}


def read(reading: Reading) -> None:
    """Read the attributes of the Agent Development Kit."""
    _tokens(reading)
    kind = _TYPES.get(reading.name.partition(" ")[0])
    reading.is_a(kind)
    asked, replied = reading.take_first(f"{_OWN}.llm_request"), reading.take_first(f"{_OWN}.llm_response")
    if asked is not None or replied is not None:
        reading.is_a(SpanType.CHAT_MODEL)
        put_call(reading, asked, replied)
    reading.put(semconv.INPUTS, reading.take_first(f"{_OWN}.tool_call_args"))
    reading.put(semconv.OUTPUTS, reading.take_first(f"{_OWN}.tool_response"))
    reading.put(semconv.INPUTS, reading.take_first(f"{_OWN}.data"))
    if kind == SpanType.AGENT:
        reading.put_text(semconv.AGENT_NAME, reading.name.partition(" ")[2].strip("[]"))
    _provider(reading)
    reading.belongs_to(session_id=reading.get(f"{_OWN}.session_id"))


def _tokens(reading: Reading) -> None:
    """The kit adds reasoning to the output; models other than Gemini, which come through LiteLLM, have counted it."""
    model, output, reasoning = map(reading.get, (semconv.REQUEST_MODEL, semconv.USAGE_OUTPUT, semconv.USAGE_REASONING))
    is_gemini = not isinstance(model, str) or model.startswith("gemini")
    if not is_gemini and isinstance(output, int) and isinstance(reasoning, int) and 0 < reasoning <= output:
        reading.attributes[semconv.USAGE_OUTPUT] = output - reasoning


def _provider(reading: Reading) -> None:
    """The kit names itself as the provider of every model."""
    for key in ("gen_ai.system", semconv.PROVIDER):
        if reading.get(key) == _OWN:
            reading.take(key)
    model = reading.get(semconv.REQUEST_MODEL)
    if isinstance(model, str) and model.startswith("gemini"):
        reading.put_plain(semconv.PROVIDER, "gcp.gemini")


DIALECT = Dialect("adk", frozenset({"gcp"}), read, scopes=frozenset({_OWN}))
