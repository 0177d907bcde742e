"""Calls to models: once, from the provider's SDK where tracer records that, else from what LangChain tells."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("langchain_core", reason="tests/run.py makes an environment with it")

import openai
from langchain_core.caches import InMemoryCache
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableGenerator, RunnableLambda

import tracer
from tests.langchain.conftest import CLOSE, Trees, make_model
from tests.openai.replies import QUESTION, TOOLS, chat, error, lima, response, response_events, tool_call
from tests.openai.server import Asked, Scripted, Server, reply, sse

USAGE = {
    "input_tokens": 14, "output_tokens": 9, "total_tokens": 23,
    "input_token_details": {"cache_read": 4}, "output_token_details": {"reasoning": 2},
}  # fmt: skip
COUNTED = {
    "input_tokens": 14, "output_tokens": 9, "total_tokens": 23, "cache_read_input_tokens": 4,
    "reasoning_output_tokens": 2,
}  # fmt: skip


def answer(asked: Asked) -> Scripted:
    return sse(*lima()) if asked.json.get("stream") else reply(chat())


def invoke(model: Any) -> Any:
    return model.invoke(QUESTION).content


def stream(model: Any) -> Any:
    return "".join(str(chunk.content) for chunk in model.stream(QUESTION))


def batch(model: Any) -> Any:
    return model.batch([QUESTION])[0].content


def generate(model: Any) -> Any:
    return model.generate([[HumanMessage("What is the capital of Peru?")]]).generations[0][0].text


def ainvoke(model: Any) -> Any:
    return asyncio.run(model.ainvoke(QUESTION)).content


def astream(model: Any) -> Any:
    async def main() -> str:
        return "".join([str(chunk.content) async for chunk in model.astream(QUESTION)])

    return asyncio.run(main())


def astream_events(model: Any) -> Any:
    async def main() -> Any:
        events = [event async for event in model.astream_events(QUESTION, version="v2")]
        return events[-1]["data"]["output"].content

    return asyncio.run(main())


WAYS = (invoke, stream, batch, generate, ainvoke, astream, astream_events)
Way = Callable[[Any], Any]


class Capital(BaseChatModel):
    """A model of the program's own, which no SDK is needed for."""

    model: str = "capital-1"
    temperature: float = 0.5

    @property
    def _llm_type(self) -> str:
        return "capital"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        about = {"model_name": "capital-1-2026", "finish_reason": "stop", "id": "reply-1"}
        message = AIMessage("Lima.", usage_metadata=USAGE, response_metadata=about)  # type: ignore[arg-type]
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for text in ("Li", "ma."):
            yield ChatGenerationChunk(message=AIMessageChunk(text))
        last = AIMessageChunk(
            "",
            usage_metadata=USAGE,  # type: ignore[arg-type]
            response_metadata={"model_name": "capital-1-2026", "finish_reason": "stop"},
        )
        yield ChatGenerationChunk(message=last)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_a_provider_records_is_recorded_once(
    way: Way, is_first: bool, model: Any, server: Server, stored: Trees
) -> None:
    server.will(answer)
    if not is_first:
        tracer.langchain.autolog(disable=True)
        tracer.langchain.autolog()

    assert way(model) == "Lima."

    assert (stored.span.name, stored.span.span_type) == ("chat gpt-4o-mini", "CHAT_MODEL")
    assert stored.span.attributes["server.address"] == "127.0.0.1"  # the provider's own record
    assert stored.text == "Lima."


@pytest.mark.parametrize("way", WAYS)
def test_without_the_sdks_provider_a_call_is_recorded_from_what_langchain_tells(
    way: Way, server: Server, stored: Trees
) -> None:
    server.will(answer)
    tracer.openai.autolog(disable=True)
    model = make_model(server, temperature=0.5, stream_usage=True)

    assert way(model) == "Lima."

    span = stored.span
    assert (span.name, span.span_type) == ("chat gpt-4o-mini", "CHAT_MODEL")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "What is the capital of Peru?"}]}]
    assert stored.text == "Lima."
    assert span.attributes["gen_ai.provider.name"] == "openai"
    assert span.attributes["gen_ai.response.model"] == "gpt-test-2026"
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert list(span.attributes["gen_ai.response.finish_reasons"]) == ["stop"]
    assert span.token_usage == COUNTED


@pytest.mark.parametrize("way", WAYS)
def test_a_model_of_the_programs_own_has_messages_model_and_tokens(way: Way, stored: Trees) -> None:
    assert way(Capital()) == "Lima."

    span = stored.span
    assert (span.name, span.model) == ("chat capital-1", "capital-1-2026")
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert stored.text == "Lima."
    assert span.token_usage == COUNTED
    assert ("gen_ai.response.time_to_first_chunk" in span.attributes) == (way in (stream, astream, astream_events))


def test_a_call_without_a_provider_is_below_the_block_that_makes_it(stored: Trees) -> None:
    def step(question: Any) -> Any:
        with tracer.start_span("prepare"):
            return Capital().invoke(question)

    RunnableLambda(step).invoke(QUESTION)

    assert stored.tree == ["step CHAIN", "  prepare UNKNOWN", "    chat capital-1 CHAT_MODEL"]


def test_a_call_without_a_provider_has_its_cost(stored: Trees) -> None:
    class Known(Capital):
        model: str = "gpt-4o-mini"

        def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
            about = {"model_name": "gpt-4o-mini-2024-07-18"}
            details = {"cache_read": 40}
            usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120, "input_token_details": details}
            message = AIMessage("Lima.", usage_metadata=usage, response_metadata=about)  # type: ignore[arg-type]
            return ChatResult(generations=[ChatGeneration(message=message)])

    Known().invoke(QUESTION)

    assert round(stored.trace.info.cost["total_cost"], 9) == 0.000024


def test_tools_and_their_calls_are_read(server: Server, stored: Trees) -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1", "weather", '{"city":"Lima"}')]}
    server.will(reply(chat(called, finish="tool_calls")))
    tracer.openai.autolog(disable=True)

    make_model(server).bind_tools(TOOLS).invoke("Weather?")

    [offered] = json.loads(stored.span.attributes["gen_ai.tool.definitions"])
    assert offered["name"] == "weather"
    [message] = stored.output
    assert message["parts"] == [{"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Lima"}}]


def test_the_responses_api_is_recorded_once(server: Server, stored: Trees) -> None:
    server.will(lambda asked: sse(*response_events(), done=False) if asked.json.get("stream") else reply(response()))
    model = make_model(server, use_responses_api=True)

    model.invoke(QUESTION)
    list(model.stream(QUESTION))

    assert [span.name for span in stored.calls] == ["chat gpt-4o-mini"] * 2


def test_several_conversations_at_once_are_a_call_each(stored: Trees) -> None:
    model = Capital()

    model.generate([[HumanMessage("one")], [HumanMessage("two")]])
    asyncio.run(model.agenerate([[HumanMessage("three")], [HumanMessage("four")]]))

    asked = [json.loads(call.attributes["gen_ai.input.messages"])[0] for call in stored.calls]
    assert sorted(message["parts"][0]["content"] for message in asked) == ["four", "one", "three", "two"]
    assert len(stored.calls) == 4


def test_models_that_complete_text_are_calls(stored: Trees) -> None:
    FakeListLLM(responses=["Lima."]).invoke("The capital of Peru?")

    assert (stored.span.name, stored.span.span_type) == ("text_completion", "LLM")
    assert (stored.input[0]["parts"][0]["content"], stored.text) == ("The capital of Peru?", "Lima.")


def test_a_reply_from_the_cache_costs_nothing(stored: Trees) -> None:
    model = Capital(cache=InMemoryCache())

    model.invoke(QUESTION)
    model.invoke(QUESTION)

    counts = [span.token_usage for span in sorted(stored.spans, key=lambda span: span.start_time_ns)]
    assert counts[0] == COUNTED
    assert counts[1] is None or counts[1] == COUNTED  # older versions do not tell


# ---- errors ----


@pytest.mark.parametrize("has_provider", [True, False])
@pytest.mark.parametrize("way", [invoke, stream, ainvoke, astream])
def test_a_refused_call_is_an_error_once(
    way: Way, has_provider: bool, model: Any, server: Server, stored: Trees
) -> None:
    server.will(reply(error(), status=404))
    if not has_provider:
        tracer.openai.autolog(disable=True)

    with pytest.raises(openai.NotFoundError):
        way(model)

    assert stored.span.status == "ERROR"
    assert stored.span.name == "chat gpt-4o-mini"


@pytest.mark.parametrize("way", [stream, astream])
def test_after_a_failed_stream_the_next_call_is_nobodys(way: Way, model: Any, server: Server, stored: Trees) -> None:
    server.will(reply(error(), status=404), reply(chat()))
    with pytest.raises(openai.NotFoundError):
        way(model)

    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", default_headers=CLOSE) as client:
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)  # type: ignore[arg-type]

    assert sorted(span.name for span in stored.spans) == ["chat gpt-4o", "chat gpt-4o-mini"]


def test_what_came_of_a_stream_that_breaks_is_kept(server: Server, stored: Trees) -> None:
    class Breaking(Capital):
        def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            yield ChatGenerationChunk(message=AIMessageChunk("Li"))
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        stream(Breaking())

    assert (stored.span.status, stored.span.attributes["error.type"], stored.text) == ("ERROR", "ConnectionError", "Li")


# ---- streams that are left early ----


@pytest.mark.parametrize("has_provider", [True, False])
def test_a_stream_that_is_closed_early_is_no_error(has_provider: bool, server: Server, stored: Trees) -> None:
    server.will(sse(*lima()))
    if not has_provider:
        tracer.openai.autolog(disable=True)

    pieces = make_model(server).stream(QUESTION)
    next(pieces)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]

    assert (stored.span.status, stored.span.attributes["tracer.incomplete"]) == ("UNSET", "closed")


@pytest.mark.parametrize("has_provider", [True, False])
def test_a_chain_that_is_left_early_leaves_nothing_open(has_provider: bool, server: Server, stored: Trees) -> None:
    server.will(sse(*lima()))
    if not has_provider:
        tracer.openai.autolog(disable=True)

    def run() -> None:
        for _ in (make_model(server) | echo).stream(QUESTION):
            break

    run()
    gc.collect()

    assert "ERROR" not in {span.status for span in stored.spans}
    assert [line.strip() for line in stored.tree if "CHAT_MODEL" in line] == ["chat gpt-4o-mini CHAT_MODEL"]


def echo(chunks: Iterator[Any]) -> Iterator[Any]:
    yield from chunks


async def aecho(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for chunk in chunks:
        yield chunk


@pytest.mark.parametrize("has_provider", [True, False])
def test_an_asynchronous_chain_that_is_left_early_leaves_nothing_open(
    has_provider: bool, server: Server, stored: Trees
) -> None:
    server.will(sse(*lima()))
    if not has_provider:
        tracer.openai.autolog(disable=True)

    async def main() -> None:
        pieces = (make_model(server) | RunnableGenerator(echo, aecho)).astream(QUESTION)
        async for _ in pieces:
            break
        await pieces.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())
    gc.collect()

    assert "ERROR" not in {span.status for span in stored.spans}
    assert len(stored.calls) == 1


@pytest.mark.parametrize("has_provider", [True, False])
def test_a_cancelled_call_is_no_error(has_provider: bool, server: Server, stored: Trees) -> None:
    never = threading.Event()
    asked = threading.Event()

    def wait(_: Asked) -> Scripted:
        asked.set()
        return Scripted([never, json.dumps(chat()).encode()])

    server.will(wait)
    if not has_provider:
        tracer.openai.autolog(disable=True)

    async def main() -> None:
        task = asyncio.create_task((make_model(server) | RunnableLambda(lambda message: message)).ainvoke(QUESTION))
        await asyncio.to_thread(asked.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    never.set()
    gc.collect()

    endings = {span.name: (span.status, span.attributes.get("tracer.incomplete")) for span in stored.spans}
    assert endings["chat gpt-4o-mini"] == ("UNSET", "cancelled")
    assert endings["RunnableSequence"] == ("UNSET", "cancelled")


# ---- models inside models ----


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_asks_another_one_is_the_same_call(way: Way, server: Server, stored: Trees) -> None:
    server.will(answer)
    inner = make_model(server)

    class Outer(Capital):
        def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
            return ChatResult(generations=[ChatGeneration(message=inner.invoke(messages))])

        def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            for chunk in inner.stream(messages):
                yield ChatGenerationChunk(message=AIMessageChunk(chunk.content))

    assert way(Outer()) == "Lima."

    assert [span.name for span in stored.spans] == ["chat gpt-4o-mini"]


def test_an_sdk_that_is_called_between_two_chunks_is_a_call_of_its_own(server: Server, stored: Trees) -> None:
    server.will(reply(chat()))

    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", default_headers=CLOSE) as client:
        for number, _ in enumerate(Capital().stream(QUESTION)):
            if number == 0:
                client.chat.completions.create(model="gpt-4o", messages=QUESTION)  # type: ignore[arg-type]

    assert sorted(span.name for span in stored.spans) == ["chat capital-1", "chat gpt-4o"]


@pytest.mark.filterwarnings("ignore:The `dict` method")  # LangChain's own, in older versions
def test_embeddings_are_recorded_by_the_sdks_provider(server: Server, stored: Trees) -> None:
    from langchain_openai import OpenAIEmbeddings

    from tests.openai.replies import embedding

    server.will(reply(embedding([[0.5, 0.25]])))
    embeddings = OpenAIEmbeddings(
        model="embed-test",
        base_url=f"{server.url}/v1",
        api_key="k",
        check_embedding_ctx_length=False,
        default_headers=CLOSE,
    )

    RunnableLambda(lambda text: embeddings.embed_query(text), name="embed").invoke("Lima")

    assert stored.tree == ["embed CHAIN", "  embeddings embed-test EMBEDDING"]
