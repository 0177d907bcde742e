"""Calls of the Groq SDK: chat with its reasoning, tools and tokens, audio, and embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("groq", reason="tests/run.py makes an environment with it")

import groq

import tracer
from tests.groq.conftest import ASKED, chunks
from tests.openai.replies import TOOLS, USAGE, chat, chunk, delta, embedding, error, tool_call
from tests.openai.server import Server, reply, sse

MODEL = "llama-3.3-70b-versatile"


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_has_messages_tokens_and_cost(
    call: Callable[..., Any], server: Server, stored: Any, stream: bool
) -> None:
    server.will(sse(*chunks()) if stream else reply(chat(model=MODEL, usage=USAGE), x_request_id="req_1"))

    call(stream=stream, temperature=0.5)

    span = stored.span
    assert (span.name, span.span_type, stored.text) == (f"chat {MODEL}", "CHAT_MODEL", "Lima.")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "What is the capital of Peru?"}]}]
    assert (span.token_usage["input_tokens"], span.token_usage["output_tokens"]) == (14, 9)
    assert span.attributes["gen_ai.provider.name"] == "groq"
    assert span.attributes["server.address"] == "api.groq.com"
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert len(server.asked) == 1


def test_a_call_has_the_price_of_groq(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(reply(chat(model=MODEL, usage={"prompt_tokens": 1_000_000, "completion_tokens": 0})))

    call()

    [trace] = tracer.search_traces()
    assert 0 < trace.info.cost["total_cost"] < 5


def test_reasoning_and_cached_tokens(call: Callable[..., Any], server: Server, stored: Any) -> None:
    message = {"role": "assistant", "content": "Lima.", "reasoning": "Peru is in South America."}
    server.will(reply(chat(message, usage=USAGE)))

    call(extra_body={"reasoning_effort": "low", "reasoning_format": "parsed"})

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Peru is in South America."},
        {"type": "text", "content": "Lima."},
    ]
    usage = stored.span.token_usage
    assert (usage["cache_read_input_tokens"], usage["reasoning_output_tokens"]) == (4, 2)
    assert stored.span.attributes["gen_ai.request.reasoning.level"] == "low"


def test_tools_and_their_calls(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(
        reply(chat({"role": "assistant", "tool_calls": [tool_call("c1", "weather", "{}")]}, finish="tool_calls"))
    )

    call(tools=TOOLS)

    assert stored.output[0]["parts"] == [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {}}]
    assert stored.json("gen_ai.tool.definitions")[0]["name"] == "weather"


def test_a_transcription(client: groq.Groq, server: Server, stored: Any) -> None:
    server.will(reply({"text": "Hello.", "x_groq": {"id": "req_1"}}))

    client.audio.transcriptions.create(model="whisper-large-v3", file=("a.wav", b"RIFF"))

    assert (stored.span.name, stored.text) == ("speech_to_text whisper-large-v3", "Hello.")


def test_a_translation(client: groq.Groq, server: Server, stored: Any) -> None:
    server.will(reply({"text": "Hello."}))

    client.audio.translations.create(model="whisper-large-v3", file=("a.wav", b"RIFF"))

    assert (stored.span.name, stored.text) == ("speech_to_text whisper-large-v3", "Hello.")


@pytest.mark.skipif(not hasattr(groq.resources.audio, "Speech"), reason="this version of the SDK has no speech")
def test_speech(client: groq.Groq, server: Server, stored: Any) -> None:
    server.will(reply(b"RIFF-sound", content_type="audio/wav"))

    spoken = client.audio.speech.create(model="playai-tts", voice="Fritz", input="Hello.")

    assert spoken.read() == b"RIFF-sound"
    assert (stored.span.name, stored.span.status) == ("text_to_speech playai-tts", "UNSET")
    assert stored.input[0]["parts"] == [{"type": "text", "content": "Hello."}]


def test_embeddings(client: groq.Groq, server: Server, stored: Any) -> None:
    server.will(reply(embedding([[0.25, 0.5]])))

    client.embeddings.create(model="nomic-embed-text-v1_5", input="Lima")

    assert (stored.span.span_type, stored.span.attributes["gen_ai.embeddings.dimension.count"]) == ("EMBEDDING", 2)


def test_a_refusal_is_an_error_with_its_status(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(reply(error(), status=404, x_request_id="req_1"))

    with pytest.raises(groq.NotFoundError):
        call()

    span = stored.span
    assert (span.status, span.attributes["http.response.status_code"]) == ("ERROR", 404)
    assert span.attributes["tracer.provider.request_id"] == "req_1"
    assert span.attributes["error.type"] == "groq.NotFoundError"


def test_an_error_within_a_stream(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(sse(*chunks()[:2], {"error": {"message": "Overloaded.", "type": "server_error"}}, done=False))

    with pytest.raises(groq.APIError):
        call(stream=True)

    assert stored.ending == ("ERROR", None, "Li")


def test_a_stream_that_groq_stops_is_an_error(call: Callable[..., Any], server: Server, stored: Any) -> None:
    server.will(sse(*chunks()[:2], chunk(delta(finish="stop"), x_groq={"id": "req_1", "error": "over capacity"})))

    call(stream=True)

    assert stored.ending == ("ERROR", None, "Li")


def test_raw_and_streaming_responses(client: groq.Groq, server: Server, stored: Any) -> None:
    server.will(reply(chat()))

    assert client.chat.completions.with_raw_response.create(**ASKED).parse().choices[0].message.content == "Lima."
    with client.chat.completions.with_streaming_response.create(**ASKED) as response:
        response.read()

    assert [span.attributes["http.response.status_code"] for span in stored.spans] == [200, 200]
    assert all("Lima." in str(span.outputs) for span in stored.spans)


def test_what_generates_nothing_is_not_recorded(client: groq.Groq, server: Server, stored: Any) -> None:
    server.will(reply({"object": "list", "data": []}))

    client.models.list()

    assert stored.spans == []


def test_disabling_restores_the_sdk(client: groq.Groq, server: Server, stored: Any) -> None:
    server.will(reply(chat()))

    tracer.groq.autolog(disable=True)
    client.chat.completions.create(**ASKED)

    assert stored.spans == []


def test_a_call_that_another_instrumentation_makes_a_span_of_is_one_step(
    call: Callable[..., Any], server: Server, stored: Any
) -> None:
    from opentelemetry import trace as otel_trace

    server.will(reply(chat()))
    tracer.otel.autolog()
    try:
        attributes = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 14}
        with otel_trace.get_tracer("other").start_as_current_span("Completions", attributes=attributes):
            call()
    finally:
        tracer.otel.autolog(disable=True)

    assert stored.span.name == f"chat {MODEL}"
