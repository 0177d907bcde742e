"""Models of Bedrock that are asked by the SDKs of their makers are answered from a trace, in Bedrock's format."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")
pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

import anthropic
import cohere
import httpx
from cohere import aws_client

import tracer
from tests.anthropic.replies import CALL, TEXT, lima, message
from tests.bedrock.event_stream import chunk, stream
from tests.garbage import collect_garbage
from tests.openai.server import Server, reply
from tests.replay.check import gives_the_same_again
from tracer.errors import CassetteError, ReplayMismatchError

PERU, CHILE = "What is the capital of Peru?", "What is the capital of Chile?"
MODEL = "eu.anthropic.claude-test-v1:0"


@pytest.fixture(autouse=True)
def autolog(own_store: str) -> Iterator[None]:
    tracer.anthropic.autolog()
    tracer.cohere.autolog()
    yield
    tracer.anthropic.autolog(disable=True)
    tracer.cohere.autolog(disable=True)
    collect_garbage()


@pytest.fixture(params=["sync", "async"])
def claude(request: pytest.FixtureRequest, server: Server) -> Callable[..., Any]:
    """``claude(question, streams)`` asks by Anthropic's client for Bedrock."""
    given: Any = {"aws_region": "eu-west-1", "aws_access_key": "k", "aws_secret_key": "s", "base_url": server.url}

    def asked(question: str, streams: bool) -> Any:
        fields = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": question}]}
        return {**fields, "stream": True} if streams else fields

    def sync(question: str, streams: bool) -> Any:
        http = anthropic.DefaultHttpxClient(verify=False)
        with anthropic.AnthropicBedrock(**given, max_retries=0, http_client=http) as client:
            said = client.messages.create(**asked(question, streams))
            return list(said) if streams else said

    async def scenario(question: str, streams: bool) -> Any:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        async with anthropic.AsyncAnthropicBedrock(**given, max_retries=0, http_client=http) as client:
            said = await client.messages.create(**asked(question, streams))
            return [event async for event in said] if streams else said

    return sync if request.param == "sync" else lambda *arguments: asyncio.run(scenario(*arguments))


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_anthropics_client_asked_is_answered(claude: Any, streams: bool, server: Server, tmp_path: Any) -> None:
    server.will(stream(*map(chunk, lima())) if streams else reply(message(TEXT, CALL)))

    gives_the_same_again(lambda: claude(PERU, streams), server, tmp_path)

    found = tracer.get_last_active_trace_id()
    assert found is not None
    with pytest.raises(ReplayMismatchError, match=r'word 6: "Peru.*now it is "Chile'), tracer.replay(found):
        claude(CHILE, streams)


def test_a_refusal_of_bedrock_is_the_same_error_again(claude: Any, server: Server) -> None:
    server.will(reply({"message": "too many of them"}, status=429, x_should_retry="false"))

    def refused() -> str:
        with pytest.raises(anthropic.RateLimitError) as raised:
            claude(PERU, False)
        return str(raised.value)

    first = refused()
    tracer.flush()
    found = tracer.get_last_active_trace_id()
    assert found is not None

    with tracer.replay(found):
        assert refused() == first


@pytest.mark.parametrize(
    "platform", ["model/{}/invoke -with-response-stream", "endpoints/{}/invocations -response-stream"]
)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_coheres_client_asked_is_answered(
    platform: str, streams: bool, monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Any
) -> None:
    name, _, suffix = platform.format("command-m").partition(" ")
    monkeypatch.setattr(aws_client, "get_url", lambda **_: f"{server.url}/{name}{suffix if streams else ''}")
    events = [
        {"event_type": "stream-start", "generation_id": "g1", "is_finished": False},
        {"event_type": "text-generation", "text": "Lima.", "is_finished": False},
        {"event_type": "stream-end", "finish_reason": "COMPLETE", "is_finished": True},
    ]
    whole = {"text": "Lima.", "generation_id": "g1", "finish_reason": "COMPLETE"}
    tokens = {"x_amzn_bedrock_input_token_count": "7", "x_amzn_bedrock_output_token_count": "2"}
    server.will(stream(*map(chunk, events)) if streams else reply(whole, **tokens))

    def program() -> Any:
        client = cohere.BedrockClient(aws_region="eu-west-1", aws_access_key="k", aws_secret_key="s")
        with client._client_wrapper.httpx_client.httpx_client:
            if streams:
                return list(client.chat_stream(model="command-m", message=PERU))
            return client.chat(model="command-m", message=PERU)

    gives_the_same_again(program, server, tmp_path)

    assert tracer.search_traces(max_results=1)[0].data.spans[0].outputs["text"] == "Lima."


def test_what_was_asked_in_the_format_of_another_cloud_is_refused(server: Server) -> None:
    def hook(request: httpx.Request) -> None:
        """Does nothing, where that of the SDK writes the request anew."""

    hook.__module__ = "cohere.oci_client"
    server.will(reply({"text": "Lima.", "generation_id": "g1", "finish_reason": "COMPLETE"}))
    with httpx.Client(verify=False, event_hooks={"request": [hook]}) as http:
        cohere.Client("k", base_url=server.url, httpx_client=http).chat(model="command-m", message=PERU)
    tracer.flush()
    found = tracer.get_last_active_trace_id()
    assert found is not None

    with pytest.raises(CassetteError, match=r"asks oci\.generative_ai.*tracer\.record"), tracer.replay(found):
        raise AssertionError("this ran")
