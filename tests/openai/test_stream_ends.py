"""Every way a stream can end: the span ends exactly once, at the right moment, with the content that had arrived."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import QUESTION, chunk, delta, lima
from tests.openai.server import Server, sse
from tests.waiting import PATIENCE


def opened(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model="m", messages=QUESTION, stream=True)


async def aopened(client: openai.AsyncOpenAI) -> Any:
    return await client.chat.completions.create(model="m", messages=QUESTION, stream=True)


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    """The server sends "Li" and holds the rest back."""
    event = threading.Event()
    server.will(sse(chunk(delta(content="Li")), event, *lima()))
    yield event
    event.set()


def ending(span: Any) -> tuple[Any, Any, Any]:
    """How the span ended, why before its time, and with what text."""
    choices = (span.outputs or {}).get("choices") or [{"message": {"content": None}}]
    return span.status, span.attributes.get("tracer.incomplete"), choices[0]["message"]["content"]


def test_early_break_ends_the_span_when_the_stream_is_dropped(held: Any, client: Any, stored: Any) -> None:
    stream = opened(client)
    for _ in stream:
        break
    assert stored.spans == []

    del stream, _
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


def test_early_break_with_the_stream_kept_ends_with_close(held: Any, client: Any, stored: Any) -> None:
    stream = opened(client)
    for _ in stream:
        break
    assert stored.spans == []

    stream.close()

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_break_inside_with_ends_at_its_exit(held: Any, client: Any, stored: Any) -> None:
    with opened(client) as stream:
        for _ in stream:
            break
        assert stored.spans == []

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_closing_the_response_ends_the_span(held: Any, client: Any, stored: Any) -> None:
    stream = opened(client)
    next(stream)

    stream.response.close()

    assert ending(stored.span) == ("UNSET", "closed", "Li")
    assert stream.response.is_closed


def test_a_stream_that_is_never_read_and_closed(held: Any, client: Any, stored: Any) -> None:
    opened(client).close()

    assert ending(stored.span) == ("UNSET", "closed", None)


def test_a_stream_that_is_never_read_and_dropped(held: Any, client: Any, stored: Any) -> None:
    opened(client)
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", None)


def test_a_users_exception_in_the_loop_is_not_the_calls_error(held: Any, client: Any, stored: Any) -> None:
    def read() -> None:
        with opened(client) as stream:
            for _ in stream:
                raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        read()

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_closing_after_the_last_word_is_no_early_end(server: Server, client: Any, stored: Any) -> None:
    server.will(sse(*lima(usage=False)))
    with opened(client) as stream:
        for part in stream:
            if part.choices[0].finish_reason:
                break

    assert ending(stored.span) == ("UNSET", None, "Lima.")


def test_reading_by_next_and_for_and_again_after_the_end(server: Server, client: Any, stored: Any) -> None:
    server.will(sse(*lima()))
    stream = opened(client)

    texts = [next(stream), *stream]

    assert len(texts) == 6
    assert next(stream, "over") == "over"
    stream.close()
    assert ending(stored.span) == ("UNSET", None, "Lima.")


def test_a_stream_read_in_another_thread(server: Server, client: Any, stored: Any) -> None:
    server.will(sse(*lima()))
    stream = opened(client)

    reader = threading.Thread(target=list, args=(stream,))
    reader.start()
    reader.join(PATIENCE)

    assert ending(stored.span) == ("UNSET", None, "Lima.")
    assert tracer.get_current_active_span() is None


def test_nothing_is_current_while_the_user_reads(server: Server, client: Any, stored: Any) -> None:
    server.will(sse(*lima()))

    with tracer.start_span("outer") as outer:
        for _ in opened(client):
            assert tracer.get_current_active_span() is outer

    assert sorted(span.name for span in stored.spans) == ["chat m", "outer"]


def test_a_stream_inside_a_generator_that_is_left(held: Any, client: Any, stored: Any) -> None:
    def words() -> Iterator[str]:
        for part in opened(client):
            yield part.choices[0].delta.content

    generator = words()
    assert next(generator) == "Li"
    del generator
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


def helper(client: Any) -> Any:
    completions = client.chat.completions
    completions = completions if hasattr(completions, "stream") else client.beta.chat.completions
    return completions.stream(model="m", messages=QUESTION)


def test_the_stream_helper_is_recorded_once(server: Server, client: Any, stored: Any) -> None:
    server.will(sse(*lima()))

    with helper(client) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].message.content == "Lima."
    assert ending(stored.span) == ("UNSET", None, "Lima.")
    assert stored.span.attributes["tracer.provider.helper"].endswith("chat.completions.stream")


def test_break_in_the_stream_helper_ends_at_its_exit(held: Any, client: Any, stored: Any) -> None:
    with helper(client) as stream:
        for _ in stream:
            break
        assert stored.spans == []

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_a_stream_helper_that_is_never_entered_called_nobody(server: Server, client: Any, stored: Any) -> None:
    helper(client)

    assert (server.asked, stored.spans) == ([], [])


# ---- asynchronous ----


def test_async_break_inside_with(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        async with await aopened(client) as stream:
            async for _ in stream:
                break
            assert stored.spans == []
        assert len(stored.spans) == 1

    run(scenario)

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_async_break_and_dropped(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        stream = await aopened(client)
        async for _ in stream:
            break
        del stream, _
        for _ in range(3):
            await asyncio.sleep(0)  # the loop closes the generator behind `async for`, which holds the stream
        gc.collect()
        assert len(stored.spans) == 1

    run(scenario)

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


async def leave_early(opened_streams: Callable[[], Awaitable[Any]]) -> list[str]:
    """The complaints of the event loop when half-read streams are collected."""
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
    for _ in range(6):
        async for _ in await opened_streams():
            break
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.02)  # the loop runs the closing in tasks of its own
    return complaints


@pytest.mark.parametrize("is_raw", [False, True], ids=["plain", "with_raw_response"])
@pytest.mark.parametrize("is_traced", [True, False], ids=["traced", "untraced"])
def test_async_break_and_collected_closes_as_the_sdk_does(
    is_traced: bool, is_raw: bool, held: Any, server: Server, run: Any, stored: Any, request: pytest.FixtureRequest
) -> None:
    if not is_traced:
        tracer.openai.autolog(disable=True)
    request.addfinalizer(functools.partial(gc.set_threshold, *gc.get_threshold()))
    gc.set_threshold(50)  # it strikes in the middle of reads too
    responses: list[Any] = []

    async def scenario(client: Any) -> list[str]:
        async def opened_stream() -> Any:
            if not is_raw:
                stream = await aopened(client)
            else:
                raw = client.chat.completions.with_raw_response
                stream = (await raw.create(model="m", messages=QUESTION, stream=True)).parse()
            responses.append(weakref.ref(stream.response))
            return stream

        complaints = await leave_early(opened_stream)
        assert [response() for response in responses] == [None] * 6
        return complaints

    assert run(scenario) == []
    assert len(stored.spans) == (6 if is_traced else 0)


@pytest.mark.parametrize("close", ["close", "aclose", "response.aclose"])
def test_async_close(close: str, held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        stream = await aopened(client)
        if close == "aclose" and not hasattr(stream, "aclose"):
            pytest.skip("this version of the SDK has no AsyncStream.aclose")
        await stream.__anext__()
        holder = stream.response if close.startswith("response") else stream
        await getattr(holder, close.split(".")[-1])()
        assert len(stored.spans) == 1
        assert stream.response.is_closed

    run(scenario)

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_async_stream_never_read(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        await aopened(client)
        gc.collect()

    run(scenario)

    assert ending(stored.span) == ("UNSET", "dropped", None)


def test_async_stream_cancelled_by_the_timeout_of_wait_for(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        stream = await aopened(client)
        await stream.__anext__()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stream.__anext__(), 0.05)
        assert len(stored.spans) == 1

    run(scenario)

    assert ending(stored.span) == ("UNSET", "cancelled", "Li")
    assert [event.name for event in stored.span.events][-1] == "exception"


def test_async_call_cancelled_by_the_timeout_of_wait_for(server: Server, run: Any, stored: Any) -> None:
    from tests.openai.replies import chat
    from tests.openai.server import Scripted

    held = threading.Event()
    server.will(Scripted([held, str(chat()).encode()]))

    async def scenario(client: Any) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.chat.completions.create(model="m", messages=QUESTION), 0.05)

    run(scenario)
    held.set()

    assert ending(stored.span)[:2] == ("UNSET", "cancelled")
    assert "error.type" not in stored.span.attributes
    assert [event.name for event in stored.span.events] == ["exception"]


def test_async_stream_read_in_another_task(server: Server, run: Any, stored: Any) -> None:
    server.will(sse(*lima()))

    async def read(stream: Any) -> int:
        return len([part async for part in stream])

    async def scenario(client: Any) -> None:
        assert await asyncio.create_task(read(await aopened(client))) == 6

    run(scenario)

    assert ending(stored.span) == ("UNSET", None, "Lima.")


def test_async_generator_that_is_left(held: Any, run: Any, stored: Any, caplog: Any) -> None:
    async def words(client: Any) -> Any:
        async for part in await aopened(client):
            yield part.choices[0].delta.content

    async def scenario(client: Any) -> None:
        async for word in words(client):
            assert word == "Li"
            break
        gc.collect()

    run(scenario)
    gc.collect()

    assert ending(stored.span)[0] == "UNSET"
    assert ending(stored.span)[1] in ("closed", "dropped")
    assert caplog.records == [] or all("etach" not in record.message for record in caplog.records)


def test_async_stream_helper(server: Server, run: Any, stored: Any) -> None:
    server.will(sse(*lima()))

    async def scenario(client: Any) -> None:
        async with helper(client) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.content == "Lima."

    run(scenario)

    assert ending(stored.span) == ("UNSET", None, "Lima.")


def test_async_break_in_the_stream_helper(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        async with helper(client) as stream:
            async for _ in stream:
                break
        assert len(stored.spans) == 1

    run(scenario)

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_many_calls_at_once(server: Server, run: Any, stored: Any) -> None:
    server.will(sse(*lima()))

    async def scenario(client: Any) -> None:
        async def one() -> None:
            async for _ in await aopened(client):
                pass

        await asyncio.gather(*[one() for _ in range(20)])

    run(scenario)

    assert [ending(span) for span in stored.spans] == [("UNSET", None, "Lima.")] * 20


# ---- the end of the program ----

PROGRAM = """
import sys, openai, tracer
tracer.configure(store=sys.argv[1])
tracer.openai.autolog()
client = openai.OpenAI(api_key="k", base_url=sys.argv[2] + "/v1", max_retries=0)
stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
next(stream)
{end}
"""


@pytest.mark.parametrize(
    ("end", "incomplete"),
    [("", "dropped"), ("sys.exit(3)", "dropped"), ("raise RuntimeError('x')", "dropped")],
    ids=["falls off its end", "sys.exit", "uncaught exception"],
)
def test_a_program_that_ends_with_an_open_stream(
    end: str, incomplete: str, held: Any, server: Server, stored: Any, store_url: str
) -> None:
    program = PROGRAM.replace("{end}", end)
    subprocess.run([sys.executable, "-c", program, store_url, server.url], capture_output=True, timeout=60, check=False)

    assert ending(stored.span) == ("UNSET", incomplete, "Li")


WORKER = """
import multiprocessing, sys, openai, tracer
def work(url):
    global stream
    client = openai.OpenAI(api_key="k", base_url=url + "/v1", max_retries=0)
    stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
    next(stream)
if __name__ == "__main__":
    tracer.configure(store=sys.argv[1])
    tracer.openai.autolog()
    work(sys.argv[2])
    stream.close()
    worker = multiprocessing.get_context("fork").Process(target=work, args=(sys.argv[2],))
    worker.start()
    worker.join(30)
    assert worker.exitcode == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_worker_process_that_ends_with_an_open_stream(
    held: Any, server: Server, stored: Any, store_url: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(WORKER)
    server.will(*server.answers * 2)
    done = subprocess.run(
        [sys.executable, program, store_url, server.url], capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert sorted(ending(span) for span in stored.spans) == [("UNSET", "closed", "Li"), ("UNSET", "dropped", "Li")]


def test_a_keyboard_interrupt_while_reading(server: Server, client: Any, stored: Any, monkeypatch: Any) -> None:
    server.will(sse(*lima()))
    stream = opened(client)
    next(stream)
    inner = stream._iterator._iterator

    class Interrupting:
        def __next__(self) -> Any:
            raise KeyboardInterrupt

    stream._iterator._iterator = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        next(stream)

    assert ending(stored.span)[:2] == ("ERROR", "interrupted")
    with contextlib.suppress(Exception):
        inner.close()
