"""Agents behind OpenAI's Responses API: logged, loaded, traced, served."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

import tracer
from tests.models.conftest import ROOT, WriteModel
from tests.models.serve import Served
from tracer.models import ModelError, ResponsesAgent, ValidationError, load_model, log_model
from tracer.types.responses import (
    ResponsesAgentRequest,
    ResponsesAgentResponse,
    ResponsesAgentStreamEvent,
    output_to_responses_items_stream,
    responses_agent_output_reducer,
    to_chat_completions_input,
)

# as the examples for other tools are written, with the module's name alone replaced
AGENT = """
import tracer
from tracer.pyfunc import ResponsesAgent
from tracer.types.responses import (
    ResponsesAgentRequest, ResponsesAgentResponse, ResponsesAgentStreamEvent, to_chat_completions_input,
)

class Words(ResponsesAgent):
    @tracer.trace(span_type="TOOL")
    def look_up(self, word):
        return word.upper()

    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
        items = [event.item for event in self.predict_stream(request) if event.type == "response.output_item.done"]
        return ResponsesAgentResponse(
            output=items, custom_outputs=request.custom_inputs,
            usage={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        )

    def predict_stream(self, request: ResponsesAgentRequest):
        messages = to_chat_completions_input([item.model_dump() for item in request.input])
        said = messages[-1]["content"]
        if said == "fail":
            raise RuntimeError("inside")
        arguments = '{"word": "tram"}'
        call = self.create_function_call_item(id="fc_1", call_id="call_1", name="look_up", arguments=arguments)
        yield ResponsesAgentStreamEvent(type="response.output_item.done", item=call)
        result = self.create_function_call_output_item(call_id="call_1", output=self.look_up("tram"))
        yield ResponsesAgentStreamEvent(type="response.output_item.done", item=result)
        if said == "fail late":
            raise RuntimeError("inside")
        for word in said.split():
            yield ResponsesAgentStreamEvent(**self.create_text_delta(delta=word + " ", item_id="msg_1"))
        yield ResponsesAgentStreamEvent(
            type="response.output_item.done", item=self.create_text_output_item(text=said + " ", id="msg_1")
        )

tracer.models.set_model(Words())
"""
LOGS_ITSELF = """
model = tracer.pyfunc.log_model(name="words", python_model=Words(), input_example={"input": "x"})
loaded = tracer.pyfunc.load_model(model.model_uri)
print(ResponsesAgentResponse(**loaded.predict({"input": "one two"})).output_text)
list(Words().predict_stream({"input": "y"}))
trace = tracer.get_trace(tracer.get_last_active_trace_id())
assert [item["type"] for item in trace.data.spans[0].outputs["output"]][-1] == "message"
print([span.name for span in trace.data.spans])
"""
ASKED: dict[str, Any] = {"input": [{"role": "user", "content": "one two"}]}


@pytest.fixture
def agent(write_model: WriteModel) -> Path:
    path = write_model("", "agent.py")
    path.write_text(AGENT, encoding="utf-8")
    return path


def types_of(events: list[Any]) -> list[str]:
    return [event["type"] if isinstance(event, dict) else event.type for event in events]


def text_of(reply: Any) -> str:
    return str(ResponsesAgentResponse(**reply).output_text)


def test_an_agent_answers_and_each_answer_is_one_trace(agent: Path) -> None:
    model = log_model(name="words", python_model=str(agent))
    loaded = load_model(model.model_uri)

    reply = loaded.predict({**ASKED, "custom_inputs": {"k": 1}})

    assert text_of(reply) == "one two "
    assert (reply["object"], reply["status"], reply["custom_outputs"]) == ("response", "completed", {"k": 1})
    assert [item["type"] for item in reply["output"]] == ["function_call", "function_call_output", "message"]
    trace = tracer.get_trace(str(tracer.get_last_active_trace_id()))
    assert trace is not None
    assert [(span.name, span.span_type) for span in trace.data.spans] == [
        ("words", "AGENT"), ("predict_stream", "AGENT"), ("look_up", "TOOL"),
    ]  # fmt: skip
    assert trace.info.model_id == model.model_id
    assert trace.info.token_usage == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert (trace.info.request_preview, trace.info.response_preview) == ("one two", "one two ")
    assert trace.data.spans[0].outputs["custom_outputs"] == {"k": 1}


def test_a_stream_is_recorded_as_the_reply_that_it_makes_up(agent: Path) -> None:
    loaded = load_model(log_model(name="words", python_model=str(agent)).model_uri)

    events = list(loaded.predict_stream(ASKED))

    assert types_of(events) == [*["response.output_item.done"] * 2, *["response.output_text.delta"] * 2,
                                "response.output_item.done"]  # fmt: skip
    trace = tracer.get_trace(str(tracer.get_last_active_trace_id()))
    assert trace is not None
    assert [item["type"] for item in trace.data.spans[0].outputs["output"]] == [
        "function_call", "function_call_output", "message",
    ]  # fmt: skip


def test_the_text_of_a_stream_that_was_left_is_recorded(agent: Path) -> None:
    loaded = load_model(log_model(name="words", python_model=str(agent)).model_uri)

    stream: Any = loaded.predict_stream(ASKED)
    for event in stream:
        if event["type"] == "response.output_text.delta":
            break
    stream.close()

    trace = tracer.get_trace(str(tracer.get_last_active_trace_id()))
    assert trace is not None
    assert trace.data.spans[0].outputs["output"][-1]["content"][0]["text"] == "one "


class Direct(ResponsesAgent):
    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
        assert isinstance(request, ResponsesAgentRequest)
        said: Any = request.input[-1]
        items: list[Any] = [self.create_text_output_item(text=said.content, id="msg_1")]
        return ResponsesAgentResponse(output=items)


def test_an_agent_takes_a_dict_itself_and_is_traced() -> None:
    reply = Direct().predict({"input": [{"role": "user", "content": "hi"}]})  # type: ignore[arg-type]

    assert reply.output_text == "hi"
    trace = tracer.get_trace(str(tracer.get_last_active_trace_id()))
    assert trace is not None
    assert [(span.name, span.span_type) for span in trace.data.spans] == [("predict", "AGENT")]


def test_a_method_of_an_agent_looks_as_it_was_written() -> None:
    assert list(inspect.signature(Direct().predict).parameters) == ["request"]


@pytest.mark.no_store
def test_an_agent_of_a_program_is_pickled_whole(folder: Path) -> None:
    program = folder / "program.py"
    program.write_text(AGENT.replace("tracer.models.set_model(Words())", LOGS_ITSELF), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, str(program)], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "one two \n['predict_stream', 'look_up']\n"), done.stderr


class Asynchronous(ResponsesAgent):
    async def predict(self, request: Any) -> Any:  # type: ignore[override]
        return {"output": [self.create_text_output_item(text="whole", id="m")]}

    async def predict_stream(self, request: Any) -> Any:  # type: ignore[override]
        yield self.create_text_delta("part", "m")


async def collected(stream: Any) -> list[Any]:
    return [piece async for piece in stream]


def test_an_agent_may_be_asynchronous() -> None:
    import asyncio

    loaded = load_model(log_model("async", Asynchronous()).model_uri)

    assert text_of(loaded.predict({"input": "hi"})) == "whole"
    assert types_of(asyncio.run(collected(loaded.apredict_stream({"input": "hi"})))) == ["response.output_text.delta"]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"messages": []}, "input: is missing; a ResponsesAgent takes 'input', not 'messages'"),
        ({}, "input: is missing"),
        ({"input": [{"role": "user"}]}, "input[0].content: is missing"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role: is 'robot', expected one of user"),
        ({"input": [{"type": "function_call", "call_id": "x"}]}, "input[0]: an object of the type 'function_call'"),
        ({"input": "x", "temperature": "hot"}, "temperature: input should be a valid number"),
        (7, "got 7, expected"),
    ],
)
def test_an_invalid_request_names_the_field(asked: Any, problem: str, agent: Path) -> None:
    loaded = load_model(log_model("words", str(agent)).model_uri)

    with pytest.raises(ValidationError) as raised:
        loaded.predict(asked)

    assert problem in str(raised.value)


class NoReply(ResponsesAgent):
    def predict(self, request: Any) -> Any:  # type: ignore[override]
        return {"output": [{"type": "message", "content": None}]}


def test_a_reply_of_another_shape_is_an_error_that_names_the_field() -> None:
    with pytest.raises(ModelError, match=r"NoReply\.predict gave back no ResponsesAgentResponse: output\[0\]"):
        load_model(log_model("none", NoReply(), input_example=False).model_uri).predict(ASKED)


def test_items_of_requests_become_chat_messages() -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "u"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [1]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
    ]

    assert to_chat_completions_input(items) == [
        {"role": "user", "content": [
            {"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "assistant", "content": "tool call", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "[1]", "tool_call_id": "c"},
        {"role": "assistant", "content": "done"},
    ]  # fmt: skip


def test_chunks_of_a_chat_become_events() -> None:
    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{"}}
    chunks = [
        {"id": "c1", "choices": [{"delta": {"content": "one "}}]},
        {"id": "c1", "choices": [{"delta": {"content": "two"}}]},
        {"id": "c1", "choices": [{"delta": {"tool_calls": [call]}}]},
        {"id": "c1", "choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}}]},
        {"id": "c1", "choices": []},
    ]
    gathered: list[Any] = []

    events = list(output_to_responses_items_stream(chunks, gathered))

    assert types_of(events) == [*["response.output_text.delta"] * 2, *["response.output_item.done"] * 2]
    assert [item["type"] for item in gathered] == ["message", "function_call"]
    assert (gathered[0]["content"][0]["text"], gathered[1]["arguments"]) == ("one two", "{}")
    assert responses_agent_output_reducer(events)["output"] == gathered


# ---- served ----


@pytest.fixture
def served(agent: Path, own_store: str) -> Iterator[Served]:
    model = log_model("words", str(agent))
    tracer.flush()
    running = Served(model.model_uri, own_store)
    yield running
    assert running.close() == 0, running.errors


def test_the_openai_sdk_gets_replies_streams_and_errors(served: Served) -> None:
    with openai.OpenAI(base_url=served.url, api_key="k", max_retries=0) as client:
        whole = client.responses.create(model="words", input="one two")
        assert (whole.output_text, whole.model, whole.status) == ("one two ", "words", "completed")
        assert whole.usage is not None
        assert whole.usage.total_tokens == 5

        events = list(client.responses.create(model="words", input="one two", stream=True))
        assert types_of(events) == [
            "response.created", "response.in_progress",
            "response.output_item.added", "response.output_item.done",
            "response.output_item.added", "response.output_item.done",
            "response.output_item.added", "response.content_part.added",
            "response.output_text.delta", "response.output_text.delta",
            "response.output_text.done", "response.content_part.done", "response.output_item.done",
            "response.completed",
        ]  # fmt: skip
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert [event.output_index for event in events if event.type == "response.output_item.done"] == [0, 1, 2]
        last = events[-1]
        assert last.type == "response.completed"
        assert last.response.output_text == "one two "

        with client.responses.stream(model="words", input="one two") as stream:
            final = stream.get_final_response()
        assert final.output_text == "one two "

        with pytest.raises(openai.BadRequestError, match=r"input\[0\].content: is missing"):
            client.responses.create(model="words", input=[{"role": "user"}])  # type: ignore[list-item]
        with pytest.raises(openai.InternalServerError, match="RuntimeError"):
            client.responses.create(model="words", input="fail")
        with pytest.raises(openai.APIError, match="RuntimeError"):
            list(client.responses.create(model="words", input="fail late", stream=True))
        with pytest.raises(openai.BadRequestError, match="ask it at /v1/responses"):
            client.chat.completions.create(model="words", messages=[{"role": "user", "content": "x"}])

    asked = httpx.post(served.root + "/invocations", json=ASKED, timeout=60).json()
    assert text_of(asked) == "one two "
    streamed = httpx.post(served.root + "/invocations", json={**ASKED, "stream": True}, timeout=60).text
    assert streamed.startswith('event: response.created\ndata: {"type":"response.created"')


def test_an_agent_without_streams_is_streamed_whole(write_model: WriteModel, own_store: str) -> None:
    model = log_model("direct", Direct())
    tracer.flush()
    running = Served(model.model_uri, own_store)
    try:
        with openai.OpenAI(base_url=running.url, api_key="k", max_retries=0) as client:
            events = list(client.responses.create(model="direct", input="hi", stream=True))
    finally:
        assert running.close() == 0, running.errors

    assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["hi"]
    assert types_of(events)[-1] == "response.completed"
    completed: Any = events[-1]
    assert completed.response.output_text == "hi"


def test_events_that_an_agent_passes_on_are_not_sent_twice() -> None:
    from tracer.models.joined_events import CompletedEvents

    added = {"type": "message", "id": "m", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    done = {**added, "content": [{**part, "text": "a"}]}
    passed: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "theirs", "output": []}, "sequence_number": 7},
        {"type": "response.output_item.added", "output_index": 0, "item": added},
        {"type": "response.content_part.added", "item_id": "m", "output_index": 0, "content_index": 0, "part": part},
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "a"},
        {"type": "response.output_text.done", "item_id": "m", "output_index": 0, "content_index": 0, "text": "a"},
        {"type": "response.content_part.done", "item_id": "m", "output_index": 0, "content_index": 0, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": {"output": [done], "usage": {"total_tokens": 3}}},
    ]
    wire = CompletedEvents("words", {})

    sent = [*wire.first(), *(part for event in passed * 2 for part in wire.completed(event)), *wire.last()]

    assert types_of(sent) == [
        "response.created", "response.in_progress", *types_of(passed[1:-1]), *types_of(passed[1:-1]),
        "response.completed",
    ]  # fmt: skip
    assert [event["output_index"] for event in sent if "output_index" in event] == [0] * 6 + [1] * 6
    assert sent[-1]["response"]["usage"] == {"total_tokens": 3}


def test_events_are_made_of_a_type() -> None:
    with pytest.raises(ValueError, match="needs item"):
        ResponsesAgentStreamEvent(type="response.output_item.done")
