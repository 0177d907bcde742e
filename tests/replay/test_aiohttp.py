"""SDKs that ask over aiohttp are recorded, and answered by aiohttp's own parser."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="tests/run.py makes an environment with it")

import aiohttp
import openai
from google import genai

import tracer
from tests.gemini import replies as of_gemini
from tests.gemini.conftest import closed
from tests.openai.replies import chat, lima
from tests.openai.server import BREAK, Server, reply, sse
from tracer.errors import ReplayMismatchError

QUESTION = "What is the capital of Peru?"


def fetched(server: Server, use: Callable[[Any], Coroutine[Any, Any, Any]], path: str = "/any", **given: Any) -> Any:
    async def scenario() -> Any:
        async with aiohttp.ClientSession() as session, session.post(f"{server.url}{path}", **given) as response:
            return await use(response)

    return asyncio.run(scenario())


async def whole(response: Any) -> Any:
    return response.status, response.headers["content-type"], await response.read()


async def lines(response: Any) -> list[bytes]:
    return [line async for line in response.content]


async def gemini(server: Server, question: str = QUESTION, **given: Any) -> Any:
    options: Any = {"base_url": server.url, "aiohttp_client": aiohttp.ClientSession()}
    client = genai.Client(api_key="k", http_options=options)
    try:
        plain = await client.aio.models.generate_content(model="m", contents=question)
        stream = await client.aio.models.generate_content_stream(model="m", contents=question)
        return [plain.candidates, [chunk.candidates async for chunk in stream]]
    finally:
        await closed(client)
        await options["aiohttp_client"].close()


def test_gemini_over_aiohttp_is_answered_from_the_cassette_and_from_traces(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(of_gemini.content({"text": "Lima."})), sse(*of_gemini.lima(), done=False))
    tracer.gemini.autolog()
    try:
        with tracer.record(cassette), tracer.start_span("both") as root:
            first = asyncio.run(gemini(stopping))
        tracer.flush()
        stopping.close()

        for source in (cassette, root.trace_id):
            with tracer.replay(source):
                assert asyncio.run(gemini(stopping)) == first
    finally:
        tracer.gemini.autolog(disable=True)
    with pytest.raises(ReplayMismatchError, match=r'word 6: "Peru.*now it is "Chile'), tracer.replay(cassette):
        asyncio.run(gemini(stopping, "What is the capital of Chile?"))


def test_a_fork_changes_what_is_sent_over_aiohttp(server: Server) -> None:
    whole, stream = reply(of_gemini.content({"text": "Lima."})), sse(*of_gemini.lima(), done=False)
    server.will(lambda asked: stream if "stream" in asked.path else whole)
    tracer.gemini.autolog()
    try:
        with tracer.start_span("both") as root:
            asyncio.run(gemini(server))
        tracer.flush()
        with tracer.fork(root.trace_id, at=3, set={"model": "better", "contents[0]": "Why?"}):
            asyncio.run(gemini(server))
    finally:
        tracer.gemini.autolog(disable=True)

    assert len(server.asked) == 3
    assert "/models/better:stream" in server.asked[2].path
    assert server.asked[2].json["contents"] == [{"parts": [{"text": "Why?"}], "role": "user"}]


@pytest.mark.parametrize("use", [whole, lines])
def test_replies_are_the_same(use: Any, stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()), sse(*lima()), reply({"error": "no"}, status=404), reply(b"", status=200))
    with tracer.record(cassette):
        first = [fetched(stopping, use, json={"n": number}) for number in range(4)]
    stopping.close()

    with tracer.replay(cassette):
        assert [fetched(stopping, use, json={"n": number}) for number in range(4)] == first


def test_packed_replies_are_readable_in_the_cassette(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(gzip.compress(b'{"said":"Lima"}'), content_encoding="gzip"))
    with tracer.record(cassette):
        first = fetched(stopping, whole, data=b"a")
    stopping.close()

    with tracer.replay(cassette):
        assert fetched(stopping, whole, data=b"a") == first
    assert json.loads(cassette.read_text())["response"]["json"] == {"said": "Lima"}


def test_what_failed_fails_again(stopping: Server, cassette: Path) -> None:
    def failures() -> list[type]:
        found = []
        for path in ("/breaks", "/away"):
            with pytest.raises(aiohttp.ClientError) as raised:
                fetched(stopping, whole, path, json={})
            found.append(type(raised.value))
            if path == "/breaks" and not is_replayed:
                stopping.close()
        return found

    stopping.will(sse(*lima()[:2], BREAK))
    is_replayed = False
    with tracer.record(cassette):
        first = failures()
    is_replayed = True

    with tracer.replay(cassette):
        assert failures() == first
    assert first[1] is aiohttp.ClientConnectorError


def test_a_stream_that_was_left_ends_there(stopping: Server, cassette: Path) -> None:
    async def one(response: Any) -> bytes:
        return await anext(aiter(response.content))  # type: ignore[no-any-return]

    stopping.will(sse(*lima()))
    with tracer.record(cassette):
        first = fetched(stopping, one, json={})
    stopping.close()

    with tracer.replay(cassette):
        assert fetched(stopping, one, json={}) == first


def test_uploads_are_compared(stopping: Server, cassette: Path) -> None:
    def form(text: bytes) -> Any:
        data = aiohttp.FormData()
        data.add_field("file", text, filename="a.txt")
        return data

    stopping.will(reply({"text": "Lima"}))
    with tracer.record(cassette):
        first = fetched(stopping, whole, data=form(b"Peru"))
    stopping.close()

    with tracer.replay(cassette):
        assert fetched(stopping, whole, data=form(b"Peru")) == first
    with pytest.raises(ReplayMismatchError, match="Chile"), tracer.replay(cassette):
        fetched(stopping, whole, data=form(b"Chile"))


def test_an_sdk_on_httpx_above_aiohttp_is_recorded_once(stopping: Server, cassette: Path) -> None:
    def ask() -> Any:
        async def scenario() -> Any:
            http = openai.DefaultAioHttpClient()
            async with openai.AsyncOpenAI(
                api_key="k", base_url=f"{stopping.url}/v1", max_retries=0, http_client=http
            ) as client:
                return await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])

        return asyncio.run(scenario())

    stopping.will(reply(chat()))
    with tracer.record(cassette):
        first = ask()
    stopping.close()

    assert len(cassette.read_text().splitlines()) == 1
    with tracer.replay(cassette):
        assert ask() == first
