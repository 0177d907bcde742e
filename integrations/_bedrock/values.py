"""Values that several of Bedrock's requests and replies share: models' names, bytes, token counts, times."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from typing import Any

from tracer import semconv
from tracer._encoding.media import media_type
from tracer._json import JsonMapping, JsonObject

from .._values import as_count, as_dict, as_dicts

GUARDRAIL_ID = "aws.bedrock.guardrail.id"
GUARDRAIL_ACTION = "tracer.guardrail.action"  # INTERVENED or NONE
_KEPT_LIMIT = 32 * 1024 * 1024
_MILLISECONDS = 1e3
_NAMED_RESOURCES = frozenset({"foundation-model", "inference-profile"})  # whose last segment is a model's id


@functools.lru_cache(maxsize=1024)
def model_name(model_id: str) -> str:
    """A model's id, also out of the ARN of a model or of an inference profile; of other ARNs kind and name."""
    if not model_id.startswith("arn:"):
        return model_id
    resource = model_id.split(":", 5)[-1]
    kind, _, name = resource.partition("/")
    return name if kind in _NAMED_RESOURCES and name else resource


def plain(value: Any) -> Any:
    """A copy of a request or a reply in which bytes are data URLs."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return _data_url(bytes(value))
    return value


def _data_url(content: bytes) -> str:
    if len(content) > _KEPT_LIMIT:
        return f"<{len(content)} bytes>"
    kind = media_type(content) or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def read_usage(usage: object) -> JsonObject:
    """Token counts by tracer's names. Bedrock's input tokens exclude those read from and written to the cache."""
    usage = as_dict(usage)
    read, written = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
    details = as_dicts(usage.get("cacheDetails"))
    for_an_hour = sum(as_count(detail.get("inputTokens")) for detail in details if detail.get("ttl") == "1h")
    return {
        **with_cache(usage.get("inputTokens"), usage.get("outputTokens"), read, written),
        "cache_write_1h_input_tokens": for_an_hour or None,
        "total_tokens": usage.get("totalTokens"),
    }


def with_cache(uncached: object, output: object, read: object, written: object) -> JsonObject:
    """Token counts of which those of the cache are a part of the input."""
    return {
        "input_tokens": None if uncached is None else as_count(uncached) + as_count(read) + as_count(written),
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_write_input_tokens": written,
    }


def seconds(milliseconds: object) -> float | None:
    """A time in seconds."""
    is_time = isinstance(milliseconds, (int, float)) and not isinstance(milliseconds, bool)
    return milliseconds / _MILLISECONDS if is_time else None  # type: ignore[operator]


def read_headers(headers: Mapping[str, str]) -> JsonObject:
    """Values from the headers of a reply, by attribute: tokens and latency, where its body may not have them."""
    counts = {
        name: _count(headers.get(f"x-amzn-bedrock-{header}-token-count"))
        for name, header in (
            ("input", "input"), ("output", "output"), ("read", "cache-read-input"), ("written", "cache-write-input"),
        )
    }  # fmt: skip
    usage = with_cache(counts["input"], counts["output"], counts["read"], counts["written"])
    latency = _count(headers.get("x-amzn-bedrock-invocation-latency"))
    return {
        **{semconv.TOKEN_USAGE[name]: tokens for name, tokens in usage.items()},
        semconv.SERVER_TOTAL_TIME: seconds(latency),
    }


def _count(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 16 else None


def guardrail_of(body: JsonMapping, *names: str) -> JsonObject:
    """The action of a guardrail, from the first of these fields that is there."""
    found = next((body[name] for name in names if isinstance(body.get(name), str)), None)
    return {GUARDRAIL_ACTION: found}
