"""A client of endpoints that speak OpenAI's API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import tracer
from tests.openai.replies import chat, chunk, delta, response
from tests.openai.sdk import needs_responses
from tests.openai.server import Server, reply, sse
from tracer.deployments import DeploymentClient, get_deploy_client
from tracer.errors import InvalidArgumentError

MESSAGES = [{"role": "user", "content": "Hello"}]
Connect = Callable[..., DeploymentClient]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """``get_deploy_client(…)``, whose connections are closed when the test ends."""
    with ExitStack() as stack:

        def connected(*given: Any, **named: Any) -> DeploymentClient:
            client = get_deploy_client(*given, **named)
            stack.callback(client._client.close)
            return client

        yield connected


def test_a_chat_is_a_dict_and_recorded(connect: Connect, server: Server) -> None:
    server.will(reply(chat()))
    tracer.openai.autolog()
    try:
        answer = connect(server.url).predict(
            endpoint="gpt-4o-mini", inputs={"messages": MESSAGES, "max_tokens": 5, "custom": 1}
        )
    finally:
        tracer.openai.autolog(disable=True)

    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert server.asked[0].path == "/v1/chat/completions"
    assert server.asked[0].json == {"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": 5, "custom": 1}
    [trace] = tracer.search_traces()
    assert trace.data.spans[0].inputs["messages"] == MESSAGES


def test_a_stream_comes_in_pieces(connect: Connect, server: Server) -> None:
    server.will(sse(*[chunk(delta(content=text)) for text in ("Hel", "lo")], chunk(delta(finish="stop"))))

    pieces = list(connect(f"{server.url}/v1").predict_stream(endpoint="m", inputs={"messages": MESSAGES}))

    assert "".join(piece["choices"][0]["delta"]["content"] or "" for piece in pieces) == "Hello"
    assert server.asked[0].json["stream"] is True


@needs_responses
def test_other_requests_go_to_their_own_paths(connect: Connect, server: Server) -> None:
    client = connect(server.url, api_key="k")
    vectors = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m",
               "usage": {"prompt_tokens": 1, "total_tokens": 1}}  # fmt: skip
    completion = {"id": "1", "object": "text_completion", "created": 1, "model": "m", "choices": []}
    for inputs, path, answer in (
        ({"input": "a"}, "/v1/embeddings", vectors),
        ({"input": ["a", "b"]}, "/v1/embeddings", vectors),
        ({"input": [{"role": "user", "content": "a"}]}, "/v1/responses", response()),
        ({"prompt": "a"}, "/v1/completions", completion),
    ):
        server.will(reply(answer))
        client.predict("m", inputs)
        assert server.asked[-1].path == path
        assert server.asked[-1].headers["authorization"] == "Bearer k"


def test_the_servers_models_are_listed(connect: Connect, server: Server) -> None:
    model = {"id": "m", "object": "model", "created": 1, "owned_by": "me"}
    server.will(reply({"object": "list", "data": [model]}))
    [listed] = connect(server.url).list_endpoints()
    server.will(reply(model))
    assert listed == connect(server.url).get_endpoint("m")
    assert {"name": "m", **model}.items() <= listed.items()


def test_openai_is_what_the_environment_says(connect: Connect, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    server.will(reply(chat()))

    connect("openai").predict(endpoint="m", inputs={"messages": MESSAGES})
    connect(server.url).predict(endpoint="m", inputs={"messages": MESSAGES})

    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer theirs", "Bearer none"]


def test_misuse_says_what_to_write(connect: Connect, server: Server) -> None:
    with pytest.raises(InvalidArgumentError, match="target_uri: got 'databricks', expected 'openai' or the URL"):
        connect("databricks")
    client = connect(server.url)
    with pytest.raises(InvalidArgumentError, match=r"endpoint: got none, expected a model's name; list_endpoints\(\)"):
        client.predict(inputs={"messages": MESSAGES})
    with pytest.raises(InvalidArgumentError, match="expected a request's body with messages, prompt or input"):
        client.predict(endpoint="m", inputs={"question": "a"})
