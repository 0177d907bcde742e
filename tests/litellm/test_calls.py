"""Calls of LiteLLM, with whatever it uses below: each is one step, with what was asked and answered."""

from __future__ import annotations

import pytest

pytest.importorskip("litellm", reason="tests/run.py makes an environment with it")

import asyncio
import inspect
from typing import Any

import litellm
from litellm.litellm_core_utils import streaming_handler

import tracer
from tests.anthropic import replies as anthropic
from tests.litellm.conftest import Calls
from tests.openai.replies import (
    QUESTION,
    TOOLS,
    chat,
    completion,
    embedding,
    error,
    lima,
    message_item,
    response,
    response_events,
    tool_call,
)
from tests.openai.server import Asked, Scripted, Server, reply, sse

MINI: dict[str, Any] = {"model": "openai/gpt-4o-mini", "messages": QUESTION}
ANSWERED = "gpt-4o-mini-2024-07-18"
COUNTS = {
    "input_tokens": 14,
    "output_tokens": 9,
    "total_tokens": 23,
    "cache_read_input_tokens": 4,
    "reasoning_output_tokens": 2,
}
COST = 10 * 0.15e-6 + 4 * 0.075e-6 + 9 * 0.6e-6
# older versions tell of a stream neither the model that answers nor tokens that the program did not ask for
KEEPS_ALL = "_provider_response_model" in inspect.getsource(streaming_handler)
TEXT = {"type": "output_text", "text": "Lima.", "annotations": [], "logprobs": []}


def named(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**chunk, "model": ANSWERED} for chunk in chunks]


def test_a_chat_has_messages_model_provider_tokens_and_cost(
    server: Server, stored: Calls, openai_like: dict[str, Any]
) -> None:
    server.will(reply(chat(model=ANSWERED)))

    litellm.completion(**MINI, **openai_like, temperature=0.5)

    span = stored.span
    assert (span.name, span.span_type, span.model) == ("chat gpt-4o-mini", "CHAT_MODEL", ANSWERED)
    assert span.attributes["gen_ai.provider.name"] == "openai"
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert span.attributes["server.address"] == "127.0.0.1"
    assert stored.input[0]["parts"][0]["content"] == QUESTION[0]["content"]
    assert stored.text == "Lima."
    assert span.token_usage == COUNTS
    assert span.cost["total_cost"] == pytest.approx(COST)
    assert span.inputs == {"model": "gpt-4o-mini", "messages": QUESTION, "temperature": 0.5}


def test_an_asynchronous_chat_is_one_step_too(server: Server, stored: Calls, openai_like: dict[str, Any]) -> None:
    server.will(reply(chat(model=ANSWERED)))

    asyncio.run(litellm.acompletion(**MINI, **openai_like))

    assert stored.tree() == ["chat gpt-4o-mini CHAT_MODEL UNSET"]
    assert stored.span.token_usage == COUNTS


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("is_async", [True, False])
def test_a_streamed_chat_has_text_answering_model_and_tokens_also_where_the_program_did_not_ask_for_them(
    server: Server, stored: Calls, openai_like: dict[str, Any], asks: bool, is_async: bool
) -> None:
    server.will(sse(*named(lima())))
    options: dict[str, Any] = {"stream": True, **({"stream_options": {"include_usage": True}} if asks else {})}

    async def read() -> None:
        async for _ in await litellm.acompletion(**MINI, **openai_like, **options):
            pass

    if is_async:
        asyncio.run(read())
    else:
        stream = litellm.completion(**MINI, **openai_like, **options)
        assert type(stream) is litellm.CustomStreamWrapper
        list(stream)

    span = stored.span
    assert stored.text == "Lima."
    if KEEPS_ALL or asks:
        assert span.token_usage == COUNTS
        assert span.cost["total_cost"] == pytest.approx(COST)
    assert span.model == (ANSWERED if KEEPS_ALL else "gpt-4o-mini")
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert "tracer.incomplete" not in span.attributes


@pytest.mark.skipif(not hasattr(litellm.CustomStreamWrapper, "close"), reason="an older version's cannot be closed")
def test_a_stream_that_is_closed_early_ends_with_what_had_come(
    server: Server, stored: Calls, openai_like: dict[str, Any]
) -> None:
    server.will(sse(*named(lima())))

    stream = litellm.completion(**MINI, **openai_like, stream=True)
    next(stream)
    next(stream)
    stream.close()

    assert stored.span.attributes["tracer.incomplete"] == "closed"
    assert stored.text in ("Li", "Lima")


def test_tool_calls_are_part_of_the_conversation(server: Server, stored: Calls, openai_like: dict[str, Any]) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "weather", '{"city":"Lima"}')]}
    server.will(reply(chat(call, finish="tool_calls")))

    litellm.completion(**MINI, **openai_like, tools=TOOLS)

    [part] = [part for part in stored.output[0]["parts"] if part["type"] == "tool_call"]
    assert (part["name"], part["arguments"]) == ("weather", {"city": "Lima"})
    assert "weather" in stored.span.attributes["gen_ai.tool.definitions"]


def test_a_refusal_has_its_status(server: Server, stored: Calls, openai_like: dict[str, Any]) -> None:
    server.will(reply(error(), status=404))

    with pytest.raises(litellm.NotFoundError):
        litellm.completion(**MINI, **openai_like)

    span = stored.span
    assert (span.status, span.attributes["http.response.status_code"]) == ("ERROR", 404)
    assert span.attributes["error.type"] == "litellm.exceptions.NotFoundError"


def test_what_metadata_says_of_session_user_and_tags_is_the_traces(
    server: Server, stored: Calls, openai_like: dict[str, Any]
) -> None:
    server.will(reply(chat(model=ANSWERED)))

    litellm.completion(**MINI, **openai_like, metadata={"session_id": "s-1", "trace_user_id": "ann", "tags": ["prod"]})

    [trace] = tracer.search_traces("session = 's-1' AND user = 'ann'")
    assert trace.info.tags == {"prod": "true"}


def test_responses_plain_and_streamed(server: Server, stored: Calls, openai_like: dict[str, Any]) -> None:
    item = message_item(content=[TEXT])
    more = {
        "response.content_part.done": {"part": TEXT},
        "response.output_item.done": {"item": item},
        "response.output_text.delta": {"logprobs": []},
        "response.output_text.done": {"logprobs": []},
    }
    events = [{**event, **more.get(event["type"], {})} for event in response_events(final=response(item))]
    server.will(reply(response(item)), sse(*events))
    openai_like.pop("max_retries")

    litellm.responses(input="Capital of Peru?", model="openai/gpt-4o-mini", **openai_like)
    list(litellm.responses(input="Capital of Peru?", model="openai/gpt-4o-mini", stream=True, **openai_like))

    spans = sorted(stored.spans, key=lambda span: span.start_time_ns)
    assert [span.name for span in spans] == ["chat gpt-4o-mini", "chat gpt-4o-mini"]
    for span in spans:
        assert '"Lima."' in span.attributes["gen_ai.output.messages"]
        assert (span.token_usage["input_tokens"], span.token_usage["output_tokens"]) == (11, 6)


def test_embeddings_and_completions(server: Server, stored: Calls, openai_like: dict[str, Any]) -> None:
    server.will(reply(embedding([[0.1, 0.2]])), reply(completion()))

    litellm.embedding("openai/text-embedding-3-small", ["Lima"], **openai_like)
    litellm.text_completion(model="openai/gpt-3.5-turbo-instruct", prompt="Lima", **openai_like)

    spans = sorted(stored.spans, key=lambda span: span.start_time_ns)
    assert [(span.name, span.span_type) for span in spans] == [
        ("embeddings text-embedding-3-small", "EMBEDDING"),
        ("text_completion gpt-3.5-turbo-instruct", "LLM"),
    ]
    assert spans[0].token_usage["input_tokens"] == 5


def test_a_provider_without_an_sdk_is_recorded_in_the_same_way(server: Server, stored: Calls) -> None:
    server.will(reply(anthropic.message()))

    litellm.completion(
        model="anthropic/claude-sonnet-4-5", messages=QUESTION, api_base=server.url, api_key="k", max_tokens=100
    )

    span = stored.span
    assert span.name == "chat claude-sonnet-4-5"
    assert span.attributes["gen_ai.provider.name"] == "anthropic"
    assert span.token_usage["output_tokens"] > 0
    assert span.cost["total_cost"] > 0


def both_answer(asked: Asked) -> Scripted:
    """The first model is not there, others answer."""
    if asked.json["model"] == "gpt-4o-mini":
        return reply(error(), status=404)
    return reply(chat(model="gpt-4o-2024-08-06"))


@pytest.mark.parametrize("is_async", [True, False])
def test_a_fallback_shows_the_call_that_failed_and_the_one_that_answered(
    server: Server, stored: Calls, openai_like: dict[str, Any], is_async: bool
) -> None:
    server.will(both_answer)
    asked = {**MINI, **openai_like, "fallbacks": ["openai/gpt-4o"]}

    asyncio.run(litellm.acompletion(**asked)) if is_async else litellm.completion(**asked)

    assert stored.tree() == [
        "route openai/gpt-4o-mini CHAIN UNSET",
        "  chat gpt-4o-mini CHAT_MODEL ERROR",
        "  chat gpt-4o CHAT_MODEL UNSET",
    ]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_router_shows_each_attempt(
    server: Server, stored: Calls, openai_like: dict[str, Any], is_async: bool
) -> None:
    server.will(reply(error("Tired.", "server_error"), status=500), reply(chat(model=ANSWERED)))
    deployment = {"model_name": "small", "litellm_params": {"model": "openai/gpt-4o-mini", **openai_like}}
    router = litellm.Router(model_list=[deployment], num_retries=1, retry_after=0)

    if is_async:
        asyncio.run(router.acompletion("small", QUESTION))
    else:
        router.completion("small", QUESTION)

    assert stored.tree() == [
        "route small CHAIN UNSET",
        "  chat gpt-4o-mini CHAT_MODEL ERROR",
        "  chat gpt-4o-mini CHAT_MODEL UNSET",
    ]
    asked = {**stored.spans[-1].inputs, "stream": False}
    assert asked == {"model": "gpt-4o-mini", "messages": QUESTION, "stream": False}


def test_prices_of_a_routers_deployment_are_used(server: Server, stored: Calls, openai_like: dict[str, Any]) -> None:
    server.will(reply(chat(model="house-model")))
    prices = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
    params = {"model": "openai/house-model", **openai_like}
    router = litellm.Router(model_list=[{"model_name": "house", "litellm_params": params, "model_info": prices}])

    router.completion("house", QUESTION)

    [call] = [span for span in stored.spans if span.span_type == "CHAT_MODEL"]
    assert call.cost["total_cost"] == pytest.approx(14 * 0.001 + 9 * 0.002)
