"""The names of `tracer.entities`, `tracer.tracing` and its modules."""

from __future__ import annotations

import importlib

import pytest

import tracer
from tests.project.test_imports import imports_for_type_checkers
from tracer import entities, tracing
from tracer.entities import Document, SpanEvent, SpanStatus, SpanStatusCode, SpanType, TraceState


@pytest.mark.parametrize("room", [entities, tracing])
def test_their_names_are_those_that_type_checkers_see(room: object) -> None:
    assert imports_for_type_checkers(room) == room._HOME_OF  # type: ignore[arg-type, attr-defined]
    assert [name for name in room.__all__ if not (getattr(room, name).__doc__ or "").strip()] == []  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'no_such_thing'"):
        room.no_such_thing  # type: ignore[attr-defined]


def test_names_that_are_elsewhere_are_the_same() -> None:
    assert entities.LiveSpan is tracer.LiveSpan
    assert entities.SpanType is tracer.SpanType
    assert tracing.reset is tracer.reset
    utils = importlib.import_module("tracer.tracing.utils")
    assert utils.set_span_chat_messages is tracer.set_span_chat_messages is tracing.set_span_chat_messages


def test_states_and_codes_equal_their_texts() -> None:
    with tracer.start_span("good") as good:
        good.set_status(SpanStatusCode.OK)
    with tracer.start_span("bad") as bad:
        bad.set_status(SpanStatus(SpanStatusCode.ERROR, "too late"))

    [failed, fine] = tracer.search_traces()
    assert (fine.info.state, failed.info.state) == (TraceState.OK, TraceState.ERROR)
    assert fine.data.spans[0].status.status_code == SpanStatusCode.OK
    assert (failed.data.spans[0].status, failed.data.spans[0].status.description) == (SpanStatusCode.ERROR, "too late")


def test_documents_are_recorded_as_dicts() -> None:
    @tracer.trace(span_type=SpanType.RETRIEVER)
    def retrieve(question: str) -> list[Document]:
        return [Document("Paris is a city.", {"doc_uri": "a.md"}, id="1")]

    retrieve("Where?")

    [trace] = tracer.search_traces()
    assert trace.data.spans[0].outputs == [
        {"page_content": "Paris is a city.", "metadata": {"doc_uri": "a.md"}, "id": "1"}
    ]


def test_an_event_of_an_exception() -> None:
    with tracer.start_span("a") as span:
        span.add_event(SpanEvent.from_exception(ValueError("no")))
        span.add_event(SpanEvent("plain", attributes={"k": 1}))

    [trace] = tracer.search_traces()
    exception, plain = trace.data.spans[0].events
    assert (exception.name, exception.attributes["exception.message"], plain.attributes) == (
        "exception",
        "no",
        {"k": 1},
    )
