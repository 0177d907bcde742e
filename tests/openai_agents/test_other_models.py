"""Model calls that pass no door are recorded as the SDK reports them: other models, and OpenAI's without its patch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, generation_span
from openai.types.responses import ResponseCompletedEvent
from openai.types.responses.response import Response

import tracer
from tests.openai.replies import message_item, response
from tests.openai.server import Server, reply
from tests.openai_agents.answers import calls, says
from tests.openai_agents.test_runs import helper
from tests.trees import Trees, messages_of


@pytest.fixture
def without_door(autolog: None) -> Iterator[None]:
    tracer.openai.autolog(disable=True)
    tracer.openai_agents.autolog()
    yield
    tracer.openai_agents.autolog(disable=True)


def test_calls_of_openai_without_its_door(
    without_door: None, server: Server, stored: Trees, ask: Any, api: str, way: str
) -> None:
    server.will(calls(("weather", {"city": "Lima"})), says("Sunny."))

    ask(way, helper(api), "Weather in Lima?")

    assert stored.tree() == [
        "Agent workflow WORKFLOW",
        "  Helper AGENT",
        "    chat gpt-4o CHAT_MODEL" if api == "chat" else "    chat gpt-test-2026 CHAT_MODEL",
        "    weather TOOL",
        "      look_up RETRIEVER",
        "    chat gpt-4o CHAT_MODEL" if api == "chat" else "    chat gpt-test-2026 CHAT_MODEL",
    ]
    assert len(stored.calls) == len(server.asked) == 2
    last = sorted(stored.calls, key=lambda span: span.start_time_ns)[1]
    assert messages_of(last, "gen_ai.output.messages")[0]["parts"][0]["content"] == "Sunny."
    asked = messages_of(last, "gen_ai.input.messages")
    assert any(part.get("content") == "Weather in Lima?" for message in asked for part in message["parts"])
    assert last.token_usage is not None
    assert last.token_usage["input_tokens"] == (11 if api == "responses" else 14)
    assert last.duration_ms > 0


def test_an_error_without_the_door(without_door: None, server: Server, stored: Trees, ask: Any, api: str) -> None:
    server.will(reply({"error": {"message": "no such model"}}, status=404))

    with pytest.raises(Exception, match="no such model"):
        ask("run", helper(api))

    [call] = stored.calls
    assert (call.status, call.attributes["error.type"]) == ("ERROR", "openai.NotFoundError")


class ParrotModel(Model):
    """A model of the program's own, which answers with a fixed text."""

    async def get_response(self, *given: Any, **named: Any) -> ModelResponse:
        asked = named.get("input", given[1] if len(given) > 1 else None)
        with generation_span(model="acme/parrot-1", input=[{"role": "user", "content": str(asked)}]) as span:
            span.span_data.output = [{"role": "assistant", "content": "Polly"}]
            span.span_data.usage = {"input_tokens": 3, "output_tokens": 1}
            return ModelResponse(output=[_said()], usage=Usage(), response_id=None)

    async def stream_response(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        with generation_span(model="acme/parrot-1") as span:
            whole = Response.model_validate(response(message_item("Polly"), usage=None))
            span.span_data.output = [whole.model_dump()]
            span.span_data.usage = {"input_tokens": 3, "output_tokens": 1}
            yield ResponseCompletedEvent(type="response.completed", response=whole, sequence_number=0)


def _said() -> Any:
    return Response.model_validate(response(message_item("Polly"), usage=None)).output[0]


def test_a_model_of_the_programs_own(server: Server, stored: Trees, ask: Any, way: str) -> None:
    ask(way, lambda client: Agent(name="Bird", model=ParrotModel()), "Hello")

    assert stored.tree() == ["Agent workflow WORKFLOW", "  Bird AGENT", "    chat acme/parrot-1 CHAT_MODEL"]
    [call] = stored.calls
    assert call.attributes["gen_ai.provider.name"] == "acme"
    assert call.attributes["gen_ai.request.model"] == "acme/parrot-1"
    assert messages_of(call, "gen_ai.output.messages")[0]["parts"] == [{"type": "text", "content": "Polly"}]
    assert call.token_usage is not None


def test_a_model_that_hands_on_to_another_is_one_call(server: Server, stored: Trees, ask: Any, way: str) -> None:
    class Around(ParrotModel):
        async def get_response(self, *given: Any, **named: Any) -> ModelResponse:
            with generation_span(model="acme/around"):
                return await super().get_response(*given, **named)

        async def stream_response(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
            with generation_span(model="acme/around"):
                async for event in super().stream_response(*given, **named):
                    yield event

    ask(way, lambda client: Agent(name="Bird", model=Around()), "Hello")

    assert [call.attributes["gen_ai.request.model"] for call in stored.calls] == ["acme/parrot-1"]


def test_a_generation_span_that_is_never_finished(stored: Trees, in_loop: Any) -> None:
    class Endless(ParrotModel):
        async def stream_response(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
            async for event in super().stream_response(*given, **named):
                yield event
            generation_span(model="acme/endless").start(mark_as_current=True)  # and never finished

    async def scenario(client: Any) -> None:
        async for _ in Runner.run_streamed(Agent(name="Bird", model=Endless()), "Hello").stream_events():
            pass

    in_loop(scenario)

    [left] = [span for span in stored.spans if span.name == "chat acme/endless"]
    assert left.attributes["tracer.incomplete"] == "dropped"


def test_trace_include_sensitive_data_off_leaves_content_out(
    without_door: None, server: Server, stored: Trees, ask: Any, api: str, way: str
) -> None:
    server.will(calls(("weather", {"city": "Secretville"})), says("secret"))

    ask(way, helper(api), "my secret", run_config=RunConfig(trace_include_sensitive_data=False))

    about_tracers_own = [span for span in stored.spans if span.name != "look_up"]
    assert len(stored.calls) == 2
    assert "secret" not in str([(s.inputs, s.outputs, s.attributes, s.events) for s in about_tracers_own]).lower()


def test_trace_include_sensitive_data_off_leaves_the_texts_of_errors_out(
    without_door: None, server: Server, stored: Trees, ask: Any, api: str, way: str
) -> None:
    server.will(reply({"error": {"message": "a secret"}}, status=404))

    with pytest.raises(openai.NotFoundError):
        ask(way, helper(api), "x", run_config=RunConfig(trace_include_sensitive_data=False))

    assert {span.attributes["error.type"] for span in stored.spans} == {"openai.NotFoundError"}
    assert "secret" not in str([(s.attributes, s.events, s.outputs) for s in stored.spans])
