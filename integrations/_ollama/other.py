"""Embeddings, scored questions, the hosted web tools, and a generic operation for paths of later versions."""

from __future__ import annotations

import functools

from tracer import semconv
from tracer._json import JsonObject
from tracer.messages import text_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_text
from .chunks import FieldAccumulator
from .values import error_in, parameters, times_of, usage_of


def _read_request(body: object) -> Request:
    body = as_dict(body)
    return Request(as_text(body.get("model")), attributes=parameters(body))


def _read_reply(body: object) -> Reply:
    body = as_dict(body)
    return Reply(model=as_text(body.get("model")), usage=usage_of(body), attributes=times_of(body), **error_in(body))


def _read_embedding_request(body: object) -> Request:
    body = as_dict(body)
    attributes = {**parameters(body), semconv.EMBEDDINGS_DIMENSIONS: body.get("dimensions")}
    return Request(as_text(body.get("model")), attributes=attributes)


def _read_embedding_reply(body: object) -> Reply:
    body = as_dict(body)
    vectors = body.get("embeddings") or [body.get("embedding")]  # /api/embed; the older /api/embeddings
    vector = vectors[0] if isinstance(vectors, list) else None
    dimensions = len(vector) if isinstance(vector, list) else None
    return Reply(
        model=as_text(body.get("model")),
        usage={"input_tokens": body.get("prompt_eval_count")},
        attributes={**times_of(body), semconv.EMBEDDINGS_DIMENSIONS: dimensions},
        **error_in(body),
    )


def _read_questions(body: object) -> Request:
    body = as_dict(body)
    parts = [_part(body.get("state")), _part(body.get("questions"))]
    return Request(as_text(body.get("model")), [{"role": "user", "parts": parts}], attributes=parameters(body))


def _read_answers(body: object) -> Reply:
    body = as_dict(body)
    usage = as_dict(body.get("usage"))
    answers = body.get("answers")
    return Reply(
        model=as_text(body.get("model")),
        messages=[{"role": "assistant", "parts": [_part(answers)]}] if answers else [],
        usage={name: usage.get(name) for name in ("input_tokens", "output_tokens")},
        **error_in(body),
    )


def _part(content: object) -> JsonObject:
    return text_part(content) if isinstance(content, str) else {"type": "json", "content": content}


EMBEDDING = Operation("embeddings", _read_embedding_request, _read_embedding_reply, span_type=SpanType.EMBEDDING)
SYSTEM_ONE = Operation("systemone", _read_questions, _read_answers, span_type=SpanType.LLM)
WEB_SEARCH = Operation("web_search", _read_request, _read_reply, span_type=SpanType.RETRIEVER)
WEB_FETCH = Operation("web_fetch", _read_request, _read_reply, span_type=SpanType.RETRIEVER)


@functools.lru_cache(maxsize=64)
def generic(name: str) -> Operation:
    """The operation of a path that has none of its own."""
    return Operation(name, _read_request, _read_reply, FieldAccumulator, span_type=SpanType.UNKNOWN)
