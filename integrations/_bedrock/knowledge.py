"""Knowledge bases, rerank, guardrails and flows: requests, replies, and what of them is streamed."""

from __future__ import annotations

import functools

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import text_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_dicts, as_text, given
from .values import GUARDRAIL_ID, guardrail_of, model_name

_DATA_SOURCE = "gen_ai.data_source.id"


def _asked(text: object) -> list[JsonObject]:
    return [{"role": "user", "parts": [text_part(text)]}] if isinstance(text, str) and text else []


def _read_retrieve_request(body: object) -> Request:
    body = as_dict(body)
    query = as_dict(body.get("retrievalQuery"))
    return Request(messages=_asked(query.get("text")), attributes={_DATA_SOURCE: as_text(body.get("knowledgeBaseId"))})


def _read_retrieve_reply(body: object) -> Reply:
    return Reply(attributes=guardrail_of(as_dict(body), "guardrailAction"))


def _read_generate_request(body: object) -> Request:
    body = as_dict(body)
    config = generation_of(body)
    return Request(
        as_text(body.get("model")),
        _asked(as_dict(body.get("input")).get("text")),
        attributes={
            _DATA_SOURCE: as_text(config.get("knowledgeBaseId")),
            semconv.CONVERSATION_ID: as_text(body.get("sessionId")),
        },
    )


def generation_of(body: JsonMapping) -> JsonObject:
    """The part of a request to retrieve and generate that names model and sources."""
    config = as_dict(body.get("retrieveAndGenerateConfiguration"))
    return as_dict(config.get("knowledgeBaseConfiguration")) or as_dict(config.get("externalSourcesConfiguration"))


def _read_generate_reply(body: object) -> Reply:
    body = as_dict(body)
    text = as_text(as_dict(body.get("output")).get("text"))
    part = {**text_part(text or ""), **given({"annotations": body.get("citations") or None})}
    return Reply(
        messages=[{"role": "assistant", "parts": [part]}] if text else None,
        attributes={
            **guardrail_of(body, "guardrailAction"),
            semconv.CONVERSATION_ID: as_text(body.get("sessionId")),
        },
    )


class GenerateAccumulator:
    """Accumulates a streamed answer with its citations."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._citations: list[object] = []
        self._action: object = None

    def add(self, event: JsonObject) -> bool:
        """Take an event; True if it carries content."""
        event = as_dict(event)
        text = as_dict(event.get("output")).get("text")
        if isinstance(text, str):
            self._texts.append(text)
        if "citation" in event:
            self._citations.append(as_dict(event["citation"]).get("citation"))
        if "guardrail" in event:
            self._action = as_dict(event["guardrail"]).get("action")
        return bool(text) or "citation" in event

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        more = given({"guardrailAction": self._action})
        return {"output": {"text": "".join(self._texts)}, "citations": self._citations, **more}

    def is_complete(self) -> None:
        """No event marks the end."""


def _read_rerank_request(body: object) -> Request:
    body = as_dict(body)
    queries = [as_dict(query.get("textQuery")).get("text") for query in as_dicts(body.get("queries"))]
    return Request(as_text(body.get("model")), [message for query in queries for message in _asked(query)])


def _read_rerank_reply(body: object) -> Reply:
    ranked: list[JsonObject] = [
        {"type": "json", "content": result} for result in as_dicts(as_dict(body).get("results"))
    ]
    return Reply(messages=[{"role": "assistant", "parts": ranked}] if ranked else None)


def _read_guardrail_request(body: object) -> Request:
    body = as_dict(body)
    texts = [as_dict(block.get("text")).get("text") for block in as_dicts(body.get("content"))]
    role = "assistant" if body.get("source") == "OUTPUT" else "user"
    return Request(
        messages=[{**message, "role": role} for text in texts for message in _asked(text)],
        attributes={GUARDRAIL_ID: as_text(body.get("guardrailIdentifier"))},
    )


def _read_guardrail_reply(body: object) -> Reply:
    body = as_dict(body)
    texts = [as_text(output.get("text")) for output in as_dicts(body.get("outputs"))]
    parts = [text_part(text) for text in texts if text]
    return Reply(
        messages=[{"role": "assistant", "parts": parts}] if parts else None, attributes=guardrail_of(body, "action")
    )


def _read_any_request(body: object) -> Request:
    return Request(as_text(as_dict(body).get("model")))


def _read_nothing(_: object) -> Reply:
    return Reply()


class Events:
    """Keeps all events of a stream of a kind that has no reply in one piece."""

    def __init__(self) -> None:
        self._events: list[object] = []

    def add(self, event: JsonObject) -> bool:
        """Take an event; True if it carries content."""
        self._events.append(event)
        return True

    def reply(self) -> list[object]:
        """The events."""
        return self._events

    def is_complete(self) -> None:
        """No event marks the end."""


RETRIEVE = Operation("retrieval", _read_retrieve_request, _read_retrieve_reply, span_type=SpanType.RETRIEVER)
GENERATE = Operation(
    "retrieve_and_generate", _read_generate_request, _read_generate_reply, GenerateAccumulator, span_type=SpanType.LLM
)
RERANK = Operation("rerank", _read_rerank_request, _read_rerank_reply, span_type=SpanType.RERANKER)
GUARDRAIL = Operation("apply_guardrail", _read_guardrail_request, _read_guardrail_reply, span_type=SpanType.GUARDRAIL)


@functools.lru_cache(maxsize=64)
def generic(name: str, span_type: str) -> Operation:
    """The operation of a call whose request and reply are recorded as they are."""
    return Operation(name, _read_any_request, _read_nothing, Events, span_type=span_type)


def model_of_rerank(body: JsonMapping) -> str | None:
    """The model that a request to rerank names."""
    config = as_dict(as_dict(body.get("rerankingConfiguration")).get("bedrockRerankingConfiguration"))
    arn = as_text(as_dict(config.get("modelConfiguration")).get("modelArn"))
    return model_name(arn) if arn else None
