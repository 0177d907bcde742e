"""End to end: the real SDK, a real server (llama.cpp's, which speaks OpenAI's language) and a real, tiny model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import QUESTION
from tests.openai.sdk import needs_responses

xllamacpp = pytest.importorskip("xllamacpp", reason="the package xllamacpp is not installed")
pytest.importorskip("gguf", reason="the package gguf is not installed")

from tests.openai.tiny_model import write_model  # noqa: E402

ASKED: Any = {"model": "tiny", "messages": QUESTION, "max_tokens": 6, "temperature": 0}


@pytest.fixture(scope="module")
def llama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_model(path)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx, settings.n_parallel, settings.warmup = 1024, 2, False
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    running = xllamacpp.Server(settings)
    yield f"{running.listening_address}/v1"
    del running


@pytest.fixture
def llama(llama_url: str) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=llama_url, max_retries=0, http_client=http) as client:
        yield client


def counts(usage: Any) -> tuple[int, int]:
    """Input and output tokens in the SDK's reply."""
    if hasattr(usage, "prompt_tokens"):
        return usage.prompt_tokens, usage.completion_tokens
    return usage.input_tokens, usage.output_tokens


def recorded(span: Any) -> tuple[int, int]:
    return span.token_usage["input_tokens"], span.token_usage["output_tokens"]


def test_a_served_model_chat_plain_and_streamed_with_usage_and_finish_reason(llama: openai.OpenAI, stored: Any) -> None:
    plain = llama.chat.completions.create(**ASKED)
    chunks = list(llama.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))

    first, second = sorted(stored.spans, key=lambda span: span.start_time_ns)
    text = plain.choices[0].message.content
    assert len(text or "") == 6
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == text
    for span in (first, second):
        assert span.outputs["choices"][0]["message"]["content"] == text
        assert recorded(span) == counts(plain.usage)
        assert span.attributes["gen_ai.response.finish_reasons"] == ["length"]
        assert (span.status, span.attributes.get("tracer.incomplete")) == ("UNSET", None)
    assert second.attributes["tracer.stream.chunks"] == len(chunks)


def test_a_served_model_with_include_usage(llama: openai.OpenAI, stored: Any) -> None:
    tracer.openai.autolog(include_usage=True)

    chunks = list(llama.chat.completions.create(**ASKED, stream=True))

    assert all(chunk.choices for chunk in chunks)
    assert recorded(stored.span)[1] == 6


def test_a_served_model_completions_plain_and_streamed(llama: openai.OpenAI, stored: Any) -> None:
    asked: Any = {"model": "tiny", "prompt": "The capital of Peru is", "max_tokens": 6, "temperature": 0}

    plain = llama.completions.create(**asked)
    list(llama.completions.create(**asked, stream=True))

    spans = sorted(stored.spans, key=lambda span: span.start_time_ns)
    assert [span.outputs["choices"][0]["text"] for span in spans] == [plain.choices[0].text] * 2
    assert recorded(spans[0]) == counts(plain.usage)


@needs_responses
def test_a_served_model_responses_plain_and_streamed(llama: openai.OpenAI, stored: Any) -> None:
    asked: Any = {"model": "tiny", "input": "?", "max_output_tokens": 6, "temperature": 0}

    plain = llama.responses.create(**asked)
    events = list(llama.responses.create(**asked, stream=True))

    first, second = sorted(stored.spans, key=lambda span: span.start_time_ns)
    said = [span.outputs["output"][0]["content"][0]["text"] for span in (first, second)]
    assert said == [plain.output_text] * 2
    assert recorded(first) == recorded(second) == counts(plain.usage)
    assert second.attributes["tracer.stream.chunks"] == len(events)


def test_a_served_model_stream_closed_early_and_the_next_call(llama: openai.OpenAI, stored: Any) -> None:
    with llama.chat.completions.create(**{**ASKED, "max_tokens": 400}, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    llama.chat.completions.create(**ASKED)

    left, whole = sorted(stored.spans, key=lambda span: span.start_time_ns)
    assert (left.status, left.attributes["tracer.incomplete"]) == ("UNSET", "closed")
    assert left.outputs["choices"][0]["message"]["content"]
    assert recorded(whole)[1] == 6


def test_a_served_model_stream_that_is_cancelled(llama_url: str, stored: Any) -> None:
    async def scenario() -> None:
        http = openai.DefaultAsyncHttpxClient(verify=False)
        async with openai.AsyncOpenAI(api_key="k", base_url=llama_url, max_retries=0, http_client=http) as client:
            stream = await client.chat.completions.create(**{**ASKED, "max_tokens": 400}, stream=True)
            began = asyncio.Event()

            async def read() -> None:
                async for _ in stream:
                    began.set()

            reading = asyncio.create_task(read())
            await began.wait()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading

    asyncio.run(scenario())

    assert (stored.span.status, stored.span.attributes["tracer.incomplete"]) == ("UNSET", "cancelled")


def test_a_served_model_prompt_beyond_the_context(llama: openai.OpenAI, stored: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        llama.chat.completions.create(**{**ASKED, "messages": [{"role": "user", "content": "word " * 2000}]})

    assert (stored.span.status, stored.span.attributes["http.response.status_code"]) == ("ERROR", 400)
    assert stored.span.attributes["error.type"]
