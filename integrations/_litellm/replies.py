"""Replies, chunks and ends of streams of LiteLLM, as they would be in OpenAI's API."""

from __future__ import annotations

from typing import Any


def reply_of(result: Any) -> object:
    """A reply, or a chunk, without LiteLLM's own fields."""
    dump = getattr(result, "model_dump", None)
    if dump is None:
        return result
    body = dump(mode="json", exclude_none=True, warnings=False)
    # LiteLLM's chunk names the model of the request, and has the answering one in a private field
    answering = getattr(result, "_hidden_params", None)
    model = answering.get("provider_response_model") if isinstance(answering, dict) else None
    return {**body, "model": model} if isinstance(model, str) and isinstance(body, dict) else body


def usage_at_end(stream: Any) -> object:
    """A chunk with the token counts that the provider sent, which LiteLLM takes out of chunks; None without any."""
    for chunk in reversed(getattr(stream, "chunks", None) or []):
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            return {"choices": [], "usage": reply_of(usage)}
    return None
