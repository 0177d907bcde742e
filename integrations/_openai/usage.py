"""Token counts, by the many names that OpenAI-compatible providers give them."""

from __future__ import annotations

from typing import Any

from tracer import semconv
from tracer._json import JsonMapping, JsonObject

from .._values import as_dict

# "token" in transcriptions and realtime
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
_KINDS = tuple(
    (f"{kind}_tokens", f"{kind}_input_tokens", f"{kind}_output_tokens") for kind in ("audio", "image", "text")
)


def read_usage(usage: object) -> JsonObject:
    """Token counts by tracer's names, from the names of OpenAI, Groq, DeepSeek, Mistral, Together and others."""
    usage = as_dict(usage)
    inputs, outputs = _details(usage, _INPUT_DETAILS), _details(usage, _OUTPUT_DETAILS)
    cached = _either(inputs.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"))
    counts: JsonObject = {
        "input_tokens": _either(usage.get("prompt_tokens"), usage.get("input_tokens")),
        "output_tokens": _either(usage.get("completion_tokens"), usage.get("output_tokens")),
        "total_tokens": usage.get("total_tokens"),
        "cache_read_input_tokens": _either(cached, usage.get("cached_tokens")),
        "cache_write_input_tokens": _either(inputs.get("cache_write_tokens"), inputs.get("cache_creation_tokens")),
        "reasoning_output_tokens": _either(outputs.get("reasoning_tokens"), usage.get("reasoning_tokens")),
    }
    reasoning = counts["reasoning_output_tokens"]
    if _is_beside(reasoning, counts["output_tokens"], counts["input_tokens"], counts["total_tokens"]):
        counts["output_tokens"] += reasoning  # sent beside the output, as xAI does, not as a part of it
    for name, input_name, output_name in _KINDS:
        if inputs.get(name):
            counts[input_name] = inputs[name]
        if outputs.get(name):
            counts[output_name] = outputs[name]
    return counts


def _details(usage: JsonObject, names: tuple[str, ...]) -> JsonObject:
    for name in names:
        if usage.get(name):
            return as_dict(usage[name])
    return {}


def _is_beside(reasoning: Any, output: Any, given: Any, total: object) -> bool:
    """Whether the total is only reached with the reasoning; without a total, whether the output cannot hold it."""
    if type(reasoning) is not int or type(output) is not int or reasoning <= 0:
        return False
    return reasoning > output if total is None else type(given) is int and total == given + output + reasoning


_TICKS_PER_USD = 10**10  # source: docs.x.ai, "Cost tracking"


def read_bill(usage: object) -> JsonObject:
    """The call's cost as the provider reports it, by attribute name in USD; empty where it reports none."""
    usage = as_dict(usage)
    cost = usage.get("cost")
    if isinstance(cost, dict):  # Perplexity
        return {
            semconv.COST_TOTAL: cost.get("total_cost"),
            semconv.COST_INPUT: cost.get("input_tokens_cost"),
            semconv.COST_OUTPUT: cost.get("output_tokens_cost"),
        }
    ticks: object = usage.get("cost_in_usd_ticks")
    if cost is None and isinstance(ticks, (int, float)):
        cost = ticks / _TICKS_PER_USD
    return {semconv.COST_TOTAL: cost}


def _either(first: object, second: object) -> Any:
    return second if first is None else first


def usage_of(body: JsonMapping) -> Any:
    """The usage in a reply or a chunk."""
    return body.get("usage") or as_dict(body.get("x_groq")).get("usage")
