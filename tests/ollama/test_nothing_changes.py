"""Requests and results of the program are the same with and without tracer, also when tracer is broken."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import ollama
import pytest
from ollama._client import AsyncClient, Client

import tracer
from tests.ollama.replies import QUESTION, chat, generated, lima, ndjson, piece
from tests.openai.server import Server, reply
from tracer._engine.context import current

DOORS = [(Client, "_request"), (AsyncClient, "_request"), (Client, "_request_raw"), (AsyncClient, "_request_raw")]


def with_and_without(act: Callable[[], Any]) -> tuple[Any, Any]:
    with_tracer = act()
    tracer.ollama.autolog(disable=True)
    return with_tracer, act()


def tip(bill: float) -> float:
    """Reckon a tip.

    Args:
        bill: The amount
    """
    return bill / 10


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["chat", "generate"])
def test_the_request_on_the_wire_is_the_same(name: str, stream: bool, server: Server, call: Any) -> None:
    given: dict[str, Any] = {"options": {"seed": 1}, "keep_alive": "5m"}
    if name == "chat":
        given |= {"messages": [*QUESTION, {"role": "user", "content": "", "images": [b"cat"]}], "tools": [tip]}
    else:
        given |= {"prompt": "Capital of Peru?", "images": [b"cat"]}

    def act() -> Any:
        server.asked.clear()
        server.will(ndjson(*lima()) if stream else reply(chat() if name == "chat" else generated()))
        if name == "generate" and stream:
            server.will(ndjson(generated()))
        call(name, model="m", stream=stream, **given)
        return [(asked.method, asked.path, asked.headers, asked.body) for asked in server.asked]

    ours, plain = with_and_without(act)

    assert ours == plain
    assert len(ours) == 1
    assert "traceparent" not in ours[0][2]


def test_what_the_user_gave_is_not_touched(server: Server, client: ollama.Client) -> None:
    server.will(reply(chat()))
    messages: Any = [{"role": "user", "content": "x", "images": [b"cat"]}]
    before = copy.deepcopy(messages)

    client.chat(model="m", messages=messages)

    assert messages == before


def test_later_changes_do_not_reach_the_span(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(ndjson(*lima()))
    messages: Any = [{"role": "user", "content": "first"}]

    stream = client.chat(model="m", messages=messages, stream=True)
    messages[0]["content"] = "second"
    list(stream)

    assert stored.input[0]["parts"][0]["content"] == "first"


def test_a_stream_is_a_real_generator(server: Server, client: ollama.Client) -> None:
    def act() -> Any:
        server.will(ndjson(*lima()))
        stream: Any = client.chat(model="m", messages=QUESTION, stream=True)
        states = [inspect.getgeneratorstate(stream), type(stream), stream.__name__, stream.__qualname__]
        chunks = [next(stream).model_dump()]
        states.append(inspect.getgeneratorstate(stream))
        chunks += [chunk.model_dump() for chunk in stream]
        return [*states, inspect.getgeneratorstate(stream)], chunks

    ours, plain = with_and_without(act)

    assert ours == plain


def test_an_async_stream_is_a_real_async_generator(server: Server, arun: Any) -> None:
    async def scenario(client: ollama.AsyncClient) -> Any:
        stream: Any = await client.chat(model="m", messages=QUESTION, stream=True)
        assert inspect.isasyncgen(stream)
        return type(stream), stream.__name__, stream.__qualname__, [chunk.model_dump() async for chunk in stream]

    def act() -> Any:
        server.will(ndjson(*lima()))
        return arun(scenario)

    ours, plain = with_and_without(act)

    assert ours == plain


def test_results_are_the_sdks_own_and_can_be_pickled(server: Server, call: Any) -> None:
    server.will(reply(chat()))

    result = call("chat", model="m", messages=QUESTION)

    assert type(result) is ollama.ChatResponse
    assert result["message"]["content"] == "Lima."
    assert pickle.loads(pickle.dumps(result)) == result


def test_signatures_and_kinds_of_the_doors_stay() -> None:
    def act() -> Any:
        return [
            (
                str(inspect.signature(vars(owner)[name])),
                inspect.iscoroutinefunction(vars(owner)[name]),
                inspect.isfunction(vars(owner)[name]),
                vars(owner)[name].__qualname__,
            )
            for owner, name in DOORS
        ]

    ours, plain = with_and_without(act)

    assert ours == plain


def test_nothing_is_sent_or_read_before_the_user_reads(server: Server, client: ollama.Client) -> None:
    import threading

    held = threading.Event()
    server.will(ndjson(piece("Li"), held, *lima()))

    stream: Any = client.chat(model="m", messages=QUESTION, stream=True)
    assert server.asked == []
    assert next(stream).message.content == "Li"  # although the server has sent no more
    held.set()

    assert len(list(stream)) == 4


def test_chunks_and_streams_are_not_kept(server: Server, client: ollama.Client) -> None:
    server.will(ndjson(*lima()))
    stream: Any = client.chat(model="m", messages=QUESTION, stream=True)
    chunks = [weakref.ref(chunk) for chunk in stream]
    kept = weakref.ref(stream)

    del stream
    gc.collect()

    assert [chunk() for chunk in chunks] == [None] * 4
    assert kept() is None


@pytest.mark.swallow_faults
@pytest.mark.parametrize(
    "broken",
    [
        "tracer.provider.instrumentor.write_request",
        "tracer._records.derive.set_request",
        "tracer.provider.call_recording.set_reply",
        "tracer._records.derive.set_reply",
        "tracer.provider.call_recording.encode",
        "tracer.provider.call_recording.body_of",
        "tracer.provider.call_recording.CallRecording.set_response",
        "tracer.provider.streams.watch_generator",
        "tracer._engine.recorder.Recorder.start_span",
        "tracer._engine.span.LiveSpan.attach",
        "tracer._engine.span.LiveSpan.detach",
        "tracer._engine.span.LiveSpan.end",
        "tracer._engine.span.LiveSpan.set_attribute",
        "tracer._engine.span.LiveSpan.set_json",
        "tracer._engine.span.LiveSpan.add_event",
    ],
)
@pytest.mark.parametrize("kind", ["whole", "stream", "error"])
def test_when_tracer_is_broken_the_program_goes_on(
    broken: str, kind: str, server: Server, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    answers = {"whole": reply(chat()), "stream": ndjson(*lima()), "error": reply({"error": "no"}, status=400)}
    server.will(answers[kind])
    monkeypatch.setattr(broken, fail)

    if kind == "error":
        with pytest.raises(ollama.ResponseError, match="no"):
            call("chat", model="m", messages=QUESTION)
    elif kind == "stream":
        assert len(call("chat", model="m", messages=QUESTION, stream=True)) == 4
    else:
        assert call("chat", model="m", messages=QUESTION).message.content == "Lima."

    assert len(server.asked) == 1
    monkeypatch.undo()
    if broken.endswith("detach"):
        current.set(None)
    assert tracer.get_current_active_span() is None


READERS = [
    "_ollama.door.operation_of", "_ollama.values.parameters", "_ollama.text.parameters", "_ollama.text.to_message",
    "_ollama.text.usage_of", "_ollama.text.times_of", "_ollama.chunks.ChatAccumulator.add",
    "_ollama.chunks.ChatAccumulator.reply", "_ollama.chunks.ChatAccumulator.is_complete",
]  # fmt: skip


@pytest.mark.swallow_faults
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_that_raises_reaches_nobody(
    reader: str, server: Server, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(f"tracer.{reader}", fail)

    server.will(reply(chat()))
    assert call("chat", model="m", messages=QUESTION).message.content == "Lima."
    server.will(ndjson(*lima()))
    assert [chunk.message.content for chunk in call("chat", model="m", messages=QUESTION, stream=True)] == [
        "Li", "ma", ".", ""
    ]  # fmt: skip
    server.will(reply({"error": "no"}, status=400))
    with pytest.raises(ollama.ResponseError, match="no"):
        call("chat", model="m", messages=QUESTION)


@pytest.mark.swallow_faults
def test_a_door_whose_readers_all_raise_returns_everything(
    server: Server, call: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    for reader in READERS:
        monkeypatch.setattr(f"tracer.{reader}", fail)

    server.will(reply(chat()), ndjson(*lima()))
    assert call("chat", model="m", messages=QUESTION).message.content == "Lima."
    assert len(call("chat", model="m", messages=QUESTION, stream=True)) == 4

    assert len(caplog.records) == 1  # once per cause
