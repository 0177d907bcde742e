"""Completions, embeddings, moderations, decisions, paths without an operation, and calls that generate nothing."""

from __future__ import annotations

import base64
import struct
from typing import Any

import openai
import pytest

from tests.openai.replies import QUESTION, USAGE, chat, completion, embedding
from tests.openai.server import Server, reply, sse


def test_a_completion(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(completion("Lima.", "Cusco?")))

    call("completions.create", model="text-test", prompt="Capital of Peru:", n=2, max_tokens=5)

    span = stored.span
    assert (span.name, span.span_type) == ("text_completion text-test", "LLM")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "Capital of Peru:"}]}]
    assert [message["parts"] for message in stored.output] == [
        [{"type": "text", "content": "Lima."}],
        [{"type": "text", "content": "Cusco?"}],
    ]
    assert span.outputs == completion("Lima.", "Cusco?")
    assert span.token_usage == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop", "stop"]
    assert span.attributes["gen_ai.request.max_tokens"] == 5


def test_prompts_of_every_kind(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(completion(None, "b")))  # type: ignore[arg-type]

    client.completions.create(model="m", prompt=["a", "b"])

    assert len(stored.input) == 2
    assert [message["parts"] for message in stored.output] == [[], [{"type": "text", "content": "b"}]]


def test_a_streamed_completion(server: Server, call: Any, stored: Any) -> None:
    pieces = [completion(text, usage=None) for text in ("Li", "ma")]
    pieces[0]["choices"][0]["finish_reason"] = None
    usage = {"id": "cmpl-1", "object": "text_completion", "choices": [], "usage": USAGE}
    server.will(sse(*pieces, usage))

    call("completions.create", model="m", prompt="?", stream=True)

    assert stored.span.outputs["choices"] == [{"index": 0, "text": "Lima", "finish_reason": "stop"}]
    assert stored.span.outputs["object"] == "text_completion"
    assert stored.span.token_usage["total_tokens"] == 23


def test_a_completion_stream_in_a_with_block(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(completion("Li", usage=None), completion("ma", usage=None)))

    with client.completions.create(model="m", prompt="?", stream=True) as stream:
        texts = [chunk.choices[0].text for chunk in stream]

    assert texts == ["Li", "ma"]
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima"}]


def test_embeddings(server: Server, call: Any, stored: Any) -> None:
    vector = base64.b64encode(struct.pack("<5f", *[0.5] * 5)).decode()
    server.will(reply(embedding([vector, vector])))

    result = call("embeddings.create", model="embed-test", input=["a", "b"], dimensions=5)

    span = stored.span
    assert list(result.data[0].embedding) == [0.5] * 5
    assert (span.name, span.span_type) == ("embeddings embed-test", "EMBEDDING")
    assert span.inputs["input"] == ["a", "b"]
    assert span.outputs == embedding([vector, vector])
    assert span.token_usage == {"input_tokens": 5, "total_tokens": 5}
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 5
    assert span.attributes["gen_ai.request.encoding_formats"] == ["base64"]


def test_the_dimensions_of_embeddings_come_from_the_vectors(server: Server, client: Any, stored: Any) -> None:
    server.will(reply(embedding([[0.1, 0.2, 0.3]])))

    client.embeddings.create(model="m", input="a", encoding_format="float")

    assert stored.span.attributes["gen_ai.embeddings.dimension.count"] == 3


def test_large_embedding_vectors_are_attachments(server: Server, call: Any, stored: Any) -> None:
    content = struct.pack("<1536f", *[0.5] * 1536)
    server.will(reply(embedding([base64.b64encode(content).decode()])))

    call("embeddings.create", model="embed-test", input=["a"])

    reference = stored.span.outputs["data"][0]["embedding"]
    assert stored.attachment(reference) == ("application/octet-stream", content)
    assert stored.span.attributes["gen_ai.embeddings.dimension.count"] == 1536


FLAGGED = {
    "flagged": True,
    "categories": {"violence": True, "hate": False},
    "category_scores": {"violence": 0.98, "hate": 0.01},
}


def test_a_moderation_has_the_flagged_categories(server: Server, call: Any, stored: Any) -> None:
    fine = {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.0}}
    server.will(reply({"id": "modr_1", "model": "moderate-2026", "results": [FLAGGED, fine]}))

    call("moderations.create", model="moderate", input=["I will hit you", "Hello"])

    span = stored.span
    assert (span.name, span.span_type) == ("moderations moderate", "GUARDRAIL")
    assert [message["parts"][0]["content"] for message in stored.input] == ["I will hit you", "Hello"]
    assert [message["parts"][0] for message in stored.output] == [
        {"type": "moderation", "flagged": True, "found": {"violence": 0.98}},
        {"type": "moderation", "flagged": False, "found": {}},
    ]
    assert span.outputs["results"] == [FLAGGED, fine]
    assert (span.attributes["gen_ai.response.id"], span.attributes["gen_ai.response.model"]) == (
        "modr_1",
        "moderate-2026",
    )


def test_a_moderation_of_text_with_a_picture(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply({"id": "modr_1", "model": "m", "results": [FLAGGED]}))
    picture = {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}}

    client.moderations.create(input=[{"type": "text", "text": "Look"}, picture])  # type: ignore[list-item]

    assert stored.input[0]["parts"] == [
        {"type": "text", "content": "Look"},
        {"type": "uri", "modality": "image", "uri": "https://pictures.example/1.png"},
    ]


@pytest.mark.skipif(not hasattr(openai.OpenAI, "decisions"), reason="this version of the SDK has no decisions")
def test_a_decision(server: Server, call: Any, stored: Any) -> None:
    answer = {"type": "choice", "name": "mood", "choice": "happy", "confidence": 0.9, "probabilities": []}
    usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10, "input_tokens_details": {"cached_tokens": 4}}
    server.will(reply({"model": "decide-2026", "answers": [answer], "usage": usage}))
    question = {"type": "choice", "question": "What mood?", "choices": [{"value": "happy"}, {"value": "sad"}]}

    call("decisions.create", model="decide", input="Hooray!", questions=[question])

    span = stored.span
    assert (span.name, span.span_type) == ("decisions decide", "LLM")
    assert stored.input == [
        {"role": "user", "parts": [{"type": "text", "content": "Hooray!"}]},
        {"role": "user", "parts": [{"type": "question", "question": question}]},
    ]
    assert stored.output == [{"role": "assistant", "parts": [answer]}]
    assert span.token_usage["cache_read_input_tokens"] == 4


def test_batches_fine_tuning_and_other_paid_work_is_recorded(server: Server, call: Any, stored: Any) -> None:
    server.will(reply({"id": "batch_1", "status": "validating"}))

    call("batches.create", completion_window="24h", endpoint="/v1/embeddings", input_file_id="f")

    span = stored.span
    assert (span.name, span.span_type) == ("batches", "UNKNOWN")
    assert (span.inputs["input_file_id"], span.outputs["id"]) == ("f", "batch_1")


def test_an_unknown_path_that_is_posted_to_is_recorded(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply({"answer": 42}))

    client.post("/rerank", body={"model": "m", "query": "x"}, cast_to=object)

    span = stored.span
    assert (span.name, span.span_type) == ("rerank m", "UNKNOWN")
    assert (span.inputs, span.outputs) == ({"model": "m", "query": "x"}, {"answer": 42})


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.models.list(),
        lambda client: client.files.create(file=("a.jsonl", b"{}"), purpose="batch"),
        lambda client: client.batches.cancel("batch_1"),
        lambda client: client.get("/chat/completions/abc", cast_to=object),
        lambda client: client.post("/chat/completions/abc", cast_to=object, body={"metadata": {}}),
        lambda client: client.post("/vector_stores", cast_to=object, body={}),
    ],
    ids=["models", "files", "batches", "stored completion", "update of a stored completion", "vector stores"],
)
def test_what_generates_nothing_is_not_recorded(act: Any, server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply({"object": "list", "data": [], "id": "x"}))

    act(client)

    assert len(server.asked) == 1
    assert stored.spans == []


def test_a_call_by_the_low_level_method(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))

    client.post("/chat/completions", body={"model": "m", "messages": QUESTION}, cast_to=object)

    assert stored.span.name == "chat m"
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]
