"""A call that another instrumentation sees as well is one step, and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import Tracer, TracerProvider

import tracer
from tests.openai.replies import QUESTION, chat, lima
from tests.openai.server import Server, reply, sse

_KINDS: list[dict[str, Any]] = [
    {"openinference.span.kind": "LLM", "session.id": "s-1"},
    {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 14},
    {"llm.request.type": "chat"},
    {"langfuse.observation.type": "generation"},
    {"langsmith.span.kind": "llm"},
    {"mlflow.spanType": '"CHAT_MODEL"'},
]


@pytest.fixture
def other() -> Iterator[Tracer]:
    """Another instrumentation's tracer, of a provider that is watched."""
    provider = TracerProvider()
    tracer.otel.autolog(provider)
    yield provider.get_tracer("other")  # type: ignore[misc]
    tracer.otel.autolog(disable=True)


def tree() -> list[str]:
    """``parent>name`` of each step of the one trace."""
    [found] = tracer.search_traces()
    names = {span.span_id: span.name for span in found.data.spans}
    spans = sorted(found.data.spans, key=lambda span: span.start_time_ns)
    return [f"{names.get(span.parent_id or '', '-')}>{span.name}" for span in spans]


def tokens() -> list[int]:
    """The input tokens of the trace, and of the statistics of all models."""
    [found] = tracer.search_traces()
    total = sum(span.token_usage["input_tokens"] for span in found.data.spans if span.token_usage)
    return [(found.info.token_usage or {})["input_tokens"], total]


@pytest.mark.parametrize("attributes", _KINDS)
@pytest.mark.parametrize("streams", [False, True])
def test_a_call_below_anothers_span_of_it_is_one_step(
    other: Tracer, client: openai.OpenAI, server: Server, attributes: dict[str, Any], streams: bool
) -> None:
    server.will(sse(*lima()) if streams else reply(chat()))
    with (
        tracer.start_span("agent"),
        other.start_as_current_span("step"),
        other.start_as_current_span("ChatCompletion", attributes=attributes),
    ):
        result = client.chat.completions.create(model="gpt-test", messages=QUESTION, stream=streams)  # type: ignore[call-overload]
        assert not streams or len(list(result)) == 6

    assert tree() == ["->agent", "agent>step", "step>chat gpt-test"]
    assert tokens() == [14, 14]


@pytest.mark.parametrize("attributes", _KINDS)
def test_a_span_that_says_after_its_start_that_it_is_the_call_is_one_step_with_it(
    other: Tracer, client: openai.OpenAI, server: Server, attributes: dict[str, Any]
) -> None:
    server.will(reply(chat()))
    with tracer.start_span("agent"), other.start_as_current_span("ChatCompletion") as span:
        span.set_attributes(attributes)
        client.chat.completions.create(model="gpt-test", messages=QUESTION)  # type: ignore[arg-type]

    assert tree() == ["->agent", "agent>chat gpt-test"]
    assert tokens() == [14, 14]


def test_two_instrumentations_of_one_call_are_one_step(other: Tracer, client: openai.OpenAI, server: Server) -> None:
    server.will(reply(chat()))
    with (
        other.start_as_current_span("chat gpt-test", attributes=_KINDS[1]),
        other.start_as_current_span("ChatCompletion", attributes=_KINDS[0]),
    ):
        client.chat.completions.create(model="gpt-test", messages=QUESTION)  # type: ignore[arg-type]

    assert tree() == ["->chat gpt-test"]
    assert tokens() == [14, 14]


def test_a_call_that_no_provider_of_ours_records_stays(other: Tracer, client: openai.OpenAI, server: Server) -> None:
    tracer.openai.autolog(disable=True)
    server.will(reply(chat()))
    with other.start_as_current_span("ChatCompletion", attributes=_KINDS[1]):
        client.chat.completions.create(model="gpt-test", messages=QUESTION)  # type: ignore[arg-type]

    assert tree() == ["->ChatCompletion"]


def test_what_is_within_a_left_out_span_goes_on_below_ours(
    other: Tracer, client: openai.OpenAI, server: Server
) -> None:
    """As an SDK's own spans within the call that a provider of ours records."""
    server.will(reply(chat()))

    def send(request: Any) -> None:
        with (
            other.start_as_current_span("sdk's own", attributes=_KINDS[1]),
            other.start_as_current_span("POST"),
            tracer.start_span("hook"),
        ):
            pass

    client._client.event_hooks = {"request": [send], "response": []}
    client.chat.completions.create(model="gpt-test", messages=QUESTION)  # type: ignore[arg-type]

    assert tree() == ["->chat gpt-test", "chat gpt-test>POST", "POST>hook"]
    assert tokens() == [14, 14]
