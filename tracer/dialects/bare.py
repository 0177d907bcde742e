"""Spans whose attributes are called ``input`` and ``output``, such as Pipecat's, where nothing else says more."""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.bodies import is_reply, is_request, put_call
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading

_CALLS = (semconv.SpanType.CHAT_MODEL, semconv.SpanType.LLM)


def read(reading: Reading) -> None:
    """Read what no dialect has read."""
    known = reading.attributes.keys() | reading.structured.keys()
    if known.isdisjoint(("input", "output")):
        return
    asked, replied = reading.take_first("input"), reading.take_first("output")
    if reading.span_type in _CALLS and (is_request(asked) or is_reply(replied)):
        put_call(reading, asked, replied)
    else:
        reading.put(semconv.INPUTS, asked)
        reading.put(semconv.OUTPUTS, replied)


DIALECT = Dialect("bare", frozenset({"input", "output"}), read)
