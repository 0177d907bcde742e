"""The door of the SDK: the operation of a path, the provider of a host, the request as it is sent."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import openai
import pydantic
import pytest

from tests.openai.replies import QUESTION, chat
from tests.openai.server import Server, reply
from tracer._openai.hosts import provider_of
from tracer._openai.routes import operation_of
from tracer.provider import suppress_tracing


@pytest.mark.no_store
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/chat/completions", "chat"),
        ("chat/completions", "chat"),
        ("/v1/chat/completions?api-version=1", "chat"),
        ("https://api.example/openai/v1/chat/completions", "chat"),
        ("/openai/deployments/files/chat/completions", "chat"),
        ("/deployments/gpt/embeddings", "embeddings"),
        ("/completions", "text_completion"),
        ("/responses", "chat"),
        ("/responses/compact", "responses.compact"),
        ("/embeddings", "embeddings"),
        ("/decisions", "decisions"),
        ("/images/generations", "generate_content"),
        ("/images/edits", "generate_content"),
        ("/images/variations", "generate_content"),
        ("/audio/speech", "text_to_speech"),
        ("/audio/transcriptions", "speech_to_text"),
        ("/audio/translations", "speech_to_text"),
        ("/audio/voices", None),
        ("/moderations", "moderations"),
        ("/vector_stores/vs_1/search", "retrieval"),
        ("/vector_stores/vs_1", None),
        ("/videos", "videos"),
        ("/videos/video_1/remix", "videos.remix"),
        ("/videos/characters", None),
        ("/batches", "batches"),
        ("/batches/batch_1/cancel", None),
        ("/evals", None),
        ("/evals/eval_1/runs", "evals.runs"),
        ("/evals/eval_1/runs/run_1/cancel", None),
        ("/fine_tuning/jobs", "fine_tuning.jobs"),
        ("/fine_tuning/jobs/job_1/pause", None),
        ("/fine_tuning/alpha/graders/run", "graders.run"),
        ("/fine_tuning/alpha/graders/validate", None),
        ("/threads", None),
        ("/threads/runs", "threads.runs"),
        ("/threads/thread_1/runs", "threads.runs"),
        ("/threads/thread_1/runs/run_1/cancel", None),
        ("/threads/thread_1/runs/run_1/submit_tool_outputs", "threads.runs.submit_tool_outputs"),
        ("/agents", None),
        ("/agents/sessions", "agents.sessions"),
        ("/agents/sessions/session_1", None),
        ("/agents/sessions/session_1/events", "agents.sessions.events"),
        ("/something/new", "something.new"),
        ("/responses/resp_1/cancel", None),
        ("/responses/input_tokens?beta=true", None),
        ("/chat/completions/chatcmpl-1", None),
        ("/files", None),
        ("/uploads/u/parts", None),
        ("/realtime/client_secrets", None),
    ],
)
def test_the_operation_of_a_path(path: str, name: str | None) -> None:
    operation = operation_of(path)

    assert (operation.name if operation else None) == name


@pytest.mark.no_store
@pytest.mark.parametrize(
    ("host", "client", "name"),
    [
        ("api.openai.com", "OpenAI", "openai"),
        ("eu.api.openai.com", "AsyncOpenAI", "openai"),
        ("mine.openai.azure.com", "AzureOpenAI", "azure.ai.openai"),
        ("mine.openai.azure.com", "OpenAI", "azure.ai.openai"),
        ("localhost", "AsyncAzureOpenAI", "azure.ai.openai"),
        ("api.groq.com", "OpenAI", "groq"),
        ("api.deepseek.com", "OpenAI", "deepseek"),
        ("api.mistral.ai", "OpenAI", "mistral_ai"),
        ("api.x.ai", "OpenAI", "x_ai"),
        ("api.perplexity.ai", "OpenAI", "perplexity"),
        ("api.together.xyz", "OpenAI", "together_ai"),
        ("openrouter.ai", "OpenAI", "openrouter"),
        ("generativelanguage.googleapis.com", "OpenAI", "gcp.gemini"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "OpenAI", "aws.bedrock"),
        ("API.GROQ.COM", "OpenAI", "groq"),
        ("localhost", "OpenAI", None),
        ("127.0.0.1", "OpenAI", None),
        ("notopenai.com", "OpenAI", None),
        ("", "OpenAI", None),
    ],
)
def test_the_provider_by_the_host_of_base_url(host: str, client: str, name: str | None) -> None:
    assert provider_of(host, client) == name


def test_extra_body_is_recorded_as_it_was_sent(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))

    client.chat.completions.create(
        model="m", messages=QUESTION, temperature=0.1, extra_body={"temperature": 0.9, "min_p": 0.05}
    )

    assert stored.span.inputs == server.asked[0].json
    assert stored.span.attributes["gen_ai.request.temperature"] == 0.9


def test_extra_body_without_a_body_is_recorded(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))

    client.post("/chat/completions", options={"extra_json": {"model": "m", "messages": QUESTION}}, cast_to=object)

    assert stored.span.inputs == server.asked[0].json == {"model": "m", "messages": QUESTION}


def test_the_helper_of_a_stream_is_recorded(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply({"id": "run_1"}))

    headers = {"X-Stainless-Stream-Helper": "threads.create_and_run_stream"}  # as the SDK's assistants send it
    client.post("/threads/runs", body={"assistant_id": "a"}, options={"headers": headers}, cast_to=object)

    assert stored.span.attributes["tracer.provider.helper"] == "threads.create_and_run_stream"


def test_an_absolute_url_has_its_own_server_address(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))
    body = {"model": "m", "messages": QUESTION}

    elsewhere = client.with_options(base_url="https://api.groq.com/v1")
    elsewhere.post(f"{server.url}/v1/chat/completions", body=body, cast_to=object)

    attributes = stored.span.attributes
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", server.port)
    assert attributes["gen_ai.provider.name"] == "openai"


@pytest.mark.parametrize("is_suppressed", [False, True])
def test_an_unrecorded_call_inside_a_call_lends_it_nothing(
    is_suppressed: bool, server: Server, client: openai.OpenAI, stored: Any
) -> None:
    asked = chat({"role": "assistant", "content": '{"city": "Lima"}'})
    inner = chat() if is_suppressed else {"object": "list", "data": []}
    server.will(reply(asked, x_request_id="req_1"), reply(inner, x_request_id="req_2"))

    class City(pydantic.BaseModel):
        city: str

        @pydantic.field_validator("city")
        @classmethod
        def is_known(cls, city: str) -> str:
            if is_suppressed:
                with suppress_tracing():
                    client.chat.completions.create(model="m", messages=QUESTION)
            else:
                client.models.list()
            return city

    completions = getattr(client.chat.completions, "parse", None) or client.beta.chat.completions.parse
    completions(model="m", messages=QUESTION, response_format=City)

    assert stored.span.attributes["tracer.provider.request_id"] == "req_1"
    assert stored.span.token_usage["total_tokens"] == 23


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace("0.25", "NaN"),
        lambda text: text.replace("Lima", "Lima \\ud83d"),
        lambda text: "\ufeff" + text,
        lambda text: text.encode("utf-16"),
    ],
    ids=["NaN", "half a character", "byte order mark", "UTF-16"],
)
@pytest.mark.parametrize("is_raw", [False, True], ids=["plain", "raw"])
def test_json_that_the_sdk_takes_is_taken(
    is_raw: bool, written: Any, server: Server, client: openai.OpenAI, stored: Any
) -> None:
    written = written(json.dumps({**chat(), "temperature": 0.25}))
    server.will(reply(written if isinstance(written, bytes) else written.encode()))
    completions = client.chat.completions.with_raw_response if is_raw else client.chat.completions

    with contextlib.suppress(UnicodeDecodeError):  # the SDK may not read what its HTTP client takes for latin-1
        completions.create(model="m", messages=QUESTION)

    assert stored.span.token_usage["total_tokens"] == 23
    assert stored.output[0]["parts"][0]["content"].startswith("Lima")
