"""Messages: the content of the span, plain and streamed, by the sync and the async client."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

from tests.anthropic.conftest import ASKED
from tests.anthropic.replies import (
    CALL,
    QUESTION,
    TEXT,
    THINKING,
    TOOLS,
    USAGE,
    block,
    ended,
    failure,
    json_deltas,
    lima,
    message,
    started,
    text_deltas,
)
from tests.openai.server import Server, reply, sse

STREAMED = [message(), lima()]


def say(server: Server, answer: Any) -> dict[str, Any]:
    """Script a message or the events of one; returns the arguments that the call needs."""
    if isinstance(answer, list):
        server.will(sse(*answer, done=False, request_id="req_1"))
        return {"stream": True}
    server.will(reply(answer, request_id="req_1"))
    return {}


@pytest.mark.parametrize("answer", [message(), lima()], ids=["plain", "streamed"])
def test_a_call_is_recorded_with_everything(answer: Any, server: Server, call: Any, stored: Any) -> None:
    call(**say(server, answer), system="Be brief.", extra_body={"temperature": 0.5})

    span = stored.span
    assert (span.name, span.span_type, span.status, span.parent_id) == (
        "chat claude-test",
        "CHAT_MODEL",
        "UNSET",
        None,
    )
    asked = server.asked[0].json
    attributes = {key: value for key, value in span.attributes.items() if key != "tracer.span.type"}
    texts = {key: json.loads(attributes.pop(key)) for key in list(attributes) if key.endswith(("messages", "puts"))}
    assert texts == {
        "tracer.inputs": asked,
        "tracer.outputs": message(),
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": QUESTION[0]["content"]}]}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "end_turn"}
        ],
    }
    if isinstance(answer, list):
        assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
        assert attributes.pop("tracer.stream.chunks") == len(answer)
        assert attributes.pop("gen_ai.request.stream") is True
        assert len(span.events) == len(answer)
    assert json.loads(attributes.pop("gen_ai.system_instructions")) == [{"type": "text", "content": "Be brief."}]
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-test",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "claude-test-2026",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 130,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.cache_write.input_tokens": 20,
        "tracer.usage.cache_write_1h.input_tokens": 5,
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "tracer.provider.request_id": "req_1",
        "tracer.retries": 0,
    }


def test_cost_counts_cached_tokens_at_their_own_prices(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(message(model="claude-sonnet-4-5")))

    call()

    # 10 plain, 100 read, 15 written for five minutes and 5 for an hour, 9 of output; USD per million
    expected = (10 * 3 + 100 * 0.3 + 15 * 3.75 + 5 * 6 + 9 * 15) / 1e6
    assert stored.span.cost["total_cost"] == pytest.approx(expected)


def test_parameters_such_as_top_p_and_stop_sequences_are_attributes(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(message()))

    sampling = {"top_p": 0.9, "top_k": 5}  # of the older models: the newest SDK has no arguments for it
    call(stop_sequences=["END"], extra_body={**sampling, "output_config": {"effort": "low"}})

    asked = {key: value for key, value in stored.span.attributes.items() if key.startswith("gen_ai.request")}
    assert asked == {
        "gen_ai.request.model": "claude-test",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.reasoning.level": "low",
    }


def test_usage_has_thinking_tokens_as_reasoning(server: Server, call: Any, stored: Any) -> None:
    usage = {**USAGE, "output_tokens_details": {"thinking_tokens": 4}}
    server.will(reply(message(usage=usage)))

    call()

    assert stored.span.token_usage["reasoning_output_tokens"] == 4


THOUGHT_AND_CALLED = [
    started(),
    *block(0, {"type": "thinking", "thinking": "", "signature": ""},
           {"type": "thinking_delta", "thinking": "Peru, "}, {"type": "thinking_delta", "thinking": "so Lima."},
           {"type": "signature_delta", "signature": "c2ln"}),
    *block(1, {"type": "text", "text": ""}, *text_deltas("Li", "ma.")),
    *block(2, {**CALL, "input": {}}, *json_deltas("", '{"ci', 'ty": "Lima"}')),
    *ended("tool_use"),
]  # fmt: skip


@pytest.mark.parametrize(
    "answer", [message(THINKING, TEXT, CALL, stop="tool_use"), THOUGHT_AND_CALLED], ids=["plain", "streamed"]
)
def test_thinking_and_tool_calls(answer: Any, server: Server, call: Any, stored: Any) -> None:
    call(**say(server, answer), tools=TOOLS, thinking={"type": "enabled", "budget_tokens": 1024})

    assert stored.span.outputs == message(THINKING, TEXT, CALL, stop="tool_use")
    [said] = stored.output
    assert said["finish_reason"] == "tool_use"
    assert said["parts"] == [
        {"type": "reasoning", "content": "Peru, so Lima."},
        {"type": "text", "content": "Lima."},
        {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {"city": "Lima"}},
    ]
    assert stored.json("gen_ai.tool.definitions") == [
        {"type": "function", "name": "weather", "description": "Now.", "parameters": TOOLS[0]["input_schema"]}
    ]


def test_tool_call_results_images_and_documents_in_the_request(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(message()))
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "22 °C"}]}
    failed = {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such city", "is_error": True}
    pixel = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}

    call(
        messages=[
            {"role": "user", "content": [
                {"type": "image", "source": pixel},
                {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Facts."}},
                {"type": "document", "title": "p", "source": {"type": "url", "url": "https://a.test/p.pdf"}},
            ]},
            {"role": "assistant", "content": [THINKING, CALL]},
            {"role": "user", "content": [result, failed]},
        ]
    )  # fmt: skip

    assert stored.input == [
        {"role": "user", "parts": [
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "iVBORw0KGgo="},
            {"type": "uri", "modality": "image", "uri": "https://a.test/b.png"},
            {"type": "text", "content": "Facts."},
            {"type": "uri", "modality": "file", "uri": "https://a.test/p.pdf", "filename": "p"},
        ]},
        {"role": "assistant", "parts": [
            {"type": "reasoning", "content": "Peru, so Lima."},
            {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {"city": "Lima"}},
        ]},
        {"role": "tool", "parts": [
            {"type": "tool_call_response", "id": "toolu_1", "response": [{"type": "text", "content": "22 °C"}]},
            {"type": "tool_call_response", "id": "toolu_2", "response": "no such city", "is_error": True},
        ]},
    ]  # fmt: skip


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Peru"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "title": "Peru", "url": "https://p.test", "encrypted_content": "e"}],
}
CITATION = {"type": "web_search_result_location", "url": "https://p.test", "title": "Peru", "cited_text": "Lima"}
SEARCHED = [
    started(),
    *block(0, {**SEARCH, "input": {}}, *json_deltas('{"query": "Peru"}')),
    *block(1, FOUND),
    *block(2, {"type": "text", "text": ""}, *text_deltas("Lima."), {"type": "citations_delta", "citation": CITATION}),
    *ended(),
]


@pytest.mark.parametrize(
    "answer", [message(SEARCH, FOUND, {**TEXT, "citations": [CITATION]}), SEARCHED], ids=["plain", "streamed"]
)
def test_server_tool_calls_and_citations(answer: Any, server: Server, call: Any, stored: Any) -> None:
    call(**say(server, answer))

    searched, found, said = stored.output[0]["parts"]
    assert searched == {
        "type": "server_tool_call",
        "id": "srvtoolu_1",
        "name": "web_search",
        "server_tool_call": {"type": "web_search", "arguments": {"query": "Peru"}},
    }
    assert (found["type"], found["id"]) == ("server_tool_call_response", "srvtoolu_1")
    assert found["server_tool_call_response"]["content"] == FOUND["content"]
    assert said["annotations"][0]["url"] == "https://p.test"


@pytest.mark.parametrize("stop", ["max_tokens", "stop_sequence", "pause_turn", "refusal"])
def test_finish_reason_is_the_stop_reason_also_a_refusal(stop: str, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(message(stop=stop)))

    call()

    assert stored.span.attributes["gen_ai.response.finish_reasons"] == [stop]
    assert stored.span.status == "UNSET"


def test_redacted_thinking_is_marked(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(message({"type": "redacted_thinking", "data": "ZW5j"}, TEXT)))

    call()

    assert stored.output[0]["parts"][0] == {"type": "reasoning", "content": "", "redacted": True}


def test_interleaved_content_blocks(server: Server, call: Any, stored: Any) -> None:
    events = [
        started(),
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "ma."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Li"}},
        *ended(),
    ]

    call(**say(server, events))

    assert stored.text == "Lima."


def test_tool_call_arguments_that_were_cut_short_stay_text(server: Server, call: Any, stored: Any) -> None:
    events = [started(), *block(0, {**CALL, "input": {}}, *json_deltas('{"city": "Li')), *ended("max_tokens")]

    call(**say(server, events))

    assert stored.output[0]["parts"][0]["arguments"] == '{"city": "Li'


# ---- errors ----


@pytest.mark.parametrize(("status", "kind"), [(401, "authentication_error"), (529, "overloaded_error")])
def test_an_http_error_has_its_status_type_and_request_id(
    status: int, kind: str, server: Server, call: Any, stored: Any
) -> None:
    server.will(reply(failure(kind, "No."), status=status, request_id="req_1"))

    with pytest.raises(anthropic.APIStatusError):
        call()

    span = stored.span
    assert (span.status, span.attributes["http.response.status_code"]) == ("ERROR", status)
    assert span.attributes["tracer.provider.error_type"] == kind
    assert span.attributes["tracer.provider.request_id"] == "req_1"
    assert span.outputs == failure(kind, "No.")


def test_a_second_start_of_a_stream_changes_nothing(server: Server, client: anthropic.Anthropic, stored: Any) -> None:
    """As in the SDK's own accumulator."""
    again = {**started(), "message": {**started()["message"], "id": "msg_2"}}
    server.will(sse(started(), again, *lima()[1:], done=False))

    with client.messages.stream(**ASKED) as events:
        final = events.get_final_message()

    assert (final.id, stored.span.attributes["gen_ai.response.id"]) == ("msg_1", "msg_1")


def test_an_error_in_the_middle_of_a_stream(server: Server, call: Any, stored: Any) -> None:
    with pytest.raises(anthropic.APIStatusError):
        call(**say(server, [*lima()[:3], failure()]))

    assert stored.ending == ("ERROR", None, "Li")
    assert stored.span.attributes["tracer.provider.error_type"] == "overloaded_error"


def test_retries_are_one_span_with_their_count(server: Server, client: anthropic.Anthropic, stored: Any) -> None:
    server.will(reply(failure(), status=500, retry_after="0"), reply(message()))

    client.with_options(max_retries=2).messages.create(**ASKED)

    assert len(server.asked) == 2
    assert (stored.span.status, stored.span.attributes["tracer.retries"]) == ("UNSET", 1)


def test_a_connection_error(server: Server, stored: Any) -> None:
    from tests.openai.server import unreachable_port

    url = f"http://127.0.0.1:{unreachable_port()}"
    with (
        anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client,
        pytest.raises(anthropic.APIConnectionError),
    ):
        client.messages.create(**ASKED)

    assert stored.span.status == "ERROR"
    assert stored.span.attributes["error.type"] == "anthropic.APIConnectionError"
