"""Calls of the Together SDK: chat, completions, embeddings, images, rerankings, and what else is paid for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("together", reason="tests/run.py makes an environment with it")

import together

import tracer
from tests.openai.replies import TOOLS, USAGE, chat, completion, embedding, error, tool_call
from tests.openai.server import Server, reply, sse
from tests.together.conftest import ASKED, MODEL, chunks


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_has_messages_tokens_and_cost(
    call: Callable[..., Any], server: Server, stored: Any, stream: bool
) -> None:
    server.will(sse(*chunks()) if stream else reply(chat(model=MODEL, usage=USAGE), x_request_id="req_1"))

    call(stream=stream, top_k=40)

    span = stored.span
    assert (span.name, span.span_type, stored.text) == (f"chat {MODEL}", "CHAT_MODEL", "Lima.")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "What is the capital of Peru?"}]}]
    assert (span.token_usage["input_tokens"], span.token_usage["output_tokens"]) == (14, 9)
    assert span.attributes["gen_ai.provider.name"] == "together_ai"
    assert span.attributes["server.address"] == "api.together.xyz"
    assert span.attributes["gen_ai.request.top_k"] == 40
    assert len(server.asked) == 1


def test_a_call_has_the_price_of_together(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(reply(chat(model=MODEL, usage={"prompt_tokens": 1_000_000, "completion_tokens": 0})))

    call()

    [trace] = tracer.search_traces()
    assert 0 < trace.info.cost["total_cost"] < 5


def test_tools_and_their_calls(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(
        reply(chat({"role": "assistant", "tool_calls": [tool_call("c1", "weather", "{}")]}, finish="tool_calls"))
    )

    call(tools=TOOLS)

    assert stored.output[0]["parts"] == [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {}}]


def test_reasoning(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(reply(chat({"role": "assistant", "content": "Lima.", "reasoning": "Peru …"})))

    call()

    assert [part["type"] for part in stored.output[0]["parts"]] == ["reasoning", "text"]


def test_a_completion(client: together.Together, server: Server, stored: Any) -> None:
    server.will(reply(completion("Lima.")))

    client.completions.create(model="m", prompt="The capital of Peru is")

    assert (stored.span.name, stored.text) == ("text_completion m", "Lima.")


def test_embeddings(client: together.Together, server: Server, stored: Any) -> None:
    server.will(reply(embedding([[0.25, 0.5]])))

    client.embeddings.create(model="m", input="Lima")

    assert (stored.span.span_type, stored.span.attributes["gen_ai.embeddings.dimension.count"]) == ("EMBEDDING", 2)


def test_images(client: together.Together, server: Server, stored: Any) -> None:
    images = [{"index": 0, "type": "url", "url": "https://example.com/llama.png"}]
    server.will(reply({"id": "i1", "model": "flux", "object": "list", "data": images}))

    client.images.generate(model="flux", prompt="A llama")

    assert stored.span.name == "generate_content flux"
    assert stored.output[0]["parts"][0]["uri"] == "https://example.com/llama.png"


def test_a_reranking(client: together.Together, server: Server, stored: Any) -> None:
    results = [{"index": 1, "relevance_score": 0.9, "document": {"text": "Lima"}}]
    usage = {"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20}
    server.will(reply({"id": "r1", "object": "rerank", "model": "rank-1", "results": results, "usage": usage}))

    client.rerank.create(model="rank-1", query="Capital of Peru?", documents=["Quito", "Lima"], top_n=1)

    span = stored.span
    assert (span.name, span.span_type, span.token_usage["input_tokens"]) == ("rerank rank-1", "RERANKER", 20)
    assert [part["content"] for part in stored.input[0]["parts"]] == ["Capital of Peru?", "Quito", "Lima"]
    assert stored.output[0]["parts"] == [{"type": "ranking", **results[0]}]
    assert span.outputs["results"] == results


def test_speech(client: together.Together, server: Server, stored: Any) -> None:
    server.will(reply(b"RIFF-sound", content_type="audio/wav"))

    spoken = client.audio.speech.create(model="sonic", voice="v", input="Hello.")

    assert spoken.read() == b"RIFF-sound"
    assert stored.span.name == "text_to_speech sonic"


def test_a_transcription(client: together.Together, server: Server, stored: Any) -> None:
    server.will(reply({"text": "Hello."}))

    client.audio.transcriptions.create(model="whisper", file=b"RIFF")

    assert (stored.span.name, stored.text) == ("speech_to_text whisper", "Hello.")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/evaluation", "evals.runs"),
        ("/fine-tunes", "fine_tuning.jobs"),
        ("/tci/execute", "tci.execute"),
        ("/queue/submit", "queue.submit"),
        ("/fine-tunes/estimate-price", None),
        ("/compute/clusters", None),
        ("/endpoints", None),
        ("/deployments/secrets", None),
        ("/batches/b1/cancel", None),
    ],
)
def test_what_is_paid_for_is_recorded_and_what_is_managed_is_not(
    client: together.Together, server: Server, stored: Any, path: str, name: str | None
) -> None:
    server.will(reply({}))

    client.post(path, cast_to=object, body={"a": 1})

    assert [span.name for span in stored.spans] == ([name] if name else [])


def test_a_refusal_is_an_error_with_its_status(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(reply(error(), status=404, x_request_id="req_1"))

    with pytest.raises(together.NotFoundError):
        call()

    span = stored.span
    assert (span.status, span.attributes["http.response.status_code"]) == ("ERROR", 404)
    assert span.attributes["tracer.provider.request_id"] == "req_1"


def test_an_error_within_a_stream(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(sse(*chunks()[:2], {"error": {"message": "Overloaded.", "type": "server_error"}}, done=False))

    with pytest.raises(together.APIError):
        call(stream=True)

    assert stored.ending == ("ERROR", None, "Li")


def test_what_generates_nothing_is_not_recorded(client: together.Together, server: Server, stored: Any) -> None:
    server.will(reply([]))

    client.get("/models", cast_to=object)

    assert stored.spans == []


def test_disabling_restores_the_sdk(client: together.Together, server: Server, stored: Any) -> None:
    server.will(reply(chat()))

    tracer.together.autolog(disable=True)
    client.chat.completions.create(**ASKED)

    assert stored.spans == []
