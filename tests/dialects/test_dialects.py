"""Spans of other instrumentations, as these emit them, show with messages, tools, model, tokens and kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.server.conftest import SECOND, START
from tracer.dialects import translate

pytestmark = pytest.mark.no_store
FOREIGN = Path(__file__).with_name("foreign")  # recorded from the instrumentations with the demo's server
QUESTION = "I have one free day. Lisbon, Oslo or Atlantis?"
REPLY = "This is a scripted reply from tracer's demo server."
CITIES = ("Lisbon", "Oslo", "Atlantis")


def sent(server_url: str, spans: list[dict[str, Any]]) -> None:
    """Send spans through OpenTelemetry's own exporter, one trace each."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{server_url}/v1/traces")))
    for number, recorded in enumerate(spans):
        start = START + number * 10 * SECOND
        otel = provider.get_tracer(recorded.get("scope", "test"))
        span = otel.start_span(recorded["name"], start_time=start, attributes=recorded["attributes"])
        for event in recorded.get("events", ()):
            span.add_event(event["name"], event["attributes"], timestamp=start + SECOND // 4)
        span.end(start + SECOND)
    provider.shutdown()


def shown(client: httpx.Client) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each trace with its only span, whole, oldest first."""
    traces = client.get("/traces", params={"order_by": "timestamp asc"}).json()["traces"]
    return [
        (trace, client.get(f"/traces/{trace['trace_id']}/spans/{trace['root_span_id']}").json()) for trace in traces
    ]


@pytest.mark.parametrize("name", ["openinference", "traceloop"])
def test_recorded_spans_show_as_our_own_would(name: str, server_url: str, client: httpx.Client) -> None:
    sent(server_url, orjson.loads((FOREIGN / f"{name}.json").read_bytes()))

    (asking_trace, asking), (answering_trace, answering), (_, streamed), (_, embedding) = shown(client)

    assert [span["type"] for span in (asking, answering, streamed, embedding)] == [*["CHAT_MODEL"] * 3, "EMBEDDING"]
    assert asking["input_messages"] == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": QUESTION}]},
    ]
    [reply] = asking["output_messages"]
    assert [(part["type"], part["name"], part["arguments"]) for part in reply["parts"]] == [
        ("tool_call", "get_weather", {"city": city}) for city in CITIES
    ]
    assert asking["attributes"]["gen_ai.response.finish_reasons"] == ["tool_calls"]
    [tool] = asking["tools"]
    assert tool["name"] == "get_weather"
    assert tool["parameters"]["properties"] == {"city": {"type": "string"}}
    assert (asking["model"], asking["provider"]) == ("gpt-4o-mini-2024-07-18", "openai")
    assert asking["attributes"]["gen_ai.request.model"] == "gpt-4o-mini"
    assert (asking["usage"]["input_tokens"], asking["usage"]["output_tokens"]) == (77, 115)
    assert asking_trace["cost"]["total_cost"] == pytest.approx(77 * 0.15e-6 + 115 * 0.6e-6)
    assert [message["role"] for message in answering["input_messages"]] == [
        "system",
        "user",
        "assistant",
        *["tool"] * 3,
    ]
    result = answering["input_messages"][3]["parts"][0]
    assert (result["type"], result["response"]) == ("tool_call_response", '{"sky": "sunny"}')
    assert result["id"] == answering["input_messages"][2]["parts"][0]["id"]
    assert answering["output_messages"][0]["parts"] == [{"type": "text", "content": REPLY}]
    assert (answering_trace["request_preview"], answering_trace["response_preview"]) == (QUESTION, REPLY)
    assert streamed["first_chunk_ns"] == SECOND // 4
    assert embedding["usage"]["input_tokens"] == 2
    left = [
        key for span in (asking, answering) for key in span["attributes"] if "messages." in key or ".prompt." in key
    ]
    assert left == []


def test_sessions_and_users_of_openinference(server_url: str, client: httpx.Client) -> None:
    sent(server_url, orjson.loads((FOREIGN / "openinference.json").read_bytes()))

    [session] = client.get("/sessions").json()["sessions"]

    assert (session["session_id"], session["users"], session["trace_count"]) == ("s-1", ["ann"], 4)


def test_openinference_retriever_and_tool(server_url: str, client: httpx.Client) -> None:
    retriever = {
        "openinference.span.kind": "RETRIEVER",
        "input.value": "trams",
        "retrieval.documents.0.document.content": "Tram 28",
        "retrieval.documents.0.document.score": 0.9,
        "retrieval.documents.1.document.content": "Tram 12",
    }
    tool = {"openinference.span.kind": "TOOL", "input.value": '{"city": "Oslo"}', "input.mime_type": "application/json"}
    sent(server_url, [{"name": "find", "attributes": retriever}, {"name": "weather", "attributes": tool}])

    (_, found), (_, weather) = shown(client)

    assert (found["type"], found["inputs"]) == ("RETRIEVER", "trams")
    assert found["outputs"] == [{"content": "Tram 28", "score": 0.9}, {"content": "Tram 12"}]
    assert (weather["type"], weather["inputs"]) == ("TOOL", {"city": "Oslo"})


def test_openinference_pictures(server_url: str, client: httpx.Client) -> None:
    content = "llm.input_messages.0.message.contents"
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        f"{content}.0.message_content.type": "text",
        f"{content}.0.message_content.text": "What is it?",
        f"{content}.1.message_content.type": "image",
        f"{content}.1.message_content.image.image.url": "https://example.org/cat.png",
    }
    sent(server_url, [{"name": "look", "attributes": attributes}])

    [(_, span)] = shown(client)

    assert span["input_messages"][0]["parts"] == [
        {"type": "text", "content": "What is it?"},
        {"type": "uri", "modality": "image", "uri": "https://example.org/cat.png"},
    ]


def test_traceloop_workflow(server_url: str, client: httpx.Client) -> None:
    attributes = {
        "traceloop.span.kind": "workflow",
        "traceloop.entity.name": "joke",
        "traceloop.entity.input": '{"args": ["cats"], "kwargs": {}}',
        "traceloop.entity.output": '"A cat walks into a bar"',
        "traceloop.association.properties.session_id": "s-9",
        "traceloop.association.properties.user_id": "bob",
    }
    sent(server_url, [{"name": "joke.workflow", "attributes": attributes}])

    [(trace, span)] = shown(client)

    assert (span["type"], span["outputs"]) == ("WORKFLOW", "A cat walks into a bar")
    assert span["inputs"] == {"args": ["cats"], "kwargs": {}}
    assert (trace["session_id"], trace["user"]) == ("s-9", "bob")


def test_genai_messages_as_events_of_the_span(server_url: str, client: httpx.Client) -> None:
    events = [
        {"name": "gen_ai.system.message", "attributes": {"content": "Be brief."}},
        {"name": "gen_ai.user.message", "attributes": {"content": "Hi", "gen_ai.system": "openai"}},
        {
            "name": "gen_ai.choice",
            "attributes": {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": '{"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function":'
                ' {"name": "get_weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}}]}',
            },
        },
        {"name": "something else", "attributes": {}},
    ]
    attributes = {"gen_ai.system": "az.ai.openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    sent(server_url, [{"name": "chat gpt-4o", "attributes": attributes, "events": events}])

    [(_, span)] = shown(client)

    assert [message["role"] for message in span["input_messages"]] == ["system", "user"]
    assert span["output_messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Oslo"}}],
            "finish_reason": "tool_calls",
        }
    ]
    assert (span["type"], span["provider"], span["model"]) == ("CHAT_MODEL", "azure.ai.openai", "gpt-4o")
    assert [event["name"] for event in span["events"]] == ["something else"]


def test_genai_messages_in_one_attribute(server_url: str, client: httpx.Client) -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    replies = [{"role": "assistant", "parts": [{"type": "text", "content": "Ho"}], "finish_reason": "stop"}]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.model": "claude-x",
        "gen_ai.input.messages": orjson.dumps(messages).decode(),
        "gen_ai.output.messages": orjson.dumps(replies).decode(),
        "gen_ai.conversation.id": "c-7",
    }
    sent(server_url, [{"name": "chat claude-x", "attributes": attributes}])

    [(trace, span)] = shown(client)

    assert (span["input_messages"], span["output_messages"]) == (messages, replies)
    assert trace["session_id"] == "c-7"


def test_mlflow(server_url: str, client: httpx.Client) -> None:
    attributes = {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.spanInputs": '{"q": 1}',
        "mlflow.spanOutputs": '"done"',
        "mlflow.chat.messages": '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]',
        "mlflow.chat.tokenUsage": '{"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}',
    }
    sent(server_url, [{"name": "predict", "attributes": attributes}])

    [(_, span)] = shown(client)

    assert (span["type"], span["inputs"], span["outputs"]) == ("CHAT_MODEL", {"q": 1}, "done")
    assert [message["role"] for message in span["input_messages"] + span["output_messages"]] == ["user", "assistant"]
    assert span["usage"]["total_tokens"] == 5


def translated(attributes: dict[str, Any]) -> Any:
    record: Any = {"kind": "span", "trace_id": "1" * 32, "span_id": "2" * 16, "name": "odd", "attributes": attributes}
    translate(record)  # whatever a dialect raises is raised in tests
    return record


@pytest.mark.parametrize("prefix", ["llm.input_messages", "llm.tools", "retrieval.documents", "gen_ai.prompt"])
@pytest.mark.parametrize("name", ["0." + "a." * 1_500 + "b", "1" * 5_000 + ".content"], ids=["deep", "long number"])
def test_indexed_attributes_that_no_instrumentation_sends_are_kept_as_they_are(prefix: str, name: str) -> None:
    attributes = {f"{prefix}.{name}": "x", "openinference.span.kind": "RETRIEVER"}

    assert translated(dict(attributes))["attributes"] == attributes


@pytest.mark.parametrize("prefix", ["llm.input_messages", "gen_ai.prompt"])
def test_of_very_many_indexed_attributes_the_first_are_read_and_the_others_kept(prefix: str) -> None:
    inner = "message." if prefix.startswith("llm") else ""
    attributes = {f"{prefix}.{number}.{inner}content": "x" for number in range(50_000)}

    record = translated({"openinference.span.kind": "LLM", **attributes})

    [messages] = record["json"].values()
    kept = record["attributes"].keys() & attributes.keys()
    assert 10_000 <= len(messages) <= 30_000
    assert len(messages) + len(kept) == 50_000


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "llm.input_messages.0": "text",
            "llm.input_messages.x.message": "y",
            "llm.input_messages.1.message.role": "user",
        },
        {"openinference.span.kind": "LLM", "llm.input_messages.0.message.contents.0": "loose", "llm.tools.0": "{"},
        {"gen_ai.prompt.0.content": "[1, 2", "gen_ai.prompt.0.tool_calls": "none", "gen_ai.completion.99999": "far"},
        {"traceloop.entity.input": "{broken", "llm.request.functions.0.parameters": "{broken"},
        {"mlflow.chat.messages": "7", "mlflow.spanType": "3"},
        {"gen_ai.input.messages": "{broken", "gen_ai.system": 3},
    ],
)
def test_unknown_attributes_of_other_producers_are_kept(
    attributes: dict[str, Any], server_url: str, client: httpx.Client
) -> None:
    sent(server_url, [{"name": "odd", "attributes": attributes}])

    [(trace, _)] = shown(client)

    assert trace["name"] == "odd"
