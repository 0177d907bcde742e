"""Fields that several of Cohere's requests and replies share: parameters, token counts, errors."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping, JsonObject

from .._values import as_dict, as_text

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "p": semconv.REQUEST_TOP_P,
    "k": semconv.REQUEST_TOP_K,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "stop_sequences": semconv.REQUEST_STOP_SEQUENCES,
    "frequency_penalty": semconv.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": semconv.REQUEST_PRESENCE_PENALTY,
    "seed": semconv.REQUEST_SEED,
    "num_generations": semconv.REQUEST_CHOICE_COUNT,
    "stream": semconv.REQUEST_STREAM,
    "output_dimension": semconv.EMBEDDINGS_DIMENSIONS,
}
_OTHERS = ("truncate", "input_type", "top_n", "safety_mode", "prompt_truncation", "priority")
_COUNTS = {"input_tokens": "input", "output_tokens": "output"}


def parameters(body: JsonMapping) -> JsonObject:
    """The request's parameters by attribute name; those unknown to the conventions keep their own name."""
    known = {key: body.get(name) for name, key in _PARAMETERS.items()}
    others = {semconv.REQUEST_OPTION + name: body.get(name) for name in _OTHERS}
    kind = as_text(as_dict(body.get("response_format")).get("type"))
    return {**known, **others, semconv.OUTPUT_TYPE: "json" if kind == "json_object" else None}


def schema_of(body: JsonMapping) -> object:
    """The JSON schema that the reply was to have."""
    wanted = as_dict(body.get("response_format"))
    return wanted.get("json_schema") or wanted.get("schema")


def usage_of(body: JsonMapping) -> JsonObject:
    """The part of a reply that counts tokens: ``usage`` of version 2, ``meta`` of version 1 and of embeddings."""
    return as_dict(body.get("usage")) or as_dict(body.get("meta"))


def read_usage(usage: JsonMapping) -> JsonObject:
    """Token counts by tracer's names: those that are billed, where the reply has them."""
    billed, processed = as_dict(usage.get("billed_units")), as_dict(usage.get("tokens"))
    counts = {name: _first(billed.get(name), processed.get(name)) for name in _COUNTS}
    cached = usage.get("cached_tokens")
    return {**counts, "cache_read_input_tokens": cached, "image_input_tokens": billed.get("image_tokens")}


def units_of(usage: JsonMapping) -> JsonObject:
    """Attributes: what is billed beside tokens, and the tokens that were processed, Cohere's own among them."""
    billed, processed = as_dict(usage.get("billed_units")), as_dict(usage.get("tokens"))
    return {
        **{f"tracer.cohere.processed.{name}": processed.get(name) for name in _COUNTS},
        **{f"tracer.cohere.billed.{name}": value for name, value in billed.items() if name not in _COUNTS},
    }


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), None)
