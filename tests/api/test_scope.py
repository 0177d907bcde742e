"""What holds for the traces that start inside of a block, and where they go."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import chat
from tests.openai.server import Server, reply
from tracer import tracing
from tracer.errors import InvalidArgumentError


@tracer.trace
def step() -> str | None:
    return tracer.get_active_trace_id()


def info_of(trace_id: str | None) -> tracer.TraceInfo:
    trace = tracer.get_trace(trace_id or "")
    assert trace is not None
    return trace.info


def test_traces_inside_get_what_the_blocks_around_say() -> None:
    with tracing.context(tags={"a": "1", "b": "1"}, metadata={"k": "v"}, session_id="s", user="ann"):
        with tracing.context(tags={"b": 2}, user="bob"):
            inner = info_of(step())
        outer = info_of(step())
    outside = info_of(step())

    assert (inner.tags, inner.trace_metadata, inner.session_id, inner.user) == (
        {"a": "1", "b": "2"},
        {"k": "v"},
        "s",
        "bob",
    )
    assert (outer.tags, outer.session_id, outer.user) == ({"a": "1", "b": "1"}, "s", "ann")
    assert (outside.tags, outside.trace_metadata, outside.session_id) == ({}, {}, None)


def test_it_holds_in_its_task_alone_and_decorates_functions() -> None:
    async def work(name: str) -> str | None:
        with tracing.context(session_id=name):
            await asyncio.sleep(0)
            return step()

    async def main() -> list[str | None]:
        return await asyncio.gather(*(work(str(number)) for number in range(5)))

    @tracing.context(user="ann")
    def decorated() -> str | None:
        return step()

    assert [info_of(found).session_id for found in asyncio.run(main())] == ["0", "1", "2", "3", "4"]
    assert info_of(decorated()).user == "ann"


def test_nothing_inside_is_recorded_where_it_is_off(server: Server) -> None:
    server.will(reply(chat()))
    tracer.openai.autolog()
    try:
        with tracer.start_span("outer") as outer:
            with tracing.context(enabled=False):
                assert step() is None
                assert tracer.get_current_active_span() is None
                with tracer.start_span("inner"), openai.OpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
                    client.chat.completions.create(model="m", messages=[])
                error = "enabled=True does not take back"
                with pytest.raises(InvalidArgumentError, match=error), tracing.context(enabled=True):
                    raise AssertionError
            assert tracer.get_current_active_span() is outer
            assert step() == outer.trace_id
    finally:
        tracer.openai.autolog(disable=True)

    [trace] = tracer.search_traces()
    assert [span.name for span in trace.data.spans] == ["outer", "step"]


def test_spans_of_opentelemetry_are_off_too() -> None:
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    made = provider.get_tracer("theirs")
    tracer.otel.autolog(provider)
    try:
        with tracing.context(enabled=False), made.start_as_current_span("off") as off:
            assert off.is_recording()
            with tracer.start_span("ours"):
                pass
        with made.start_as_current_span("on"):
            step()
    finally:
        tracer.otel.autolog(disable=True)

    [trace] = tracer.search_traces()
    assert sorted(span.name for span in trace.data.spans) == ["on", "step"]


def test_a_destination_is_an_experiment() -> None:
    number = tracer.create_experiment("support")

    async def work() -> str | None:
        tracing.set_destination(number, context_local=True)
        return step()

    inside = info_of(asyncio.run(work()))
    before = info_of(step())
    tracing.set_destination(tracer.Experiment("support"))
    after = info_of(step())

    assert [found.experiment for found in (inside, before, after)] == ["support", "Default", "support"]
    with pytest.raises(InvalidArgumentError, match="destination: got 3, expected an experiment, or its id or name"):
        tracing.set_destination(3)


@pytest.mark.parametrize("arguments", [{"tags": 3}, {"user": ["ann"]}, {"enabled": "no"}])
def test_misuse_is_told_before_the_block_begins(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError), tracing.context(**arguments):
        raise AssertionError


def test_a_span_without_a_context_says_what_its_trace_belongs_to() -> None:
    number = tracer.create_experiment("support")
    span = tracer.start_span_no_context("a", tags={"t": "1"}, metadata={"k": "v"}, experiment_id=number)
    span.end(outputs={"done": True}, attributes={"x": 1}, status="OK", end_time_ns=span.start_time_ns + 5_000_000)

    info = info_of(span.trace_id)
    trace = tracer.get_trace(span.trace_id)
    assert trace is not None
    [stored] = trace.data.spans
    assert (info.experiment, info.tags, info.trace_metadata) == ("support", {"t": "1"}, {"k": "v"})
    assert (stored.outputs, stored.get_attribute("x"), stored.status, stored.duration_ms) == (
        {"done": True},
        1,
        "OK",
        5.0,
    )
