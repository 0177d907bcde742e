"""Embeddings, moderations, decisions, and a generic operation for all other paths."""

from __future__ import annotations

import functools

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import content_parts
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_dicts, as_text
from .chat import error_in, parameters
from .items import input_messages
from .usage import read_usage

_BASE64_BYTES = 3 / 4
_FLOAT32_BYTES = 4


def _read_embedding_request(body: object) -> Request:
    body = as_dict(body)
    encoding = body.get("encoding_format")
    attributes = {
        semconv.REQUEST_ENCODING_FORMATS: [encoding] if isinstance(encoding, str) else None,
        semconv.EMBEDDINGS_DIMENSIONS: body.get("dimensions"),
    }
    return Request(as_text(body.get("model")), attributes=attributes)


def _read_embedding_reply(body: object) -> Reply:
    body = as_dict(body)
    vectors = as_dicts(body.get("data"))
    dimensions = _dimensions(vectors[0].get("embedding")) if vectors else None
    return _read_generic_reply(body)._replace(attributes={semconv.EMBEDDINGS_DIMENSIONS: dimensions})


def _dimensions(vector: object) -> int | None:
    if isinstance(vector, list):
        return len(vector)
    if isinstance(vector, str):  # base64 of little-endian 32-bit floats
        return int((len(vector) * _BASE64_BYTES - vector.count("=", -2)) / _FLOAT32_BYTES)
    return None


EMBEDDING = Operation(
    "embeddings",
    _read_embedding_request,
    _read_embedding_reply,
    span_type=SpanType.EMBEDDING,
)


def _read_moderation_request(body: object) -> Request:
    body = as_dict(body)
    given = body.get("input")
    contents = given if isinstance(given, list) and all(isinstance(item, str) for item in given) else [given]
    return Request(
        as_text(body.get("model")),
        [{"role": "user", "parts": list(content_parts(content))} for content in contents],
    )


def _read_moderation_reply(body: object) -> Reply:
    body = as_dict(body)
    messages = [{"role": "assistant", "parts": [_verdict(result)]} for result in as_dicts(body.get("results"))]
    return _read_generic_reply(body)._replace(messages=messages)


def _verdict(result: JsonMapping) -> JsonObject:
    """The categories that were found, without the dozen that were not."""
    scores = as_dict(result.get("category_scores"))
    found = [name for name, is_found in as_dict(result.get("categories")).items() if is_found]
    return {"type": "moderation", "flagged": result.get("flagged"), "found": {name: scores.get(name) for name in found}}


MODERATION = Operation("moderations", _read_moderation_request, _read_moderation_reply, span_type=SpanType.GUARDRAIL)


class LastEvent:
    """Keeps the last event of a stream of an unknown kind; the others are events of the span."""

    keeps_last_event = True

    def __init__(self) -> None:
        self._last: object = None

    def add(self, chunk: object) -> bool:
        self._last = chunk
        return True

    def reply(self) -> object:
        return self._last

    def is_complete(self) -> None:
        return None


def _read_decision_request(body: object) -> Request:
    body = as_dict(body)
    questions = [{"type": "question", "question": question} for question in as_dicts(body.get("questions"))]
    asked = [{"role": "user", "parts": questions}] if questions else []
    return Request(as_text(body.get("model")), [*input_messages(body.get("input")), *asked])


def _read_decision_reply(body: object) -> Reply:
    body = as_dict(body)
    answers = as_dicts(body.get("answers"))
    return Reply(
        model=as_text(body.get("model")),
        messages=[{"role": "assistant", "parts": answers}] if answers else [],
        usage=read_usage(body.get("usage")),
        **error_in(body),
    )


DECISION = Operation("decisions", _read_decision_request, _read_decision_reply, LastEvent, span_type=SpanType.LLM)


def _read_generic_request(body: object) -> Request:
    body = as_dict(body)
    return Request(as_text(body.get("model")), attributes=parameters(body))


def _read_generic_reply(body: object) -> Reply:
    body = as_dict(body)
    return Reply(
        model=as_text(body.get("model")),
        id=as_text(body.get("id")),
        usage=read_usage(body.get("usage")),
        **error_in(body),
    )


@functools.lru_cache(maxsize=256)
def generic(name: str, span_type: str = SpanType.UNKNOWN) -> Operation:
    """The operation of a path that has none of its own."""
    return Operation(name, _read_generic_request, _read_generic_reply, LastEvent, span_type=span_type)
