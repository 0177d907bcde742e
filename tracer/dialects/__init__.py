"""Dialects of other instrumentations, so that their spans show with messages, tools and tokens.

A dialect moves the attributes that it knows to the names of tracer/semconv.py, and leaves the others. Attributes that
the span has under those names already are not replaced. Installed packages add dialects by an entry point.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from tracer import semconv
from tracer._fault import guard
from tracer._late import load_aside
from tracer._threads import start_thread
from tracer.dialects import (
    adk,
    bare,
    claude_code,
    codex,
    gemini_cli,
    genai,
    genkit,
    laminar,
    langfuse,
    langsmith,
    litellm,
    livekit,
    logfire,
    mlflow,
    openinference,
    semantic_kernel,
    spring,
    sums,
    traceloop,
    vercel,
    voltagent,
)
from tracer.dialects.bodies import put_call, put_usage
from tracer.dialects.dialect import Dialect, Log
from tracer.dialects.normal import normalise
from tracer.dialects.reading import Reading, parsed
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer._json import JsonObject
    from tracer._records.record import SpanRecord, TraceRecord

__all__ = ["Dialect", "Log", "Reading", "parsed", "put_call", "put_usage"]

_TOLD_NOTHING = (None, "", "UNKNOWN")
_NORMALISED = ("gen_ai", "tracer")
_STRUCTURED_KEYS = frozenset({
    semconv.INPUTS, semconv.OUTPUTS, semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
})  # fmt: skip
# the first that knows a value decides
_BUILT_IN = (
    langfuse.DIALECT,
    langsmith.DIALECT,
    vercel.DIALECT,
    adk.DIALECT,
    claude_code.DIALECT,
    codex.DIALECT,
    gemini_cli.DIALECT,
    voltagent.DIALECT,
    laminar.DIALECT,
    livekit.DIALECT,
    genkit.DIALECT,
    spring.DIALECT,
    logfire.DIALECT,
    litellm.DIALECT,
    semantic_kernel.DIALECT,
    openinference.DIALECT,
    traceloop.DIALECT,
    mlflow.DIALECT,
    genai.DIALECT,
    bare.DIALECT,
)


_CALLS = (SpanType.CHAT_MODEL, SpanType.LLM, SpanType.EMBEDDING, SpanType.RERANKER)


def called_models(record: SpanRecord) -> set[str] | None:
    """The models that a span calls, by the names that it has for them; None if it is no call. Translates the record."""
    translate(record)
    if record.get("type") not in _CALLS:
        return None
    attributes, asked = record.get("attributes") or {}, (record.get("json") or {}).get(semconv.INPUTS)
    names = [attributes.get(semconv.REQUEST_MODEL), attributes.get(semconv.RESPONSE_MODEL)]
    if isinstance(asked, dict):  # whole, while the attributes are not set yet
        names.append(asked.get("model"))
    return {name for name in names if isinstance(name, str) and name}


def is_report(attributes: Mapping[str, object]) -> bool:
    """Whether a span is the report of a call whose own span has ended before its stream: Logfire makes such."""
    return attributes.get("logfire.span_type") == "log"


def translate(record: SpanRecord) -> TraceRecord | None:
    """Bring another instrumentation's span into tracer's form, in place; gives a record of its trace's fields."""
    _move_structured(record)
    reading = Reading(record)
    found = reading.prefixes()
    for dialect in dialects():
        is_known = not dialect.prefixes.isdisjoint(found) or reading.scope in dialect.scopes
        if is_known or (reading.events and dialect is genai.DIALECT):
            with guard(f"reading a span by the dialect {dialect.name}"):
                dialect.read(reading)
    if reading.structured or not found.isdisjoint(_NORMALISED):
        with guard("bringing another instrumentation's span into the conventions' form"):
            normalise(reading)
    sums.read(reading)
    if reading.span_type is not None and record.get("type") in (*_TOLD_NOTHING, "LLM"):
        record["type"] = reading.span_type
    record["name"] = reading.name
    _put(record, "attributes", reading.attributes)
    _put(record, "events", reading.events)
    _put(record, "json", reading.structured)
    if reading.known_as:
        _put(record, "known_as", [each for each in reading.known_as if each != record["span_id"]])
    if not reading.about_trace:
        return None
    update = {"kind": "trace", "trace_id": record["trace_id"], "time": reading.start, **reading.about_trace}
    return cast("TraceRecord", update)


def dialects() -> tuple[Dialect, ...]:
    """All dialects, those of installed packages first."""
    return (*_installed(), *_BUILT_IN)


@functools.cache
def _installed() -> Sequence[Dialect]:
    found: Sequence[Dialect] = load_aside("tracer.dialects.installed", "DIALECTS")
    return found


def load_installed() -> None:
    """Load the dialects of installed packages in the background: it takes longer than a span should."""
    with guard("loading dialects"):
        start_thread(_installed, "tracer-dialects")


def _move_structured(record: SpanRecord) -> None:
    """Move maps, and JSON text under one of the known names, out of the plain attributes."""
    plain: JsonObject = {}
    structured: JsonObject = {}
    for key, value in (record.get("attributes") or {}).items():
        whole = _structured(key, value)
        (plain if whole is None else structured)[key] = value if whole is None else whole
    if structured:
        record["attributes"] = plain
        record["json"] = {**structured, **(record.get("json") or {})}


def _structured(key: str, value: object) -> object:
    """The structured value of an attribute; None if it is plain."""
    whole = parsed(value) if key in _STRUCTURED_KEYS else value
    if isinstance(whole, list):
        is_plain = whole is value and not any(isinstance(item, (dict, list)) for item in whole)
        return None if is_plain else whole
    return whole if isinstance(whole, dict) else None


def _put(record: SpanRecord, name: str, value: object) -> None:
    if value:
        record[name] = value  # type: ignore[literal-required]
    else:
        record.pop(name, None)  # type: ignore[misc]
