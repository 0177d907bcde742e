"""Langfuse's SDK (versions 3 to 5): ``langfuse.observation.…`` and ``langfuse.trace.…``.

Source: the spans of langfuse 5.0 for Python, and its page about OpenTelemetry's attributes.
"""

from __future__ import annotations

from datetime import datetime

from tracer import semconv
from tracer._json import JsonMapping
from tracer.dialects.bodies import count_of, put_call, put_counts, put_parameters, put_usage, result_of
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading, as_dict, parsed
from tracer.semconv import SpanType

_OBSERVATION = "langfuse.observation."
_TYPES = {
    "generation": SpanType.CHAT_MODEL,
    "embedding": SpanType.EMBEDDING,
    "agent": SpanType.AGENT,
    "tool": SpanType.TOOL,
    "chain": SpanType.CHAIN,
    "retriever": SpanType.RETRIEVER,
    "evaluator": SpanType.EVALUATOR,
    "guardrail": SpanType.GUARDRAIL,
}


def read(reading: Reading) -> None:
    """Read the attributes of Langfuse."""
    kind = str(reading.get(f"{_OBSERVATION}type")).lower()
    reading.is_a(_TYPES.get(kind))
    asked, replied = reading.take_first(f"{_OBSERVATION}input"), reading.take_first(f"{_OBSERVATION}output")
    if kind == "generation":
        put_call(reading, asked, replied)
    else:
        reading.put(semconv.INPUTS, asked)
        reading.put(semconv.OUTPUTS, result_of(replied))
    _about_model(reading)
    _about_trace(reading)


def _about_model(reading: Reading) -> None:
    reading.put_text(semconv.REQUEST_MODEL, reading.get(f"{_OBSERVATION}model.name"))
    put_parameters(reading, reading.get(f"{_OBSERVATION}model.parameters"))
    usage = as_dict(reading.take(f"{_OBSERVATION}usage_details"))
    if "input" in usage or "output" in usage:
        _put_exclusive(reading, usage)
    else:
        put_usage(reading, usage)
    costs = as_dict(reading.take(f"{_OBSERVATION}cost_details"))
    reading.cost(costs.get("total"), costs.get("input"), costs.get("output"))
    reason = reading.get(f"{_OBSERVATION}metadata.finish_reason")
    if isinstance(reason, str):
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, [reason])
    _first_chunk(reading, parsed(reading.take(f"{_OBSERVATION}completion_start_time")))


def _put_exclusive(reading: Reading, usage: JsonMapping) -> None:
    """In Langfuse's own form no count is part of another one."""
    counts = {name: count for name, count in ((name, count_of(value)) for name, value in usage.items()) if count}
    put_counts(
        reading,
        input=sum(count for name, count in counts.items() if "input" in name or "cache" in name),
        output=sum(count for name, count in counts.items() if "output" in name),
        total=counts.get("total"),
        cache_read=sum(count for name, count in counts.items() if "cache_read" in name or "cached" in name) or None,
        cache_write=sum(count for name, count in counts.items() if "cache_creation" in name) or None,
        reasoning=sum(count for name, count in counts.items() if "reasoning" in name) or None,
    )


def _first_chunk(reading: Reading, time: object) -> None:
    try:
        moment = datetime.fromisoformat(str(time).replace("Z", "+00:00"))
    except ValueError:
        return
    reading.first_chunk_after(moment.timestamp() - reading.start / 1e9)


def _about_trace(reading: Reading) -> None:
    reading.belongs_to(
        session_id=reading.get("langfuse.session.id"),
        user=reading.get("langfuse.user.id"),
    )
    reading.tagged(reading.take("langfuse.trace.tags"))
    reading.described(reading.take_below("langfuse.trace.metadata."))
    if not reading.is_root:
        return
    reading.put(semconv.INPUTS, reading.take_first("langfuse.trace.input"))
    reading.put(semconv.OUTPUTS, reading.take_first("langfuse.trace.output"))
    name = reading.get("langfuse.trace.name")
    if isinstance(name, str) and name and name != reading.name:
        reading.put_plain(f"{_OBSERVATION}name", reading.name)
        reading.name = name


DIALECT = Dialect("langfuse", frozenset({"langfuse"}), read)
