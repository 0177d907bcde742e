"""Spans reach any OpenTelemetry exporter and processor, and an application's own provider."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link

import tracer

FOREIGN = Path(__file__).parents[1] / "dialects" / "foreign"  # spans as other instrumentations emit them


class Collector:
    """An OTLP endpoint that can be told to fail."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.down = False
        self.attempts = threading.Semaphore(0)
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if not collector.down:
                    request = ExportTraceServiceRequest.FromString(body)
                    for resource in request.resource_spans:
                        for scope in resource.scope_spans:
                            collector.spans += [(resource.resource, scope.scope, span) for span in scope.spans]
                self.send_response(400 if collector.down else 200)
                self.send_header("content-length", "0")
                self.end_headers()
                collector.attempts.release()

            def log_message(self, *_: Any) -> None:
                return None

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def otlp(collector: Collector) -> Any:
    module = pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http.trace_exporter", reason="the otlp extra is not installed"
    )
    return module.OTLPSpanExporter(endpoint=collector.url)


def work() -> tracer.LiveSpan:
    with tracer.start_span("root", span_type="AGENT") as root:
        root.set_inputs({"q": "?"})
        with pytest.raises(ValueError, match="bad"), tracer.start_span("child") as child:
            child.set_attribute("n", 1)
            child.add_event("e", {"k": "v"})
            raise ValueError("bad")
    return root


def test_otlp_gets_every_span_as_it_is(collector: Collector) -> None:
    tracer.configure(exporters=[otlp(collector)], service_name="shop")
    root = work()

    assert tracer.flush()
    spans = {span.name: span for _, _, span in collector.spans}
    assert set(spans) == {"root", "child"}
    assert spans["root"].trace_id.hex() == root.trace_id
    assert spans["child"].parent_span_id.hex() == root.span_id
    assert {a.key: a.value.string_value for a in spans["root"].attributes}["input.value"] == '{"q":"?"}'
    assert spans["child"].status.code == 2
    assert [e.name for e in spans["child"].events] == ["e", "exception"]
    assert {a.key: a.value.string_value for a in collector.spans[0][0].attributes}["service.name"] == "shop"


def test_a_backend_that_is_down_gets_everything_when_it_is_back(collector: Collector) -> None:
    collector.down = True
    tracer.configure(exporters=[otlp(collector)])
    roots = [work() for _ in range(5)]
    assert collector.attempts.acquire(timeout=60)
    assert tracer.get_trace(roots[-1].trace_id) is not None

    collector.down = False
    assert tracer.flush(timeout=20)
    assert sorted(span.trace_id.hex() for _, _, span in collector.spans) == sorted(
        r.trace_id for r in roots for _ in "12"
    )


class Unready(SpanExporter):
    """Raises twice, then takes."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failures = 2

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.failures:
            self.failures -= 1
            raise OSError("not yet")
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.names.append("shut down")


def test_an_exporter_that_raises_is_tried_again_and_shut_down_at_the_end() -> None:
    exporter = Unready()
    tracer.configure(exporters=[exporter])
    work()
    assert tracer.flush()
    tracer.shutdown()

    assert exporter.names == ["child", "root", "shut down"]


def test_two_exporters_each_get_every_span_once() -> None:
    one, two = InMemorySpanExporter(), Unready()
    tracer.configure(exporters=[one, two])
    for _ in range(100):
        work()
    assert tracer.flush()

    assert len(one.get_finished_spans()) == len(two.names) == 200


class Watcher(SpanProcessor):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.seen.append(("start", span.name))
        span.set_attribute("watched", True)

    def on_end(self, span: ReadableSpan) -> None:
        self.seen.append(("end", span.name))


def test_processors_see_spans_start_and_end_and_functions_are_called_at_the_end() -> None:
    watcher = Watcher()
    ended: list[str] = []
    tracer.configure(span_processors=[watcher, lambda span: ended.append(span.name)])
    root = work()

    assert watcher.seen == [("start", "root"), ("start", "child"), ("end", "child"), ("end", "root")]
    assert ended == ["child", "root"]
    assert all(span.attributes["watched"] for span in tracer.get_trace(root.trace_id).data.spans)


@pytest.mark.parametrize("make", [SimpleSpanProcessor, BatchSpanProcessor])
def test_opentelemetrys_own_processors_take_live_spans(make: Any) -> None:
    memory = InMemorySpanExporter()
    processor = make(memory)
    tracer.configure(span_processors=[processor])
    work()
    processor.force_flush()
    processor.shutdown()

    assert sorted(span.name for span in memory.get_finished_spans()) == ["child", "root"]


@pytest.mark.swallow_faults
def test_a_processor_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    tracer.configure(span_processors=[lambda span: 1 / 0])
    root = work()

    assert len(tracer.get_trace(root.trace_id).data.spans) == 2
    assert caplog.text.count("ZeroDivisionError") == 1


def test_by_default_other_tracing_is_not_disturbed() -> None:
    provider = TracerProvider()
    app = provider.get_tracer("app")
    with app.start_as_current_span("app") as outer, tracer.start_span("ours") as ours:
        assert otel.get_current_span() is outer
        with app.start_as_current_span("inner") as inner:
            assert inner.parent.span_id == outer.get_span_context().span_id
    assert ours.parent_id is None


def joined(**options: Any) -> tuple[TracerProvider, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "app"}), **options)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer.configure(tracer_provider=provider)
    return provider, memory


def test_joining_a_provider_makes_one_tree_of_both() -> None:
    provider, memory = joined()
    app = provider.get_tracer("app")
    with (
        app.start_as_current_span("request") as request,
        tracer.start_span("ours") as ours,
        app.start_as_current_span("http") as http_span,
        tracer.start_span("deep") as deep,
    ):
        pass

    assert ours.parent_id == f"{request.get_span_context().span_id:016x}"
    assert deep.parent_id == f"{http_span.get_span_context().span_id:016x}"
    exported = {span.name: span for span in memory.get_finished_spans()}
    assert set(exported) == {"request", "ours", "http", "deep"}
    assert exported["ours"].resource.attributes["service.name"] == "app"
    trace = tracer.get_trace(ours.trace_id)
    assert [s.name for s in trace.data.spans] == ["ours", "http", "deep"]
    assert trace.info.state == "OK"


def test_a_joined_provider_that_does_not_sample_is_respected() -> None:
    _, memory = joined(sampler=ALWAYS_OFF)
    with tracer.start_span("root") as root:
        assert not root.is_recording()

    assert memory.get_finished_spans() == ()
    assert tracer.search_traces() == []


@pytest.mark.parametrize("name", ["openinference", "traceloop"])
def test_spans_of_other_instrumentations_below_ours_are_read_through_their_dialects(name: str) -> None:
    provider, _ = joined()
    recorded = json.loads((FOREIGN / f"{name}.json").read_bytes())[0]
    with (
        tracer.start_span("ours") as ours,
        provider.get_tracer(recorded.get("scope", "test")).start_as_current_span(recorded["name"]) as theirs,
    ):
        theirs.set_attributes(recorded["attributes"])

    trace = tracer.get_trace(ours.trace_id)
    span = next(span for span in trace.data.spans if span.name == recorded["name"])
    assert span.span_type == "CHAT_MODEL"
    assert json.loads(span.attributes["gen_ai.input.messages"])[0] == {
        "role": "system",
        "parts": [{"type": "text", "content": "Be brief."}],
    }
    assert span.token_usage["input_tokens"] > 0
    assert trace.info.token_usage == span.token_usage


def test_the_session_of_a_span_below_ours_is_the_traces() -> None:
    provider, _ = joined()
    with tracer.start_span("ours") as ours, provider.get_tracer("app").start_as_current_span("theirs") as theirs:
        theirs.set_attributes({"openinference.span.kind": "CHAIN", "session.id": "s-1", "user.id": "u-1"})

    info = tracer.get_trace(ours.trace_id).info
    assert (info.session_id, info.user) == ("s-1", "u-1")


def test_a_provider_that_stands_for_another_is_joined_as_that_one() -> None:
    """As logfire's does."""
    provider = TracerProvider()
    with tracer.start_span("before"):
        pass

    tracer.configure(tracer_provider=SimpleNamespace(provider=provider))  # type: ignore[arg-type]
    with tracer.start_span("ours") as ours, provider.get_tracer("app").start_as_current_span("theirs"):
        pass

    assert [span.name for span in tracer.get_trace(ours.trace_id).data.spans] == ["ours", "theirs"]


def test_without_content_none_of_a_span_below_ours_is_kept() -> None:
    provider, _ = joined()
    tracer.configure(capture_content=False)
    recorded = json.loads((FOREIGN / "openinference.json").read_bytes())[0]
    with (
        tracer.start_span("ours") as ours,
        provider.get_tracer("test").start_as_current_span(recorded["name"]) as theirs,
    ):
        theirs.set_attributes(recorded["attributes"])

    span = next(span for span in tracer.get_trace(ours.trace_id).data.spans if span.name == recorded["name"])
    assert span.token_usage["input_tokens"] > 0
    assert "Be brief." not in str(span.to_dict())


def test_a_span_that_only_stands_for_ours_is_ours() -> None:
    """Of a tracer that records nothing, as the Anthropic SDK has one."""
    joined()
    nothing = otel.NoOpTracer()
    with tracer.start_span("ours") as ours, nothing.start_as_current_span("nothing"), tracer.start_span("deep") as deep:
        pass

    assert (deep.parent_id, deep.is_root) == (ours.span_id, False)


def test_links_of_a_span_below_ours_are_kept() -> None:
    provider, _ = joined()
    app = provider.get_tracer("app")
    other = app.start_span("other")
    with tracer.start_span("ours") as ours, app.start_as_current_span("theirs", links=[Link(other.get_span_context())]):
        pass

    [theirs] = tracer.get_trace(ours.trace_id).search_spans(name="theirs")
    assert [link.span_id for link in theirs.links] == [f"{other.get_span_context().span_id:016x}"]


def test_the_conventions_messages_of_a_span_below_ours_are_structured_and_content() -> None:
    """As logfire's spans have them: JSON text under the conventions' names."""
    provider, _ = joined()
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages)}
    with tracer.start_span("ours") as ours:
        provider.get_tracer("app").start_span("theirs", attributes=attributes).end()
        tracer.configure(capture_content=False)
        provider.get_tracer("app").start_span("without content", attributes=attributes).end()

    kept, dropped = tracer.get_trace(ours.trace_id).data.spans[1:]
    assert (kept.span_type, json.loads(kept.attributes["gen_ai.input.messages"])) == ("CHAT_MODEL", messages)
    assert (dropped.span_type, "gen_ai.input.messages" in dropped.attributes) == ("CHAT_MODEL", False)
