"""Spans: recording, nesting, and use as OpenTelemetry's own."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, Status, StatusCode

import tracer
from tracer import SpanType


def stored(span: tracer.LiveSpan) -> tracer.Span:
    trace = tracer.get_trace(span.trace_id)
    assert trace is not None
    return next(s for s in trace.data.spans if s.span_id == span.span_id)


def test_a_live_span_is_an_opentelemetry_span_and_readable_span() -> None:
    with tracer.start_span("step", span_type=SpanType.TOOL, attributes={"k": 1}) as span:
        assert isinstance(span, otel.Span)
        assert isinstance(span, ReadableSpan)
        assert span.is_recording()
        span.set_inputs({"q": 1})
    context = span.get_span_context()
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (span.trace_id, span.span_id)
    assert span.attributes == {"tracer.span.type": "TOOL", "k": 1, "tracer.inputs": '{"q":1}'}
    assert (span.kind, span.parent, span.status.status_code) == (SpanKind.INTERNAL, None, StatusCode.UNSET)
    assert span.end_time is not None
    assert span.end_time >= span.start_time
    assert '"name": "step"' in span.to_json()


def test_spans_nest_and_siblings_share_a_parent() -> None:
    with tracer.start_span("root") as root:
        with tracer.start_span("a") as a, tracer.start_span("b") as b:
            assert tracer.get_current_active_span() is b
        with tracer.start_span("c") as c:
            assert tracer.get_active_trace_id() == root.trace_id
    assert tracer.get_current_active_span() is None

    assert (a.parent_id, b.parent_id, c.parent_id) == (root.span_id, a.span_id, root.span_id)
    assert len({s.trace_id for s in (root, a, b, c)}) == 1
    assert [s.name for s in tracer.get_trace(root.trace_id).data.spans] == ["root", "a", "b", "c"]


def test_every_kind_of_attribute_comes_back() -> None:
    with tracer.start_span("s") as span:
        span.set_attributes({"str": "x", "int": 1, "float": 1.5, "bool": True, "list": ["a", "b"], "none": None})
        span.set_attribute("dict", {"deep": [1, {"x": None}]})
        span.set_attribute("mixed", [1, "a"])
        span.set_attribute("huge", 2**70)

    kept = stored(span)
    assert {k: kept.get_attribute(k) for k in ("str", "int", "float", "bool", "list", "none", "dict", "mixed")} == {
        "str": "x", "int": 1, "float": 1.5, "bool": True, "list": ["a", "b"], "none": None,
        "dict": {"deep": [1, {"x": None}]}, "mixed": [1, "a"],
    }  # fmt: skip
    assert kept.attributes["dict"] == '{"deep":[1,{"x":null}]}'
    assert str(kept.get_attribute("huge")) == str(2**70)


def test_events_statuses_and_names_come_back() -> None:
    with tracer.start_span("s") as span:
        span.add_event("cache.miss", {"key": "k", "parts": {"a": 1}}, timestamp=123)
        span.set_status("ERROR", "no luck")
        span.update_name("better")
        span.set_span_type("RERANKER")

    kept = stored(span)
    assert (kept.name, kept.span_type, kept.status, kept.status.description) == (
        "better",
        "RERANKER",
        "ERROR",
        "no luck",
    )
    assert [(e.name, e.timestamp, e.attributes) for e in kept.events] == [
        ("cache.miss", 123, {"key": "k", "parts": '{"a":1}'})
    ]


def test_opentelemetrys_own_status_objects_are_taken() -> None:
    with tracer.start_span("s") as span:
        span.set_status(Status(StatusCode.ERROR, "why"))
    with tracer.start_span("t") as other:
        other.set_status(StatusCode.OK)

    assert (stored(span).status, stored(other).status) == ("ERROR", "OK")


def test_only_the_first_end_counts() -> None:
    span = tracer.start_span_no_context("once")
    span.end()
    end = span.end_time_ns
    span.set_attribute("late", 1)
    span.end()

    assert span.end_time_ns == end
    assert "late" not in stored(span).attributes
    assert len(tracer.get_trace(span.trace_id).data.spans) == 1


def test_a_span_without_context_is_a_root_of_its_own() -> None:
    with tracer.start_span("outer") as outer:
        span = tracer.start_span_no_context(
            "free", inputs={"a": 1}, tags={"team": "x"}, start_time_ns=outer.start_time_ns - 10**9
        )
        assert tracer.get_current_active_span() is outer
        child = tracer.start_span_no_context("child", parent_span=span)
        child.end()
        span.end(outputs="o", status="OK")

    assert span.trace_id != outer.trace_id
    assert (child.trace_id, child.parent_id) == (span.trace_id, span.span_id)
    trace = tracer.get_trace(span.trace_id)
    assert trace.info.tags["team"] == "x"
    assert stored(span).outputs == "o"
    assert stored(span).duration_ms > 1000


def test_asyncio_tasks_do_not_see_each_others_spans() -> None:
    async def work(i: int) -> tuple[str, str]:
        with tracer.start_span(f"task {i}") as span:
            await asyncio.sleep(0)
            with tracer.start_span("inner") as inner:
                await asyncio.sleep(0)
            return span.span_id, inner.parent_id

    async def main() -> list[tuple[str, str]]:
        return await asyncio.gather(*[work(i) for i in range(50)])

    assert all(span == parent for span, parent in asyncio.run(main()))


def test_threads_start_fresh_and_wrap_context_carries_the_span_into_them() -> None:
    def work() -> str | None:
        with tracer.start_span("in thread") as span:
            return span.parent_id

    with tracer.start_span("root") as root, ThreadPoolExecutor(4) as pool:
        carried = list(pool.map(tracer.wrap_context(lambda _: work()), range(8)))
        bare = pool.submit(work).result()

    assert carried == [root.span_id] * 8
    assert bare is None


def test_a_span_can_be_ended_in_another_thread() -> None:
    scope = tracer.start_span("s")
    span = scope.__enter__()
    thread = threading.Thread(target=scope.__exit__, args=(None, None, None))
    thread.start()
    thread.join()

    assert stored(span).name == "s"
    tracer._engine.context.current.set(None)


def test_the_trace_can_be_told_about() -> None:
    with tracer.start_span("root") as span:
        tracer.update_current_trace(
            tags={"team": "search", "n": 3}, metadata={"commit": "abc"}, session_id="s1", user="u1", state="ERROR",
            request_preview="asked", response_preview="answered",
        )  # fmt: skip

    info = tracer.get_trace(span.trace_id).info
    assert (info.tags["team"], info.tags["n"], info.trace_metadata["commit"]) == ("search", "3", "abc")
    assert (info.session_id, info.user, info.state) == ("s1", "u1", "ERROR")
    assert (info.request_preview, info.response_preview) == ("asked", "answered")


@pytest.mark.parametrize(
    ("messages", "preview"),
    [
        ([("user", "Peru?")], "Peru?"),
        ([("system", "Be brief."), ("human", "Peru?"), {"type": "ai", "content": "Lima."}], "Peru?"),
        ([("left", "right")], '{"messages":[["left","right"]]}'),
    ],
)
def test_pairs_of_a_role_and_a_text_are_messages_in_the_preview(messages: Any, preview: str) -> None:
    with tracer.start_span("root") as span:
        span.set_inputs({"messages": messages})

    assert tracer.get_trace(span.trace_id).info.request_preview == preview


def test_a_traceparent_header_continues_the_trace_elsewhere() -> None:
    with tracer.start_span("client") as client:
        headers = tracer.get_tracing_context_headers_for_http_request()
    assert headers["traceparent"] == f"00-{client.trace_id}-{client.span_id}-01"
    assert tracer.get_tracing_context_headers_for_http_request() == {}

    with tracer.set_tracing_context_from_http_request_headers({"Traceparent": headers["traceparent"]}):
        assert tracer.get_active_trace_id() == client.trace_id
        with tracer.start_span("server") as server:
            pass
    assert tracer.get_active_trace_id() is None
    assert (server.trace_id, server.parent_id) == (client.trace_id, client.span_id)
    assert {s.name for s in tracer.get_trace(client.trace_id).data.spans} == {"client", "server"}


def test_headers_without_a_valid_traceparent_change_nothing() -> None:
    with (
        tracer.set_tracing_context_from_http_request_headers({"traceparent": "nonsense"}),
        tracer.start_span("root") as span,
    ):
        pass

    assert span.parent_id is None


def test_a_traceparent_that_is_not_sampled_is_respected() -> None:
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}
    with tracer.set_tracing_context_from_http_request_headers(headers), tracer.start_span("server") as span:
        assert not span.is_recording()

    assert tracer.get_trace("a" * 32) is None


def test_the_last_trace_is_the_one_that_ended_last() -> None:
    with tracer.start_span("a") as a, tracer.start_span("inner"):
        pass
    assert tracer.get_last_active_trace_id() == a.trace_id

    seen: list[str | None] = []
    thread = threading.Thread(target=lambda: seen.append(tracer.get_last_active_trace_id(thread_local=True)))
    thread.start()
    thread.join()
    assert seen == [None]
    assert tracer.get_last_active_trace_id(thread_local=True) == a.trace_id


def test_a_program_that_seeds_random_does_not_repeat_ids() -> None:
    import random

    ids = set()
    for _ in range(3):
        random.seed(1)
        with tracer.start_span("s") as span:
            ids.add(span.trace_id)

    assert len(ids) == 3


@pytest.mark.parametrize("count", [2500])
def test_events_are_bounded_and_the_rest_is_counted(count: int) -> None:
    with tracer.start_span("s") as span:
        for i in range(count):
            span.add_event(f"e{i}")

    assert len(stored(span).events) == 2000
    assert span.dropped_events == count - 2000


def test_ctrl_c_at_any_moment_leaves_no_span_current() -> None:
    script = """
import _thread, threading, tracer
ids, interrupted = [], 0
tracer.start_span  # loaded now: Ctrl-C in an import may be swallowed there by Python itself
for _ in range(10):
    timer = threading.Timer(0.02, _thread.interrupt_main)
    try:
        timer.start()
        while True:  # until the interruption
            with tracer.start_span("s") as span:
                pass
            ids.append(span.trace_id)
    except KeyboardInterrupt:
        interrupted += 1
    timer.join()
    assert tracer.get_current_active_span() is None
with tracer.start_span("after") as span:
    assert span.parent_id is None
assert len(set(ids)) == len(ids)
assert interrupted == 10, interrupted
found = {trace.info.trace_id for trace in tracer.search_traces(max_results=100_000, include_spans=False)}
assert set(ids) <= found, len(set(ids) - found)
"""
    environment = {**os.environ, "TRACER_STORE": tracer.get_tracking_uri()}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_copied_span_is_the_same_step_and_a_pickled_one_is_refused() -> None:
    with tracer.start_span("step") as span:
        assert copy.copy(span) is span
        assert copy.deepcopy({"span": span})["span"] is span
        with pytest.raises(TypeError, match="get_tracing_context_headers_for_http_request"):
            pickle.dumps(span)
