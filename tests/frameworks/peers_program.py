"""A program with steps of every kind, whose spans are exported to other backends: see peers.py.

    python tests/frameworks/peers_program.py FOLDER PHOENIX MLFLOW

Runs once for each way of exporting, with a store of its own in the folder. Prints as JSON what tracer recorded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

import anthropic  # noqa: E402
import openai  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402

import tracer  # noqa: E402
from tests.anthropic.replies import message  # noqa: E402
from tests.frameworks.peers import ANSWER, EXPERIMENT, QUESTION, SECRET, TOOL, WAYS  # noqa: E402
from tests.openai.replies import chat, chunk, delta, embedding, tool_call  # noqa: E402
from tests.openai.server import Asked, Scripted, Server, reply, sse  # noqa: E402

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
MESSAGE_USAGE = {
    "input_tokens": 60,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 10,
    "output_tokens": 20,
}


def answer(asked: Asked) -> Scripted:
    """What the models say: a tool call, then a streamed answer; a judgement; vectors; and an error."""
    body = asked.json
    if asked.path.endswith("/embeddings"):
        return reply(embedding([[0.5, 0.25]], model="text-embedding-3-small"))
    if asked.path.endswith("/messages"):
        text = {"type": "text", "text": "A good answer."}
        return reply(message(text, model="claude-sonnet-4-5-20250929", usage=MESSAGE_USAGE))
    if body["model"] == "gpt-none":
        return reply({"error": {"message": "no such model", "type": "invalid_request_error"}}, status=404)
    named = {"model": "gpt-4o-mini-2024-07-18"}
    if not body.get("stream"):
        call = {
            "role": "assistant",
            "content": None,
            "tool_calls": [tool_call("call_1", "get_weather", '{"city":"L"}')],
        }
        return reply(chat(call, finish="tool_calls", usage=USAGE, **named))
    words = [chunk(delta(content=f"{word} "), **named) for word in ANSWER.split()]
    return sse(*words, chunk(delta(finish="stop"), **named), chunk(usage=USAGE, **named))


class App:
    """An agent that looks something up, asks for the weather, answers and is judged."""

    def __init__(self, url: str) -> None:
        self.openai = openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
        self.anthropic = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)

    @tracer.trace(name="serve")
    def serve(self, question: str) -> str:
        tracer.update_current_trace(
            session_id="session-7", user="ann", tags={"env": "prod", "beta": "true"}, metadata={"release": "2.4"}
        )
        said = self.agent(question)
        with tracer.start_span("tidy", span_type="PARSER") as tidy:
            tidy.set_inputs(said)
            said = said.strip()
            tidy.set_outputs(said)
        with tracer.start_span("judge", span_type="EVALUATOR"):
            asked = [{"role": "user", "content": f"Is this good? {said}"}]
            self.anthropic.messages.create(model="claude-sonnet-4-5", max_tokens=64, messages=asked)  # type: ignore[arg-type]
        self.break_down()
        return said

    @tracer.trace(name="agent", span_type="AGENT")
    def agent(self, question: str) -> str:
        self.look_up(question)
        messages: list[Any] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": question},
        ]
        tools: Any = [{"type": "function", "function": TOOL}]
        first = self.openai.chat.completions.create(
            model="gpt-4o-mini", messages=messages, tools=tools, temperature=0.5
        )
        called = first.choices[0].message
        result = self.get_weather(city="Lisbon", key=SECRET)
        messages += [called.to_dict(), {"role": "tool", "tool_call_id": "call_1", "content": result}]
        stream = self.openai.chat.completions.create(
            model="gpt-4o-mini", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        return "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices)

    @tracer.trace(name="look_up", span_type="RETRIEVER")
    def look_up(self, query: str) -> list[dict[str, Any]]:
        self.openai.embeddings.create(model="text-embedding-3-small", input=query)
        return [{"page_content": "Lisbon is warm.", "metadata": {"source": "guide"}, "id": "doc-1"}]

    @tracer.trace(name="get_weather", span_type="TOOL")
    def get_weather(self, city: str, key: str) -> str:
        return "21 degrees"

    def break_down(self) -> None:
        try:
            self.openai.chat.completions.create(model="gpt-none", messages=[{"role": "user", "content": "?"}])
        except openai.OpenAIError:
            return


def steps(trace: tracer.Trace) -> Iterator[dict[str, Any]]:
    for span in trace.data.spans:
        yield {
            "id": span.span_id,
            "name": span.name,
            "parent": span.parent_id,
            "type": span.span_type,
            "inputs": span.inputs,
            "outputs": span.outputs,
            "usage": span.token_usage,
            "cost": (span.cost or {}).get("total_cost"),
        }


def record(way: str, store: str, exporters: list[OTLPSpanExporter]) -> dict[str, Any]:
    """Run the app once, with its spans exported in one way; gives what tracer recorded."""
    tracer.reset()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    if way == "provider":
        for exporter in exporters:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer.configure(store=store, tracer_provider=provider)
    elif way == "exporters":
        tracer.configure(store=store, exporters=exporters, service_name="shop")
    else:
        tracer.configure(store=store, service_name="shop")
    tracer.openai.autolog()
    tracer.anthropic.autolog()
    server = Server()
    server.will(answer)
    App(server.url).serve(QUESTION)
    server.close()
    assert tracer.flush(120)
    assert provider.force_flush()
    trace = tracer.get_trace(tracer.get_last_active_trace_id() or "")
    assert trace is not None
    return {"trace_id": trace.info.trace_id, "steps": list(steps(trace))}


def main(folder: str, phoenix: str, mlflow: str) -> None:
    recorded = {}
    for way in WAYS:
        exporters = [
            OTLPSpanExporter(f"{phoenix}/v1/traces"),
            OTLPSpanExporter(f"{mlflow}/v1/traces", headers={"x-mlflow-experiment-id": EXPERIMENT}),
        ]
        recorded[way] = record(way, f"sqlite:///{folder}/{way}.db", exporters)
    print(json.dumps(recorded))


if __name__ == "__main__":
    main(*sys.argv[1:])
