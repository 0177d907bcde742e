"""The content of a call's span: chat, agents, code, embeddings; plain and streamed, sync and async."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mistralai.client import Mistral, errors

from tests.mistral.conftest import ASKED
from tests.openai.replies import QUESTION, TOOLS, chat, chunk, delta, lima, tool_call
from tests.openai.server import Server, reply, sse


@pytest.mark.parametrize("way", ["chat.complete", "chat.stream"])
def test_a_call_is_recorded_with_everything(way: str, server: Server, call: Any, stored: Any) -> None:
    is_stream = way.endswith("stream")
    server.will(sse(*lima()) if is_stream else reply(chat(), x_request_id="req_1"))

    call(way, **ASKED, temperature=0.5, random_seed=3)

    span = stored.span
    assert (span.name, span.span_type, span.status) == ("chat mistral-test", "CHAT_MODEL", "UNSET")
    attributes = {key: value for key, value in span.attributes.items() if key != "tracer.span.type"}
    texts = {key: json.loads(attributes.pop(key)) for key in list(attributes) if key.endswith(("messages", "puts"))}
    assert texts == {
        "tracer.inputs": server.asked[0].json,
        "tracer.outputs": chat(),
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": QUESTION[0]["content"]}]}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "stop"}
        ],
    }
    if is_stream:
        assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
        assert attributes.pop("tracer.stream.chunks") == len(lima())
    else:
        assert attributes.pop("tracer.provider.request_id") == "req_1"
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": "mistral-test",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stream": is_stream,
        "gen_ai.response.model": "gpt-test-2026",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 14,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "tracer.usage.total_tokens": 23,
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }


@pytest.mark.parametrize("is_stream", [False, True])
def test_thinking_and_tool_calls(is_stream: bool, server: Server, call: Any, stored: Any) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Look."}]}
    called = tool_call("c1", "weather", '{"city": "Lima"}')
    if is_stream:
        server.will(sse(
            chunk(delta(role="assistant", content=[thought])),
            chunk(delta(content="One moment.")),
            chunk(delta(finish="tool_calls", tool_calls=[{**called, "index": 0}])),
        ))  # fmt: skip
    else:
        content = [thought, {"type": "text", "text": "One moment."}]
        server.will(reply(chat({"role": "assistant", "content": content, "tool_calls": [called]}, finish="tool_calls")))

    call("chat.stream" if is_stream else "chat.complete", **ASKED, tools=TOOLS)

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Look."},
        {"type": "text", "content": "One moment."},
        {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Lima"}},
    ]
    assert stored.json("gen_ai.tool.definitions")[0]["name"] == "weather"


def test_fim_is_a_text_completion(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))

    call("fim.complete", model="codestral", prompt="def f():", suffix="return x")

    assert stored.span.name == "text_completion codestral"
    assert [message["parts"][0]["content"] for message in stored.input] == ["def f():", "return x"]
    assert stored.text == "Lima."


def test_agents_complete_is_a_chat(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))

    call("agents.complete", agent_id="ag_1", messages=QUESTION)

    assert (stored.span.name, stored.span.inputs["agent_id"], stored.text) == ("chat", "ag_1", "Lima.")


def test_embeddings_with_dimensions_and_usage(server: Server, call: Any, stored: Any) -> None:
    vector = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}
    usage = {"prompt_tokens": 2, "total_tokens": 2, "completion_tokens": 0}
    server.will(reply({"id": "e", "object": "list", "model": "mistral-embed", "data": [vector], "usage": usage}))

    call("embeddings.create", model="mistral-embed", inputs=["a"])

    assert (stored.span.name, stored.span.span_type) == ("embeddings mistral-embed", "EMBEDDING")
    assert stored.span.attributes["gen_ai.embeddings.dimension.count"] == 2
    assert stored.span.token_usage["input_tokens"] == 2


@pytest.mark.parametrize("way", ["chat.complete", "chat.stream"])
@pytest.mark.parametrize("status", [401, 422, 503])
def test_an_http_error_has_its_status_as_error_type(
    status: int, way: str, server: Server, call: Any, stored: Any
) -> None:
    refusal = {"detail": [{"loc": ["body"], "msg": "no", "type": "value_error"}]}
    server.will(reply(refusal, status=status))

    with pytest.raises((errors.SDKError, errors.HTTPValidationError)):
        call(way, **ASKED)

    span = stored.span
    assert (span.status, span.attributes["error.type"]) == ("ERROR", str(status))
    assert span.attributes["http.response.status_code"] == status
    assert span.outputs == refusal


def test_a_connection_error(stored: Any) -> None:
    from tests.openai.server import unreachable_port

    with (
        Mistral(api_key="k", server_url=f"http://127.0.0.1:{unreachable_port()}") as client,
        pytest.raises(Exception, match="refused"),
    ):
        client.chat.complete(**ASKED)

    assert stored.span.status == "ERROR"
