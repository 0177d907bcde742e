"""A call that another instrumentation sees as well is one step, and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import openai
import pytest
from opentelemetry import _logs
from opentelemetry._logs import LogRecord
from opentelemetry.sdk.trace import Tracer, TracerProvider

import tracer
from tests.openai.replies import QUESTION, chat, lima
from tests.openai.server import Server, reply, sse
from tracer._api.queries import statistics

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


def ask(client: openai.OpenAI, *, stream: bool = False) -> None:
    result = client.chat.completions.create(model="gpt-test", messages=QUESTION, stream=stream)  # type: ignore[call-overload]
    assert not stream or len(list(result)) == 6


def other_tracer(other: Tracer, name: str) -> Tracer:
    """A further instrumentation's tracer, of the same provider."""
    provider = TracerProvider()
    tracer.otel.autolog(provider)
    return provider.get_tracer(name)  # type: ignore[return-value]


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


@pytest.mark.parametrize("attributes", _KINDS)
@pytest.mark.parametrize("is_root", [False, True])
def test_a_call_whose_attributes_come_after_its_start_is_one_step(
    other: Tracer, client: openai.OpenAI, server: Server, attributes: dict[str, Any], is_root: bool
) -> None:
    server.will(reply(chat()))
    with nullcontext() if is_root else tracer.start_span("agent"), other.start_as_current_span("call") as span:
        span.set_attributes(attributes)
        with other.start_as_current_span("render"):
            pass
        ask(client)

    above = ["->chat gpt-test"] if is_root else ["->agent", "agent>chat gpt-test"]
    assert sorted(tree()) == sorted([*above, "chat gpt-test>render"])
    assert tokens() == [14, 14]


@pytest.mark.parametrize("attributes", [{**kind, "gen_ai.request.model": "gpt-test"} for kind in _KINDS])
def test_a_step_that_says_at_its_end_that_it_was_our_call_is_a_step_above_it(
    other: Tracer, client: openai.OpenAI, server: Server, attributes: dict[str, Any]
) -> None:
    server.will(reply(chat()))
    with tracer.start_span("agent"), other.start_as_current_span("generator") as span:
        with other.start_as_current_span("attempt"):
            ask(client)
        span.set_attributes(attributes)

    [found] = tracer.search_traces()
    assert tree() == ["->agent", "agent>generator", "generator>attempt", "attempt>chat gpt-test"]
    assert [span.span_type for span in found.data.spans] == ["UNKNOWN", "CHAIN", "UNKNOWN", "CHAT_MODEL"]
    assert tokens() == [14, 14]
    assert sum(row.calls for row in statistics("model")) == 1


@pytest.mark.parametrize("attributes", [{**kind, "gen_ai.request.model": "gpt-test"} for kind in _KINDS])
def test_a_step_beside_ours_that_says_at_its_end_that_it_was_the_call_counts_once(
    other: Tracer, client: openai.OpenAI, server: Server, attributes: dict[str, Any]
) -> None:
    """As LlamaIndex's of a stream, which is left before the stream is read."""
    server.will(sse(*lima()))
    with tracer.start_span("agent"):
        beside = other.start_span("stream_chat")
        ask(client, stream=True)
        beside.set_attributes(attributes)
        beside.end()

    assert sorted(tree()) == ["->agent", "agent>chat gpt-test", "agent>stream_chat"]
    assert tokens() == [14, 14]


@pytest.mark.parametrize("is_root", [False, True])
def test_two_calls_within_anothers_span_are_a_step_each(
    other: Tracer, client: openai.OpenAI, server: Server, is_root: bool
) -> None:
    server.will(reply(chat()))
    above = nullcontext() if is_root else tracer.start_span("agent")
    with above, other.start_as_current_span("with another try", attributes=_KINDS[0]):
        for _ in range(2):
            with other.start_as_current_span("chat", attributes=_KINDS[1]):
                ask(client)

    assert tree() == (["->chat gpt-test"] * 2 if is_root else ["->agent", *["agent>chat gpt-test"] * 2])
    assert tokens() == [28, 28]


@pytest.mark.parametrize("attributes", [{**kind, "gen_ai.request.model": "gpt-test"} for kind in _KINDS])
@pytest.mark.parametrize("is_root", [False, True])
@pytest.mark.parametrize("streams", [False, True])
def test_a_call_beside_anothers_span_of_it_is_one_step(
    other: Tracer, client: openai.OpenAI, server: Server, attributes: dict[str, Any], is_root: bool, streams: bool
) -> None:
    server.will(sse(*lima()) if streams else reply(chat()))
    with nullcontext() if is_root else tracer.start_span("agent"):
        beside = other.start_span("ChatCompletion", attributes=attributes)
        ask(client, stream=streams)
        beside.end()

    assert tree() == (["->chat gpt-test"] if is_root else ["->agent", "agent>chat gpt-test"])
    assert tokens() == [14, 14]


def test_a_call_of_another_model_beside_ours_is_a_step(other: Tracer, client: openai.OpenAI, server: Server) -> None:
    server.will(reply(chat()))
    with tracer.start_span("agent"):
        stream = other.start_span("chat", attributes={**_KINDS[1], "gen_ai.request.model": "claude-test"})
        ask(client)
        stream.end()

    assert sorted(tree()) == ["->agent", "agent>chat", "agent>chat gpt-test"]
    assert tokens() == [28, 28]


def test_calls_whose_streams_are_read_side_by_side_are_a_step_each(
    other: Tracer, client: openai.OpenAI, server: Server
) -> None:
    server.will(sse(*lima()))
    attributes = {**_KINDS[0], "llm.model_name": "gpt-test"}
    besides = []
    streams = []
    for _ in range(2):
        besides.append(other.start_span("ChatCompletion", attributes=attributes))
        streams.append(client.chat.completions.create(model="gpt-test", messages=QUESTION, stream=True))  # type: ignore[arg-type]
    for beside, stream in zip(besides, streams):
        assert len(list(stream)) == 6
        beside.end()

    found = tracer.search_traces()
    assert [[span.name for span in each.data.spans] for each in found] == [["chat gpt-test"]] * 2


@pytest.mark.parametrize("is_root", [False, True])
def test_two_others_spans_of_one_call_beside_each_other_count_once(other: Tracer, is_root: bool) -> None:
    second = other_tracer(other, "second")
    with nullcontext() if is_root else tracer.start_span("agent"):
        for _ in range(1 if is_root else 2):
            first = other.start_span("ChatCompletion", attributes={**_KINDS[0], "llm.model_name": "gpt-test"})
            below = second.start_span("chat", attributes={**_KINDS[1], "gen_ai.request.model": "gpt-test"})
            first.set_attribute("llm.token_count.prompt", 14)
            first.end()
            below.end()

    calls = ["->ChatCompletion"] if is_root else ["->agent"] + ["agent>ChatCompletion"] * 2
    assert sorted(tree()) == sorted([*calls, *["ChatCompletion>chat"] * (1 if is_root else 2)])
    assert tokens()[0] == (14 if is_root else 28)


@pytest.mark.parametrize("has_ours", [False, True])
@pytest.mark.parametrize("is_root", [False, True])
def test_the_report_of_a_stream_is_part_of_its_call(
    other: Tracer, client: openai.OpenAI, server: Server, has_ours: bool, is_root: bool
) -> None:
    """As Logfire's, begun when the span of the call has ended."""
    if not has_ours:
        tracer.openai.autolog(disable=True)
    server.will(sse(*lima()))
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-test"}
    with nullcontext() if is_root else tracer.start_span("agent"):
        with other.start_as_current_span("chat", attributes=asked):
            stream = client.chat.completions.create(model="gpt-test", messages=QUESTION, stream=True)  # type: ignore[arg-type]
        assert len(list(stream)) == 6
        said = {**asked, "gen_ai.usage.input_tokens": 14, "logfire.span_type": "log"}
        other.start_span("streaming response", attributes=said).end()

    above = "-" if is_root else "agent"
    calls = [f"{above}>chat gpt-test"] if has_ours else [f"{above}>chat", "chat>streaming response"]
    assert sorted(tree()) == sorted([*([] if is_root else ["->agent"]), *calls])
    assert tokens() == [14, 14]


def test_pairs_of_others_spans_that_are_open_together_count_once_each(other: Tracer) -> None:
    second = other_tracer(other, "second")
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-test", "gen_ai.usage.input_tokens": 14}
    with tracer.start_span("agent"):
        spans = [each.start_span("chat", attributes=attributes) for each in (other, second) * 2]
        for span in spans:
            span.end()

    assert sorted(tree()) == ["->agent", "agent>chat", "agent>chat", "chat>chat", "chat>chat"]
    assert tokens()[0] == 28


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


def test_what_log_records_of_another_say_of_a_call_is_not_added_to_ours(
    other: Tracer, client: openai.OpenAI, server: Server
) -> None:
    server.will(reply(chat()))
    with other.start_as_current_span("ChatCompletion", attributes=_KINDS[1]):
        _logs.get_logger("other").emit(
            LogRecord(event_name="gen_ai.user.message", body={"content": "as the other has it"})
        )
        client.chat.completions.create(model="gpt-test", messages=QUESTION)  # type: ignore[call-overload]

    assert tree() == ["->chat gpt-test"]
    [found] = tracer.search_traces()
    assert "as the other has it" not in found.to_json()
