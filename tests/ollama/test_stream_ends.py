"""However a stream ends, its span ends exactly once, with what had arrived, and at the right moment."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ollama
import pytest

import tracer
from tests.ollama.replies import QUESTION, lima, ndjson, piece
from tests.openai.server import Server


def opened(client: ollama.Client) -> Any:
    return client.chat(model="m", messages=QUESTION, stream=True)


async def aopened(client: ollama.AsyncClient) -> Any:
    return await client.chat(model="m", messages=QUESTION, stream=True)


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    """The server sends "Li" and holds the rest back."""
    event = threading.Event()
    server.will(ndjson(piece("Li"), event, *lima()))
    yield event
    event.set()


def ending(span: Any) -> tuple[Any, Any, Any]:
    """How the span ended, why before its time, and with what text."""
    message = (span.outputs or {}).get("message") or {}
    return span.status, span.attributes.get("tracer.incomplete"), message.get("content")


def test_a_stream_read_to_its_end(server: Server, client: Any, stored: Any) -> None:
    server.will(ndjson(*lima()))

    stream = opened(client)
    texts = [next(stream), *stream]

    assert len(texts) == 4
    assert next(stream, "over") == "over"
    stream.close()
    assert ending(stored.span) == ("UNSET", None, "Lima.")


def test_early_break_ends_the_span_when_the_stream_is_let_go(held: Any, client: Any, stored: Any) -> None:
    stream = opened(client)
    for _ in stream:
        break
    assert stored.spans == []

    del stream
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


def test_a_loop_that_is_left_needs_nothing_else(held: Any, client: Any, stored: Any) -> None:
    for _ in opened(client):
        break
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


def test_early_break_with_the_stream_kept_ends_with_close(held: Any, client: Any, stored: Any) -> None:
    stream = opened(client)
    for _ in stream:
        break
    assert stored.spans == []

    stream.close()

    assert ending(stored.span) == ("UNSET", "closed", "Li")
    assert next(stream, "over") == "over"


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_stream_that_is_never_read(is_closed: bool, server: Server, client: Any, stored: Any) -> None:
    stream = opened(client)
    if is_closed:
        stream.close()

    del stream
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", None)
    assert server.asked == []  # Ollama's SDK asks when it is read


def test_a_users_exception_in_the_loop_is_not_the_calls_error(held: Any, client: Any, stored: Any) -> None:
    def read() -> None:
        for _ in opened(client):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        read()
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


def test_an_exception_thrown_into_the_stream(held: Any, client: Any, stored: Any) -> None:
    stream = opened(client)
    next(stream)

    with pytest.raises(KeyError, match="mine"):
        stream.throw(KeyError("mine"))

    assert ending(stored.span) == ("ERROR", None, "Li")


def test_closing_after_the_last_word_is_no_early_end(server: Server, client: Any, stored: Any) -> None:
    server.will(ndjson(*lima()))
    stream = opened(client)
    for part in stream:
        if part.done:
            break

    stream.close()

    assert ending(stored.span) == ("UNSET", None, "Lima.")


@pytest.mark.parametrize("arrived", [[], [piece("Li")]])
def test_a_stream_that_ends_without_its_last_chunk(arrived: Any, server: Server, client: Any, stored: Any) -> None:
    server.will(ndjson(*arrived))

    assert len(list(opened(client))) == len(arrived)

    assert ending(stored.span) == ("UNSET", "unfinished", "Li" if arrived else None)


def test_a_stream_read_in_another_thread(server: Server, client: Any, stored: Any) -> None:
    server.will(ndjson(*lima()))
    stream = opened(client)

    reader = threading.Thread(target=list, args=(stream,))
    reader.start()
    reader.join(10)

    assert ending(stored.span) == ("UNSET", None, "Lima.")
    assert tracer.get_current_active_span() is None


def test_nothing_is_current_while_the_user_reads(server: Server, client: Any, stored: Any) -> None:
    server.will(ndjson(*lima()))

    with tracer.start_span("outer") as outer:
        for _ in opened(client):
            assert tracer.get_current_active_span() is outer

    assert sorted(span.name for span in stored.spans) == ["chat m", "outer"]


def test_a_stream_inside_a_generator_that_is_left(held: Any, client: Any, stored: Any) -> None:
    def words() -> Iterator[str]:
        for part in opened(client):
            yield part.message.content

    generator = words()
    assert next(generator) == "Li"
    del generator
    gc.collect()

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


# ---- asynchronous ----


def test_async_break_and_let_go(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        stream = await aopened(client)
        async for _ in stream:
            break
        assert stored.spans == []
        del stream
        gc.collect()
        assert len(stored.spans) == 1

    run(scenario)

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


@pytest.mark.parametrize("is_traced", [True, False], ids=["traced", "untraced"])
def test_async_streams_that_are_left_upset_no_event_loop(is_traced: bool, held: Any, run: Any, stored: Any) -> None:
    if not is_traced:
        tracer.ollama.autolog(disable=True)
    complaints: list[str] = []

    async def scenario(client: Any) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
        for _ in range(3):
            async for _ in await aopened(client):
                break
        for _ in range(3):
            gc.collect()
            await asyncio.sleep(0.02)  # the loop runs the closing in tasks of its own

    run(scenario)

    assert complaints == []
    assert [ending(span) for span in stored.spans] == [("UNSET", "dropped", "Li")] * (3 if is_traced else 0)


def test_async_close(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        stream = await aopened(client)
        await stream.__anext__()
        await stream.aclose()
        assert len(stored.spans) == 1

    run(scenario)

    assert ending(stored.span) == ("UNSET", "closed", "Li")


def test_async_stream_never_read(server: Server, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        await aopened(client)
        gc.collect()

    run(scenario)

    assert ending(stored.span) == ("UNSET", "dropped", None)
    assert server.asked == []


def test_async_stream_opened_in_one_loop_and_read_in_another(server: Server, stored: Any) -> None:
    server.will(ndjson(*lima()))
    client = ollama.AsyncClient(host=server.url, verify=False)
    stream = asyncio.run(aopened(client))

    async def read() -> int:
        count = len([part async for part in stream])
        await client._client.aclose()
        return count

    assert asyncio.run(read()) == 4
    assert ending(stored.span) == ("UNSET", None, "Lima.")


def test_an_exception_thrown_into_an_async_stream(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        stream = await aopened(client)
        await stream.__anext__()
        with pytest.raises(KeyError, match="mine"):
            await stream.athrow(KeyError("mine"))

    run(scenario)

    assert ending(stored.span) == ("ERROR", None, "Li")


def test_async_stream_cancelled_by_wait_for(held: Any, run: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        stream = await aopened(client)
        await stream.__anext__()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stream.__anext__(), 0.05)
        assert len(stored.spans) == 1

    run(scenario)

    assert ending(stored.span) == ("UNSET", "cancelled", "Li")
    assert [event.name for event in stored.span.events][-1] == "exception"


def test_async_call_cancelled_by_wait_for(server: Server, run: Any, stored: Any) -> None:
    from tests.openai.server import Scripted

    held = threading.Event()
    server.will(Scripted([held]))

    async def scenario(client: Any) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.chat(model="m", messages=QUESTION), 0.05)

    run(scenario)
    held.set()

    assert ending(stored.span) == ("UNSET", "cancelled", None)
    assert "error.type" not in stored.span.attributes


def test_async_stream_read_in_another_task(server: Server, run: Any, stored: Any) -> None:
    server.will(ndjson(*lima()))

    async def read(stream: Any) -> int:
        return len([part async for part in stream])

    async def scenario(client: Any) -> None:
        assert await asyncio.create_task(read(await aopened(client))) == 4

    run(scenario)

    assert ending(stored.span) == ("UNSET", None, "Lima.")


def test_async_generators_that_are_left_upset_nobody_more_than_without_tracer(
    held: Any, server: Server, run: Any, stored: Any, caplog: Any
) -> None:
    async def words(client: Any) -> Any:
        async for part in await aopened(client):
            yield part.message.content

    async def scenario(client: Any) -> None:
        async for word in words(client):
            assert word == "Li"
            break

    def complaints() -> list[str]:
        caplog.clear()
        run(scenario)
        gc.collect()
        return [re.sub(r" at 0x\w+", "", record.getMessage()) for record in caplog.records]

    server.will(*server.answers * 2)
    ours = complaints()
    tracer.ollama.autolog(disable=True)

    assert ours == complaints()
    assert ending(stored.span) in [("UNSET", "closed", "Li"), ("UNSET", "dropped", "Li")]


def test_many_calls_at_once(server: Server, run: Any, stored: Any) -> None:
    server.will(ndjson(*lima()))

    async def scenario(client: Any) -> None:
        async def one() -> None:
            async for _ in await aopened(client):
                pass

        await asyncio.gather(*[one() for _ in range(20)])

    run(scenario)

    assert [ending(span) for span in stored.spans] == [("UNSET", None, "Lima.")] * 20
    assert len(server.asked) == 20


# ---- the end of the program ----

PROGRAM = """
import sys, ollama, tracer
tracer.configure(store=sys.argv[1])
tracer.ollama.autolog()
stream = ollama.Client(host=sys.argv[2]).chat(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
next(stream)
{end}
"""


@pytest.mark.parametrize(
    "end", ["", "sys.exit(3)", "raise RuntimeError('x')"], ids=["falls off its end", "sys.exit", "uncaught exception"]
)
def test_a_program_that_ends_with_an_open_stream(
    end: str, held: Any, server: Server, stored: Any, store_url: str
) -> None:
    program = PROGRAM.replace("{end}", end)
    subprocess.run([sys.executable, "-c", program, store_url, server.url], capture_output=True, timeout=60, check=False)

    assert ending(stored.span) == ("UNSET", "dropped", "Li")


WORKER = """
import multiprocessing, sys, ollama, tracer
def work(url):
    global stream
    stream = ollama.Client(host=url).chat(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
    next(stream)
if __name__ == "__main__":
    tracer.configure(store=sys.argv[1])
    tracer.ollama.autolog()
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
    done = subprocess.run(
        [sys.executable, program, store_url, server.url], capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert ending(stored.span) == ("UNSET", "dropped", "Li")


@pytest.mark.parametrize("ending_error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_reading(
    ending_error: type[BaseException], server: Server, client: Any, stored: Any
) -> None:
    server.will(ndjson(*lima()))
    transport = client._client._transport
    handle = transport.handle_request

    def interrupted(request: Any) -> Any:
        response = handle(request)
        lines = iter(response.stream)

        def body() -> Iterator[bytes]:
            yield next(lines)
            raise ending_error

        response.stream = type("Body", (type(response.stream).__mro__[1],), {"__iter__": lambda self: body()})()
        return response

    transport.handle_request = interrupted
    stream = opened(client)
    with pytest.raises(ending_error):
        list(stream)

    assert len(stored.spans) == 1
    assert stored.span.end_time_ns is not None
