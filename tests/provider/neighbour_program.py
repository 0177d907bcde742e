"""Calls through one SDK beside another instrumentation of it, in a process of their own: see neighbours.py.

After each step (theirs on, ours on, theirs removed, …) it makes the calls, and prints as JSON the replies that it got,
the spans that the other one made, and what tracer recorded.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tracer
from tests.openai.server import Asked, Scripted, Server, reply, sse

Undo = Callable[[], object] | None
Spans = Callable[[], list[Any]]


# --- SDKs: clients, and one call in each of four ways, plain and streamed


class OpenAI:
    def __init__(self, url: str) -> None:
        import openai

        self.clients: list[Any] = [
            openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0),
            openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0),
        ]
        self.asked: dict[str, Any] = {
            "model": "gpt-test",
            "messages": [{"role": "user", "content": "Capital of Peru?"}],
        }

    def answer(self, asked: Asked) -> Scripted:
        from tests.openai.replies import chat, lima

        return sse(*lima()) if asked.json.get("stream") else reply(chat())

    def plain(self) -> Any:
        return self.clients[0].chat.completions.create(**self.asked).choices[0].message.content

    def streamed(self) -> Any:
        chunks = self.clients[0].chat.completions.create(**self.asked, stream=True)
        return [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]

    async def plain_async(self) -> Any:
        return (await self.clients[1].chat.completions.create(**self.asked)).choices[0].message.content

    async def streamed_async(self) -> Any:
        chunks = await self.clients[1].chat.completions.create(**self.asked, stream=True)
        return [chunk.choices[0].delta.content async for chunk in chunks if chunk.choices]


class Anthropic:
    def __init__(self, url: str) -> None:
        import anthropic

        self.clients: list[Any] = [
            anthropic.Anthropic(api_key="k", base_url=url, max_retries=0),
            anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0),
        ]
        messages = [{"role": "user", "content": "Capital of Peru?"}]
        self.asked: dict[str, Any] = {"model": "claude-test", "max_tokens": 64, "messages": messages}

    def answer(self, asked: Asked) -> Scripted:
        from tests.anthropic.replies import lima, message

        return sse(*lima(), done=False) if asked.json.get("stream") else reply(message())

    def plain(self) -> Any:
        return self.clients[0].messages.create(**self.asked).content[0].text

    def streamed(self) -> Any:
        return [event.type for event in self.clients[0].messages.create(**self.asked, stream=True)]

    async def plain_async(self) -> Any:
        return (await self.clients[1].messages.create(**self.asked)).content[0].text

    async def streamed_async(self) -> Any:
        return [event.type async for event in await self.clients[1].messages.create(**self.asked, stream=True)]


class Gemini:
    def __init__(self, url: str) -> None:
        from google import genai

        self.clients: list[Any] = [genai.Client(api_key="k", http_options={"base_url": url})]
        self.asked: dict[str, Any] = {"model": "gemini-test", "contents": "Capital of Peru?"}

    def answer(self, asked: Asked) -> Scripted:
        from tests.gemini.replies import content, lima

        return sse(*lima(), done=False) if "stream" in asked.path else reply(content())

    def plain(self) -> Any:
        return self.clients[0].models.generate_content(**self.asked).text

    def streamed(self) -> Any:
        return [chunk.text for chunk in self.clients[0].models.generate_content_stream(**self.asked)]

    async def plain_async(self) -> Any:
        return (await self.clients[0].aio.models.generate_content(**self.asked)).text

    async def streamed_async(self) -> Any:
        return [chunk.text async for chunk in await self.clients[0].aio.models.generate_content_stream(**self.asked)]


class Mistral:
    def __init__(self, url: str) -> None:
        from mistralai.client import Mistral

        self.clients: list[Any] = [Mistral(api_key="k", server_url=url)]
        messages = [{"role": "user", "content": "Capital of Peru?"}]
        self.asked: dict[str, Any] = {"model": "mistral-test", "messages": messages}

    def answer(self, asked: Asked) -> Scripted:
        from tests.openai.replies import chat, lima

        return sse(*lima(usage=False)) if asked.json.get("stream") else reply(chat())

    def plain(self) -> Any:
        return self.clients[0].chat.complete(**self.asked).choices[0].message.content

    def streamed(self) -> Any:
        events = self.clients[0].chat.stream(**self.asked)
        return [str(event.data.choices[0].delta.content) for event in events]

    async def plain_async(self) -> Any:
        return (await self.clients[0].chat.complete_async(**self.asked)).choices[0].message.content

    async def streamed_async(self) -> Any:
        events = await self.clients[0].chat.stream_async(**self.asked)
        return [str(event.data.choices[0].delta.content) async for event in events]


SDKS: dict[str, type[Any]] = {"openai": OpenAI, "anthropic": Anthropic, "gemini": Gemini, "mistral": Mistral}


# --- neighbours: how each is switched on and off, and what it has recorded


def memory() -> tuple[TracerProvider, Spans]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    otel.set_tracer_provider(provider)
    return provider, partial(spans_in, exporter)


def spans_in(exporter: InMemorySpanExporter) -> list[Any]:
    finished = exporter.get_finished_spans()
    exporter.clear()
    return [[span.name, sorted(span.attributes or {})] for span in finished]


def openinference(sdk: str, clients: list[Any], stack: ExitStack) -> tuple[Undo, Spans]:
    module, name = {
        "openai": ("openai", "OpenAIInstrumentor"),
        "anthropic": ("anthropic", "AnthropicInstrumentor"),
        "gemini": ("google_genai", "GoogleGenAIInstrumentor"),
        "mistral": ("mistralai", "MistralAIInstrumentor"),
    }[sdk]
    instrumentor = getattr(importlib.import_module(f"openinference.instrumentation.{module}"), name)()
    provider, spans = memory()
    instrumentor.instrument(tracer_provider=provider)
    return instrumentor.uninstrument, spans


def logfire(sdk: str, clients: list[Any], stack: ExitStack) -> tuple[Undo, Spans]:
    return _logfire(sdk)


def logfire_client(sdk: str, clients: list[Any], stack: ExitStack) -> tuple[Undo, Spans]:
    return _logfire(sdk, *clients)


def _logfire(sdk: str, *clients: Any) -> tuple[Undo, Spans]:
    import logfire

    exporter = InMemorySpanExporter()
    processors = [SimpleSpanProcessor(exporter)]
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=processors)
    instrument = {"openai": logfire.instrument_openai, "anthropic": logfire.instrument_anthropic}[sdk]
    instrumented = [instrument(client) for client in clients] if clients else [instrument()]  # type: ignore[operator]

    def undo() -> None:
        for each in instrumented:
            with each:
                pass

    return undo, partial(spans_in, exporter)


def langfuse(sdk: str, clients: list[Any], stack: ExitStack) -> tuple[Undo, Spans]:
    from langfuse import Langfuse

    provider, spans = memory()
    Langfuse(public_key="pk", secret_key="sk", host="http://127.0.0.1:1", tracer_provider=provider)
    importlib.import_module("langfuse.openai")
    return None, spans


def sentry(sdk: str, clients: list[Any], stack: ExitStack) -> tuple[Undo, Spans]:
    import sentry_sdk

    events: list[Any] = []

    def before_send_transaction(event: Any, _hint: Any) -> Any:
        events.append(event)
        return None

    sentry_sdk.init(
        dsn="http://k@127.0.0.1:1/1",
        traces_sample_rate=1.0,
        send_default_pii=True,
        before_send_transaction=before_send_transaction,
    )
    stack.enter_context(sentry_sdk.start_transaction(name="program"))

    def spans() -> list[Any]:
        stack.close()
        found = [span for event in events for span in event["spans"]]
        events.clear()
        stack.enter_context(sentry_sdk.start_transaction(name="program"))
        return [[span["description"], sorted(span["data"])] for span in found if str(span["op"]).startswith("gen_ai")]

    return None, spans


def ddtrace(sdk: str, clients: list[Any], stack: ExitStack) -> tuple[Undo, Spans]:
    from ddtrace.trace import TraceFilter
    from ddtrace.trace import tracer as their_tracer

    finished: list[Any] = []

    class Keeping(TraceFilter):
        def process_trace(self, trace: Any) -> Any:
            finished.extend(trace)

    name = {"openai": "openai", "anthropic": "anthropic", "gemini": "google_genai"}[sdk]
    patching = importlib.import_module(f"ddtrace.contrib.internal.{name}.patch")
    their_tracer.configure(trace_processors=[Keeping()])
    patching.patch()

    def spans() -> list[Any]:
        found = [[span.name, span.resource, span.error] for span in finished]
        finished.clear()
        return found

    return patching.unpatch, spans


NEIGHBOURS: dict[str, Callable[[str, list[Any], ExitStack], tuple[Undo, Spans]]] = {
    "openinference": openinference,
    "logfire": logfire,
    "logfire_client": logfire_client,
    "langfuse": langfuse,
    "sentry": sentry,
    "ddtrace": ddtrace,
}


def play(sdk_name: str, neighbour: str, steps: str, server: Server, stack: ExitStack) -> list[dict[str, Any]]:
    sdk = SDKS[sdk_name](server.url)
    server.will(sdk.answer)
    spans: Spans = list
    undo: Undo = None
    seen = 0
    results: list[dict[str, Any]] = []
    for step in steps.split(", "):
        if step == "theirs":
            undo, spans = NEIGHBOURS[neighbour](sdk_name, sdk.clients, stack)
        elif step == "theirs removed":
            if undo is None:  # it has no way back
                return results
            undo()
        elif step == "joined":
            tracer.configure(tracer_provider=otel.get_tracer_provider())  # type: ignore[arg-type]
            with tracer.start_span("program") as root:
                replies = call(sdk)
            return [*results, {"step": step, "replies": replies, **tree_of(root.trace_id)}]
        else:
            getattr(tracer, sdk_name).autolog(disable=step == "ours removed")
        result = {"step": step, "replies": call(sdk), "theirs": spans()}
        ours = recorded()
        results.append({**result, "ours": ours[seen:]})
        seen = len(ours)
    return results


loop = asyncio.new_event_loop()  # one for all steps: a client's connections belong to a loop


def call(sdk: Any) -> list[Any]:
    async def asynchronous() -> list[Any]:
        return [await sdk.plain_async(), await sdk.streamed_async()]

    return [sdk.plain(), sdk.streamed(), *loop.run_until_complete(asynchronous())]


def recorded() -> list[Any]:
    """The replies that tracer recorded, one for each span."""
    traces = [tracer.get_trace(found.info.trace_id) for found in tracer.search_traces(max_results=1000)]
    spans = [span for trace in traces if trace is not None for span in trace.data.spans]
    return [json.loads(str(span.attributes["gen_ai.output.messages"]))[0]["parts"] for span in spans]


def tree_of(trace_id: str) -> dict[str, Any]:
    """What a trace says of calls that both have recorded."""
    trace = tracer.get_trace(trace_id)
    assert trace is not None
    calls = trace.data.spans[1:]
    ours = [span for span in calls if str(span.to_dict()["scope"]).startswith("tracer.")]
    return {
        "types": sorted({span.span_type for span in calls}),
        "ours": len(ours),
        "others": len(calls) - len(ours),
        "prompts": sum("Peru" in str(span.attributes.get("gen_ai.input.messages")) for span in calls),
    }


def main() -> None:
    sdk, neighbour, steps, store = sys.argv[1:]
    os.environ["DD_TRACE_STARTUP_LOGS"] = "false"
    tracer.configure(store=store)
    server = Server()
    with ExitStack() as stack:
        print(json.dumps(play(sdk, neighbour, steps, server, stack)), flush=True)
    os._exit(0)  # a neighbour would wait for its server


if __name__ == "__main__":
    main()
