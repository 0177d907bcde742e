"""Chat completions that are not streamed: the content of the span."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pydantic
import pytest

import tracer
from tests.openai.replies import QUESTION, TOOLS, USAGE, chat, tool_call
from tests.openai.server import Server, reply


def test_a_call_is_recorded_with_everything(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(system_fingerprint="fp_1", service_tier="default"), x_request_id="req_1"))

    call("chat.completions.create", model="gpt-test", messages=QUESTION, temperature=0.5)

    span = stored.span
    assert (span.name, span.span_type, span.status, span.parent_id) == ("chat gpt-test", "CHAT_MODEL", "UNSET", None)
    asked = server.asked[0].json
    attributes = {key: value for key, value in span.attributes.items() if key != "tracer.span.type"}
    assert {key: json.loads(attributes.pop(key)) for key in list(attributes) if key.endswith(("messages", "puts"))} == {
        "tracer.inputs": asked,
        "tracer.outputs": chat(system_fingerprint="fp_1", service_tier="default"),
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": QUESTION[0]["content"]}]}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "stop"}
        ],
    }
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-test",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "gpt-test-2026",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 14,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "tracer.usage.total_tokens": 23,
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "tracer.provider.request_id": "req_1",
        "tracer.retries": 0,
    }


def test_parameters_such_as_temperature_seed_and_stop_are_attributes(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(reply(chat()))

    client.chat.completions.create(
        model="m", messages=QUESTION, temperature=0.1, top_p=0.9, max_completion_tokens=7, n=2, seed=3, stop="END",
        frequency_penalty=0.2, presence_penalty=0.3, response_format={"type": "json_object"},
        extra_body={"top_k": 5, "reasoning_effort": "low", "service_tier": "flex"},
    )  # fmt: skip

    asked = {k: v for k, v in stored.span.attributes.items() if k.startswith(("gen_ai.request", "gen_ai.output.type"))}
    assert asked == {
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.1,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.max_tokens": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.frequency_penalty": 0.2,
        "gen_ai.request.presence_penalty": 0.3,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
    }
    assert stored.span.attributes["openai.request.service_tier"] == "flex"
    assert stored.span.inputs == server.asked[0].json


def test_tool_calls_have_parsed_arguments_and_the_tools_are_recorded(server: Server, call: Any, stored: Any) -> None:
    calls = [tool_call("c1", "weather", '{"city": "Lima"}'), tool_call("c2", "weather", '{"city": ')]
    server.will(reply(chat({"role": "assistant", "content": None, "tool_calls": calls}, finish="tool_calls")))

    call("chat.completions.create", model="m", messages=QUESTION, tools=TOOLS)

    assert stored.json("gen_ai.tool.definitions") == [{"type": "function", **TOOLS[0]["function"]}]
    assert stored.output == [
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Lima"}},
                {"type": "tool_call", "id": "c2", "name": "weather", "arguments": '{"city": '},
            ],
            "finish_reason": "tool_calls",
        }
    ]


def test_a_conversation_with_tool_calls_and_results_becomes_messages_of_parts(
    server: Server, call: Any, stored: Any
) -> None:
    server.will(reply(chat()))
    messages = [
        {"role": "system", "content": "Be brief."},
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "weather", "{}")]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]

    call("chat.completions.create", model="m", messages=messages)

    assert stored.input == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": QUESTION[0]["content"]}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": "sunny", "id": "c1"}]},
    ]


def test_all_choices_are_recorded_with_their_finish_reason(server: Server, call: Any, stored: Any) -> None:
    answers = [{"role": "assistant", "content": "one"}, {"role": "assistant", "content": "two"}]
    server.will(reply(chat(*answers, finish="length")))

    call("chat.completions.create", model="m", messages=QUESTION, n=2)

    assert [message["parts"][0]["content"] for message in stored.output] == ["one", "two"]
    assert stored.span.attributes["gen_ai.response.finish_reasons"] == ["length", "length"]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": None, "refusal": "No."}, [{"type": "refusal", "content": "No."}]),
        (
            {"content": "4", "reasoning_content": "2+2"},
            [{"type": "reasoning", "content": "2+2"}, {"type": "text", "content": "4"}],
        ),
        (
            {"content": "4", "reasoning": "2+2"},
            [{"type": "reasoning", "content": "2+2"}, {"type": "text", "content": "4"}],
        ),
        (
            {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
            [{"type": "tool_call", "name": "f", "arguments": {}}],
        ),
        (
            {"content": None, "audio": {"id": "a1", "data": "UklGRg==", "transcript": "Hello", "expires_at": 1}},
            [
                {
                    "type": "blob",
                    "modality": "audio",
                    "mime_type": "audio/wav",
                    "content": "UklGRg==",
                    "transcript": "Hello",
                }
            ],
        ),
        ({"content": None}, []),
    ],
)
def test_refusal_reasoning_function_call_and_audio_are_parts_of_the_message(
    message: dict[str, Any], parts: Any, server: Server, call: Any, stored: Any
) -> None:
    server.will(reply(chat({"role": "assistant", **message})))

    call("chat.completions.create", model="m", messages=QUESTION)

    assert stored.output == [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    assert stored.span.outputs["choices"][0]["message"] == {"role": "assistant", **message}


def test_annotations_and_logprobs_are_kept(server: Server, call: Any, stored: Any) -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://lima.example", "title": "Lima"}}
    body = chat({"role": "assistant", "content": "Lima.", "annotations": [citation]})
    body["choices"][0]["logprobs"] = {
        "content": [{"token": "Lima", "logprob": -0.1, "bytes": None, "top_logprobs": []}]
    }
    server.will(reply(body))

    call("chat.completions.create", model="m", messages=QUESTION, logprobs=True)

    assert stored.output[0]["annotations"] == [citation]
    assert stored.span.outputs["choices"][0]["logprobs"] == body["choices"][0]["logprobs"]


def test_images_and_audio_are_parts_and_large_ones_become_attachments(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))
    large = base64.b64encode(b"\x89PNG" + bytes(400_000)).decode()
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/cat.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{large}"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
    ]

    call("chat.completions.create", model="m", messages=[{"role": "user", "content": content}])

    text, link, image, audio = stored.input[0]["parts"]
    assert text == {"type": "text", "content": "What is this?"}
    assert link == {"type": "uri", "modality": "image", "uri": "https://pictures.example/cat.png"}
    assert image["content"].startswith("tracer-attachment:")
    assert (image["modality"], image["mime_type"]) == ("image", "image/png")
    assert audio == {"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "content": "UklGRg=="}
    assert len(stored.span.attributes["tracer.inputs"]) < 2_000


class Capital(pydantic.BaseModel):
    city: str


def parse_name(client: Any) -> str:
    has_parse = hasattr(client.chat.completions, "parse")
    return "chat.completions.parse" if has_parse else "beta.chat.completions.parse"


@pytest.mark.filterwarnings("error")
def test_parse_with_a_response_format_is_recorded_once(server: Server, client: Any, call: Any, stored: Any) -> None:
    server.will(reply(chat({"role": "assistant", "content": '{"city": "Lima"}'})))

    result = call(parse_name(client), model="m", messages=QUESTION, response_format=Capital)

    assert result.choices[0].message.parsed == Capital(city="Lima")
    attributes = stored.span.attributes
    assert attributes["tracer.provider.helper"] == parse_name(client)
    assert attributes["gen_ai.output.type"] == "json"
    assert stored.span.inputs["response_format"]["json_schema"]["name"] == "Capital"
    assert stored.span.outputs == server_body(server, result)


def server_body(server: Server, result: Any) -> Any:
    return chat({"role": "assistant", "content": '{"city": "Lima"}'})


def test_not_given_parameters_are_left_out(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))

    client.chat.completions.create(model="m", messages=QUESTION, temperature=openai.NOT_GIVEN, tools=openai.NOT_GIVEN)

    assert stored.span.inputs == {"model": "m", "messages": QUESTION}
    assert "NotGiven" not in json.dumps(stored.span.attributes)
    assert "gen_ai.tool.definitions" not in stored.span.attributes


def test_messages_that_are_the_sdks_own_objects(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat({"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "f", "{}")]})))
    tracer.openai.autolog(disable=True)
    answer = client.chat.completions.create(model="m", messages=QUESTION).choices[0].message
    tracer.openai.autolog()

    client.chat.completions.create(model="m", messages=[*QUESTION, answer])

    parts = [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {}}]
    assert stored.input[1] == {"role": "assistant", "parts": parts}


def test_iterators_of_messages_and_tools_are_not_consumed(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat()))

    call("chat.completions.create", model="m", messages=iter(QUESTION), tools=iter(TOOLS))

    assert (server.asked[0].json["messages"], server.asked[0].json["tools"]) == (QUESTION, TOOLS)
    assert (stored.span.inputs["messages"], stored.span.inputs["tools"]) == (QUESTION, TOOLS)


def test_null_choices_message_and_usage_are_no_error(server: Server, call: Any, stored: Any) -> None:
    server.will(
        reply({"id": None, "model": None, "choices": [None, {"message": None}], "usage": {"prompt_tokens": None}})
    )

    call("chat.completions.create", model="m", messages=QUESTION)

    assert stored.span.status == "UNSET"
    assert stored.span.token_usage is None


def test_usage_of_a_reply_without_content_type(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(chat(), content_type=None))

    call("chat.completions.create", model="m", messages=QUESTION)

    assert stored.span.token_usage == {
        "input_tokens": USAGE["prompt_tokens"],
        "output_tokens": USAGE["completion_tokens"],
        "total_tokens": USAGE["total_tokens"],
        "cache_read_input_tokens": 4,
        "reasoning_output_tokens": 2,
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_cache_hit_tokens": 3}, {"cache_read_input_tokens": 3}),
        ({"prompt_tokens": 5, "completion_tokens": 1, "cached_tokens": 2}, {"cache_read_input_tokens": 2}),
        (
            {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cache_write_tokens": 4}},
            {"cache_write_input_tokens": 4},
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 1,
                "prompt_tokens_details": {"audio_tokens": 2, "text_tokens": 0},
            },
            {"audio_input_tokens": 2},
        ),
        ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": None}, {}),
    ],
)
def test_usage_by_the_names_of_other_providers(
    usage: Any, expected: Any, server: Server, client: Any, stored: Any
) -> None:
    server.will(reply(chat(usage=usage)))

    client.chat.completions.create(model="m", messages=QUESTION)

    assert stored.span.token_usage == {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6, **expected}


def test_an_error_in_a_reply_with_status_200_is_an_error(server: Server, call: Any, stored: Any) -> None:
    server.will(reply({"error": {"message": "Upstream is down.", "code": 502}}))

    call("chat.completions.create", model="m", messages=QUESTION)

    assert (stored.span.status, stored.span.attributes["error.type"]) == ("ERROR", "502")


def test_the_span_hangs_below_the_current_one_and_is_current_only_during_the_call(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(reply(chat()))

    with tracer.start_span("outer") as outer:
        client.chat.completions.create(model="m", messages=QUESTION)
        assert tracer.get_current_active_span() is outer

    inner = next(span for span in stored.spans if span.name == "chat m")
    assert inner.parent_id == outer.span_id


def test_without_capture_content_only_usage_and_numbers_are_recorded(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    tracer.configure(capture_content=False)
    server.will(reply(chat()))

    client.chat.completions.create(model="m", messages=QUESTION)

    span = stored.span
    assert "Lima" not in json.dumps(span.attributes)
    assert "Peru" not in json.dumps(span.attributes)
    assert span.token_usage["total_tokens"] == 23


def test_when_tracer_is_disabled_nothing_is_recorded(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))
    tracer.disable()

    result = client.chat.completions.create(model="m", messages=QUESTION)
    tracer.enable()

    assert result.choices[0].message.content == "Lima."
    assert stored.spans == []
