"""Requests and replies that are read when the span is stored give the same span as those read in the call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import tracer
from tests.openai.replies import (
    QUESTION,
    TOOLS,
    chat,
    completion,
    embedding,
    lima,
    message_item,
    response,
    response_events,
    tool_call,
)
from tests.openai.sdk import HAS_RESPONSES
from tests.openai.server import Scripted, Server, reply, sse
from tracer._engine.runtime import runtime
from tracer.provider.installed import BUILT_IN, find_operation, find_provider_module

PICTURE = f"data:image/png;base64,{'iVBORw0KGgo' + 'A' * 1001}"
WITH_PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]
SECRET = [{"role": "user", "content": "sk-abcdefghijklmnopqrst"}]
CALL = chat({"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "weather", '{"city":"Lima"}')]})
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object"}}}

CHAT = ("chat.completions.create", {"model": "m", "messages": QUESTION})
CALLS: dict[str, tuple[str, dict[str, Any], Scripted]] = {
    "whole": (*CHAT, reply(chat())),
    "parameters": (CHAT[0], {**CHAT[1], "stop": ["x"], "seed": 3, "response_format": FORMAT}, reply(chat())),
    "tools": (CHAT[0], {**CHAT[1], "tools": TOOLS}, reply(CALL)),
    "streamed": (CHAT[0], {**CHAT[1], "stream": True}, sse(*lima())),
    "unfinished": (CHAT[0], {**CHAT[1], "stream": True}, sse(*lima()[:2], done=False)),
    "failed inside": (*CHAT, reply({"error": {"code": "overloaded", "message": "Later."}})),
    "refused": (*CHAT, reply({"error": {"message": "No."}}, status=400)),
    "no JSON": (*CHAT, Scripted([b"<html>"], 200, {}, "text/html")),
    "picture": (CHAT[0], {"model": "m", "messages": WITH_PICTURE}, reply(chat())),
    "picture in reply": (*CHAT, reply(chat({"role": "assistant", "content": None, "images": [PICTURE]}))),
    "secret": (CHAT[0], {"model": "m", "messages": SECRET}, reply(chat())),
    "large": (CHAT[0], {"model": "m", "messages": [{"role": "user", "content": "x" * 3_000_000}]}, reply(chat())),
    "too many tokens": (*CHAT, reply(chat(usage={"prompt_tokens": 1e20, "completion_tokens": 9}))),
    "completion": ("completions.create", {"model": "m", "prompt": "Lima is"}, reply(completion(" big."))),
    "embedding": ("embeddings.create", {"model": "m", "input": "Lima"}, reply(embedding([[0.25, 0.5]]))),
}  # fmt: skip
if HAS_RESPONSES:
    ASK = ("responses.create", {"model": "m", "input": "Capital of Peru?", "instructions": "Be short."})
    CALLS["response"] = (*ASK, reply(response(message_item())))
    CALLS["response streamed"] = (ASK[0], {**ASK[1], "stream": True}, sse(*response_events()))


# journals have them for ever
RECORDED_NAMES = {
    "anthropic.message", "bedrock.chat", "bedrock.converse", "bedrock.embedding", "bedrock.rerank",
    "bedrock.retrieve_and_generate", "bedrock.text", "cohere.chat", "cohere.embedding", "cohere.first_chat",
    "cohere.generate", "cohere.rerank", "gemini.content", "groq.chat", "groq.completion", "groq.embedding",
    "huggingface.chat", "huggingface.completion", "huggingface.text_generation", "mistral.chat", "ollama.chat",
    "ollama.generate", "openai.chat", "openai.completion", "openai.embedding", "openai.response", "together.chat",
    "together.completion", "together.embedding",
}  # fmt: skip


class Heard(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[Any] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


def say(span: Any) -> dict[str, Any]:
    """The content of a stored span, without ids and times."""
    passing = ("server.port", "gen_ai.response.time_to_first_chunk")
    attributes = {key: value for key, value in span.attributes.items() if key not in passing}
    return {
        "name": span.name,
        "status": span.status,
        "events": [(event.name, dict(event.attributes or {})) for event in span.events],
        **attributes,
    }


@pytest.mark.parametrize("kind", CALLS)
def test_a_span_is_the_same_read_later_or_at_once(
    kind: str, server: Server, call: Any, stored: Any, tmp_path: Path
) -> None:
    name, arguments, answer = CALLS[kind]
    said = []
    for number, processors in enumerate(([], [lambda span: None])):
        tracer.configure(store=f"sqlite:///{tmp_path / str(number)}.db", span_processors=processors)
        server.will(answer)
        try:
            call(name, **arguments)
        except openai.OpenAIError:
            assert kind in ("refused", "no JSON")
        said.append(say(stored.span))

    assert said[0] == said[1]


def test_the_request_is_on_the_span_when_it_is_read_during_the_call(server: Server, stored: Any) -> None:
    seen = {}

    def look(_request: Any) -> None:
        span = tracer.get_current_active_span()
        seen.update(messages=span.get_attribute("gen_ai.input.messages"), seed=span.attributes["gen_ai.request.seed"])
        span.set_attribute("gen_ai.request.seed", 8)

    http = openai.DefaultHttpxClient(event_hooks={"request": [look]})
    server.will(reply(chat()))
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", http_client=http) as client:
        client.chat.completions.create(model="m", messages=QUESTION, seed=7)

    assert seen == {"messages": stored.input, "seed": 7}
    assert stored.span.attributes["gen_ai.request.seed"] == 8
    assert stored.text == "Lima."


def test_an_attribute_that_was_set_in_the_call_wins_over_that_of_the_request(server: Server, stored: Any) -> None:
    http = openai.DefaultHttpxClient(
        event_hooks={"request": [lambda _: tracer.get_current_active_span().set_attribute("gen_ai.request.seed", 8)]}
    )
    server.will(reply(chat()))
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", http_client=http) as client:
        client.chat.completions.create(model="m", messages=QUESTION, seed=7)

    assert stored.span.attributes["gen_ai.request.seed"] == 8


def test_a_processor_sees_the_chunks_that_are_stored(server: Server, call: Any, stored: Any, tmp_path: Path) -> None:
    seen: list[Any] = []
    tracer.configure(store=f"sqlite:///{tmp_path}/p.db", span_processors=[lambda span: seen.extend(span.events)])
    server.will(sse(*lima()))

    call("chat.completions.create", model="m", messages=QUESTION, stream=True)

    kept = [(event.name, event.timestamp, dict(event.attributes)) for event in stored.span.events]
    assert [(event.name, event.timestamp, dict(event.attributes)) for event in seen] == kept
    assert len(kept) == 6


def test_an_exporter_gets_the_messages_and_usage_of_a_call(server: Server, call: Any, tmp_path: Path) -> None:
    heard = Heard()
    tracer.configure(store=f"sqlite:///{tmp_path}/e.db", exporters=[heard])
    server.will(reply(chat()))

    call("chat.completions.create", model="m", messages=QUESTION)
    tracer.flush()

    [span] = heard.spans
    assert span.attributes["gen_ai.usage.input_tokens"] == 14
    assert "Lima." in span.attributes["gen_ai.output.messages"]


DEEP = chat({"role": "assistant", "content": "Lima.", "tool_calls": [tool_call("c1", "deep", "[" * 300 + "]" * 300)]})


def _served(folder: Path) -> AbstractContextManager[str]:
    pytest.importorskip("starlette", reason="the extra `server` is not installed")
    from tracer.server import running_server

    return running_server(f"sqlite:///{folder}/served.db")


@pytest.mark.parametrize("body", [DEEP, chat(usage={"prompt_tokens": 1e20, "completion_tokens": 9})])
@pytest.mark.parametrize("place", ["file", "server"])
def test_a_call_that_cannot_be_encoded_still_has_its_span(
    place: str, body: Any, server: Server, call: Any, stored: Any, tmp_path: Path
) -> None:
    server.will(reply(body))

    with _served(tmp_path) if place == "server" else nullcontext() as url:
        if url is not None:
            tracer.configure(store=url)
        call("chat.completions.create", model="m", messages=QUESTION)
        assert tracer.flush(20)
        assert stored.text == "Lima."
        assert stored.span.attributes["gen_ai.usage.output_tokens"] == 9
        tracer.reset()


KILLED = """
import os, signal, sys
import openai, tracer
tracer.openai.autolog()
client = openai.OpenAI(api_key="k", base_url=sys.argv[1])
client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Capital of Peru?"}])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")
def test_a_call_of_a_killed_process_is_read_at_recovery(server: Server, stored: Any, own_store: str) -> None:
    server.will(reply(chat()))

    subprocess.run(
        [sys.executable, "-c", KILLED, f"{server.url}/v1"],
        env={**os.environ, "TRACER_STORE": own_store},
        check=False,
        timeout=60,
    )

    assert stored.text == "Lima."
    assert stored.span.attributes["gen_ai.usage.output_tokens"] == 9


def test_every_operation_that_is_read_later_is_found_by_its_name() -> None:
    operations = [item for name in BUILT_IN for item in find_provider_module(name).provider.read_later.items()]

    assert {name for name, _ in operations} == RECORDED_NAMES
    for name, operation in operations:
        assert find_operation(name) is operation


@pytest.mark.parametrize("name", ["openai.no_such", "no_such.chat", "chat", ".", "openai", "openai.chat.more"])
def test_a_name_that_no_provider_knows_is_no_operation(name: str) -> None:
    assert find_operation(name) is None


def test_a_call_that_only_another_version_can_read_is_kept_as_it_is(
    server: Server, call: Any, stored: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(tracer.openai.provider.read_later, "openai.chat")
    for _ in range(2):
        server.will(sse(*lima()))
        call("chat.completions.create", model="m", messages=QUESTION, stream=True)

    kept = stored.spans
    assert [span.attributes["gen_ai.request.model"] for span in kept] == ["m", "m"]
    assert [span.inputs["messages"] for span in kept] == [QUESTION, QUESTION]
    assert [span.outputs["choices"][0]["message"]["content"] for span in kept] == ["Lima.", "Lima."]
    assert [len(span.events) for span in kept] == [6, 6]
    assert [record.getMessage() for record in caplog.records] == [
        "tracer does not know how to read a call of kind 'openai.chat', and keeps it as it is"
    ]
    store = runtime().store()
    assert {store.payload(span.trace_id, span.span_id)["reader"] for span in kept} == {"openai.chat"}
