"""Chat: request and reply on the span, plain and streamed."""

from __future__ import annotations

import base64
import json
from typing import Any

import ollama
import pytest
from ollama._types import ChatRequest

import tracer
from tests.ollama.replies import NUMBERS, QUESTION, TIMES, chat, last, lima, ndjson, piece, said
from tests.openai.server import Server, reply


def takes(field: str, kind: str) -> bool:
    """Whether this version of the SDK has this field of a chat request, and takes values of this type for it."""
    known = ChatRequest.model_fields.get(field)
    return known is not None and kind in str(known.annotation).lower()


def get_weather(city: str, unit: str = "celsius") -> str:
    """The weather in a city.

    Args:
        city: The city's name
        unit: celsius or fahrenheit
    """
    return f"fine, {city}, {unit}"


def test_a_call_is_recorded_with_everything(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))

    result = call("chat", model="llama3.2", messages=QUESTION, options={"temperature": 0.5})

    assert result.message.content == "Lima."
    span = stored.span
    assert (span.name, span.span_type, span.status) == ("chat llama3.2", "CHAT_MODEL", "UNSET")
    assert span.inputs == server.asked[0].json
    assert span.outputs == chat()
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "Capital of Peru?"}]}]
    assert stored.output == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "stop"}
    ]
    assert span.token_usage == {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "llama3.2",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "llama3.2",
        "gen_ai.response.finish_reasons": ["stop"],
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "http.response.status_code": 200,
        **TIMES,
    }
    assert {key: span.attributes.get(key) for key in expected} == expected


def test_a_stream_is_recorded_as_the_reply_it_amounts_to(server: Server, call: Any, stored: Any) -> None:
    server.will(ndjson(*lima()))

    chunks = call("chat", model="llama3.2", messages=QUESTION, stream=True)

    assert [chunk.message.content for chunk in chunks] == ["Li", "ma", ".", ""]
    span = stored.span
    assert (span.name, span.status, "tracer.incomplete" in span.attributes) == ("chat llama3.2", "UNSET", False)
    assert span.inputs == server.asked[0].json
    assert span.outputs == chat()
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]
    assert span.token_usage == {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}
    assert {key: span.attributes[key] for key in TIMES} == TIMES
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["tracer.stream.chunks"] == 4
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    events = [json.loads(event.attributes["tracer.chunk"]) for event in span.events]
    assert [event["message"]["content"] for event in events] == ["Li", "ma", ".", ""]


def test_options_such_as_num_predict_and_keep_alive_are_recorded(
    server: Server, client: ollama.Client, stored: Any
) -> None:
    server.will(reply(chat()))
    options = {
        "temperature": 0.1, "top_p": 0.9, "top_k": 40, "seed": 7, "num_predict": 100, "stop": ["\n", "END"],
        "frequency_penalty": 0.2, "presence_penalty": 0.3, "num_ctx": 8192, "repeat_penalty": 1.1, "use_mmap": True,
    }  # fmt: skip

    client.chat(model="m", messages=QUESTION, options=ollama.Options(**options), keep_alive="5m")

    attributes = stored.span.attributes
    assert {key: value for key, value in attributes.items() if key.startswith("gen_ai.request.")} == {
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.1,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.seed": 7,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.stop_sequences": ["\n", "END"],
        "gen_ai.request.frequency_penalty": 0.2,
        "gen_ai.request.presence_penalty": 0.3,
        "gen_ai.request.stream": False,
    }
    assert {key: value for key, value in attributes.items() if key.startswith("tracer.request.")} == {
        "tracer.request.num_ctx": 8192,
        "tracer.request.repeat_penalty": 1.1,
        "tracer.request.use_mmap": True,
    }
    assert stored.span.inputs["keep_alive"] == "5m"


def as_tool() -> ollama.Tool:
    from ollama._utils import convert_function_to_tool

    return convert_function_to_tool(get_weather)


TOOL_KINDS: dict[str, Any] = {
    "function": lambda: [get_weather],
    "dict": lambda: [as_tool().model_dump(exclude_none=True)],
    "Tool": lambda: [as_tool()],
    "iterator": lambda: iter([get_weather]),
}
TOOL_CALL = {"id": "call_1", "function": {"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}}}


@pytest.mark.parametrize("kind", TOOL_KINDS)
def test_tools_of_every_kind_and_their_tool_calls(kind: str, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(said("", tool_calls=[TOOL_CALL]))))

    result = call("chat", model="m", messages=QUESTION, tools=TOOL_KINDS[kind]())

    assert result.message.tool_calls[0].function.arguments == {"city": "Paris"}
    [tool] = stored.json("gen_ai.tool.definitions")
    assert tool == {"type": "function", **server.asked[0].json["tools"][0]["function"]}
    assert tool["name"] == "get_weather"
    assert sorted(tool["parameters"]["properties"]) == ["city", "unit"]
    # the id too, which the SDK does not know and drops
    assert stored.output[0]["parts"] == [
        {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}
    ]


def test_the_first_model_of_a_stream_counts(server: Server, call: Any, stored: Any) -> None:
    server.will(ndjson(*({**chunk, "model": f"m-{at}"} for at, chunk in enumerate(lima(), start=1))))

    call("chat", model="m", messages=QUESTION, stream=True)

    assert stored.span.attributes["gen_ai.response.model"] == "m-1"


def test_streamed_tool_calls_are_collected(server: Server, call: Any, stored: Any) -> None:
    tip = {"function": {"name": "tip", "arguments": {"bill": 7}}}
    server.will(ndjson(piece("Let me see.", tool_calls=[TOOL_CALL]), piece("", tool_calls=[tip]), last()))

    call("chat", model="m", messages=QUESTION, tools=[get_weather], stream=True)

    text, *calls = stored.output[0]["parts"]
    assert text == {"type": "text", "content": "Let me see."}
    assert [(part["name"], part["arguments"]) for part in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("tip", {"bill": 7}),
    ]


@pytest.mark.parametrize("without", [{}, {"content": None}])
def test_tool_calls_in_chunks_without_content(without: Any, server: Server, call: Any, stored: Any) -> None:
    bare = {**piece(), "message": {"role": "assistant", "tool_calls": [TOOL_CALL], **without}}
    server.will(ndjson(bare, last()))

    chunks = call("chat", model="m", messages=QUESTION, tools=[get_weather], stream=True)

    assert chunks[0].message.tool_calls[0].function.name == "get_weather"
    assert [part["type"] for part in stored.output[0]["parts"]] == ["tool_call"]


def test_a_loop_of_tool_calls(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(reply(chat(said("", tool_calls=[TOOL_CALL]))), reply(chat(said("Fine."))))
    messages: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]

    with tracer.start_span("loop") as loop:
        answer = client.chat(model="m", messages=messages, tools=[get_weather])
        messages.append(answer.message)
        for asked in answer.message.tool_calls or []:
            content = get_weather(**asked.function.arguments)
            messages.append({"role": "tool", "content": content, "tool_name": asked.function.name})
        client.chat(model="m", messages=messages)

    spans = [span for span in stored.spans if span.name == "chat m"]
    assert [span.parent_id for span in spans] == [loop.span_id] * 2
    user, assistant, tool = json.loads(spans[1].attributes["gen_ai.input.messages"])
    assert (user["role"], assistant["role"], tool["role"]) == ("user", "assistant", "tool")
    assert assistant["parts"] == [{"type": "tool_call", "name": "get_weather", "arguments": {"city": "Paris"}}]
    assert tool["parts"][0]["response"] == "fine, Paris, celsius"


def test_thinking_is_a_reasoning_part(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(said("Lima.", thinking="Peru… Lima."))))

    call("chat", model="m", messages=QUESTION)

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Peru… Lima."},
        {"type": "text", "content": "Lima."},
    ]


@pytest.mark.skipif("thinking" not in ollama.Message.model_fields, reason="this version of the SDK drops thinking")
def test_streamed_thinking(server: Server, call: Any, stored: Any) -> None:
    pieces = [piece("", thinking="Peru"), piece(None, thinking="…"), piece("Li"), piece("ma.")]
    server.will(ndjson(*pieces, last()))

    call("chat", model="m", messages=QUESTION, think=True, stream=True)

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Peru…"},
        {"type": "text", "content": "Lima."},
    ]
    assert stored.span.inputs["think"] is True


@pytest.mark.skipif(not takes("think", "str"), reason="this version of the SDK has no levels of thinking")
def test_a_level_of_thinking_is_the_reasoning_level(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))

    call("chat", model="m", messages=QUESTION, think="high")

    assert stored.span.attributes["gen_ai.request.reasoning.level"] == "high"


@pytest.mark.skipif(not takes("logprobs", "bool"), reason="this version of the SDK has no logprobs")
def test_streamed_logprobs_are_joined(server: Server, call: Any, stored: Any) -> None:
    sure = [{"token": token, "logprob": -0.1} for token in ("Li", "ma.")]
    server.will(ndjson(*[{**piece(each["token"]), "logprobs": [each]} for each in sure], last()))

    call("chat", model="m", messages=QUESTION, logprobs=True, stream=True)

    assert stored.span.outputs["logprobs"] == sure


def test_images_are_parts_and_large_ones_leave_the_payload(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))
    large = b"\x89PNG\r\n\x1a\n" + bytes(300_000)
    message = {"role": "user", "content": "What is this?", "images": [large]}

    call("chat", model="m", messages=[message])

    assert base64.b64decode(server.asked[0].json["messages"][0]["images"][0]) == large
    text, image = stored.input[0]["parts"]
    assert text == {"type": "text", "content": "What is this?"}
    assert image["content"].startswith("tracer-attachment:")
    assert (image["type"], image["modality"], image["mime_type"]) == ("blob", "image", "image/png")
    assert stored.span.inputs["messages"][0]["images"] == [image["content"]]


@pytest.mark.parametrize("form", ["json", {"type": "object", "properties": {"city": {"type": "string"}}}])
def test_a_format_is_recorded(form: Any, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(said('{"city": "Lima"}'))))

    if not isinstance(form, str) and not takes("format", "dict"):
        pytest.skip("this version of the SDK takes no schema")
    call("chat", model="m", messages=QUESTION, format=form)

    assert stored.span.inputs["format"] == form
    assert stored.span.attributes["gen_ai.output.type"] == "json"


def test_message_objects_and_iterators_are_recorded_as_they_were_sent(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))

    call("chat", model="m", messages=iter([ollama.Message(role="system", content="Short."), QUESTION[0]]))

    assert stored.span.inputs["messages"] == server.asked[0].json["messages"]
    assert [message["role"] for message in stored.input] == ["system", "user"]


@pytest.mark.parametrize("reason", ["length", "load", "unload"])
def test_finish_reason_is_the_done_reason(reason: str, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(done_reason=reason)))

    call("chat", model="m", messages=[])

    assert stored.span.attributes["gen_ai.response.finish_reasons"] == [reason]


def test_missing_counts_times_and_finish_reason_are_left_out(server: Server, call: Any, stored: Any) -> None:
    server.will(reply({key: value for key, value in chat().items() if key not in NUMBERS}))

    call("chat", model="m", messages=QUESTION)

    assert stored.span.token_usage is None
    assert not any(key.startswith("tracer.server.") for key in stored.span.attributes)
    assert "gen_ai.response.finish_reasons" not in stored.span.attributes


def test_usage_of_a_cached_prompt_has_no_input_tokens(server: Server, call: Any, stored: Any) -> None:
    server.will(reply({key: value for key, value in chat().items() if key != "prompt_eval_count"}))

    call("chat", model="m", messages=QUESTION)

    assert stored.span.token_usage["output_tokens"] == 3
    assert "gen_ai.usage.input_tokens" not in stored.span.attributes


def test_a_local_model_has_usage_but_no_cost(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(model="gpt-oss:20b")))

    call("chat", model="gpt-oss:20b", messages=QUESTION)

    [trace] = tracer.search_traces()
    assert trace.info.cost is None
    assert stored.span.token_usage is not None


def test_without_capture_content_only_usage_and_numbers_are_recorded(server: Server, call: Any, stored: Any) -> None:
    tracer.configure(capture_content=False)
    server.will(reply(chat()))

    call("chat", model="m", messages=QUESTION, tools=[get_weather])

    assert "Peru" not in str(stored.span.to_dict())
    assert "Lima" not in str(stored.span.to_dict())
    assert stored.span.token_usage["input_tokens"] == 12


def test_the_span_hangs_below_the_current_one_and_is_current_only_during_the_call(
    server: Server, client: ollama.Client, stored: Any
) -> None:
    server.will(reply(chat()))

    with tracer.start_span("outer") as outer:
        client.chat(model="m", messages=QUESTION)
        assert tracer.get_current_active_span() is outer

    [inner] = [span for span in stored.spans if span.name == "chat m"]
    assert inner.parent_id == outer.span_id
