"""Open connections: realtime, the Responses API over a WebSocket, live sessions and translations."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import RESPONSE_USAGE, response, response_events

websockets = pytest.importorskip("websockets.sync.server", reason="the package websockets is not installed")

from tests.openai.sockets import BREAK, GOODBYE, SocketServer  # noqa: E402
from tests.originals import contents_of  # noqa: E402
from tracer._openai.connections import CONNECTION_DOORS  # noqa: E402

# how the SDK connects is no longer how the newest websockets would have it
pytestmark = pytest.mark.filterwarnings("ignore:connect\\(\\) must be used as a context manager:DeprecationWarning")

SESSION = {
    "id": "sess_1",
    "object": "realtime.session",
    "type": "realtime",
    "model": "gpt-realtime-2026",
    "instructions": "Be brief.",
    "tools": [{"type": "function", "name": "weather", "parameters": {}}],
    "max_output_tokens": "inf",
    "output_modalities": ["audio"],
}
USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"text_tokens": 8, "audio_tokens": 12, "cached_tokens": 5},
    "output_token_details": {"text_tokens": 4, "audio_tokens": 6},
}
HEARD = {
    "id": "item_1",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_audio", "transcript": None}],
}
SAID = {
    "id": "item_2",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_audio", "transcript": "Lima."}],
}
CALL = {
    "id": "item_3",
    "type": "function_call",
    "status": "completed",
    "call_id": "c1",
    "name": "weather",
    "arguments": '{"city": "Lima"}',
}


def turn(*items: dict[str, Any], status: str = "completed", details: Any = None, number: int = 1) -> list[Any]:
    """The events of a reply."""
    identity = f"resp_{number}"
    about = {"id": identity, "object": "realtime.response", "conversation_id": "conv_1"}
    place = {"response_id": identity, "item_id": "item_2", "output_index": 0, "content_index": 0}
    events: list[Any] = [
        {"type": "response.created", "response": {**about, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_audio.delta", **place, "delta": "AAAA" * 400},
        {"type": "response.output_audio_transcript.delta", **place, "delta": "Li"},
        {"type": "response.output_audio_transcript.delta", **place, "delta": "ma."},
    ]
    done = {**about, "status": status, "status_details": details, "output": list(items or (SAID,)), "usage": USAGE}
    return [*events, {"type": "response.done", "response": done}]


def transcribed(text: str) -> dict[str, Any]:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": text,
    }


ADDED = {"type": "conversation.item.added", "item": HEARD}
CREATED = {"type": "session.created", "session": SESSION}


@pytest.fixture(scope="module")
def running_sockets() -> Iterator[SocketServer]:
    server = SocketServer()
    yield server
    server.close()


@pytest.fixture
def sockets(running_sockets: SocketServer) -> SocketServer:
    running_sockets.heard.clear()
    running_sockets.paths.clear()
    return running_sockets


def settings(sockets: SocketServer) -> Any:
    places = {"base_url": f"{sockets.url}/v1"}
    if "websocket_base_url" in inspect.signature(openai.OpenAI.__init__).parameters:
        places["websocket_base_url"] = f"{sockets.url.replace('http', 'ws', 1)}/v1"
    return {"api_key": "k", "max_retries": 0, **places}


def resource_of(client: Any, name: str) -> Any:
    for part in name.split("."):
        if not hasattr(client, part):
            pytest.skip(f"this version of the SDK has no {name}")
        client = getattr(client, part)
    return client


Talk = Callable[..., list[Any]]


@pytest.fixture(params=["sync", "async"])
def talk(request: pytest.FixtureRequest, sockets: SocketServer, run: Any) -> Talk:
    """``talk("realtime", *messages, until=…)``: sends all, reads until an event of that type; the events' types."""

    def connect(client: Any, name: str, arguments: Any) -> Any:
        return resource_of(client, f"{name}.connect")(**arguments)

    def talk_sync(name: str, *messages: Any, until: str = "response.done", **arguments: Any) -> list[Any]:
        http = openai.DefaultHttpxClient(verify=False)
        client = openai.OpenAI(**settings(sockets), http_client=http)
        with client, connect(client, name, arguments) as connection:
            for message in messages:
                connection.send(message)
            return _until(iter(connection), until)

    def talk_async(name: str, *messages: Any, until: str = "response.done", **arguments: Any) -> list[Any]:
        async def scenario(_: Any) -> list[Any]:
            http = openai.DefaultAsyncHttpxClient(verify=False)
            client = openai.AsyncOpenAI(**settings(sockets), http_client=http)
            async with client, connect(client, name, arguments) as connection:
                for message in messages:
                    await connection.send(message)
                kinds = []
                while not kinds or kinds[-1] != until:
                    kinds.append((await connection.recv()).type)
                return kinds

        return run(scenario)  # type: ignore[no-any-return]

    return talk_sync if request.param == "sync" else talk_async


def _until(events: Any, kind: str) -> list[Any]:
    kinds = []
    for event in events:
        kinds.append(event.type)
        if event.type == kind:
            break
    return kinds


def session_and_replies(stored: Any) -> tuple[Any, list[Any]]:
    spans = sorted(stored.spans, key=lambda span: span.start_time_ns)
    roots = [span for span in spans if span.parent_id is None]
    assert len(roots) == 1, [span.name for span in spans]
    return roots[0], [span for span in spans if span.parent_id == roots[0].span_id]


def messages(span: Any, side: str) -> Any:
    import json

    return json.loads(span.attributes[f"gen_ai.{side}.messages"])


def test_a_realtime_turn_is_a_span_below_that_of_the_session(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    sockets.will(CREATED, ADDED, answer=lambda message: [transcribed("Capital of Peru?"), *turn()])

    kinds = talk("realtime", {"type": "response.create", "response": {"temperature": 0.5}}, model="gpt-realtime")

    session, [reply] = session_and_replies(stored)
    assert kinds[-1] == "response.done"
    assert (session.name, session.span_type, session.status) == ("realtime gpt-realtime", "CHAIN", "UNSET")
    assert session.inputs == SESSION
    assert session.token_usage is None
    assert session.attributes["gen_ai.conversation.id"] == "sess_1"
    assert session.attributes["server.address"] == "127.0.0.1"
    assert "tracer.incomplete" not in session.attributes
    assert (reply.name, reply.span_type) == ("chat gpt-realtime-2026", "CHAT_MODEL")
    assert reply.token_usage == {
        "input_tokens": 20,
        "output_tokens": 10,
        "total_tokens": 30,
        "cache_read_input_tokens": 5,
        "audio_input_tokens": 12,
        "audio_output_tokens": 6,
        "text_input_tokens": 8,
        "text_output_tokens": 4,
    }
    assert messages(reply, "input") == [
        {"role": "user", "parts": [{"type": "blob", "modality": "audio", "transcript": "Capital of Peru?"}]}
    ]
    assert messages(reply, "output") == [
        {
            "role": "assistant",
            "parts": [{"type": "blob", "modality": "audio", "transcript": "Lima."}],
            "finish_reason": "stop",
        }
    ]
    assert reply.attributes["gen_ai.response.id"] == "resp_1"
    assert reply.attributes["gen_ai.request.temperature"] == 0.5
    assert reply.attributes["gen_ai.response.time_to_first_chunk"] >= 0
    assert "AAAAAAAA" not in str([event.attributes for event in reply.events])
    trace = tracer.get_trace(session.trace_id)
    assert trace.info.token_usage["total_tokens"] == 30


def test_a_realtime_session_has_the_whole_conversation(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    sockets.will(CREATED, ADDED, *turn(), transcribed("Capital of Peru?"), {"type": "rate_limits.updated"})

    talk("realtime", until="rate_limits.updated", model="gpt-realtime")

    session, _ = session_and_replies(stored)
    assert [(one["role"], one["parts"][0]["transcript"]) for one in messages(session, "output")] == [
        ("user", "Capital of Peru?"),
        ("assistant", "Lima."),
    ]


def test_input_audio_transcription_is_a_call_of_its_own(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    session = {**SESSION, "audio": {"input": {"transcription": {"model": "listen"}}}}
    usage = {"type": "tokens", "input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    sockets.will({"type": "session.created", "session": session}, ADDED, {**transcribed("Peru?"), "usage": usage})

    talk("realtime", until="conversation.item.input_audio_transcription.completed", model="gpt-realtime")

    _, [written] = session_and_replies(stored)
    assert written.name == "speech_to_text listen"
    assert messages(written, "output")[0]["parts"] == [{"type": "text", "content": "Peru?"}]
    assert written.token_usage == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}


def test_realtime_tool_calls_and_their_results(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    result = {"id": "item_4", "type": "function_call_output", "call_id": "c1", "output": "Sunny"}
    sockets.will(
        CREATED,
        *turn(CALL),
        {"type": "conversation.item.created", "item": result},
        *turn(number=2),
        {"type": "the.end"},
    )

    talk("realtime", until="the.end", model="gpt-realtime")

    _, [first, second] = session_and_replies(stored)
    called = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Lima"}}
    assert messages(first, "output")[0]["parts"] == [called]
    assert messages(first, "output")[0]["finish_reason"] == "tool_calls"
    assert first.attributes["gen_ai.tool.definitions"]
    assert [one["parts"] for one in messages(second, "input")] == [
        [called],
        [{"type": "tool_call_response", "id": "c1", "response": "Sunny"}],
    ]


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        ("cancelled", {"type": "cancelled", "reason": "turn_detected"}, ("UNSET", "turn_detected", None)),
        ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}, ("UNSET", "max_output_tokens", None)),
        ("failed", {"type": "failed", "error": {"type": "server_error", "code": "busy"}}, ("ERROR", None, "busy")),
    ],
)
def test_a_realtime_turn_that_is_cancelled_incomplete_or_failed(
    status: str, details: Any, expected: Any, sockets: SocketServer, talk: Talk, stored: Any
) -> None:
    sockets.will(CREATED, *turn(status=status, details=details))

    talk("realtime", model="gpt-realtime")

    session, [reply] = session_and_replies(stored)
    attributes = reply.attributes
    assert (reply.status, attributes.get("tracer.incomplete"), attributes.get("error.type")) == expected
    assert session.status == "UNSET"


def test_closing_a_connection_early_ends_its_open_replies(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    sockets.will(CREATED, *turn()[:-1])

    talk("realtime", until="response.output_audio_transcript.delta", model="gpt-realtime")

    session, [reply] = session_and_replies(stored)
    assert (reply.status, reply.attributes["tracer.incomplete"]) == ("UNSET", "closed")
    assert messages(reply, "output")[0]["parts"] == [{"type": "blob", "modality": "audio", "transcript": "Li"}]
    assert session.status == "UNSET"


def test_an_error_event_does_not_end_the_session(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    sockets.will(CREATED, {"type": "error", "error": {"code": "invalid_value", "message": "No."}}, *turn())

    talk("realtime", model="gpt-realtime")

    session, [reply] = session_and_replies(stored)
    assert [(event.name, event.attributes["error.type"]) for event in session.events] == [("error", "invalid_value")]
    assert (session.status, reply.status) == ("UNSET", "UNSET")


def test_a_connection_that_breaks_is_an_error(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    from websockets.exceptions import ConnectionClosedError

    sockets.will(CREATED, *turn()[:3], BREAK)

    with pytest.raises(ConnectionClosedError):
        talk("realtime", model="gpt-realtime")

    session, [reply] = session_and_replies(stored)
    assert (session.status, reply.status) == ("ERROR", "ERROR")
    assert reply.attributes["error.type"].endswith("ConnectionClosedError")


def test_a_session_that_the_server_ends_is_no_error(sockets: SocketServer, client: Any, stored: Any) -> None:
    sockets.will(CREATED, *turn(), GOODBYE)
    resource_of(client, "realtime")

    with openai.OpenAI(**settings(sockets)).realtime.connect(model="gpt-realtime") as connection:
        assert len(list(connection)) == 6

    session, [reply] = session_and_replies(stored)
    assert (session.status, reply.status) == ("UNSET", "UNSET")


def test_a_connection_that_is_dropped(sockets: SocketServer, client: Any, stored: Any) -> None:
    sockets.will(CREATED)
    resource_of(client, "realtime")

    connection = openai.OpenAI(**settings(sockets)).realtime.connect(model="gpt-realtime").enter()
    connection.recv()
    connection._connection.close()
    del connection
    gc.collect()

    session, _ = session_and_replies(stored)
    assert session.attributes["tracer.incomplete"] == "dropped"


def test_raw_messages_of_a_connection_are_recorded(sockets: SocketServer, client: Any, stored: Any) -> None:
    sockets.will(CREATED, "no json", answer=lambda message: turn())
    resource_of(client, "realtime")

    with openai.OpenAI(**settings(sockets)).realtime.connect(model="gpt-realtime") as connection:
        assert b"session.created" in connection.recv_bytes()
        assert connection.recv_bytes() == b"no json"
        connection.response.create(response={"instructions": "Sing."})
        while b"response.done" not in connection.recv_bytes():
            pass

    _, [reply] = session_and_replies(stored)
    assert reply.inputs["instructions"] == "Sing."


def test_the_session_hangs_below_the_current_span(sockets: SocketServer, client: Any, stored: Any) -> None:
    sockets.will(CREATED, *turn())
    resource_of(client, "realtime")

    opened = openai.OpenAI(**settings(sockets)).realtime.connect(model="gpt-realtime")
    with tracer.start_span("call") as call, opened as connection:
        _until(connection, "response.done")
        assert tracer.get_current_active_span() is call

    parents = {span.name: span.parent_id for span in stored.spans}
    assert parents["realtime gpt-realtime"] == call.span_id


def test_disabled_nothing_is_recorded(sockets: SocketServer, client: Any, stored: Any) -> None:
    tracer.openai.autolog(disable=True)
    resource_of(client, "realtime")
    sockets.will(CREATED, *turn())

    with openai.OpenAI(**settings(sockets)).realtime.connect(model="gpt-realtime") as connection:
        _until(connection, "response.done")

    assert stored.spans == []


@pytest.mark.parametrize("door", CONNECTION_DOORS, ids=lambda door: door.target.rpartition(".")[2])
def test_disable_puts_back_every_class_of_connections(door: Any) -> None:
    module = pytest.importorskip(door.module, reason="this version of the SDK has no such connections")
    tracer.openai.autolog(disable=True)
    kind = getattr(module, door.target.partition(":")[2], None)
    if kind is None:
        pytest.skip(f"this version of the SDK has no {door.target}")
    original = contents_of(kind)

    tracer.openai.autolog()
    assert contents_of(kind) != original
    tracer.openai.autolog(disable=True)

    assert contents_of(kind) == original


def test_the_beta_of_realtime(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    old_names = {
        "response.output_audio_transcript.delta": "response.audio_transcript.delta",
        "response.output_audio.delta": "response.audio.delta",
    }
    events = [{**event, "type": old_names.get(event["type"], event["type"])} for event in turn()]
    sockets.will(CREATED, {"type": "conversation.item.created", "item": HEARD}, *events)

    talk("beta.realtime", model="gpt-realtime")

    session, [reply] = session_and_replies(stored)
    assert session.name == "realtime gpt-realtime"
    assert messages(reply, "output")[0]["parts"][0]["transcript"] == "Lima."


def test_responses_over_a_websocket(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    sockets.will(answer=lambda message: response_events())

    talk("responses", {"type": "response.create", "model": "m", "input": "?"}, until="response.completed")

    session, [reply] = session_and_replies(stored)
    assert session.name == "responses.connect"
    assert (reply.name, reply.inputs) == ("chat m", {"model": "m", "input": "?"})
    assert reply.outputs == response()
    assert reply.token_usage["total_tokens"] == RESPONSE_USAGE["total_tokens"]
    assert messages(reply, "input")[0]["parts"] == [{"type": "text", "content": "?"}]


def test_stream_ids_keep_parallel_responses_apart(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    heard: list[str] = []

    def answer(message: dict[str, Any]) -> list[Any]:
        heard.append(message["stream_id"])
        if len(heard) < 2:
            return []
        both = [[{**event, "stream_id": lane} for event in response_events()] for lane in heard]
        return [*(event for pair in zip(*both) for event in pair), {"type": "the.end"}]

    sockets.will(answer=answer)
    asked = [{"type": "response.create", "model": "m", "input": lane, "stream_id": lane} for lane in ("a", "b")]

    talk("responses", *asked, until="the.end")

    _, replies = session_and_replies(stored)
    assert sorted(reply.inputs["input"] for reply in replies) == ["a", "b"]
    assert [reply.outputs["output"] for reply in replies] == [response()["output"]] * 2


def test_a_refused_request_over_a_websocket(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    error = {"type": "error", "status": 400, "error": {"code": "bad_model", "message": "No such model."}}
    sockets.will(answer=lambda message: [error, {"type": "the.end"}])

    talk("responses", {"type": "response.create", "model": "m", "input": "?"}, until="the.end")

    session, [reply] = session_and_replies(stored)
    assert (reply.status, reply.attributes["error.type"], session.status) == ("ERROR", "bad_model", "UNSET")


def test_a_live_session(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    started = {"id": "live_1", "model": "gpt-live", "delegation": {"type": "responses", "responses": {"model": "m"}}}
    delegated = [
        {"type": "response.event", "delegation_id": "d1", "event": event} for event in response_events(final=response())
    ]
    decision = {"model": "decide", "answers": [{"type": "predicate", "probability": 0.9}], "usage": RESPONSE_USAGE}
    sockets.will(
        {"type": "session.started", "session": started},
        {"type": "session.input_transcript.delta", "delta": "Capital "},
        {"type": "session.input_transcript.delta", "delta": "of Peru?"},
        *delegated,
        {"type": "session.output_transcript.delta", "delta": "Lima."},
        {"type": "decision.event", "event": {"type": "decision.completed", "decision": decision}},
        {"type": "session.usage.updated", "usage": {"seconds": 2.5}},
        {"type": "session.closed", "reason": "close_requested", "usage": {"seconds": 3.5}, "session": started},
    )

    talk("live", until="session.closed")

    session, [reply, decided] = session_and_replies(stored)
    assert (session.name, session.attributes["gen_ai.request.model"]) == ("live", "gpt-live")
    assert session.attributes["tracer.usage.input_audio_seconds"] == 3.5
    assert [one["parts"][0]["content"] for one in messages(session, "output")] == ["Capital of Peru?", "Lima."]
    assert (reply.name, reply.outputs) == ("chat m", response())
    assert messages(reply, "input")[0]["parts"] == [{"type": "text", "content": "Capital of Peru?"}]
    assert (decided.name, decided.outputs) == ("decisions decide", decision)


def test_a_realtime_translation(sockets: SocketServer, talk: Talk, stored: Any) -> None:
    sockets.will(
        {"type": "session.created", "session": {"id": "sess_1", "model": "translate"}},
        {"type": "session.input_transcript.delta", "delta": "Hola"},
        {"type": "session.output_transcript.delta", "delta": "Hello"},
        {"type": "session.closed"},
    )

    talk("realtime.translations", until="session.closed", model="translate")

    session, replies = session_and_replies(stored)
    assert (session.name, replies) == ("realtime.translations translate", [])
    assert [one["parts"][0]["content"] for one in messages(session, "output")] == ["Hola", "Hello"]


@pytest.mark.swallow_faults
def test_when_tracer_is_broken_the_conversation_goes_on(
    sockets: SocketServer, talk: Talk, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracer._openai.realtime import RealtimeReader

    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(RealtimeReader, "received", broken)
    monkeypatch.setattr(RealtimeReader, "conversation", broken)
    sockets.will(CREATED, *turn())

    assert talk("realtime", model="gpt-realtime")[-1] == "response.done"
