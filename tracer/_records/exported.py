"""A span's record as attributes under the names that other backends use, and back.

Backends read the GenAI conventions' names (all of them), OpenInference's (Phoenix, Arize, MLflow, Langfuse) or
MLflow's. What has a name there is moved rather than doubled: inputs and outputs, but for a tool's short ones. What is
added can be told from the record, and is left out on the way back.

Source: openinference-semantic-conventions 0.1.42, semantic-conventions-genai of 2026, mlflow 3.17 (SpanAttributeKey),
Langfuse's property mapping for OpenTelemetry, Logfire's page about LLM panels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any, Final

import orjson

from tracer import semconv
from tracer._json import JsonMapping, JsonObject, encode
from tracer._records.cost import cost_of
from tracer._records.usage import token_usage
from tracer.semconv import SpanType

# attributes for values that the conventions have no name for
JSON_KEYS: Final = "tracer.json_keys"  # the attributes that hold JSON text
TRACE_RECORDS: Final = "tracer.trace.records"  # on one span of a trace, or its resource: its other records, as JSON
_OWN_KEYS: Final = "tracer.own_keys"  # attributes of the span itself whose names are among those that are added

_KIND = "openinference.span.kind"
_KINDS = {
    SpanType.LLM: "LLM",
    SpanType.CHAT_MODEL: "LLM",
    SpanType.UNKNOWN: "CHAIN",
    **{
        kind: kind
        for kind in (
            SpanType.EMBEDDING, SpanType.CHAIN, SpanType.AGENT, SpanType.TOOL, SpanType.RETRIEVER, SpanType.RERANKER,
            SpanType.GUARDRAIL, SpanType.EVALUATOR,
        )
    },
}  # fmt: skip
_OPERATIONS = {
    SpanType.CHAT_MODEL: "chat",
    SpanType.LLM: "text_completion",
    SpanType.EMBEDDING: "embeddings",
    SpanType.AGENT: "invoke_agent",
    SpanType.TOOL: "execute_tool",
    SpanType.RETRIEVER: "retrieval",
    SpanType.WORKFLOW: "invoke_workflow",
}
# inputs and outputs: OpenInference's name and that of the media type, and the conventions' name for a tool's
_VALUES = {
    semconv.INPUTS: ("input.value", "input.mime_type", "gen_ai.tool.call.arguments"),
    semconv.OUTPUTS: ("output.value", "output.mime_type", "gen_ai.tool.call.result"),
}
_TEXT, _JSON = "text/plain", "application/json"
_LONGEST_TWICE = 4_096  # characters up to which a tool's arguments or result have both names
_TOOL_TYPE = "gen_ai.tool.type"
# second names: those of earlier conventions, and OpenInference's
_ALSO = {
    semconv.PROVIDER: "gen_ai.system",
    semconv.USAGE_CACHE_WRITE: "gen_ai.usage.cache_creation.input_tokens",
    semconv.USAGE_REASONING: "llm.token_count.completion_details.reasoning",
}
_COSTS = {"input_cost": "llm.cost.prompt", "output_cost": "llm.cost.completion", "total_cost": "llm.cost.total"}
_TOTAL_COSTS = ("gen_ai.usage.cost", "operation.cost")  # Langfuse's, Logfire's
_COST_OF_MLFLOW = "mlflow.llm.cost"
_TYPE_OF_MLFLOW = "mlflow.spanType"
_TAG_OF_MLFLOW = "mlflow.traceTag."
_ABOUT_TRACE = {"session_id": "session.id", "user": "user.id"}
_TAGS, _METADATA = "tag.tags", "metadata"
_ADDED = frozenset({
    _KIND, *(name for names in _VALUES.values() for name in names), semconv.OPERATION, semconv.AGENT_NAME,
    semconv.TOOL_NAME, _TOOL_TYPE, *_ALSO.values(), *_COSTS.values(), *_TOTAL_COSTS, _COST_OF_MLFLOW,
    _TYPE_OF_MLFLOW, *_ABOUT_TRACE.values(), _TAGS, _METADATA,
})  # fmt: skip


def exported_attributes(
    record: JsonMapping, about_trace: JsonMapping, others: Sequence[JsonMapping] | None = None
) -> JsonObject:
    """The attributes of a span's record in OpenTelemetry's types, structured values as JSON text.

    :param about_trace: the trace record with the fields of the span's trace; empty if there is none.
    :param others: records that travel with this span, of all its trace's; None if they travel with another one.
    """
    own: JsonMapping = record.get("attributes") or {}
    structured: JsonMapping = record.get("json") or {}
    names = {*own, *structured}
    moved = {
        key: structured[key]
        for key, (name, media_type, _) in _VALUES.items()
        if key in structured and names.isdisjoint((name, media_type))
    }
    kept = {key: value for key, value in structured.items() if key not in moved}
    added = dict(_added(record, own, moved, about_trace))
    if others is not None:
        added.update(_tags_and_metadata(about_trace))
    if clashing := _added_among(names):
        added[_OWN_KEYS] = clashing
    if others:
        added[TRACE_RECORDS] = encode(others).decode()
    texts = {key: encode(value).decode() for key, value in kept.items()}
    return {**added, semconv.SPAN_TYPE: _type(record), **own, **texts, JSON_KEYS: list(kept)}


def recorded_values(attributes: JsonObject) -> JsonObject | None:
    """The structured values of a span in this form, whose attributes become those of its record, in place.

    None for a span of another producer, which is left as it is. Raises ValueError for invalid JSON.
    """
    if JSON_KEYS not in attributes:
        return None
    own = set(attributes.pop(_OWN_KEYS, ()))
    structured = {key: _parsed(attributes.pop(key)) for key in attributes.pop(JSON_KEYS) if key in attributes}
    for key, (name, media_type, _) in _VALUES.items():
        if name in attributes and name not in own:
            value = attributes.pop(name)
            structured[key] = value if attributes.get(media_type) == _TEXT else _parsed(value)
    for name in set(_added_among(attributes.keys())) - own:
        attributes.pop(name, None)
    return structured


def session_and_user(attributes: JsonMapping) -> JsonObject:
    """The fields of a trace record that a span in this form has among its attributes; those of its own are none."""
    own = attributes.get(_OWN_KEYS, ()) if JSON_KEYS in attributes else _ADDED
    return {field: attributes[name] for field, name in _ABOUT_TRACE.items() if name in attributes and name not in own}


def _added_among(names: Set[str]) -> list[str]:
    return sorted([*(names & _ADDED), *(name for name in names if name.startswith(_TAG_OF_MLFLOW))])


def _type(record: JsonMapping) -> str:
    return record.get("type") or SpanType.UNKNOWN


def _parsed(value: object) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


def _added(
    record: JsonMapping, own: JsonMapping, values: JsonMapping, about_trace: JsonMapping
) -> Iterator[tuple[str, object]]:
    kind = _type(record)
    yield _KIND, _KINDS.get(kind, "CHAIN")
    if _KINDS.get(kind) not in (kind, "CHAIN"):
        yield _TYPE_OF_MLFLOW, kind
    if kind in _OPERATIONS:
        yield semconv.OPERATION, _OPERATIONS[kind]
    if kind == SpanType.AGENT:
        yield semconv.AGENT_NAME, record.get("name", "")
    elif kind == SpanType.TOOL:
        yield semconv.TOOL_NAME, record.get("name", "")
        yield _TOOL_TYPE, "function"
    for key, (name, media_type, of_tool) in _VALUES.items():
        if key in values:
            value = values[key]
            is_text = isinstance(value, str)
            text = value if is_text else encode(value).decode()
            yield name, text
            yield media_type, _TEXT if is_text else _JSON
            if kind == SpanType.TOOL and len(text) <= _LONGEST_TWICE:
                yield of_tool, text
    for key, name in _ALSO.items():
        if key in own:
            yield name, own[key]
    yield from _cost(record, own)
    for field, name in _ABOUT_TRACE.items():
        if field in about_trace:
            yield name, about_trace[field]


def _cost(record: JsonMapping, own: JsonMapping) -> Iterator[tuple[str, object]]:
    """The call's cost as tracer counts it: backends would price it by tables of their own."""
    cost = cost_of(record, token_usage(own))
    if cost is not None:
        yield from ((_COSTS[name], amount) for name, amount in cost.items())
        yield from ((name, cost["total_cost"]) for name in _TOTAL_COSTS)
        yield _COST_OF_MLFLOW, encode(cost).decode()


def _tags_and_metadata(about_trace: JsonMapping) -> Iterator[tuple[str, object]]:
    tags: JsonMapping = about_trace.get("tags") or {}
    if tags:
        # a tag that is a word alone has the value "true"
        yield _TAGS, [name if value == "true" else f"{name}:{value}" for name, value in tags.items()]
        yield from ((f"{_TAG_OF_MLFLOW}{name}", value) for name, value in tags.items())
    if metadata := about_trace.get("metadata"):
        yield _METADATA, encode(metadata).decode()
