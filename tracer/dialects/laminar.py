"""Laminar: ``lmnr.span.type``, ``lmnr.span.input``, ``lmnr.association.properties.…``.

Source: lmnr's SDK for Python, ``lmnr.opentelemetry_lib.tracing.attributes``.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import put_call
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_PROPERTIES = "lmnr.association.properties."
_TYPES = {
    "LLM": SpanType.CHAT_MODEL,
    "CACHED": SpanType.CHAT_MODEL,
    "TOOL": SpanType.TOOL,
    "EVALUATOR": SpanType.EVALUATOR,
    "HUMAN_EVALUATOR": SpanType.EVALUATOR,
}


def read(reading: Reading) -> None:
    """Read the attributes of Laminar."""
    kind = _TYPES.get(str(reading.get("lmnr.span.type")).upper())
    reading.is_a(kind)
    asked, replied = reading.take_first("lmnr.span.input"), reading.take_first("lmnr.span.output")
    if kind == SpanType.CHAT_MODEL:
        put_call(reading, asked, replied)
    else:
        reading.put(semconv.INPUTS, asked)
        reading.put(semconv.OUTPUTS, replied)
    given = reading.take_below(_PROPERTIES)
    reading.belongs_to(session_id=given.get("session_id"), user=given.get("user_id"))
    reading.tagged(given.get("tags"))
    reading.described({k.partition(".")[2]: v for k, v in given.items() if k.startswith("metadata.")})


DIALECT = Dialect("laminar", frozenset({"lmnr"}), read)
