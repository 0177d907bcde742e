"""`autolog(include_usage=True)`: token counts of streams that did not ask for them, hidden from the program."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import QUESTION, USAGE, chat, chunk, completion, delta, lima
from tests.openai.server import Asked, Scripted, Server, reply, sse

ASKED: Any = {"model": "m", "messages": QUESTION}


def as_asked(asked: Asked) -> Scripted:
    """Usage only where the request asks for it, as OpenAI does."""
    wanted = (asked.json.get("stream_options") or {}).get("include_usage")
    return sse(*lima(usage=bool(wanted)), x_request_id="req_1")


@pytest.fixture(autouse=True)
def asks_for_usage(autolog: None, server: Server) -> None:
    tracer.openai.autolog(include_usage=True)
    server.will(as_asked)


def test_include_usage_records_token_usage_and_hides_the_chunk(server: Server, call: Any, stored: Any) -> None:
    chunks = call("chat.completions.create", **ASKED, stream=True)

    assert server.asked[0].json["stream_options"] == {"include_usage": True}
    assert [one.usage for one in chunks] == [None] * 5
    assert all(one.choices for one in chunks)
    assert stored.span.token_usage["total_tokens"] == USAGE["total_tokens"]
    assert stored.span.inputs == server.asked[0].json
    assert stored.span.attributes["tracer.stream.chunks"] == 6
    assert "tracer.incomplete" not in stored.span.attributes


def test_include_usage_keeps_the_sdks_own_stream(client: openai.OpenAI, stored: Any) -> None:
    with client.chat.completions.create(**ASKED, stream=True) as stream:
        assert type(stream) is openai.Stream
        assert next(stream).choices[0].delta.role == "assistant"
        assert len(list(stream)) == 4

    assert stored.span.token_usage["input_tokens"] == 14


def test_include_usage_in_the_stream_helper(server: Server, client: openai.OpenAI, stored: Any) -> None:
    if not hasattr(client.chat.completions, "stream"):
        pytest.skip("this version of the SDK has the helper elsewhere")

    with client.chat.completions.stream(**ASKED) as events:
        kinds = [event.type for event in events]
        final = events.get_final_completion()

    assert (final.choices[0].message.content, final.usage) == ("Lima.", None)
    assert kinds.count("chunk") == 5
    assert stored.span.token_usage["total_tokens"] == 23


def test_include_usage_in_the_async_stream_helper(run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> Any:
        if not hasattr(client.chat.completions, "stream"):
            pytest.skip("this version of the SDK has the helper elsewhere")
        async with client.chat.completions.stream(**ASKED) as events:
            return [event.type async for event in events]

    assert run(scenario).count("chunk") == 5
    assert stored.span.token_usage["total_tokens"] == 23


def test_include_usage_in_a_raw_response_that_is_parsed(server: Server, client: openai.OpenAI, stored: Any) -> None:
    raw = client.chat.completions.with_raw_response.create(**ASKED, stream=True)

    assert raw.headers["x-request-id"] == "req_1"
    assert raw.parse() is raw.parse()
    assert len(list(raw.parse())) == 5
    assert server.asked[0].json["stream_options"] == {"include_usage": True}
    assert stored.span.token_usage["total_tokens"] == 23


def test_include_usage_in_an_async_raw_response_that_is_parsed(run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> int:
        raw = await client.chat.completions.with_raw_response.create(**ASKED, stream=True)
        return len([one async for one in raw.parse()])

    assert run(scenario) == 5
    assert stored.span.token_usage["total_tokens"] == 23


def test_include_usage_adds_nothing_to_with_streaming_response(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    with client.chat.completions.with_streaming_response.create(**ASKED, stream=True) as body:
        lines = [line for line in body.iter_lines() if line]

    assert "stream_options" not in server.asked[0].json
    assert len(lines) == 6
    assert stored.span.token_usage is None


@pytest.mark.parametrize("options", [{"include_usage": False}, {"include_usage": True}, None, {}])
def test_stream_options_of_the_program_win_over_include_usage(
    options: Any, server: Server, client: openai.OpenAI
) -> None:
    chunks = list(client.chat.completions.create(**ASKED, stream=True, stream_options=options))

    assert server.asked[0].json["stream_options"] == options
    assert len(chunks) == (6 if options == {"include_usage": True} else 5)


def test_stream_options_in_extra_body_win_over_include_usage(server: Server, client: openai.OpenAI) -> None:
    extra = {"stream_options": {"include_usage": True}}

    chunks = list(client.chat.completions.create(**ASKED, stream=True, extra_body=extra))

    assert len(chunks) == 6


def test_include_usage_adds_nothing_where_extra_body_asks_for_the_stream(server: Server, client: openai.OpenAI) -> None:
    client.chat.completions.create(model="m", messages=QUESTION, extra_body={"stream": True})

    assert "stream_options" not in server.asked[0].json


def test_include_usage_hides_no_other_chunk_without_choices(server: Server, client: openai.OpenAI, stored: Any) -> None:
    azure = {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}
    last = chunk(delta(content="Lima.", finish="stop"), usage=USAGE)
    server.will(sse(chunk(**azure), last))

    chunks = list(client.chat.completions.create(**ASKED, stream=True))

    assert len(chunks) == 2
    assert stored.span.token_usage["total_tokens"] == 23


def test_include_usage_in_completions(server: Server, call: Any, stored: Any) -> None:
    server.will(sse(completion("Lima.", usage=None), {"id": "cmpl-1", "choices": [], "usage": USAGE}))

    chunks = call("completions.create", model="m", prompt="?", stream=True)

    assert len(chunks) == 1
    assert stored.span.token_usage["total_tokens"] == 23


def test_include_usage_adds_nothing_to_a_call_that_is_not_streamed(server: Server, call: Any) -> None:
    server.will(reply(chat()))

    call("chat.completions.create", **ASKED)

    assert "stream_options" not in server.asked[0].json


def test_include_usage_does_not_change_the_programs_own_body(server: Server, client: openai.OpenAI) -> None:
    body = {**ASKED, "stream": True}
    given = dict(body)

    post: Any = client.post
    chunks = list(post("/chat/completions", body=body, cast_to=object, stream=True, stream_cls=openai.Stream[object]))

    assert (body, len(chunks)) == (given, 5)
    assert server.asked[0].json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("again", [{}, {"disable": True}, {"include_usage": False}])
def test_include_usage_is_off_after_the_next_autolog(again: Any, server: Server, client: openai.OpenAI) -> None:
    tracer.openai.autolog(**again)

    assert len(list(client.chat.completions.create(**ASKED, stream=True))) == 5
    assert "stream_options" not in server.asked[0].json


def test_include_usage_adds_nothing_while_tracer_is_disabled(server: Server, client: openai.OpenAI) -> None:
    tracer.disable()

    list(client.chat.completions.create(**ASKED, stream=True))

    assert "stream_options" not in server.asked[0].json
