"""The Responses API, in one piece and streamed."""

from __future__ import annotations

from typing import Any

import openai
import pydantic
import pytest

from tests.openai.replies import RESPONSE_USAGE, message_item, response, response_events
from tests.openai.sdk import needs_responses
from tests.openai.server import Server, reply, sse

pytestmark = needs_responses

CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "c1",
    "name": "f",
    "arguments": '{"a": 1}',
}
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Thinking."}]}


def test_a_response_is_recorded_with_everything(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response(conversation={"id": "conv_1"}), x_request_id="req_1"))

    call("responses.create", model="m", input="Capital of Peru?", instructions="Be brief.", max_output_tokens=9)

    span = stored.span
    assert (span.name, span.span_type, span.status) == ("chat m", "CHAT_MODEL", "UNSET")
    assert span.inputs == server.asked[0].json
    assert span.outputs == response(conversation={"id": "conv_1"})
    assert stored.json("gen_ai.system_instructions") == [{"type": "text", "content": "Be brief."}]
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "Capital of Peru?"}]}]
    said = {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "stop"}
    assert stored.output == [said]
    assert span.token_usage == {
        "input_tokens": 11,
        "output_tokens": 6,
        "total_tokens": 17,
        "cache_read_input_tokens": 3,
        "reasoning_output_tokens": 1,
    }
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.model": "gpt-test-2026",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.status": "completed",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.conversation.id": "conv_1",
        "http.response.status_code": 200,
        "tracer.provider.request_id": "req_1",
        "tracer.retries": 0,
    }
    assert {key: span.attributes.get(key) for key in expected} == expected


def test_previous_response_id_reasoning_and_conversation_are_attributes(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(reply(response()))

    client.responses.create(
        model="m", input="?", previous_response_id="resp_0", reasoning={"effort": "high"},
        temperature=0.2, top_p=0.3, text={"format": {"type": "json_schema", "name": "city", "schema": {}}},
        extra_body={"conversation": "conv_9", "service_tier": "flex"},
    )  # fmt: skip

    expected = {
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.output.type": "json",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 0.3,
        "gen_ai.conversation.id": "conv_9",
        "openai.request.service_tier": "flex",
    }
    assert {key: stored.span.attributes.get(key) for key in expected} == expected


def test_input_items_become_one_message_each(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response()))
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "input_text", "text": "Look."},
            {"type": "input_image", "image_url": "https://pictures.example/a.png", "detail": "auto"},
            {"type": "input_file", "file_id": "file_1"},
        ]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hm."}]},
        REASONING,
        CALL,
        {"type": "function_call_output", "call_id": "c1", "output": "7"},
        {"type": "item_reference", "id": "msg_7"},
    ]  # fmt: skip

    call("responses.create", model="m", input=items)

    assert stored.input == [
        {"role": "developer", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look."},
                {"type": "uri", "modality": "image", "uri": "https://pictures.example/a.png"},
                {"type": "file", "modality": "file", "file_id": "file_1"},
            ],
        },
        {"role": "assistant", "parts": [{"type": "text", "content": "Hm."}]},
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "Thinking."}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "7"}]},
        {"role": "assistant", "parts": [{"type": "item_reference", "id": "msg_7"}]},
    ]


def test_output_items_such_as_tool_calls_reasoning_and_refusal_are_parts(
    server: Server, call: Any, stored: Any
) -> None:
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "Lima"},
    }
    custom = {"id": "ct_1", "type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "select 1"}
    unheard_of = {"id": "x_1", "type": "telepathy", "thought": "?"}
    refusal = message_item(content=[{"type": "refusal", "refusal": "No."}])
    server.will(reply(response(REASONING, search, CALL, custom, unheard_of, message_item(), refusal)))

    call("responses.create", model="m", input="?")

    [message] = stored.output
    about = {key: value for key, value in search.items() if key != "id"}
    assert message["finish_reason"] == "tool_calls"
    assert message["parts"] == [
        {"type": "reasoning", "content": "Thinking."},
        {"type": "server_tool_call", "id": "ws_1", "name": "web_search", "server_tool_call": about},
        {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
        {"type": "tool_call", "id": "c2", "name": "sql", "arguments": "select 1"},
        unheard_of,
        {"type": "text", "content": "Lima."},
        {"type": "refusal", "content": "No."},
    ]


@pytest.mark.parametrize(
    ("body", "status", "incomplete", "error", "finish"),
    [
        (
            response(status="failed", error={"code": "server_error", "message": "Boom."}, output=[]),
            "ERROR", None, "server_error", ["error"],
        ),
        (
            response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "UNSET", "max_output_tokens", None, ["length"],
        ),
        (response(status="queued", output=[], usage=None), "UNSET", None, None, None),
        (response(status="cancelled", output=[]), "UNSET", "cancelled", None, None),
    ],
    ids=["failed", "incomplete", "queued", "cancelled"],
)  # fmt: skip
def test_status_incomplete_details_and_finish_reason_of_a_response(
    body: Any, status: str, incomplete: Any, error: Any, finish: Any, server: Server, call: Any, stored: Any
) -> None:
    server.will(reply(body))

    call("responses.create", model="m", input="?")

    attributes = stored.span.attributes
    assert (stored.span.status, attributes.get("tracer.incomplete"), attributes.get("error.type")) == (
        status,
        incomplete,
        error,
    )
    assert attributes.get("gen_ai.response.finish_reasons") == finish
    assert attributes["gen_ai.response.status"] == body["status"]


def stream(call: Any, **extra: Any) -> Any:
    return call("responses.create", model="m", input="Capital of Peru?", stream=True, **extra)


def test_a_stream_is_recorded_as_the_response_it_amounts_to(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(*response_events(), done=False))

    assert len(stream(call)) == 10

    span = stored.span
    assert span.outputs == response()
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]
    assert span.token_usage["total_tokens"] == RESPONSE_USAGE["total_tokens"]
    assert (span.status, span.attributes["tracer.stream.chunks"], len(span.events)) == ("UNSET", 10, 10)
    assert "tracer.incomplete" not in span.attributes
    first = span.start_time_ns + span.attributes["gen_ai.response.time_to_first_chunk"] * 1e9
    assert abs(first - span.events[4].timestamp) < 1_000  # the first delta, not the envelope


@pytest.mark.parametrize(
    ("last", "final", "status", "incomplete", "error"),
    [
        (
            "response.incomplete",
            response(status="incomplete", incomplete_details={"reason": "content_filter"}),
            "UNSET", "content_filter", None,
        ),
        (
            "response.failed",
            response(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down."}),
            "ERROR", None, "rate_limit_exceeded",
        ),
    ],
)  # fmt: skip
def test_a_stream_that_does_not_complete(
    last: str, final: Any, status: str, incomplete: Any, error: Any, server: Server, call: Any, stored: Any
) -> None:
    server.will(sse(*response_events(last=last, final=final), done=False))

    stream(call)

    attributes = stored.span.attributes
    ended = (stored.span.status, attributes.get("tracer.incomplete"), attributes.get("error.type"))
    assert ended == (status, incomplete, error)
    assert stored.span.token_usage["total_tokens"] == 17
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]


def test_an_error_event_is_an_error(server: Server, call: Any, stored: Any) -> None:
    fault = {"type": "error", "code": "server_error", "message": "Boom.", "param": None, "sequence_number": 6}
    server.will(sse(*response_events()[:6], fault, done=False))

    try:
        stream(call)
    except openai.APIError:
        pass  # some versions raise, some hand the event out

    assert stored.span.status == "ERROR"
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]


def test_a_stream_that_is_closed_early_has_the_text_and_tool_call_that_arrived(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    added = {"type": "response.output_item.added", "output_index": 1, "item": {**CALL, "arguments": ""}}
    arguments = [
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": piece}
        for piece in ('{"a"', ": 1}")
    ]
    server.will(sse(*response_events()[:6], added, *arguments, *response_events()[6:], done=False))

    with client.responses.create(model="m", input="?", stream=True) as events:
        for number, _ in enumerate(events):
            if number == 8:
                break

    assert stored.output[0]["parts"] == [
        {"type": "text", "content": "Lima."},
        {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
    ]
    assert stored.span.attributes["tracer.incomplete"] == "closed"
    assert stored.span.attributes["gen_ai.response.status"] == "in_progress"


def test_text_refusal_and_reasoning_deltas_without_their_items(server: Server, call: Any, stored: Any) -> None:
    deltas = [
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Hm."},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Lima."},
        {"type": "response.refusal.delta", "output_index": 1, "content_index": 1, "delta": "No."},
    ]
    server.will(sse(*deltas, done=False))

    stream(call)

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Lima."},
        {"type": "refusal", "content": "No."},
    ]


class City(pydantic.BaseModel):
    city: str


@pytest.mark.filterwarnings("error")
def test_parse_with_a_text_format_is_recorded_once(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(response(message_item('{"city": "Lima"}'))))

    result = call("responses.parse", model="m", input="?", text_format=City)

    assert result.output_parsed == City(city="Lima")
    assert stored.span.inputs["text"]["format"]["name"] == "City"
    assert stored.span.attributes["gen_ai.output.type"] == "json"
    assert stored.span.outputs == response(message_item('{"city": "Lima"}'))


def test_the_stream_helper_is_recorded_once(server: Server, client: openai.OpenAI, stored: Any) -> None:
    if not hasattr(client.responses, "stream"):
        pytest.skip("this version of the SDK has no responses.stream")
    server.will(sse(*response_events(), done=False))

    with client.responses.stream(model="m", input="?") as events:
        final = events.get_final_response()

    assert final.output_text == "Lima."
    assert stored.span.outputs == response()


def test_break_in_the_stream_helper_ends_at_its_exit(server: Server, client: openai.OpenAI, stored: Any) -> None:
    if not hasattr(client.responses, "stream"):
        pytest.skip("this version of the SDK has no responses.stream")
    server.will(sse(*response_events(), done=False))

    with client.responses.stream(model="m", input="?") as events:
        for _ in events:
            break
        assert stored.spans == []

    assert stored.span.attributes["tracer.incomplete"] == "closed"


def test_two_responses_with_the_same_id_are_two_spans(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(response()))

    for _ in range(2):
        client.responses.create(model="m", input="?")

    assert len(stored.spans) == 2
