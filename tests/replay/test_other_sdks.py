"""The same test for the other SDKs: recorded against a server, replayed after it has stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

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
