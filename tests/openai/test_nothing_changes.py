"""Requests and results of the program are the same with and without tracer, also when tracer is broken."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai._base_client import AsyncAPIClient, SyncAPIClient

import tracer
from tests.openai.replies import QUESTION, TOOLS, chat, chunk, delta, lima
from tests.openai.server import Server, reply, sse
from tracer._engine.context import current


def with_and_without(act: Callable[[], Any]) -> tuple[Any, Any]:
    with_tracer = act()
    tracer.openai.autolog(disable=True)
    return with_tracer, act()


def wire(server: Server) -> Any:
    volatile = {"x-stainless-idempotency-key", "idempotency-key"}
    return [(a.method, a.path, {k: v for k, v in a.headers.items() if k not in volatile}, a.body) for a in server.asked]


@pytest.mark.parametrize("stream", [False, True])
def test_the_request_on_the_wire_is_the_same(stream: bool, server: Server, client: openai.OpenAI) -> None:
    def act() -> Any:
        server.asked.clear()
        server.will(sse(*lima()) if stream else reply(chat()))
        extra: Any = {"stream": True} if stream else {}
        headers = {"x-mine": "1"}
        result = client.chat.completions.create(
            model="m", messages=QUESTION, tools=TOOLS, extra_headers=headers, **extra
        )  # type: ignore[call-overload]
        if stream:
            list(result)
        assert headers == {"x-mine": "1"}
        return wire(server)

    ours, plain = with_and_without(act)

    assert ours == plain
    assert "traceparent" not in ours[0][2]


@pytest.mark.parametrize("field", ["messages", "tools"])
def test_one_shot_iterators_reach_the_provider_whole(field: str, server: Server, call: Any) -> None:
    server.will(reply(chat()))
    given = {"messages": QUESTION, "tools": TOOLS, field: iter({"messages": QUESTION, "tools": TOOLS}[field])}

    call("chat.completions.create", model="m", **given)

    assert (server.asked[0].json["messages"], server.asked[0].json["tools"]) == (QUESTION, TOOLS)


def test_what_the_user_gave_is_not_touched(server: Server, client: openai.OpenAI) -> None:
    server.will(reply(chat()))
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    before = copy.deepcopy(messages)

    client.chat.completions.create(model="m", messages=messages)

    assert messages == before


def test_later_changes_do_not_reach_the_span(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*lima()))
    messages: Any = [{"role": "user", "content": "first"}]

    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    messages[0]["content"] = "second"
    list(stream)

    assert stored.input[0]["parts"][0]["content"] == "first"


def test_a_stream_is_the_sdks_own(server: Server, client: openai.OpenAI) -> None:
    def act() -> Any:
        server.will(sse(*lima()))
        stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
        assert type(stream) is openai.Stream
        assert isinstance(stream, openai.Stream)
        assert iter(stream) is not stream
        return sorted(vars(stream)), [chunk.to_dict() for chunk in stream], stream.response.status_code

    ours, plain = with_and_without(act)

    assert ours == plain


def test_results_are_the_sdks_own_and_can_be_pickled(server: Server, client: openai.OpenAI) -> None:
    server.will(reply(chat()))

    result = client.chat.completions.create(model="m", messages=QUESTION)

    assert type(result).__module__.startswith("openai.types.chat")
    assert pickle.loads(pickle.dumps(result)) == result
    assert result.to_dict() == chat()


def test_signatures_and_kinds_of_the_doors_stay() -> None:
    def act() -> Any:
        return [
            (
                str(inspect.signature(vars(owner)[name])),
                inspect.iscoroutinefunction(vars(owner)[name]),
                inspect.isfunction(vars(owner)[name]),
                vars(owner)[name].__qualname__,
            )
            for owner in (SyncAPIClient, AsyncAPIClient)
            for name in ("request", "_process_response")
        ]

    ours, plain = with_and_without(act)

    assert ours == plain


def test_chunks_are_not_kept_and_a_stream_is_freed_as_before(server: Server, client: openai.OpenAI) -> None:
    server.will(sse(*lima()))
    stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
    chunks = [weakref.ref(chunk) for chunk in stream]
    streams, responses = weakref.ref(stream), weakref.ref(stream.response)

    del stream
    gc.collect()

    assert [chunk() for chunk in chunks] == [None] * 6
    assert (streams(), responses()) == (None, None)


def test_a_stream_keeps_little_memory(server: Server, client: openai.OpenAI) -> None:
    import tracemalloc

    server.will(sse(*[chunk(delta(content="word "))] * 2_600))
    stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
    for _ in range(1_010):  # from here on no events are kept
        next(stream)
    tracer.flush()  # the background thread has loaded its modules
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1_500):
        next(stream)
    gc.collect()
    kept = (tracemalloc.get_traced_memory()[0] - before) / 1_500
    tracemalloc.stop()
    stream.close()

    assert kept < 300  # bytes a chunk, those of the server in this process included; a chunk object has thousands


def test_nothing_is_read_ahead(server: Server, client: openai.OpenAI) -> None:
    import threading

    held = threading.Event()
    server.will(sse(lima()[1], held, *lima()))

    stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
    assert next(stream).choices[0].delta.content == "Li"  # although the server has sent no more
    held.set()

    assert len(list(stream)) == 6


@pytest.mark.swallow_faults
@pytest.mark.parametrize(
    "broken",
    [
        "tracer.provider.instrumentor.write_request",
        "tracer._records.derive.set_request",
        "tracer.provider.call_recording.set_reply",
        "tracer._records.derive.set_reply",
        "tracer.provider.call_recording.encode",
        "tracer.provider.streams.watch_stream_object",
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

    answers = {"whole": reply(chat()), "stream": sse(*lima()), "error": reply({"error": {}}, status=400)}
    server.will(answers[kind])
    monkeypatch.setattr(broken, fail)

    if kind == "error":
        with pytest.raises(openai.BadRequestError):
            call("chat.completions.create", model="m", messages=QUESTION)
    elif kind == "stream":
        assert len(call("chat.completions.create", model="m", messages=QUESTION, stream=True)) == 6
    else:
        assert call("chat.completions.create", model="m", messages=QUESTION).choices[0].message.content == "Lima."

    assert len(server.asked) == 1
    monkeypatch.undo()
    if broken.endswith("detach"):
        current.set(None)
    assert tracer.get_current_active_span() is None


@pytest.mark.swallow_faults
@pytest.mark.parametrize("method", ["add", "reply", "is_complete"])
def test_an_accumulator_that_fails_does_not_reach_the_reader(
    method: str, server: Server, call: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracer._openai.chunks import ChatAccumulator

    def fail(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(ChatAccumulator, method, fail)
    server.will(sse(*lima()))

    assert len(call("chat.completions.create", model="m", messages=QUESTION, stream=True)) == 6

    assert stored.span.name == "chat m"
