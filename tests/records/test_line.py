"""The layout of the journal's lines: writers and searches for marks agree."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState

from tracer._records import line

pytestmark = pytest.mark.no_store

TRACE_ID, SPAN_ID, PARENT_ID = "ab" * 16, "cd" * 8, "ef" * 8


def start_record(span_id: str = SPAN_ID, parent_id: str | None = None) -> bytes:
    return line.start_head(TRACE_ID, span_id, parent_id, False, 1) + b'"name":"step","type":"UNKNOWN"}'


def body(**changed: Any) -> bytes:
    fields: dict[str, Any] = {
        "name": "step",
        "span_type": "TOOL",
        "status": "UNSET",
        "message": None,
        "scope": "tracer",
        "remote_parent": False,
        "otel_kind": None,
        "attributes": {},
        "structured": {},
        "events": [],
        "chunks": None,
        "links": [],
        "trace_state": None,
        "dropped_attributes": 0,
        "dropped_events": 0,
    }
    return line.span_body(**{**fields, **changed})


def span_record(span_id: str = SPAN_ID, parent_id: str | None = None, reader: str | None = None) -> bytes:
    return line.span_head(TRACE_ID, span_id, parent_id, reader, 1, 2) + body()[1:]


def test_a_start_record_is_its_head_and_the_rest_of_an_object() -> None:
    assert orjson.loads(start_record()) == {
        "kind": "start",
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "start": 1,
        "name": "step",
        "type": "UNKNOWN",
    }


@pytest.mark.parametrize("remote", [True, False])
def test_a_start_record_tells_whether_its_parent_is_of_another_process(remote: bool) -> None:
    record = orjson.loads(line.start_head(TRACE_ID, SPAN_ID, PARENT_ID, remote, 1) + b'"name":"step"}')

    assert (record["parent_id"], record["remote_parent"]) == (PARENT_ID, remote)


def test_a_span_record_leaves_out_what_is_empty() -> None:
    assert orjson.loads(span_record()) == {
        "kind": "span",
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "start": 1,
        "end": 2,
        "name": "step",
        "type": "TOOL",
        "status": "UNSET",
        "scope": "tracer",
    }


def test_a_span_record_with_everything() -> None:
    state = TraceState([("vendor", "1")])
    link = Link(SpanContext(1, 2, False), {"why": ("retry",)})

    record = orjson.loads(
        body(
            status="ERROR",
            message="broken",
            remote_parent=True,
            otel_kind=SpanKind.CLIENT.value,
            attributes={"n": 1},
            structured={"tracer.inputs": b'{"question":"how"}'},
            events=[("first", 3, None), ("second", 4, {"x": True})],
            chunks={"after": [5]},
            links=[link],
            trace_state=state,
            dropped_events=6,
        )
    )

    assert record == {
        "name": "step",
        "type": "TOOL",
        "status": "ERROR",
        "scope": "tracer",
        "remote_parent": True,
        "message": "broken",
        "otel_kind": SpanKind.CLIENT.value,
        "attributes": {"n": 1},
        "json": {"tracer.inputs": {"question": "how"}},
        "events": [{"name": "first", "time": 3}, {"name": "second", "time": 4, "attributes": {"x": True}}],
        "chunks": {"after": [5]},
        "links": [{"trace_id": f"{1:032x}", "span_id": f"{2:016x}", "attributes": {"why": ["retry"]}}],
        "trace_state": "vendor=1",
        "dropped": {"attributes": 0, "events": 6},
    }


def test_values_that_json_cannot_hold_are_written_all_the_same() -> None:
    record = orjson.loads(body(attributes={"n": 2**70, "s": "\ud800"}, structured={"x": b'{"y":1}'}))

    assert record["attributes"] == {"n": str(2**70), "s": "\\ud800"}
    assert record["json"] == {"x": {"y": 1}}


def test_every_record_begins_with_its_mark() -> None:
    assert start_record().startswith(line.RECORD_START)
    assert span_record().startswith(line.RECORD_START)


@pytest.mark.parametrize("parent_id", [None, PARENT_ID])
@pytest.mark.parametrize(("reader", "found"), [(None, False), ("", True), ("openai.chat", True)])
def test_the_reader_of_a_record_is_found_in_its_head(parent_id: str | None, reader: str | None, found: bool) -> None:
    assert line.has_reader(span_record(parent_id=parent_id, reader=reader)) is found


def test_the_start_of_a_span_that_has_ended_is_left_out() -> None:
    other = start_record("01" * 8, PARENT_ID)
    written_by_hand = b'{"kind":"start","trace_id":"short","span_id":"short"}'
    ended = span_record(parent_id=PARENT_ID)

    assert line.without_ended_starts([start_record(), other, written_by_hand, ended]) == [other, written_by_hand, ended]
