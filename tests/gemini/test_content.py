"""Generated content and embeddings: the content of the span, plain and streamed, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.gemini.conftest import closed
from tests.gemini.replies import CALL, ENVELOPE, QUESTION, candidate, content, failure, lima
from tests.openai.server import Server, reply, sse


def say(server: Server, answer: Any) -> bool:
    """Script a reply or the chunks of one; whether it is a stream."""
    server.will(sse(*answer, done=False) if isinstance(answer, list) else reply(answer))
    return isinstance(answer, list)


@pytest.mark.parametrize("answer", [content(), lima()], ids=["plain", "streamed"])
def test_a_call_is_recorded_with_everything(answer: Any, server: Server, call: Any, stored: Any) -> None:
    config = types.GenerateContentConfig(system_instruction="Be brief.", temperature=0.5, max_output_tokens=9)
    call(stream=say(server, answer), config=config)

    span = stored.span
    assert (span.name, span.span_type, span.status, span.parent_id) == (
        "generate_content gemini-test",
        "CHAT_MODEL",
        "UNSET",
        None,
    )
    attributes = {key: value for key, value in span.attributes.items() if key != "tracer.span.type"}
    texts = {key: json.loads(attributes.pop(key)) for key in list(attributes) if key.endswith(("messages", "puts"))}
    assert texts == {
        "tracer.inputs": {"model": "gemini-test", **server.asked[0].json},
        "tracer.outputs": content(),
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "STOP"}
        ],
    }
    if isinstance(answer, list):
        assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
        assert attributes.pop("tracer.stream.chunks") == len(answer)
        assert attributes.pop("gen_ai.request.stream") is True
    assert json.loads(attributes.pop("gen_ai.system_instructions")) == [{"type": "text", "content": "Be brief."}]
    assert attributes == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-test",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "gemini-test-2026",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.finish_reasons": ["STOP"],
        "gen_ai.usage.input_tokens": 14,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 6,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "gen_ai.usage.text.input_tokens": 14,
        "tracer.usage.total_tokens": 23,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }


def test_tools_have_the_flat_form_of_all_providers(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(content({"text": "Lima."})))
    parameters = types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)})
    look = types.FunctionDeclaration(name="look", description="The sky.", parameters=parameters)
    tools = [types.Tool(function_declarations=[look]), types.Tool(google_search=types.GoogleSearch())]

    call("generate_content", config=types.GenerateContentConfig(tools=tools))

    search, declared = sorted(stored.json("gen_ai.tool.definitions"), key=len)
    assert declared == {
        "type": "function",
        "name": "look",
        "description": "The sky.",
        "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}},
    }
    assert search == {"type": "googleSearch"}


THOUGHT_AND_CALLED = [
    {"candidates": [candidate({"text": "Peru, ", "thought": True}, finish=None)], **ENVELOPE},
    {"candidates": [candidate({"text": "so Lima.", "thought": True}, {"text": "Li"}, finish=None)], **ENVELOPE},
    {"candidates": [candidate({"text": "ma."}, finish=None)], **ENVELOPE},
    {"candidates": [candidate(CALL)], **ENVELOPE},
]


@pytest.mark.parametrize(
    "answer",
    [content({"text": "Peru, so Lima.", "thought": True}, {"text": "Lima."}, CALL), THOUGHT_AND_CALLED],
    ids=["plain", "streamed"],
)
def test_thinking_and_function_calls_as_tool_calls(answer: Any, server: Server, call: Any, stored: Any) -> None:
    call(stream=say(server, answer))

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Peru, so Lima."},
        {"type": "text", "content": "Lima."},
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Lima"}},
    ]


def test_images_files_and_function_responses_in_the_request(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(content()))
    png = b"\xff\xfb\xfe"  # /, + and so on in base64

    call(
        contents=[
            types.Content(role="user", parts=[
                types.Part.from_bytes(data=png, mime_type="image/png"),
                types.Part.from_uri(file_uri="gs://a/b.pdf", mime_type="application/pdf"),
            ]),
            types.Content(role="model", parts=[types.Part.from_function_call(name="weather", args={"city": "Lima"})]),
            types.Content(role="user", parts=[
                types.Part.from_function_response(name="weather", response={"sky": "blue"})
            ]),
        ]
    )  # fmt: skip

    assert stored.input == [
        {"role": "user", "parts": [
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "//v+"},
            {"type": "uri", "modality": "file", "uri": "gs://a/b.pdf"},
        ]},
        {"role": "assistant", "parts": [
            {"type": "tool_call", "name": "weather", "arguments": {"city": "Lima"}},
        ]},
        {"role": "tool", "parts": [
            {"type": "tool_call_response", "id": "weather", "response": {"sky": "blue"}},
        ]},
    ]  # fmt: skip


def test_code_execution_is_a_server_tool_call(server: Server, call: Any, stored: Any) -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
    server.will(reply(content(code, result)))

    call()

    called, answered = stored.output[0]["parts"]
    assert (called["type"], called["name"]) == ("server_tool_call", "code_execution")
    assert answered["server_tool_call_response"]["output"] == "1\n"


def test_the_first_id_and_model_of_a_stream_count(server: Server, call: Any, stored: Any) -> None:
    chunks = [{**chunk, "responseId": f"r-{at}", "modelVersion": f"m-{at}"} for at, chunk in enumerate(lima(), start=1)]
    server.will(sse(*chunks, done=False))

    call(stream=True)

    attributes = stored.span.attributes
    assert (attributes["gen_ai.response.id"], attributes["gen_ai.response.model"]) == ("r-1", "m-1")


def test_candidates_as_choices_of_a_stream(server: Server, call: Any, stored: Any) -> None:
    chunks = [
        {"candidates": [candidate({"text": "b"}, finish=None, index=1)], **ENVELOPE},
        {"candidates": [candidate({"text": "a"}, index=0), candidate({"text": "B"}, index=1)], **ENVELOPE},
    ]

    call(stream=say(server, chunks))

    assert [message["parts"][0]["content"] for message in stored.output] == ["a", "bB"]
    assert stored.span.attributes["gen_ai.response.finish_reasons"] == ["STOP", "STOP"]


def test_usage_counts_tool_results_as_input_and_thinking_as_output(server: Server, call: Any, stored: Any) -> None:
    usage = {"promptTokenCount": 10, "toolUsePromptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}
    server.will(reply({**content(), "usageMetadata": {**usage, "totalTokenCount": 22}}))

    call()

    assert stored.span.token_usage == {
        "input_tokens": 17,
        "output_tokens": 5,
        "total_tokens": 22,
        "reasoning_output_tokens": 2,
    }


@pytest.mark.parametrize("finish", ["MAX_TOKENS", "SAFETY", "RECITATION"])
def test_finish_reason_of_a_candidate(finish: str, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(content(finish=finish)))

    call()

    assert stored.span.attributes["gen_ai.response.finish_reasons"] == [finish]


@pytest.mark.parametrize("is_stream", [False, True])
def test_finish_reason_of_a_blocked_prompt(is_stream: bool, server: Server, call: Any, stored: Any) -> None:
    refused = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **ENVELOPE}

    call(stream=say(server, [refused] if is_stream else refused))

    span = stored.span
    assert span.attributes["gen_ai.response.finish_reasons"] == ["PROHIBITED_CONTENT"]
    assert "tracer.incomplete" not in span.attributes


def test_embeddings_with_their_dimensions(server: Server, client: genai.Client, stored: Any) -> None:
    vector = {"values": [0.1, 0.2]}
    server.will(reply({"embeddings": [vector, vector], "embedding": vector}))

    client.models.embed_content(model="embed-test", contents=["a", "b"])

    span = stored.span
    assert (span.name, span.span_type) == ("embeddings embed-test", "EMBEDDING")
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 2
    assert span.outputs["embeddings"] == [vector, vector]


def test_cost_counts_thinking_as_output_and_cached_tokens_at_their_own_price(
    server: Server, call: Any, stored: Any
) -> None:
    server.will(reply({**content(), "modelVersion": "gemini-2.5-flash"}))

    call()

    # 8 tokens of input, 6 that were cached, 5 of output and 4 of thoughts; USD per million
    assert stored.span.cost["total_cost"] == pytest.approx((8 * 0.3 + 6 * 0.03 + 9 * 2.5) / 1e6)


@pytest.mark.filterwarnings("ignore:The generate_images method")
def test_imagen_predictions_are_recorded_as_they_are(server: Server, stored: Any) -> None:
    picture = {"mimeType": "image/png", "bytesBase64Encoded": "iVBORw0KGgo="}
    server.will(reply({"predictions": [picture]}))

    client = genai.Client(vertexai=True, api_key="k", http_options={"base_url": server.url})
    client.models.generate_images(model="imagen-test", prompt="a boat")

    assert stored.span.name == "predict imagen-test"
    assert stored.span.inputs["instances"] == [{"prompt": "a boat"}]


# ---- errors ----


@pytest.mark.parametrize("stream", [False, True])
def test_an_http_error_has_its_status_and_code(stream: bool, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(failure(400, "INVALID_ARGUMENT", "No."), status=400))

    with pytest.raises(errors.ClientError):
        call(stream=stream)

    span = stored.span
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "google.genai.errors.ClientError")
    assert span.attributes["http.response.status_code"] == 400
    assert span.attributes["tracer.provider.error_code"] == "INVALID_ARGUMENT"


def test_an_error_in_the_middle_of_a_stream(server: Server, call: Any, stored: Any) -> None:
    with contextlib.suppress(errors.ServerError):  # older versions hand it out as a chunk
        call(stream=say(server, [lima()[0], failure()]))

    assert stored.ending == ("ERROR", None, "Li")
    assert "UNAVAILABLE" in str(stored.span.attributes)


def test_a_call_that_is_cancelled_by_a_timeout(server: Server, new_client: Any, stored: Any) -> None:
    import threading

    from tests.openai.server import Scripted

    held = threading.Event()
    server.will(Scripted([held, json.dumps(content()).encode()]))

    async def scenario() -> None:
        client = new_client()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.aio.models.generate_content(model="m", contents="?"), 0.2)
        await closed(client)

    asyncio.run(scenario())
    held.set()

    assert stored.ending == ("UNSET", "cancelled", None)
