"""The types of the chat schema: accepted values, their conversion, and messages about refused ones."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest

from tracer.errors import InvalidArgumentError
from tracer.models import (
    ChatCompletionChunk,
    ChatCompletionRequest,
    ChatCompletionResponse,
    ChatMessage,
    ChatParams,
    FunctionToolCallArguments,
    FunctionToolDefinition,
    ParamProperty,
    ToolParamsSchema,
    ValidationError,
)

pytestmark = pytest.mark.no_store
HELLO = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    ("request_body", "said"),
    [
        ({"messages": [{"role": "user"}]}, "messages[0].content: is missing, expected a text or a list of parts"),
        ({"messages": [HELLO, {"content": "x"}]}, "messages[1].role: is missing"),
        ({"messages": [{"roel": "user", "content": "x"}]}, "messages[0].role: is missing; is 'roel' meant?"),
        ({"messages": "x"}, "messages: is 'x' (str), expected a list of ChatMessage objects or dicts"),
        ({"messages": [7]}, "messages[0]: got 7, expected a ChatMessage or a dict"),
        (
            {"messages": [{"role": "user", "content": 5}]},
            "messages[0].content: is 5 (int), expected a text or a list of dicts",
        ),
        (
            {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
            "messages[0].content[0].type: is missing, expected such as {'type': 'text', 'text': '…'}",
        ),
        ({"messages": [HELLO], "temperature": "hot"}, "temperature: is 'hot' (str), expected a number"),
        ({"messages": [HELLO], "max_tokens": True}, "max_tokens: is True (bool), expected a whole number"),
        ({"messages": [HELLO], "stop": ["a", 1]}, "stop[1]: is 1 (int), expected a text"),
        ({"messages": [HELLO], "tools": [{"function": {}}]}, "tools[0].function.name: is missing"),
        (
            {"messages": [HELLO], "custom_inputs": {1: 2}},
            "custom_inputs: has the key 1 (int), expected keys that are texts",
        ),
    ],
)
def test_an_error_names_the_field(request_body: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatCompletionRequest.from_dict(request_body)

    assert str(caught.value) == said
    assert isinstance(caught.value, InvalidArgumentError)


def test_what_fits_is_converted() -> None:
    request = ChatCompletionRequest.from_dict(
        {"messages": [UserDict(HELLO)], "temperature": 1, "max_tokens": 25.0, "stop": "\n", "vendor_option": [1]}
    )

    assert request.messages == [ChatMessage("user", "Hello")]
    assert (request.temperature, request.max_tokens, request.stop) == (1.0, 25, ["\n"])
    assert request.to_dict() == {
        "messages": [HELLO],
        "temperature": 1.0,
        "max_tokens": 25,
        "stop": ["\n"],
        "vendor_option": [1],
    }


def test_what_a_request_does_not_say_is_none() -> None:
    params = ChatParams()

    assert (params.temperature, params.n, params.stream, params.to_dict()) == (None, None, None, {})


def test_content_of_several_parts() -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "https://x.org/a"}}]

    assert ChatMessage("user", parts).to_dict() == {"role": "user", "content": parts}


def test_a_message_answers_or_refuses() -> None:
    assert ChatMessage("assistant", "", refusal="No.").to_dict() == {"role": "assistant", "refusal": "No."}
    with pytest.raises(ValidationError, match="answers or refuses"):
        ChatMessage("assistant", "Yes.", refusal="No.")


def test_the_messages_of_the_ollama_package() -> None:
    ollama = pytest.importorskip("ollama", exc_type=ImportError)
    call = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
    message = ollama.Message(role="assistant", content="", tool_calls=[call])

    response = ChatCompletionResponse(choices=[{"index": 0, "message": message}], model="llama3.2")  # type: ignore[list-item]

    (tool_call,) = response.choices[0].message.tool_calls or []
    assert (tool_call.type, tool_call.function.arguments) == ("function", '{"city":"Paris"}')
    assert tool_call.id.startswith("call_")


def test_the_messages_of_the_openai_package() -> None:
    chat = pytest.importorskip("openai.types.chat", exc_type=ImportError)
    message = chat.ChatCompletionMessage.model_validate({"role": "assistant", "content": "Hi", "annotations": []})

    assert ChatMessage(**message.to_dict()).content == "Hi"
    assert ChatMessage.from_dict(message).to_dict()["content"] == "Hi"
    response = ChatCompletionResponse(choices=[{"message": message}])  # type: ignore[list-item]
    assert chat.ChatCompletion.model_validate({**response.to_dict(), "model": "m"}).choices[0].message.content == "Hi"


def test_a_response_has_what_openai_wants() -> None:
    plain = ChatCompletionResponse(
        choices=[{"message": {"role": "assistant", "content": "Hi"}}],  # type: ignore[list-item]
        usage={"prompt_tokens": 3, "completion_tokens": 2},  # type: ignore[arg-type]
        custom_outputs={"any": ["thing"]},
    ).to_dict()

    assert plain["id"].startswith("chatcmpl-")
    assert isinstance(plain["created"], int)
    assert (plain["object"], plain["custom_outputs"]) == ("chat.completion", {"any": ["thing"]})
    assert plain["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert plain["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ]


def test_a_response_without_choices_is_none() -> None:
    with pytest.raises(ValidationError, match="choices: is empty"):
        ChatCompletionResponse(choices=[])


def test_a_chunk_of_a_tool_call() -> None:
    call = {"index": 1, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}

    chunk = ChatCompletionChunk.from_dict({"choices": [{"delta": {"tool_calls": [call]}}]}).to_dict()

    assert chunk["choices"] == [{"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}}]


def test_writing_tools_in_python() -> None:
    parameters = ToolParamsSchema({"city": ParamProperty("string")}, required=["city"])
    tool = FunctionToolDefinition("get_weather", parameters=parameters).to_tool_definition()  # type: ignore[arg-type]

    assert tool.to_dict() == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    assert FunctionToolCallArguments("f", "{}").to_tool_call("call_1").id == "call_1"


def test_a_choice_with_tool_calls_ends_for_them() -> None:
    message = {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}
    reasons = [
        ChatCompletionResponse(choices=[choice]).choices[0].finish_reason  # type: ignore[list-item]
        for choice in ({"message": message}, {"message": message, "finish_reason": "length"}, {"message": HELLO})
    ]

    assert reasons == ["tool_calls", "length", "stop"]


def test_messages_with_reasoning_as_providers_give_it() -> None:
    routed = {"role": "assistant", "content": "Hi", "reasoning_details": [{"type": "reasoning.text", "text": "…"}]}

    assert ChatMessage(**routed).to_dict() == routed  # type: ignore[arg-type]
    assert ChatMessage("assistant", thinking="Hm.").to_dict() == {"role": "assistant", "thinking": "Hm."}


def test_parameters_of_several_types() -> None:
    either = ParamProperty(anyOf=[{"type": "string"}, {"type": "null"}], default="x")

    assert either.to_dict() == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "x"}
