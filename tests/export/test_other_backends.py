"""What is exported is understood by others, by OpenInference's names, the conventions' and MLflow's, and read back.

The real servers of other backends are asked by tests/frameworks/peers.py.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tracer
from tests.openai.replies import TOOLS, chat, lima, tool_call
from tests.openai.server import Server, reply, sse
from tracer.server import running_server
from tracer.store import open_store

SECRET = "sk-ant-api03-" + "Zk9Qw3xT7" * 10
KEYS = ("openinference.span.kind", "input.value", "input.mime_type", "output.value", "output.mime_type")


def through_exporters(exporter: SpanExporter) -> Callable[[], object]:
    tracer.configure(exporters=[exporter])
    return tracer.flush


def through_provider(exporter: SpanExporter) -> Callable[[], object]:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer.configure(tracer_provider=provider)
    return provider.force_flush


def through_processors(exporter: SpanExporter) -> Callable[[], object]:
    tracer.configure(span_processors=[SimpleSpanProcessor(exporter)])
    return tracer.flush


Way = Callable[[SpanExporter], Callable[[], object]]
WAYS: Sequence[Way] = (through_exporters, through_provider, through_processors)
every_way = pytest.mark.parametrize("way", WAYS)


def exported_by(way: Way, program: Callable[[], object]) -> dict[str, ReadableSpan]:
    memory = InMemorySpanExporter()
    flush = way(memory)
    program()
    flush()
    return {span.name: span for span in memory.get_finished_spans()}


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@tracer.trace(span_type="TOOL")
def weather(city: str) -> dict[str, int]:
    return {"degrees": 21}


@tracer.trace(span_type="RETRIEVER")
def look_up(query: str) -> list[str]:
    return ["Lisbon is warm."]


@tracer.trace(span_type="AGENT")
def agent(question: str) -> str:
    look_up("Lisbon")
    weather("Lisbon")
    with tracer.start_span("parse", span_type="PARSER") as span:
        span.set_inputs("21")
        span.set_outputs(21)
    return "It is warm."


@tracer.trace
def serve(question: str) -> str:
    with tracer.start_span("early"):
        pass
    tracer.update_current_trace(session_id="s-1", user="ann", tags={"env": "prod", "beta": "true"})
    tracer.update_current_trace(tags={"env": "test", "gone": None}, metadata={"release": "2.4"})
    return agent(question)


@every_way
def test_steps_have_kind_input_and_output(way: Way) -> None:
    spans = exported_by(way, lambda: serve("How warm?"))

    assert {name: [attributes_of(span).get(key) for key in KEYS] for name, span in spans.items()} == {
        "serve": ["CHAIN", '{"question":"How warm?"}', "application/json", "It is warm.", "text/plain"],
        "early": ["CHAIN", None, None, None, None],
        "agent": ["AGENT", '{"question":"How warm?"}', "application/json", "It is warm.", "text/plain"],
        "look_up": ["RETRIEVER", '{"query":"Lisbon"}', "application/json", '["Lisbon is warm."]', "application/json"],
        "weather": ["TOOL", '{"city":"Lisbon"}', "application/json", '{"degrees":21}', "application/json"],
        "parse": ["CHAIN", "21", "text/plain", "21", "application/json"],
    }


@every_way
def test_steps_have_the_conventions_operations_and_tools(way: Way) -> None:
    spans = exported_by(way, lambda: serve("How warm?"))

    found = {name: attributes_of(span) for name, span in spans.items()}
    assert {name: each.get("gen_ai.operation.name") for name, each in found.items()} == {
        "serve": None, "early": None, "agent": "invoke_agent", "look_up": "retrieval", "weather": "execute_tool",
        "parse": None,
    }  # fmt: skip
    assert {key: value for key, value in found["weather"].items() if key.startswith("gen_ai.tool.")} == {
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.arguments": '{"city":"Lisbon"}',
        "gen_ai.tool.call.result": '{"degrees":21}',
    }
    assert found["agent"]["gen_ai.agent.name"] == "agent"
    assert found["parse"]["mlflow.spanType"] == "PARSER"


@every_way
def test_steps_that_end_after_an_update_have_session_and_user_and_the_root_has_tags_and_metadata(way: Way) -> None:
    spans = exported_by(way, lambda: serve("How warm?"))

    found = {name: attributes_of(span) for name, span in spans.items()}
    belongs = {name: (each.get("session.id"), each.get("user.id")) for name, each in found.items()}
    assert belongs == {"early": (None, None)} | dict.fromkeys(
        ("serve", "agent", "look_up", "weather", "parse"), ("s-1", "ann")
    )
    root = found["serve"]
    assert root["tag.tags"] == ["env:test", "beta"]
    assert (root["mlflow.traceTag.env"], root["mlflow.traceTag.beta"]) == ("test", "true")
    assert json.loads(root["metadata"]) == {"release": "2.4"}
    assert [name for name, each in found.items() if "tag.tags" in each or "metadata" in each] == ["serve"]


@every_way
def test_no_secret_is_exported(way: Way) -> None:
    @tracer.trace(name=f"ask {SECRET}", span_type="TOOL")
    def ask(header: dict[str, str], key: str) -> str:
        tracer.update_current_trace(session_id=SECRET, tags={"key": SECRET}, metadata={"key": SECRET})
        span = tracer.get_current_active_span()
        assert span is not None
        span.set_attribute("note", SECRET)
        span.add_event("told", {"key": SECRET})
        raise ValueError(SECRET)

    def program() -> None:
        with pytest.raises(ValueError, match="sk-ant"):
            ask({"Authorization": f"Bearer {SECRET}"}, SECRET)

    [span] = exported_by(way, program).values()
    assert "REDACTED" in span.to_json()
    assert SECRET not in span.to_json()


@every_way
def test_what_is_too_large_is_exported_cut(way: Way) -> None:
    spans = exported_by(way, lambda: weather("L" * 3_000_000))

    assert sum(len(str(value)) for value in attributes_of(spans["weather"]).values()) < 3 * 2**20


@every_way
def test_without_content_the_kind_is_exported_and_no_value(way: Way) -> None:
    memory = InMemorySpanExporter()
    flush = way(memory)
    tracer.configure(capture_content=False)
    weather("Lisbon")
    flush()

    [span] = memory.get_finished_spans()
    assert attributes_of(span)["openinference.span.kind"] == "TOOL"
    assert "Lisbon" not in span.to_json()


class UnreadyAtTheRoot(SpanExporter):
    """Fails at first."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.fails = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.fails:
            self.fails = False
            return SpanExportResult.FAILURE
        self.spans += spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        return None


def test_a_trace_that_is_sent_again_still_has_its_session() -> None:
    exporter = UnreadyAtTheRoot()
    tracer.configure(exporters=[exporter])
    serve("How warm?")
    assert tracer.flush()

    assert {span.name for span in exporter.spans if "session.id" in attributes_of(span)} >= {"serve", "agent"}


def calls(server: Server) -> Callable[[], object]:
    """A program with a tool call, a streamed reply and an error."""

    @tracer.trace
    def program() -> None:
        tracer.update_current_trace(session_id="s-1", user="ann", tags={"a": "true", "b": "2"}, metadata={"m": "1"})
        with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client:
            asked: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
            call = {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "weather", "{}")]}
            server.will(reply(chat(call)), sse(*lima()), reply({"error": {"message": "no"}}, status=400))
            client.chat.completions.create(**asked, tools=TOOLS)
            list(client.chat.completions.create(**asked, stream=True))
            with pytest.raises(openai.BadRequestError):
                client.chat.completions.create(**asked)
        agent("How warm?")
        with tracer.start_span("odd", attributes={"session.id": "mine", "metadata": "x", "list": [1], "d": {"a": 1}}):
            pass

    tracer.openai.autolog()
    return program


@every_way
def test_what_was_exported_is_read_back_as_it_was(way: Way, server: Server, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    with running_server(other) as url:
        flush = way(OTLPSpanExporter(f"{url}/v1/traces"))
        calls(server)()
        flush()
        trace_id = tracer.get_last_active_trace_id()
        assert trace_id is not None
        here = tracer.get_trace(trace_id)
        tracer.openai.autolog(disable=True)
        tracer.reset()
        tracer.configure(store=other)
        there = tracer.get_trace(trace_id)

    assert here is not None
    assert there is not None
    assert as_dicts(there) == as_dicts(here)
    assert there.info == here.info


@every_way
def test_the_session_is_read_back_before_the_root_ends(way: Way, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    with running_server(other) as url:
        flush = way(OTLPSpanExporter(f"{url}/v1/traces"))
        with tracer.start_span("root") as root:
            tracer.update_current_trace(session_id="s-1", user="ann")
            agent("How warm?")
            flush()
            with contextlib.closing(open_store(other)) as store:
                found = store.trace(root.trace_id)
        flush()

    assert found is not None
    assert (found.row.session_id, found.row.user) == ("s-1", "ann")


def as_dicts(trace: tracer.Trace) -> list[dict[str, Any]]:
    return sorted((span.to_dict() for span in trace.data.spans), key=lambda span: str(span["span_id"]))
