"""Every way a stream can end: the span ends exactly once, at the right moment, with the content that had arrived."""

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
from types import SimpleNamespace
from typing import Any

import httpx
import ollama
import pytest

import tracer
from tests.ollama.replies import QUESTION, ndjson, piece
from tests.openai.server import Scripted, Server
from tests.stream_ends import StreamEnds


class TestChat(StreamEnds):
    """``chat(stream=True)``"""

    broken_errors = httpx.RemoteProtocolError

    def has_text(self, chunk: Any) -> bool:
        return bool(chunk.message.content)

    @pytest.mark.parametrize("is_closed", [False, True])
    def test_never_read(self, is_closed: bool, server: Any, open_stream: Any, stored: Any) -> None:  # type: ignore[override]
        stream = open_stream()
        if is_closed:
            stream.close()

        del stream
        gc.collect()

        assert stored.ending == ("UNSET", "dropped", None)
        assert server.asked == []  # Ollama's SDK asks when it is read


def test_a_loop_that_is_left_needs_nothing_else(held: Any, open_stream: Any, stored: Any) -> None:
    for _ in open_stream():
        break
    gc.collect()

    assert stored.ending == ("UNSET", "dropped", "Li")


def test_after_its_end_a_stream_is_over(whole: Any, open_stream: Any, stored: Any) -> None:
    stream = open_stream()

    assert len([next(stream), *stream]) == 4
    assert next(stream, "over") == "over"
    stream.close()

    assert stored.ending == ("UNSET", None, "Lima.")


def test_an_exception_thrown_into_the_stream(held: Any, open_stream: Any, stored: Any) -> None:
    stream = open_stream()
    next(stream)

    with pytest.raises(KeyError, match="mine"):
        stream.throw(KeyError("mine"))

    assert stored.ending == ("ERROR", None, "Li")


def test_closing_after_the_last_word_is_no_early_end(whole: Any, open_stream: Any, stored: Any) -> None:
    stream = open_stream()
    for part in stream:
        if part.done:
            break

    stream.close()

    assert stored.ending == ("UNSET", None, "Lima.")


@pytest.mark.parametrize("arrived", [[], [piece("Li")]])
def test_a_stream_that_ends_without_its_last_chunk(arrived: Any, server: Server, open_stream: Any, stored: Any) -> None:
    server.will(ndjson(*arrived))

    assert len(list(open_stream())) == len(arrived)

    assert stored.ending == ("UNSET", "unfinished", "Li" if arrived else None)


def test_a_stream_inside_a_generator_that_is_left(held: Any, open_stream: Any, stored: Any) -> None:
    def words() -> Iterator[str]:
        for part in open_stream():
            yield part.message.content

    generator = words()
    assert next(generator) == "Li"
    del generator
    gc.collect()

    assert stored.ending == ("UNSET", "dropped", "Li")


@pytest.mark.parametrize(("kind", "status"), [(KeyboardInterrupt, "ERROR"), (SystemExit, "UNSET")])
def test_an_interrupt_while_reading(
    kind: type[BaseException], status: str, whole: Any, open_stream: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = open_stream()
    next(stream)

    def interrupt(*_: Any, **__: Any) -> Any:
        raise kind

    monkeypatch.setattr(sys.modules["ollama._client"], "json", SimpleNamespace(loads=interrupt))
    with pytest.raises(kind):
        next(stream)
    monkeypatch.undo()

    assert (stored.span.status, stored.text) == (status, "Li")


# ---- asynchronous ----


@pytest.mark.parametrize("is_traced", [True, False], ids=["traced", "untraced"])
def test_async_streams_that_are_left_upset_no_event_loop(is_traced: bool, held: Any, run: Any, stored: Any) -> None:
    if not is_traced:
        tracer.ollama.autolog(disable=True)
    complaints: list[str] = []

    async def scenario(open_stream: Any) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
        for _ in range(3):
            async for _ in await open_stream():
                break
        for _ in range(3):
            gc.collect()
            await asyncio.sleep(0.02)  # the loop runs the closing in tasks of its own

    run(scenario)

    assert complaints == []
    assert len(stored.spans) == (3 if is_traced else 0)


def test_async_generators_that_are_left_upset_nobody_more_than_without_tracer(
    held: Any, server: Server, run: Any, stored: Any, caplog: Any
) -> None:
    async def words(open_stream: Any) -> Any:
        async for part in await open_stream():
            yield part.message.content

    async def scenario(open_stream: Any) -> None:
        async for word in words(open_stream):
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
    assert stored.ending in [("UNSET", "closed", "Li"), ("UNSET", "dropped", "Li")]


def test_async_close(held: Any, run: Any, stored: Any) -> None:
    async def scenario(open_stream: Any) -> None:
        stream = await open_stream()
        await stream.__anext__()
        await stream.aclose()
        assert len(stored.spans) == 1

    run(scenario)

    assert stored.ending == ("UNSET", "closed", "Li")


def test_async_stream_never_read(server: Server, run: Any, stored: Any) -> None:
    async def scenario(open_stream: Any) -> None:
        await open_stream()
        gc.collect()

    run(scenario)

    assert stored.ending == ("UNSET", "dropped", None)
    assert server.asked == []


def test_async_stream_opened_in_one_loop_and_read_in_another(whole: Any, server: Server, stored: Any) -> None:
    client = ollama.AsyncClient(host=server.url, verify=False)
    stream: Any = asyncio.run(client.chat(model="m", messages=QUESTION, stream=True))

    async def read() -> int:
        count = len([part async for part in stream])
        await client._client.aclose()
        return count

    assert asyncio.run(read()) == 4
    assert stored.ending == ("UNSET", None, "Lima.")


def test_an_exception_thrown_into_an_async_stream(held: Any, run: Any, stored: Any) -> None:
    async def scenario(open_stream: Any) -> None:
        stream = await open_stream()
        await stream.__anext__()
        with pytest.raises(KeyError, match="mine"):
            await stream.athrow(KeyError("mine"))

    run(scenario)

    assert stored.ending == ("ERROR", None, "Li")


def test_async_call_cancelled_by_the_timeout_of_wait_for(server: Server, arun: Any, stored: Any) -> None:
    held = threading.Event()
    server.will(Scripted([held]))

    async def scenario(client: Any) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.chat(model="m", messages=QUESTION), 0.05)

    arun(scenario)
    held.set()

    assert stored.ending == ("UNSET", "cancelled", None)
    assert "error.type" not in stored.span.attributes


# ---- the end of the program ----

PROGRAM = """
import sys, ollama, tracer
tracer.configure(store=sys.argv[1])
tracer.ollama.autolog()
stream = ollama.Client(host=sys.argv[2]).chat(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
next(stream)
{end}
"""


@pytest.mark.parametrize("end", ["", "raise RuntimeError('x')"], ids=["falls off its end", "uncaught exception"])
def test_a_program_that_ends_with_an_open_stream(
    end: str, held: Any, server: Server, stored: Any, store_url: str
) -> None:
    program = PROGRAM.replace("{end}", end)
    subprocess.run([sys.executable, "-c", program, store_url, server.url], capture_output=True, timeout=60, check=False)

    assert stored.ending == ("UNSET", "dropped", "Li")


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
    assert stored.ending == ("UNSET", "dropped", "Li")
