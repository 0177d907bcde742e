"""Embeddings, rerank, and a generic operation for all other paths."""

from __future__ import annotations

import functools

from tracer import semconv
from tracer._json import JsonObject
from tracer.messages import text_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._openai.other import LastEvent
from .._values import as_dict, as_dicts, as_text
from .values import parameters, read_usage, units_of, usage_of


def _read_request(body: object) -> Request:
    body = as_dict(body)
    return Request(as_text(body.get("model")), attributes=parameters(body))


def _read_reply(body: object) -> Reply:
    body = as_dict(body)
    usage = usage_of(body)
    return Reply(id=as_text(body.get("id")), usage=read_usage(usage), attributes=units_of(usage))


def read_embedding_request(body: object) -> Request:
    """Read a request for embeddings."""
    request = _read_request(body)
    kinds = as_dict(body).get("embedding_types")
    attributes = {**request.attributes, semconv.REQUEST_ENCODING_FORMATS: kinds if isinstance(kinds, list) else None}
    return request._replace(attributes=attributes)


def read_embedding_reply(body: object) -> Reply:
    """Read embeddings, of one type or of several."""
    reply = _read_reply(body)
    vectors = as_dict(body).get("embeddings")
    if isinstance(vectors, dict):
        vectors = next(iter(vectors.get(kind) for kind in ("float", *vectors) if vectors.get(kind)), None)
    vector = vectors[0] if isinstance(vectors, list) and vectors else None
    dimensions = len(vector) if isinstance(vector, list) else None
    return reply._replace(attributes={**reply.attributes, semconv.EMBEDDINGS_DIMENSIONS: dimensions})


def read_rerank_request(body: object) -> Request:
    """Read a request to order documents by their relevance to a query."""
    query = as_text(as_dict(body).get("query"))
    return _read_request(body)._replace(
        messages=[{"role": "user", "parts": [text_part(query)]}] if query else [],
    )


def read_rerank_reply(body: object) -> Reply:
    """Read the order of the documents."""
    ranked = [_ranked(result) for result in as_dicts(as_dict(body).get("results"))]
    return _read_reply(body)._replace(messages=[{"role": "assistant", "parts": ranked}] if ranked else [])


def _ranked(result: JsonObject) -> JsonObject:
    return {"type": "json", "content": result}


EMBEDDING = Operation("embeddings", read_embedding_request, read_embedding_reply, span_type=SpanType.EMBEDDING)
RERANK = Operation("rerank", read_rerank_request, read_rerank_reply, span_type=SpanType.RERANKER)


@functools.lru_cache(maxsize=64)
def generic(name: str, span_type: str = SpanType.UNKNOWN) -> Operation:
    """The operation of a path that has none of its own."""
    return Operation(name, _read_request, _read_reply, LastEvent, span_type=span_type)
