"""Embeddings, rerank, and what else starts paid work."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

import cohere

import tracer
from tests.openai.server import Server, reply

BILLED = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}}


def embeddings(texts: list[str], **more: Any) -> dict[str, Any]:
    found = {"float": [[0.1, 0.2, 0.3] for _ in texts]}
    return {"id": "e1", "embeddings": found, "texts": texts, "meta": BILLED, "response_type": "embeddings_by_type"}


def test_embeddings(call: Any, server: Server, stored: Any) -> None:
    server.will(reply(embeddings(["a"])))

    call("embed", model="embed-test", texts=["a"], input_type="search_query", embedding_types=["float"])

    span = stored.span
    assert (span.name, span.span_type) == ("embeddings embed-test", "EMBEDDING")
    assert span.inputs["texts"] == ["a"]
    assert span.token_usage == {"input_tokens": 4, "total_tokens": 4}
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 3
    assert span.attributes["gen_ai.request.encoding_formats"] == ["float"]
    assert span.attributes["tracer.request.input_type"] == "search_query"


# of pydantic about the SDK
@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'", "ignore:The .parse_obj. method")
def test_batches_that_the_sdk_sends_in_threads_are_below_the_step_around_them(
    first: cohere.Client, server: Server
) -> None:
    server.will(lambda asked: reply(embeddings(asked.json["texts"])))

    with tracer.start_span("step"):
        made = first.embed(model="embed-test", texts=["a"] * 100, input_type="search_query", embedding_types=["float"])

    [found] = tracer.search_traces()
    assert len(server.asked) == 2
    assert [span.name for span in found.data.spans] == ["step", *["embeddings embed-test"] * 2]
    assert found.info.token_usage["input_tokens"] == 8
    assert len(made.embeddings.float_) == 100


def test_rerank(call: Any, server: Server, stored: Any) -> None:
    ranked = [{"index": 1, "relevance_score": 0.9}]
    server.will(reply({"id": "r1", "results": ranked, "meta": {"billed_units": {"search_units": 1}}}))

    call("rerank", model="rerank-test", query="capital", documents=["Oslo", "Lima"], top_n=1)

    span = stored.span
    assert (span.name, span.span_type) == ("rerank rerank-test", "RERANKER")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "capital"}]}]
    assert span.outputs["results"] == ranked
    assert span.inputs["documents"] == ["Oslo", "Lima"]
    assert span.attributes["tracer.cohere.billed.search_units"] == 1


def test_what_generates_nothing_is_not_recorded(first: cohere.Client, server: Server, stored: Any) -> None:
    server.will(reply({"tokens": [1], "token_strings": ["a"]}))
    first.tokenize(text="a", model="m", offline=False)
    server.will(reply({"models": []}))
    first.models.list()

    assert len(server.asked) == 2
    assert stored.spans == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("v2/chat", "chat"),
        ("v1/chat", "chat"),
        ("v1/generate", "text_completion"),
        ("v1/embed", "embeddings"),
        ("v2/embed", "embeddings"),
        ("v2/rerank", "rerank"),
        ("v1/classify", "classify"),
        ("v2/audio/transcriptions", "audio.transcriptions"),
        ("v3/something", "v3.something"),
        ("v1/tokenize", None),
        ("v1/embed-jobs", None),
        ("v1/connectors/c1/oauth/authorize", None),
        ("v1/check-api-key", None),
    ],
)
def test_the_operation_of_a_path(path: str, name: str | None) -> None:
    from tracer.cohere import operation_of

    operation = operation_of(path)

    assert (operation.name if operation else None) == name
