"""The kit that providers are written with, by a provider for an invented SDK."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import importlib
import inspect
import json
import logging
import sys
import types
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tracer
from tests.openai.server import Scripted, Server
from tests.provider import acme_sdk as sdk_source
from tests.provider import invented
from tracer import provider as kit
from tracer.provider import Call, Door, Operation, Provider, Reply, Request, StreamClass, Tap
from tracer.provider.streams import watch_iterator

BODY = {"model": "acme-1", "messages": [{"role": "user", "content": "Capital of Peru?"}], "temperature": 0.5}


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The SDK as an installed package would be: imported by its own name, anew for each test."""
    monkeypatch.syspath_prepend(str(Path(sdk_source.__file__).parent))
    sys.modules.pop("acme_sdk", None)
    yield importlib.import_module("acme_sdk")
    invented.autolog(disable=True)
    sys.modules.pop("acme_sdk", None)
    invented.provider._state.patches.clear()


def spans() -> list[Any]:
    traces = tracer.search_traces(max_results=100)
    found = [span for trace in traces for span in tracer.get_trace(trace.info.trace_id).data.spans]
    return [span for span in found if span.end_time_ns is not None]


def the_span() -> Any:
    [span] = spans()
    return span


def said() -> str:
    return json.loads(the_span().attributes["gen_ai.output.messages"])[0]["parts"][0]["content"]


def test_a_provider_takes_less_than_sixty_lines() -> None:
    lines = [line for line in inspect.getsource(invented).splitlines() if line.strip()]

    assert len(lines) < 60


def test_a_call(sdk: Any) -> None:
    invented.autolog()

    result = sdk.Client().send("/chat", BODY)

    span = the_span()
    assert result == sdk.REPLY
    assert (span.name, span.span_type, span.status) == ("chat acme-1", "CHAT_MODEL", "UNSET")
    assert (span.inputs, span.outputs) == (BODY, sdk.REPLY)
    assert said() == "Lima."
    assert span.token_usage == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme",
        "gen_ai.request.model": "acme-1",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.finish_reasons": ["end"],
    }
    assert {key: span.attributes[key] for key in expected} == expected


def test_an_async_call(sdk: Any) -> None:
    invented.autolog()

    assert asyncio.run(sdk.AsyncClient().send(path="/chat", body=BODY)) == sdk.REPLY

    assert said() == "Lima."


def test_a_stream_that_is_a_generator(sdk: Any) -> None:
    invented.autolog()

    stream = sdk.Client().send("/chat", BODY, stream=True)

    assert inspect.isgenerator(stream)
    assert list(stream) == sdk.CHUNKS
    assert the_span().outputs == sdk.REPLY
    assert len(the_span().events) == 3


def test_an_async_stream_that_is_a_generator(sdk: Any) -> None:
    invented.autolog()

    async def scenario() -> None:
        stream = await sdk.AsyncClient().send("/chat", BODY, stream=True)
        assert inspect.isasyncgen(stream)
        assert [chunk async for chunk in stream] == sdk.CHUNKS

    asyncio.run(scenario())

    assert the_span().outputs == sdk.REPLY


@pytest.mark.parametrize(("end", "incomplete"), [("close", "closed"), ("drop", "dropped"), ("never read", "dropped")])
def test_a_generator_that_is_left(end: str, incomplete: str, sdk: Any) -> None:
    invented.autolog()
    stream = sdk.Client().send("/chat", BODY, stream=True)

    if end != "never read":
        next(stream)
    if end == "close":
        stream.close()
    del stream
    gc.collect()

    span = the_span()
    assert (span.status, span.attributes["tracer.incomplete"]) == ("UNSET", incomplete)


def test_an_async_generator_that_is_closed(sdk: Any) -> None:
    invented.autolog()

    async def scenario() -> None:
        stream = await sdk.AsyncClient().send("/chat", BODY, stream=True)
        await stream.__anext__()
        await stream.aclose()

    asyncio.run(scenario())

    assert the_span().attributes["tracer.incomplete"] == "closed"
    assert said() == "Li"


def test_an_async_generator_that_is_left_open_is_closed_once_by_the_event_loop(
    sdk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    invented.autolog()
    client = sdk.AsyncClient()

    async def scenario() -> Any:
        stream = await client.send("/chat", BODY, stream=True)
        await stream.__anext__()
        return stream

    stream = asyncio.run(scenario())

    assert client.is_closed
    assert the_span().attributes["tracer.incomplete"] == "closed"
    assert [record.getMessage() for record in caplog.records] == []  # "generator is already running"
    del stream


def test_an_exception_thrown_into_a_generator(sdk: Any) -> None:
    invented.autolog()
    client = sdk.Client()
    stream = client.send("/chat", BODY, stream=True)
    next(stream)

    with pytest.raises(KeyError, match="mine"):
        stream.throw(KeyError("mine"))

    assert (the_span().status, the_span().attributes["error.type"], said()) == ("ERROR", "KeyError", "Li")
    assert client.is_closed


def test_an_exception_thrown_into_an_async_generator(sdk: Any) -> None:
    invented.autolog()

    async def scenario() -> None:
        client = sdk.AsyncClient()
        stream = await client.send("/chat", BODY, stream=True)
        await stream.__anext__()
        with pytest.raises(KeyError, match="mine"):
            await stream.athrow(KeyError("mine"))
        assert client.is_closed
        assert len(spans()) == 1

    asyncio.run(scenario())

    assert (the_span().status, the_span().attributes["error.type"], said()) == ("ERROR", "KeyError", "Li")


def test_a_generator_keeps_its_name(sdk: Any) -> None:
    plain = sdk.Client().send("/chat", BODY, stream=True)
    invented.autolog()

    stream = sdk.Client().send("/chat", BODY, stream=True)

    assert (stream.__name__, stream.__qualname__) == (plain.__name__, plain.__qualname__)


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error(is_async: bool, sdk: Any) -> None:
    invented.autolog()

    with pytest.raises(sdk.AcmeError, match="no such model"):
        if is_async:
            asyncio.run(sdk.AsyncClient().send("/chat", {**BODY, "model": "none"}))
        else:
            sdk.Client().send("/chat", {**BODY, "model": "none"})

    assert (the_span().status, the_span().attributes["error.type"]) == ("ERROR", "acme_sdk.AcmeError")
    assert the_span().outputs == {"error": "no such model"}


def test_an_error_in_the_handler_of_another_has_only_its_own_reply(sdk: Any) -> None:
    class Failing(sdk.Client):
        def _stream(self) -> Any:
            raise sdk.AcmeError("down")

    invented.autolog()

    try:
        raise sdk.HTTPError  # of another provider, in whose place the program asks this one
    except sdk.HTTPError:
        with pytest.raises(sdk.AcmeError, match="down"):
            Failing().send("/chat", BODY, stream=True)

    assert the_span().outputs is None


def test_a_stream_that_is_refused_when_it_is_read(sdk: Any) -> None:
    door = Door("acme_sdk:Client.lazy", lambda given: Call(invented.OPERATIONS["/chat"], given["body"]))
    lazy = Provider(name="acme", module="acme_sdk", doors=(door,))
    lazy.autolog()

    stream = sdk.Client().lazy("/chat", {**BODY, "model": "none"})
    with pytest.raises(sdk.AcmeError, match="no such model"):
        next(stream)
    lazy.autolog(disable=True)

    assert (the_span().status, the_span().attributes["error.type"]) == ("ERROR", "acme_sdk.AcmeError")
    assert the_span().outputs == {"error": "no such model"}


def test_a_path_without_operation_is_not_recorded(sdk: Any) -> None:
    invented.autolog()

    sdk.Client().send("/models", {})

    assert spans() == []


def test_before_the_import_of_the_sdk(sdk: Any) -> None:
    sys.modules.pop("acme_sdk")

    fresh = Provider(name="acme", module="acme_sdk", doors=invented.provider.doors)
    fresh.autolog()
    assert "acme_sdk" not in sys.modules
    imported = importlib.import_module("acme_sdk")
    imported.Client().send("/chat", BODY)
    fresh.autolog(disable=True)
    imported.Client().send("/chat", BODY)

    assert len(spans()) == 1


def test_what_was_inherited_is_not_left_behind(sdk: Any) -> None:
    door = Door("acme_sdk:Client.inherited", invented.read_call)
    inheriting = Provider(name="acme", module="acme_sdk", doors=(door,))
    before = dict(vars(sdk.Client))

    inheriting.autolog()
    sdk.Client().inherited("/chat", BODY)
    inheriting.autolog(disable=True)

    assert dict(vars(sdk.Client)) == before
    assert len(spans()) == 1


def test_a_static_method_can_be_a_door(sdk: Any) -> None:
    static = Provider(name="acme", module="acme_sdk", doors=(Door("acme_sdk:Client.ping", invented.read_call),))
    original = vars(sdk.Client)["ping"]

    static.autolog()
    assert sdk.Client.ping("/chat", BODY) == sdk.REPLY
    assert sdk.Client().ping("/chat", BODY) == sdk.REPLY
    static.autolog(disable=True)

    assert vars(sdk.Client)["ping"] is original
    assert len(spans()) == 2


def test_a_door_with_any_number_of_arguments(sdk: Any) -> None:
    seen: list[Any] = []

    def read_call(arguments: Any) -> None:
        seen.append({name: value for name, value in arguments.items() if name != "self"})

    open_door = Provider(name="acme", module="acme_sdk", doors=(Door("acme_sdk:Client.post", read_call),))
    open_door.autolog()
    sdk.Client().post(dict, "/chat", body=BODY)
    sdk.Client().post(dict, "/chat", BODY, stream=False)
    open_door.autolog(disable=True)

    assert seen == [
        {"kind": dict, "args": ("/chat",), "body": BODY},
        {"kind": dict, "args": ("/chat", BODY), "stream": False},
    ]


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
def test_a_tap_can_see_what_a_method_returned(kind: str, sdk: Any) -> None:
    seen: list[Any] = []

    def observe(recording: Any, arguments: Any) -> None:
        seen.append((recording.span.name, arguments["path"], arguments["return"]))

    tapped = Provider(
        name="acme",
        module="acme_sdk",
        doors=(Door(f"acme_sdk:{kind}.outer", lambda given: Call(invented.OPERATIONS["/chat"], given["body"])),),
        taps=(Tap(f"acme_sdk:{kind}.send", observe, after=True),),
    )
    tapped.autolog()
    returned = getattr(sdk, kind)().outer("/chat", BODY)
    returned = asyncio.run(returned) if kind == "AsyncClient" else returned
    tapped.autolog(disable=True)

    assert returned == sdk.REPLY
    assert seen == [("chat acme-1", "/chat", sdk.REPLY)]


def covering(**more: Any) -> Provider:
    """A provider with a door above another one."""

    def read_call(arguments: Any) -> Call:
        return Call(invented.OPERATIONS["/chat"], arguments["body"], covers=True, **more)

    return Provider(name="acme2", module="acme_sdk", doors=(Door("acme_sdk:Client.outer", read_call),))


def test_a_call_that_covers_others_is_the_only_one_recorded_and_the_next_is_recorded_again(sdk: Any) -> None:
    above = covering()
    above.autolog()
    invented.autolog()

    sdk.Client().outer("/chat", BODY)
    with contextlib.suppress(sdk.AcmeError):
        sdk.Client().outer("/chat", {**BODY, "model": "none"})
    sdk.Client().send("/chat", BODY)
    above.autolog(disable=True)

    assert sorted(span.attributes["gen_ai.provider.name"] for span in spans()) == ["acme", "acme2", "acme2"]


def test_a_call_tells_what_its_trace_belongs_to_and_what_its_reply_costs(sdk: Any) -> None:
    above = covering(
        trace={"session_id": "s-1", "user": "ann", "tags": {"team": "search"}},
        about=lambda reply: {"tracer.cost.total": float(reply["out"])},
    )
    above.autolog()
    sdk.Client().outer("/chat", BODY)
    above.autolog(disable=True)

    [trace] = tracer.search_traces("session = 's-1' AND user = 'ann'")
    assert trace.info.tags == {"team": "search"}
    assert trace.info.cost == {"total_cost": 2.0}


def rest_of(stream: Any) -> Any:
    return stream.kept


STREAMING = Provider(
    name="acme",
    module="acme_sdk",
    doors=(Door("acme_sdk:Client.streamed", lambda given: Call(invented.OPERATIONS["/chat"], given["body"])),),
    stream_classes=(StreamClass("acme_sdk:Stream", rest=rest_of),),
)


@pytest.fixture
def streaming(sdk: Any) -> Iterator[Any]:
    STREAMING.autolog()
    yield sdk.Client()
    STREAMING.autolog(disable=True)
    STREAMING._state.patches.clear()


@pytest.mark.parametrize("is_async", [True, False])
def test_a_stream_of_a_class_that_is_named_is_watched_to_its_end(streaming: Any, sdk: Any, is_async: bool) -> None:
    async def read(stream: Any) -> list[Any]:
        return [chunk async for chunk in stream]

    stream = streaming.streamed("/chat", BODY)
    chunks = asyncio.run(read(stream)) if is_async else list(stream)

    assert (chunks, type(stream)) == (sdk.CHUNKS, sdk.Stream)
    assert (said(), the_span().token_usage["output_tokens"]) == ("Lima.", 2)
    assert "tracer.incomplete" not in the_span().attributes


def test_what_the_sdk_keeps_from_the_program_is_read_at_the_end_of_its_stream(streaming: Any, sdk: Any) -> None:
    chunks = list(streaming.streamed("/chat", BODY, usage=False))

    assert chunks == sdk.CHUNKS[:2]
    assert the_span().token_usage["output_tokens"] == 2


@pytest.mark.parametrize(("leave", "how"), [("close", "closed"), ("drop", "dropped")])
def test_a_stream_of_a_class_that_is_left_early_says_so(streaming: Any, leave: str, how: str) -> None:
    stream = streaming.streamed("/chat", BODY)
    next(stream)
    if leave == "close":
        stream.close()
        assert stream.is_closed
    del stream
    gc.collect()

    assert the_span().attributes["tracer.incomplete"] == how


def test_suppressed_calls_are_not_recorded(sdk: Any) -> None:
    invented.autolog()

    with kit.suppress_tracing():
        sdk.Client().send("/chat", BODY)

    assert spans() == []


def test_a_suppressing_generator_can_be_closed_in_another_context(sdk: Any) -> None:
    invented.autolog()

    def suppressing() -> Iterator[None]:
        with kit.suppress_tracing():
            yield

    generator = suppressing()
    contextvars.copy_context().run(next, generator)
    generator.close()  # type: ignore[attr-defined]
    sdk.Client().send("/chat", BODY)

    assert len(spans()) == 1


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_every_kind_of_exception_ends_the_span(ending: type[BaseException], sdk: Any) -> None:
    class Ending(sdk.Client):
        def _stream(self) -> Any:
            raise ending

    invented.autolog()

    with pytest.raises(ending):
        Ending().send("/chat", BODY, stream=True)

    assert the_span().end_time_ns is not None
    assert tracer.get_current_active_span() is None


@pytest.mark.swallow_faults
@pytest.mark.parametrize("broken", ["read_call", "read_request", "read_reply", "accumulator"])
def test_a_provider_with_faults_changes_nothing(broken: str, sdk: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("mine")

    operation = Operation(
        "chat",
        fail if broken == "read_request" else invented.read_request,
        fail if broken == "read_reply" else invented.read_reply,
        fail if broken == "accumulator" else invented.Accumulator,
    )
    door = Door("acme_sdk:Client.send", fail if broken == "read_call" else lambda given: Call(operation, given["body"]))
    faulty = Provider(name="acme", module="acme_sdk", doors=(door,))
    faulty.autolog()

    with caplog.at_level(logging.WARNING, "tracer"):
        for _ in range(2):
            assert sdk.Client().send("/chat", BODY) == sdk.REPLY
            assert list(sdk.Client().send("/chat", BODY, stream=True)) == sdk.CHUNKS
    faulty.autolog(disable=True)

    assert 1 <= len(caplog.records) <= 2  # once per cause, however many calls


@pytest.mark.swallow_faults
@pytest.mark.parametrize("target", ["acme_sdk:Client.gone", "acme_sdk:Gone.send", "acme_sdk.gone:Client.send"])
def test_a_missing_door_is_a_warning(target: str, sdk: Any, caplog: pytest.LogCaptureFixture) -> None:
    moved = Provider(name="acme", module="acme_sdk", supported="1.x", doors=(Door(target, invented.read_call),))

    with caplog.at_level(logging.WARNING, "tracer"):
        moved.autolog()

    [record] = caplog.records
    assert target in record.getMessage()
    assert "supported: 1.x" in record.getMessage()


def test_of_several_places_the_first_that_is_there_is_the_door(sdk: Any) -> None:
    places = ("acme_sdk.gone:Client.send", "acme_sdk:Client._send", "acme_sdk:Client.send")
    door = Door(places, invented.read_call, parameters=("path", "body"))
    moving = Provider(name="acme", module="acme_sdk", doors=(door,))
    original = sdk.Client.send

    moving.autolog()
    sdk.Client().send("/chat", BODY)
    moving.autolog(disable=True)

    assert sdk.Client.send is original
    assert the_span().name == "chat acme-1"


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_is_taken_out_of_what_the_sdk_wraps_it_in(stream: bool, sdk: Any) -> None:
    class Wrapped:
        def __init__(self, body: str) -> None:
            self.body = body

    class Wrapping(sdk.Client):
        def wrapped(self, path: str, body: Any, stream: bool = False) -> Any:
            reply = self.send(path, body, stream)
            return (Wrapped(json.dumps(chunk)) for chunk in reply) if stream else Wrapped(json.dumps(reply))

    sdk.Wrapping = Wrapping
    door = Door("acme_sdk:Wrapping.wrapped", invented.read_call, reply_of=lambda result: json.loads(result.body))
    wrapping = Provider(name="acme", module="acme_sdk", doors=(door,))
    wrapping.autolog()

    result = Wrapping().wrapped("/chat", BODY, stream)

    assert {type(part) for part in (result if stream else [result])} == {Wrapped}
    wrapping.autolog(disable=True)
    assert the_span().outputs == sdk.REPLY


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("stream", [False, True])
def test_an_http_response_can_be_what_a_door_returns(stream: bool, status: int, sdk: Any) -> None:
    with contextlib.closing(Server()) as server, httpx.Client(verify=False) as http:
        server.will(Scripted([json.dumps(sdk.REPLY).encode()], status, {"x-request-id": "req_1"}))

        class Fetching(sdk.Client):
            def fetch(self, path: str, body: Any, stream: bool = False) -> Any:
                return http.send(http.build_request("POST", server.url + path, json=body), stream=stream)

        sdk.Fetching = Fetching
        fetching = Provider(
            name="acme", module="acme_sdk", doors=(Door("acme_sdk:Fetching.fetch", invented.read_call),)
        )
        fetching.autolog()

        response = Fetching().fetch("/chat", BODY, stream)
        assert len(spans()) == (0 if stream else 1)  # that of a body still to be read is open
        assert json.loads(b"".join(response.iter_bytes())) == sdk.REPLY
        fetching.autolog(disable=True)

    span = the_span()
    assert (type(response), span.outputs) == (httpx.Response, sdk.REPLY)
    assert span.attributes["tracer.provider.request_id"] == "req_1"
    assert span.attributes["http.response.status_code"] == status
    assert (span.status, span.attributes.get("error.type")) == (("ERROR", "503") if status == 503 else ("UNSET", None))


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_body_can_be_lines_of_json(is_ended: bool, sdk: Any) -> None:
    with contextlib.closing(Server()) as server, httpx.Client(verify=False) as http:
        lines = [json.dumps(chunk).encode() + b"\n" for chunk in sdk.CHUNKS]
        body = b"".join(lines) if is_ended else b"".join(lines).rstrip()
        server.will(Scripted([body[:20], body[20:]], content_type="application/x-ndjson", is_stream=True))

        class Lines(sdk.Client):
            def fetch(self, path: str, body: Any) -> Any:
                return http.send(http.build_request("POST", server.url + path, json=body), stream=True)

        sdk.Lines = Lines
        reading = Provider(name="acme", module="acme_sdk", doors=(Door("acme_sdk:Lines.fetch", invented.read_call),))
        reading.autolog()

        assert [json.loads(line) for line in Lines().fetch("/chat", BODY).iter_lines()] == sdk.CHUNKS
        reading.autolog(disable=True)

    assert the_span().outputs == sdk.REPLY


class Holder:
    """What an SDK returns: something that holds a stream of a kind of its own."""

    def __init__(self, chunks: list[Any]) -> None:
        self.events = iter(chunks)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("end", ["read", "closed"])
def test_a_door_can_watch_what_its_result_holds(end: str, sdk: Any) -> None:
    class Holding(sdk.Client):
        def open(self, path: str, body: Any, plain: bool = False) -> Any:
            return sdk.REPLY if plain else {"holder": Holder(sdk.CHUNKS)}

    def watch(recording: Any, result: Any) -> bool:
        recording.span.set_attribute("seen", True)
        if "holder" not in result:
            return False
        recording.start_accumulating()
        watch_iterator(result["holder"], "events", recording)
        return True

    sdk.Holding = Holding
    door = Door("acme_sdk:Holding.open", invented.read_call, watch=watch)
    holding = Provider(name="acme", module="acme_sdk", doors=(door,))
    holding.autolog()

    assert Holding().open("/chat", BODY, plain=True) == sdk.REPLY
    holder = Holding().open("/chat", BODY)["holder"]
    assert (type(holder), len(spans())) == (Holder, 1)
    if end == "read":
        assert list(holder.events) == sdk.CHUNKS
    else:
        next(holder.events)
        holder.close()
    holding.autolog(disable=True)

    plain, streamed = sorted(spans(), key=lambda span: span.start_time_ns)
    assert plain.outputs == sdk.REPLY
    assert streamed.attributes.get("tracer.incomplete") == (None if end == "read" else "closed")
    assert [span.attributes["seen"] for span in (plain, streamed)] == [True, True]


class Contexts:
    """Clients whose calls are context managers."""

    def __init__(self, sdk: Any) -> None:
        self.left: list[object] = []
        contexts = self

        class Sync(sdk.Client):
            @contextlib.contextmanager
            def open(self, path: str, body: Any) -> Iterator[Any]:
                try:
                    yield self.send("/other", {}) if path != "/chat" else sdk.REPLY
                except BaseException as error:
                    contexts.left.append(error)
                    raise
                contexts.left.append(None)

        class Async(sdk.Client):
            @contextlib.asynccontextmanager
            async def open(self, path: str, body: Any) -> AsyncIterator[Any]:
                try:
                    yield sdk.REPLY
                except BaseException as error:
                    contexts.left.append(error)
                    raise
                contexts.left.append(None)

        sdk.Sync, sdk.Async = Sync, Async
        self.enter = {"sync": self.enter_sync, "async": lambda error: asyncio.run(self.enter_async(error))}
        self.clients = Sync, Async

    def enter_sync(self, error: Exception | None) -> object:
        with self.clients[0]().open("/chat", BODY) as reply:
            if error is not None:
                raise error
            return reply

    async def enter_async(self, error: Exception | None) -> object:
        async with self.clients[1]().open("/chat", BODY) as reply:
            if error is not None:
                raise error
            return reply


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("error", [None, ValueError("mine")])
def test_a_door_can_be_a_context_manager(way: str, error: Exception | None, sdk: Any) -> None:
    contexts = Contexts(sdk)
    doors = tuple(
        Door(f"acme_sdk:{name}.open", invented.read_call, parameters=("path",), is_context=True)
        for name in ("Sync", "Async")
    )
    entered = Provider(name="acme", module="acme_sdk", doors=doors)
    entered.autolog()

    with contextlib.nullcontext() if error is None else pytest.raises(ValueError, match="mine"):
        assert contexts.enter[way](error) == sdk.REPLY
    entered.autolog(disable=True)
    with contextlib.suppress(ValueError):
        contexts.enter[way](error)

    assert contexts.left == [error, error]
    assert (the_span().status, the_span().outputs) == ("UNSET", sdk.REPLY)


def test_a_call_can_be_named_after_another_subject_than_a_model(sdk: Any) -> None:
    def read_call(arguments: Any) -> Call | None:
        operation = Operation("ask", lambda _: Request(), lambda _: Reply())
        return Call(operation, arguments["body"]["messages"], subject="agent-1")

    asking = Provider(name="acme", module="acme_sdk", doors=(Door("acme_sdk:Client.send", read_call),))
    asking.autolog()

    sdk.Client().send("/chat", BODY)
    asking.autolog(disable=True)

    assert the_span().name == "ask agent-1"
    assert "gen_ai.request.model" not in the_span().attributes


def test_an_installed_provider_is_an_attribute_of_tracer(
    sdk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "acme_tracer-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tracer\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tracer.providers]\nacme = tests.provider.invented:provider\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert "acme" in kit.names()
    with pytest.raises(AttributeError, match="Its providers are acme, anthropic"):
        _ = tracer.crewai
    tracer.acme.autolog()  # type: ignore[attr-defined]
    sdk.Client().send("/chat", BODY)
    tracer.autolog(disable=True)
    sdk.Client().send("/chat", BODY)

    assert the_span().name == "chat acme-1"


@pytest.mark.swallow_faults
def test_an_installed_provider_that_is_broken_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    about = tmp_path / "broken_tracer-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-tracer\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tracer.providers]\nbroken = no_such_module_anywhere:provider\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.autolog()
        tracer.autolog(disable=True)

    assert "broken" in caplog.text
    assert not hasattr(tracer, "broken")
    says = "Its provider 'broken', of the package broken-tracer 1.0, cannot be loaded: ModuleNotFoundError: No module"
    with pytest.raises(AttributeError, match=says) as caught:
        _ = tracer.broken
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    with pytest.raises(ImportError, match=says):
        exec("from tracer import broken")


def test_the_public_names() -> None:
    assert sorted(kit.__all__) == [
        "Accumulator", "Call", "Connection", "ConnectionDoor", "ConnectionReader",
        "ConnectionRecording", "Door", "FrameworkSpans", "Hook", "HookEnd", "Operation", "Provider", "Reply",
        "ReportedCall", "Request", "SpanType", "Step", "StreamClass", "Tap", "set_failure", "suppress_tracing",
        "varying_values",
    ]  # fmt: skip
    assert all(hasattr(kit, name) for name in kit.__all__)
    assert set(kit.__all__) <= set(dir(kit))


def test_a_reply_can_say_that_it_failed(sdk: Any) -> None:
    def read_reply(_: Any) -> Reply:
        return Reply(error_type="overloaded", error_message="Try later.")

    operation = Operation("chat", lambda _: Request(), read_reply)
    failing = Provider(
        name="acme",
        module="acme_sdk",
        doors=(Door("acme_sdk:Client.send", lambda given: Call(operation, given["body"])),),
    )
    failing.autolog()

    sdk.Client().send("/chat", BODY)
    failing.autolog(disable=True)

    span = the_span()
    assert (span.name, span.status, span.attributes["error.type"]) == ("chat", "ERROR", "overloaded")
