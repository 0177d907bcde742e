"""Calls are answered from stored traces: by id, by filter, or as an object."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import tracer
from tests.anthropic.replies import CALL, TEXT, lima, message
from tests.openai import replies
from tests.openai.server import BREAK, Server, reply, sse
from tests.replay.sdks import SDKS, ask_openai, listed
from tracer.errors import CassetteError, InvalidArgumentError, ReplayMismatchError, TraceNotFoundError

PERU, CHILE = "What is the capital of Peru?", "What is the capital of Chile?"


@pytest.fixture(autouse=True)
def recorded() -> Iterator[None]:
    tracer.autolog()
    yield
    tracer.autolog(disable=True)


@pytest.fixture(params=["sync", "stream", "async", "async stream"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


def without_headers(reply: object) -> str:
    """A reply as text; Gemini's have the HTTP headers."""
    return re.sub(r"sdk_http_response=HttpResponse\(.*?\n  \)", "", repr(reply), flags=re.DOTALL)


def last_trace() -> str:
    tracer.flush()
    found = tracer.get_last_active_trace_id()
    assert found is not None
    return found


@pytest.mark.parametrize("sdk", SDKS)
def test_a_trace_answers_what_it_recorded(sdk: str, way: str, stopping: Server) -> None:
    program, whole, stream = SDKS[sdk]
    stopping.will(stream if "stream" in way else whole)
    first = program(stopping, way, PERU)
    trace_id = last_trace()
    stopping.close()

    with tracer.replay(trace_id) as replay:
        second = program(stopping, way, PERU)

    assert without_headers(second) == without_headers(first)
    assert replay.unused == 0
    again = tracer.get_trace(last_trace())
    assert again is not None
    assert not tracer.diff(trace_id, again)
    with pytest.raises(ReplayMismatchError, match=r'word 6: "Peru.*now it is "Chile'), tracer.replay(trace_id):
        program(stopping, way, CHILE)


@pytest.mark.parametrize("sdk", SDKS)
def test_a_reply_in_one_piece_does_not_answer_a_stream(sdk: str, stopping: Server) -> None:
    program, whole, _ = SDKS[sdk]
    stopping.will(whole)
    program(stopping, "sync", PERU)

    with (
        pytest.raises(ReplayMismatchError, match=r"stream(: false was recorded, now it is true| is new: true)"),
        tracer.replay(last_trace()),
    ):
        program(stopping, "stream", PERU)


def test_a_refusal_is_the_same_error_at_once(stopping: Server) -> None:
    def refused() -> tuple[str, str]:
        with (
            openai.OpenAI(api_key="k", base_url=stopping.url, max_retries=2) as client,
            pytest.raises(openai.APIStatusError) as raised,
        ):
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": PERU}])
        return type(raised.value).__name__, str(raised.value)

    stopping.will(reply(replies.error("slow down", "rate_limit"), status=429, x_should_retry="false"))
    first = refused()
    stopping.close()

    with tracer.replay(last_trace()):
        assert refused() == first == ("RateLimitError", "Error code: 429 - slow down")


def test_a_server_that_was_not_there_is_not_there_again(stopping: Server) -> None:
    stopping.close()

    def unreachable() -> str:
        with openai.OpenAI(api_key="k", base_url=stopping.url, max_retries=1) as client:
            try:
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": PERU}])
            except openai.APIConnectionError as error:
                return type(error).__name__
        return ""

    assert unreachable() == "APIConnectionError"

    with tracer.replay(last_trace()):
        assert unreachable() == "APIConnectionError"


def test_a_stream_that_broke_breaks_at_the_same_chunk(stopping: Server) -> None:
    stopping.will(sse(*replies.lima()[:3], BREAK, done=False))

    def read() -> list[Any]:
        seen = []
        with openai.OpenAI(api_key="k", base_url=stopping.url, max_retries=0) as client:
            stream = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": PERU}], stream=True
            )
            try:
                for chunk in stream:
                    seen.append(chunk)
            except Exception as error:
                seen.append(type(error).__name__)
        return seen

    first = read()
    stopping.close()

    with tracer.replay(last_trace()):
        assert repr(read()) == repr(first)
    assert len(first) == 4


def test_steps_are_answered_from_the_trace_and_do_not_run(stopping: Server) -> None:
    ran = []

    @tracer.trace(span_type="TOOL")
    def refund(order: int) -> str:
        ran.append(order)
        if order == 8:
            raise LookupError("no order 8")
        return f"order {order} is paid back"

    @tracer.trace
    def program() -> list[str]:
        said = [refund(7)]
        try:
            refund(8)
        except LookupError as error:
            said.append(str(error))
        ask_openai(stopping, "sync", PERU)
        return said

    stopping.will(reply(replies.chat()))
    first = program()
    trace_id = last_trace()
    stopping.close()

    with tracer.replay(trace_id, steps=["refund"]):
        assert program() == first
    assert ran == [7, 8]


def test_traces_are_named_by_a_filter_or_given_themselves(stopping: Server) -> None:
    stopping.will(reply(replies.chat()))
    for question in (PERU, CHILE):
        with tracer.start_span("geography"):
            ask_openai(stopping, "sync", question)
    tracer.flush()
    traces = tracer.search_traces("name = 'geography'")
    stopping.close()

    for source in ("name = 'geography'", traces):
        with tracer.replay(source) as replay:
            ask_openai(stopping, "sync", CHILE)
            ask_openai(stopping, "sync", PERU)
        assert replay.unused == 0
    with tracer.replay(traces[0]):
        ask_openai(stopping, "sync", CHILE)
    with pytest.raises(CassetteError, match="no trace meets"), tracer.replay("name = 'nobody'"):
        pass
    with pytest.raises(TraceNotFoundError, match="there is no trace"), tracer.replay("0" * 32):
        pass


def test_what_a_trace_does_not_have_is_told_before_anything_runs(stopping: Server, tmp_path: Path) -> None:
    stopping.will(sse(*(replies.chunk(replies.delta(content=f"{number} ")) for number in range(1_100))))
    ask_openai(stopping, "stream", PERU)
    with pytest.raises(CassetteError, match="more chunks than a trace keeps"), tracer.replay(last_trace()):
        raise AssertionError("this ran")

    stopping.will(reply(replies.chat({"role": "assistant", "content": "x" * 2_000})))
    tracer.configure(max_value_bytes=1_024)
    ask_openai(stopping, "sync", PERU)
    with pytest.raises(CassetteError, match=r"its reply was cut.*Record it exactly"), tracer.replay(last_trace()):
        raise AssertionError("this ran")

    with tracer.start_span("chat", span_type="CHAT_MODEL"):
        pass
    with tracer.replay(last_trace()):  # a step of the user's own: what it calls is seen when it does
        pass


def test_a_reply_with_a_secret_is_refused_unless_allowed(stopping: Server) -> None:
    key = "sk-proj-" + "Zm9vYmFyYmF6cXV4" * 3
    stopping.will(reply(replies.chat({"role": "assistant", "content": f"Your key is {key}."})))
    ask_openai(stopping, "sync", PERU)
    trace_id = last_trace()

    with pytest.raises(CassetteError, match="allow_redacted=True"), tracer.replay(trace_id):
        pass
    with tracer.replay(trace_id, allow_redacted=True):
        said = ask_openai(stopping, "sync", PERU).choices[0].message.content
    assert said == "Your key is [REDACTED]."


def test_images_of_a_request_are_compared_and_given_back(stopping: Server) -> None:
    start = b"\x89PNG\r\n\x1a\n"
    picture, other = (
        f"data:image/png;base64,{base64.b64encode(start + rest * 3_000).decode()}" for rest in (b"a", b"b")
    )

    def describe(url: str) -> Any:
        content: Any = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
        with openai.OpenAI(api_key="k", base_url=stopping.url, max_retries=0) as client:
            return client.chat.completions.create(model="m", messages=[{"role": "user", "content": content}])

    stopping.will(reply(replies.chat()))
    first = describe(picture)
    trace_id = last_trace()
    stopping.close()

    with tracer.replay(trace_id):
        assert repr(describe(picture)) == repr(first)
    with pytest.raises(ReplayMismatchError, match=r"image_url\.url"), tracer.replay(trace_id):
        describe(other)


def test_sound_is_given_back_and_files_that_were_sent_are_missed(stopping: Server) -> None:
    def speak() -> bytes:
        with openai.OpenAI(api_key="k", base_url=stopping.url, max_retries=0) as client:
            return client.audio.speech.create(model="t", voice="alloy", input="Lima").content

    sound = b"ID3\x03\x00\xff\xfe" * 900
    stopping.will(reply(sound, content_type="audio/mpeg"))
    assert speak() == sound
    spoken = last_trace()
    stopping.will(reply({"text": "Lima"}))
    with openai.OpenAI(api_key="k", base_url=stopping.url, max_retries=0) as client:
        client.audio.transcriptions.create(model="w", file=("a.mp3", sound))
    transcribed = last_trace()
    stopping.will(reply({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}]}))
    with openai.OpenAI(api_key="k", base_url=stopping.url, max_retries=0) as client:
        client.images.edit(model="i", image=("a.png", b"\x89PNG\r\n\x1a\n"), prompt="A hat")
    edited = last_trace()
    stopping.close()

    with tracer.replay(spoken):
        assert speak() == sound
    for trace_id in (transcribed, edited):
        with pytest.raises(CassetteError, match="does not keep the files"), tracer.replay(trace_id):
            raise AssertionError("this ran")


def test_nothing_is_recorded_into_a_trace(stopping: Server) -> None:
    with pytest.raises(InvalidArgumentError, match="record= writes a cassette"):
        tracer.replay("0" * 32, record="new")
    with pytest.raises(InvalidArgumentError, match="expected the path of a cassette"):
        tracer.replay(7)  # type: ignore[arg-type]


def test_what_the_client_for_vertex_ai_asked_is_answered(way: str, stopping: Server) -> None:
    def program(question: str) -> Any:
        given: Any = {"region": "europe-west1", "project_id": "p", "access_token": "k", "base_url": stopping.url}
        asked: Any = {"model": "claude-m@1", "max_tokens": 10, "messages": [{"role": "user", "content": question}]}
        asked |= {"stream": True} if streams else {}
        if "async" not in way:
            with anthropic.AnthropicVertex(**given, http_client=anthropic.DefaultHttpxClient(verify=False)) as client:
                said = client.messages.create(**asked)
                return list(said) if streams else said

        async def scenario() -> Any:
            http = anthropic.DefaultAsyncHttpxClient(verify=False)
            async with anthropic.AsyncAnthropicVertex(**given, http_client=http) as client:
                said = await client.messages.create(**asked)
                return await listed(said) if streams else said

        return asyncio.run(scenario())

    streams = "stream" in way
    stopping.will(sse(*lima(), done=False) if streams else reply(message(TEXT, CALL)))
    first = program(PERU)
    trace_id = last_trace()
    stopping.close()

    with tracer.replay(trace_id) as replay:
        assert repr(program(PERU)) == repr(first)
    assert replay.unused == 0
    with pytest.raises(ReplayMismatchError, match=r'word 6: "Peru.*now it is "Chile'), tracer.replay(trace_id):
        program(CHILE)
