"""What a server shows of a span that it was sent, short enough to be compared as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.server.conftest import SECOND, START

Event = tuple[str, Mapping[str, Any]]  # a quarter of a second after the start


@dataclass(frozen=True)
class Sent:
    """A span as an instrumentation would send it, and what is to be seen of it."""

    attributes: Mapping[str, Any]
    seen: Mapping[str, Any]
    name: str = "span"
    scope: str = "test"
    events: Sequence[Event] = field(default=())
    error: str | None = None


def send(server_url: str, case: Sent) -> None:
    """Send the span through OpenTelemetry's own exporter."""
    from opentelemetry.trace import Status, StatusCode

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{server_url}/v1/traces")))
    attributes = {key: value if is_primitive(value) else json.dumps(value) for key, value in case.attributes.items()}
    span = provider.get_tracer(case.scope).start_span(case.name, start_time=START, attributes=attributes)
    for name, given in case.events:
        given = {key: value if is_primitive(value) else json.dumps(value) for key, value in given.items()}
        span.add_event(name, given, timestamp=START + SECOND // 4)
    if case.error is not None:
        span.set_status(Status(StatusCode.ERROR, case.error))
    span.end(START + SECOND)
    provider.shutdown()


def is_primitive(value: object) -> bool:
    return isinstance(value, (str, int, float)) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    )


def seen(client: httpx.Client) -> dict[str, Any]:
    """The only trace of a store and its only span."""
    [trace] = client.get("/traces").json()["traces"]
    span = client.get(f"/traces/{trace['trace_id']}/spans/{trace['root_span_id']}").json()
    attributes = span.get("attributes", {})
    usage = span.get("usage") or {}
    cost = (span.get("cost") or {}).get("total_cost")
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens")
    return {
        "kind": span["type"],
        "name": span["name"],
        "in": [line(message) for message in span.get("input_messages") or ()],
        "out": [line(message) for message in span.get("output_messages") or ()],
        "system": [short(part) for part in span.get("system_instructions") or ()],
        "tools": [tool["name"] for tool in span.get("tools") or ()],
        "inputs": span.get("inputs"),
        "outputs": span.get("outputs"),
        "model": span.get("model"),
        "provider": span.get("provider"),
        "tokens": [usage.get(name) for name in (*names, "reasoning_output_tokens")],
        "cost": None if cost is None else round(cost, 9),
        "reasons": attributes.get("gen_ai.response.finish_reasons"),
        "first_chunk": None if span.get("first_chunk_ns") is None else round(span["first_chunk_ns"] / SECOND, 3),
        "session": trace.get("session_id"),
        "user": trace.get("user"),
        "tags": sorted(trace.get("tags") or ()),
        "metadata": trace.get("metadata") or trace.get("trace_metadata"),
        "error": span.get("message"),
        "previews": [trace.get("request_preview"), trace.get("response_preview")],
        "tool": attributes.get("gen_ai.tool.name"),
        "temperature": attributes.get("gen_ai.request.temperature"),
    }


def line(message: Mapping[str, Any]) -> str:
    """A message in one line."""
    return f"{message['role']}: {' | '.join(short(part) for part in message['parts'])}"


def short(part: Mapping[str, Any]) -> str:
    """A part in few words."""
    kind = part["type"]
    if kind == "text":
        return str(part["content"])
    if kind == "reasoning":
        return f"({part['content']})"
    if kind == "tool_call":
        return f"{part['name']}{json.dumps(part['arguments'])}#{part.get('id')}"
    if kind == "tool_call_response":
        response = part["response"]
        texts = [short(item) for item in response] if isinstance(response, list) else [str(response)]
        return f"#{part.get('id')} = {' '.join(texts)}"
    return f"<{kind} {part.get('modality')}>"
