"""The same test for the other SDKs: recorded against a server, replayed after it has stopped."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import websockets
import websockets.sync.client

import tracer
from tests.openai.server import Server, reply
from tests.replay.sdks import OTHERS
from tracer.errors import ReplayMismatchError


@pytest.fixture(params=["sync", "stream", "async", "async stream"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("sdk", OTHERS)
def test_calls_are_answered_from_the_cassette(sdk: str, way: str, stopping: Server, cassette: Path) -> None:
    program, whole, stream = OTHERS[sdk]
    stopping.will(stream if "stream" in way else whole)
    with tracer.record(cassette):
        first = program(stopping, way, "What is the capital of Peru?")
    stopping.close()

    with tracer.replay(cassette):
        second = program(stopping, way, "What is the capital of Peru?")

    assert repr(second) == repr(first)
    assert "Lima" in repr(second) or "stream" in way


@pytest.mark.parametrize("sdk", OTHERS)
def test_a_changed_prompt_fails_and_names_the_word(sdk: str, way: str, stopping: Server, cassette: Path) -> None:
    program, whole, stream = OTHERS[sdk]
    stopping.will(stream if "stream" in way else whole)
    with tracer.record(cassette):
        program(stopping, way, "What is the capital of Peru?")

    with pytest.raises(ReplayMismatchError, match=r'word 6: "Peru.*now it is "Chile'), tracer.replay(cassette):
        program(stopping, way, "What is the capital of Chile?")


@pytest.mark.parametrize("sdk", OTHERS)
def test_a_refusal_is_the_same_error(sdk: str, stopping: Server, cassette: Path) -> None:
    program = OTHERS[sdk][0]
    stopping.will(reply({"error": {"message": "no such model", "code": 404, "status": "NOT_FOUND"}}, status=404))

    def refused() -> tuple[str, ...]:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - each SDK has its own
            program(stopping, "sync", "What?")
        return type(raised.value).__name__, str(raised.value)

    with tracer.record(cassette):
        first = refused()
    stopping.close()

    with tracer.replay(cassette):
        assert refused() == first
    assert "no such model" in first[1]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_connection_that_stays_open_is_refused(
    is_async: bool, cassette: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def connect() -> None:
        if is_async:
            websockets.connect("wss://api.openai.invalid/v1/realtime?model=m")
        else:
            websockets.sync.client.connect("wss://api.openai.invalid/v1/realtime?model=m")

    why = r"a connection to wss://api\.openai\.invalid/v1/realtime that stays open"
    with tracer.record(cassette), suppress(OSError):
        connect()
    assert "that stays open is neither recorded nor answered" in caplog.text
    with pytest.raises(ReplayMismatchError, match=why), tracer.replay(cassette):
        connect()
