"""Streamed chat completions: chunks of every kind and order, accumulated."""

from __future__ import annotations

import json
import sys
from typing import Any

import openai
import pytest

from tests.openai.replies import QUESTION, USAGE, chunk, delta, lima, tool_call
from tests.openai.server import BREAK, Server, sse


def stream(call: Any, **extra: Any) -> Any:
    return call("chat.completions.create", model="m", messages=QUESTION, stream=True, **extra)


def test_a_stream_is_recorded_as_the_reply_it_amounts_to(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(*lima(), x_request_id="req_2"))

    chunks = stream(call)

    assert len(chunks) == 6
    span = stored.span
    assert span.outputs == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "gpt-test-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Lima."}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    attributes = span.attributes
    assert span.status == "UNSET"
    assert span.token_usage["total_tokens"] == 23
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert attributes["tracer.provider.request_id"] == "req_2"
    assert attributes["tracer.stream.chunks"] == 6
    assert "tracer.incomplete" not in attributes
    assert 0 < attributes["gen_ai.response.time_to_first_chunk"] <= span.duration_ms / 1000


def test_the_chunks_are_events_with_their_times(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(*lima(usage=False)))

    stream(call)

    span = stored.span
    assert {event.name for event in span.events} == {"tracer.stream.chunk"}
    deltas = [json.loads(event.attributes["tracer.chunk"])["choices"][0]["delta"] for event in span.events]
    assert [given.get("content") for given in deltas] == ["", "Li", "ma", ".", None]
    times = [event.timestamp for event in span.events]
    assert times == sorted(times)
    assert span.start_time_ns < times[0] <= times[-1] <= span.end_time_ns


def test_events_are_bounded_and_what_is_left_out_is_counted(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*[chunk(delta(content="x"))] * 1_200, chunk(delta(content="y" * 300_000, finish="stop"))))

    for _ in client.chat.completions.create(model="m", messages=QUESTION, stream=True):
        pass

    span = stored.span
    assert len(span.events) <= 1_000
    assert sum(len(event.attributes["tracer.chunk"]) for event in span.events) <= 256 * 1024
    left_out = span.attributes["tracer.stream.chunks_left_out"]
    assert (span.attributes["tracer.stream.chunks"], left_out) == (1_201, 1_201 - len(span.events))
    assert len(span.outputs["choices"][0]["message"]["content"]) == 301_200


@pytest.mark.parametrize("sent", ["one shape", "others between"])
def test_a_chunk_takes_few_steps(sent: str, server: Server, client: openai.OpenAI, stored: Any) -> None:
    """Calls of functions of tracer's: a chunk takes as many as it takes to note it, and hardly more to read it."""

    def calls_of(count: int) -> int:
        deltas = [delta(content="x" if sent == "one shape" or number % 9 else '"\\n') for number in range(count)]
        server.will(sse(*map(chunk, deltas), chunk(delta(finish="stop"))))
        reading = iter(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
        calls = 0

        def count_calls(frame: Any, event: str, _: object) -> None:
            nonlocal calls
            calls += event == "call" and "tracer" in frame.f_globals.get("__name__", "").split(".")

        sys.setprofile(count_calls)
        try:
            for _ in reading:
                pass
        finally:
            sys.setprofile(None)
        return calls

    calls_of(10)

    assert (calls_of(600) - calls_of(100)) / 500 <= 12


def test_a_stream_without_include_usage_has_no_token_usage(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(*lima(usage=False)))

    stream(call)

    assert stored.span.token_usage is None
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]


def test_usage_is_taken_from_any_chunk(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(chunk(delta(content="Li"), usage=USAGE), chunk(delta(content="ma.", finish="stop"), usage=None)))

    stream(call)

    assert stored.span.token_usage["input_tokens"] == 14


def test_usage_in_x_groq(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(chunk(delta(content="Lima.", finish="stop"), x_groq={"id": "r", "usage": USAGE})))

    stream(call)

    assert stored.span.token_usage["output_tokens"] == 9


def test_a_secret_that_is_split_over_events_of_an_unknown_kind(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(sse({"data": {"piece": "sk-proj-abcdefg"}}, {"data": {"piece": "hijklmnopqrstuvwxyz"}}))

    list(client.post("/new/thing", body={"stream": True}, cast_to=object, stream=True, stream_cls=openai.Stream[Any]))

    assert stored.span.outputs is None
    assert [list(event.attributes) for event in stored.span.events] == [["tracer.chunk.bytes"]] * 2


def test_cost_in_the_usage_of_a_stream(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(chunk(delta(content="Lima.", finish="stop"), usage={**USAGE, "cost": 0.00125})))

    stream(call)

    assert stored.span.cost == {"total_cost": 0.00125}


def test_an_empty_stream(server: Server, call: Any, stored: Any) -> None:
    server.will(sse())

    assert stream(call) == []

    assert stored.span.status == "UNSET"
    assert stored.span.outputs is None
    assert "tracer.stream.chunks" not in stored.span.attributes
    assert stored.span.attributes["tracer.incomplete"] == "unfinished"


def test_a_stream_without_finish_reason_is_unfinished(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(chunk(delta(content="Li")), done=False))

    stream(call)

    assert stored.span.status == "UNSET"
    assert stored.span.outputs["choices"][0]["message"]["content"] == "Li"
    assert stored.span.attributes["tracer.incomplete"] == "unfinished"


def test_a_secret_that_is_split_over_chunks(server: Server, call: Any, stored: Any) -> None:
    server.will(
        sse(chunk(delta(content="sk-proj-abcdefg")), chunk(delta(content="hijklmnopqrstuvwxyz", finish="stop")))
    )

    stream(call)

    span = stored.span
    assert span.outputs["choices"][0]["message"]["content"] == "[REDACTED]"
    assert span.attributes["tracer.stream.chunks_redacted"] is True
    assert [list(event.attributes) for event in span.events] == [["tracer.chunk.bytes"]] * 2


CALL_A = [
    delta(tool_calls=[{"index": 0, "id": "a", "type": "function", "function": {"name": "weather", "arguments": ""}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": '{"city":'}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": ' "Lima"}'}}]),
]
CALL_B = [
    delta(tool_calls=[{"index": 1, "id": "b", "type": "function", "function": {"name": "time", "arguments": None}}]),
    delta(tool_calls=[{"index": 1, "function": {"arguments": "{}"}}]),
]
BOTH = [
    tool_call("a", "weather", '{"city": "Lima"}'),
    tool_call("b", "time", "{}"),
]


@pytest.mark.parametrize(
    "deltas",
    [
        [*CALL_A, *CALL_B],
        [CALL_A[0], CALL_B[0], CALL_A[1], CALL_B[1], CALL_A[2]],
        [*CALL_B, *CALL_A],
    ],
    ids=["in order", "interleaved", "second first"],
)
def test_streamed_tool_calls_are_joined_in_any_order(deltas: Any, server: Server, call: Any, stored: Any) -> None:
    server.will(sse(*[chunk(each) for each in deltas], chunk(delta(finish="tool_calls"))))

    stream(call)

    assert stored.span.outputs["choices"][0]["message"]["tool_calls"] == BOTH
    assert stored.output[0]["parts"] == [
        {"type": "tool_call", "id": "a", "name": "weather", "arguments": {"city": "Lima"}},
        {"type": "tool_call", "id": "b", "name": "time", "arguments": {}},
    ]


def without_index(each: dict[str, Any], index: Any) -> dict[str, Any]:
    [call] = each["delta"]["tool_calls"]
    kept = {key: value for key, value in call.items() if key != "index"}
    return delta(tool_calls=[kept if index == "missing" else {**kept, "index": index}])


@pytest.mark.parametrize("index", ["missing", None, 0])
def test_streamed_tool_calls_without_a_usable_index_are_joined_by_id(
    index: Any, server: Server, call: Any, stored: Any
) -> None:
    deltas = [without_index(each, index) for each in [*CALL_A, *CALL_B]]
    server.will(sse(*[chunk(each) for each in deltas], chunk(delta(finish="tool_calls"))))

    stream(call)

    assert stored.span.outputs["choices"][0]["message"]["tool_calls"] == BOTH


def test_a_streamed_function_call_is_a_tool_call(server: Server, call: Any, stored: Any) -> None:
    pieces = [{"name": "f", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ": 1}"}]
    server.will(sse(*[chunk(delta(function_call=piece)) for piece in pieces], chunk(delta(finish="function_call"))))

    stream(call)

    assert stored.output[0]["parts"] == [{"type": "tool_call", "name": "f", "arguments": {"a": 1}}]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_choices_of_a_stream_are_joined_by_their_index(order: Any, server: Server, call: Any, stored: Any) -> None:
    texts = {0: ["o", "ne"], 1: ["t", "wo"]}
    pieces = [chunk(delta(index, content=texts[index][step])) for step in (0, 1) for index in order]
    server.will(sse(*pieces, *[chunk(delta(index, finish="stop")) for index in order]))

    stream(call, n=2)

    assert [choice["message"]["content"] for choice in stored.span.outputs["choices"]] == ["one", "two"]
    assert stored.span.attributes["gen_ai.response.finish_reasons"] == ["stop", "stop"]


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {"choices": []},
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"choices": [{"delta": {"content": ""}}]},
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {},
    ],
)
def test_chunks_without_choices_delta_or_content(odd: Any, server: Server, call: Any, stored: Any) -> None:
    server.will(sse({"id": "", "model": "", "object": "", **odd}, *lima()))

    stream(call)

    assert stored.output == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "stop"}
    ]


def test_where_chunks_differ_the_envelope_is_that_of_the_sdks_own_accumulator(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    """The first id, time, model and service tier; the last fingerprint."""
    own = [
        {"id": f"chatcmpl-{number}", "created": number, "model": f"m-{number}", "system_fingerprint": f"fp-{number}"}
        for number in range(1, 7)
    ]
    tiers: list[dict[str, Any]] = [{"service_tier": "default"}, *[{"service_tier": "flex"}] * 5]
    server.will(sse(*({**each, **fields, **tier} for each, fields, tier in zip(lima(), own, tiers))))

    with client.chat.completions.stream(model="m", messages=QUESTION) as events:  # type: ignore[arg-type]
        final = events.get_final_completion().to_dict()

    names = ("id", "created", "model", "service_tier", "system_fingerprint")
    assert {name: stored.span.outputs[name] for name in names} == {name: final[name] for name in names}
    assert stored.span.attributes["gen_ai.response.id"] == "chatcmpl-1"


def test_an_empty_envelope_of_the_first_chunk_is_filled_by_the_next(server: Server, call: Any, stored: Any) -> None:
    """As Azure's content filter sends it."""
    server.will(sse({"id": "", "model": "", "object": "", "created": 0, "choices": []}, *lima()))

    stream(call)

    outputs = stored.span.outputs
    assert (outputs["id"], outputs["model"], outputs["created"]) == ("chatcmpl-1", "gpt-test-2026", 1_760_000_000)


@pytest.mark.parametrize(
    ("field", "part"),
    [("refusal", "refusal"), ("reasoning_content", "reasoning"), ("reasoning", "reasoning")],
)
def test_refusal_and_reasoning_deltas_are_joined(field: str, part: str, server: Server, call: Any, stored: Any) -> None:
    server.will(sse(chunk(delta(**{field: "be"})), chunk(delta(**{field: "cause"})), chunk(delta(finish="stop"))))

    stream(call)

    assert stored.output[0]["parts"] == [{"type": part, "content": "because"}]
    assert stored.span.outputs["choices"][0]["message"][field] == "because"


def test_audio_logprobs_and_annotations_of_a_stream_are_joined(server: Server, call: Any, stored: Any) -> None:
    token = {"token": "x", "logprob": -0.5, "bytes": None, "top_logprobs": []}
    first = {
        **delta(content="x", audio={"id": "a", "data": "UklG", "transcript": "Hel"}),
        "logprobs": {"content": [token]},
    }
    second = {
        **delta(audio={"data": "Rg==", "transcript": "lo"}, annotations=[{"type": "t"}]),
        "logprobs": {"content": [token]},
    }
    server.will(sse(chunk(first), chunk(second), chunk(delta(finish="stop"))))

    stream(call)

    choice = stored.span.outputs["choices"][0]
    assert choice["logprobs"] == {"content": [token, token]}
    assert choice["message"]["audio"] == {"id": "a", "data": "UklGRg==", "transcript": "Hello"}
    assert choice["message"]["annotations"] == [{"type": "t"}]


def test_streamed_thinking_as_typed_parts(server: Server, call: Any, stored: Any) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    server.will(
        sse(chunk(delta(content=[thinking])), chunk(delta(content="Li")), chunk(delta(content="ma", finish="stop")))
    )

    stream(call)

    parts = stored.output[0]["parts"]
    assert parts == [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "Lima"}]


def test_comments_between_events(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(b": OPENROUTER PROCESSING\n\n", *lima()))

    stream(call)

    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]


def test_time_to_first_chunk_is_that_of_the_first_content(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(chunk(delta(role="assistant", content="")), chunk(delta(content="Lima.", finish="stop"))))

    for _ in client.chat.completions.create(model="m", messages=QUESTION, stream=True):
        pass

    span = stored.span
    envelope, content = span.events
    time = span.start_time_ns + span.attributes["gen_ai.response.time_to_first_chunk"] * 1e9
    assert abs(time - content.timestamp) < abs(time - envelope.timestamp)


def test_an_error_event_is_an_error_with_what_came_before(server: Server, call: Any, stored: Any) -> None:
    fault = {"error": {"message": "Overloaded.", "type": "server_error", "code": "overloaded"}}
    server.will(sse(chunk(delta(content="Li")), fault, done=False))

    with pytest.raises(openai.APIError, match="Overloaded"):
        stream(call)

    span = stored.span
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "openai.APIError")
    assert span.attributes["tracer.provider.error_code"] == "overloaded"
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Li"}]
    assert [event.name for event in span.events].count("exception") == 1


def test_a_broken_connection_is_an_error_with_what_came_before(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(chunk(delta(content="Li")), BREAK))

    with pytest.raises(Exception) as raised:  # noqa: PT011  # its type has changed over the SDK's versions
        stream(call)

    span = stored.span
    assert (span.status, span.attributes["error.type"].split(".")[-1]) == ("ERROR", type(raised.value).__name__)
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Li"}]
