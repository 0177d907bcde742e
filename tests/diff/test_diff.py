"""Two traces are compared step by step, and the place in which they part is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from click.testing import CliRunner

import tracer
from tests.openai.replies import chat, tool_call
from tests.openai.server import Server, reply
from tracer.cli.group import tracer_command
from tracer.errors import InvalidArgumentError, TraceNotFoundError


@pytest.fixture
def agent(server: Server) -> Iterator[Callable[..., tracer.Trace]]:
    """An agent of three steps, whose prompt, tool and answers a test changes."""
    tracer.openai.autolog()
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:

        def run(
            question: str = "Can I send it back?",
            found: str = "30 days",
            said: str = "Yes, within 30 days.",
            **more: Any,
        ) -> tracer.Trace:
            call = tool_call("call_9d3fa71c02b8", "search", '{"text": "returns"}')
            server.will(
                reply(chat({"role": "assistant", "content": None, "tool_calls": [call]}, id=more.pop("id", "x"))),
                reply(chat({"role": "assistant", "content": said})),
            )
            with tracer.start_span("agent", span_type="AGENT") as span:
                span.set_inputs({"question": question})
                messages: list[Any] = [
                    {"role": "system", "content": "Today is 2026-11-29. Be brief."},
                    {"role": "user", "content": question},
                ]
                client.chat.completions.create(model="m", messages=messages, **more)
                with tracer.start_span("search", span_type="TOOL") as tool:
                    tool.set_inputs({"text": "returns"})
                    tool.set_outputs(found)
                messages.append({"role": "tool", "tool_call_id": "call_9d3fa71c02b8", "content": found})
                client.chat.completions.create(model="m", messages=messages, **more)
                span.set_outputs(said)
            tracer.flush()
            trace = tracer.get_trace(span.trace_id)
            assert trace is not None
            return trace

        yield run
    tracer.openai.autolog(disable=True)


def command(*arguments: str) -> Any:
    return CliRunner().invoke(tracer_command, ["diff", *arguments])


def test_two_runs_of_the_same_program_do_not_differ(agent: Callable[..., tracer.Trace]) -> None:
    found = tracer.diff(agent(id="chatcmpl-1"), agent(id="chatcmpl-2"))

    assert not found
    assert found.first is None
    assert [pair.path[-1] for pair, _ in found.steps] == ["agent", "chat m", "search", "chat m"]


def test_the_first_divergence_is_the_tool_and_not_what_follows_from_it(agent: Callable[..., tracer.Trace]) -> None:
    found = tracer.diff(agent(), agent(found="14 days", said="No, only within 14 days."))

    first = found.first
    assert first is not None
    assert (first.step, first.where, first.word) == (("agent", "search"), "outputs", 1)
    assert (first.a, first.b) == ("30 days", "14 days")
    # what follows from it is told in its order; the answer of the whole comes last
    assert [(each.step[-1], each.where) for each in found.differences[1:]] == [
        ("chat m", "inputs.messages[2].content"),
        ("chat m", "outputs[0].parts[0].content"),
        ("agent", "outputs"),
    ]


def test_a_changed_word_of_a_message_is_named_with_its_place(agent: Callable[..., tracer.Trace]) -> None:
    found = tracer.diff(agent(), agent(question="Can I give it back?"))

    told = [str(each) for each in found.differences]
    assert told[0] == 'inputs.question, word 3: "send it back?" in A, "give it back?" in B'
    assert told[1] == 'inputs.messages[1].content, word 3: "send it back?" in A, "give it back?" in B'


def test_dates_and_ids_count_only_when_strict(agent: Callable[..., tracer.Trace]) -> None:
    one, other = agent(), agent()
    for span in other.data.spans:
        changed = json.loads(json.dumps(span.to_dict()).replace("2026-11-29", "2026-12-24"))
        other.data.spans[other.data.spans.index(span)] = type(span)(changed)

    assert not tracer.diff(one, other)
    first = tracer.diff(one, other, strict=True).first
    assert first is not None
    assert first.where == "inputs.messages[0].content"
    assert first.word == 3


def test_fields_that_are_ignored_do_not_count(agent: Callable[..., tracer.Trace]) -> None:
    one, other = agent(seed=1), agent(seed=2)

    first = tracer.diff(one, other).first
    assert first is not None
    assert str(first) == "inputs.seed: 1 in A, 2 in B"
    assert not tracer.diff(one, other, ignore="seed")


def test_steps_are_aligned_by_what_they_did_before_their_order() -> None:
    def run(*cities: str) -> tracer.Trace:
        with tracer.start_span("agent") as span:
            for city in cities:
                with tracer.start_span("weather") as tool:
                    tool.set_inputs({"city": city})
        tracer.flush()
        trace = tracer.get_trace(span.trace_id)
        assert trace is not None
        return trace

    found = tracer.diff(run("Lima", "Oslo", "Rome"), run("Oslo", "Rome"))

    assert [(each.step[-1], each.only_in) for each in found.differences] == [("weather", "a")]
    first = found.first
    assert first is not None
    assert str(first) == "only in A"
    inserted = tracer.diff(run("Lima", "Rome"), run("Lima", "Oslo", "Rome"))
    assert [(each.only_in, each.b_span_id is not None) for each in inserted.differences] == [("b", True)]


def test_a_step_that_failed_in_one_of_them_says_how() -> None:
    def run(fails: bool) -> tracer.Trace:
        with tracer.start_span("agent") as span, tracer.start_span("pay") as step:
            if fails:
                step.set_status("ERROR")
        tracer.flush()
        trace = tracer.get_trace(span.trace_id)
        assert trace is not None
        return trace

    first = tracer.diff(run(False), run(True)).first

    assert first is not None
    assert (first.step, first.where) == (("agent", "pay"), "status")
    assert (first.a, first.b) == ("OK", "ERROR")


def test_thousands_of_equal_steps_are_compared() -> None:
    def run(count: int) -> tracer.Trace:
        with tracer.start_span("agent") as span:
            for _ in range(count):
                with tracer.start_span("step"):
                    pass
        tracer.flush()
        trace = tracer.get_trace(span.trace_id)
        assert trace is not None
        return trace

    found = tracer.diff(run(3000), run(3001))

    assert [each.only_in for each in found.differences] == ["b"]


def test_the_command_names_the_place_and_ends_with_1(agent: Callable[..., tracer.Trace]) -> None:
    one, other = agent().trace_id, agent(found="14 days").trace_id

    result = command(one, "latest")

    assert result.exit_code == 1
    assert "They part at agent > search:" in result.output
    assert 'outputs, word 1: "30 days" in A, "14 days" in B' in result.output
    assert "~   search  outputs" in result.output
    assert command(one, one).exit_code == 0
    found = json.loads(command(one, other, "--json").output)
    assert found["differs"] is True
    assert found["first"]["step"] == ["agent", "search"]
    assert [step["step"][-1] for step in found["steps"]] == ["agent", "chat m", "search", "chat m"]


def test_what_is_no_trace_is_told() -> None:
    with pytest.raises(TraceNotFoundError, match="a: there is no trace 'nowhere'"):
        tracer.diff("nowhere", "nowhere")
    with pytest.raises(InvalidArgumentError, match="a is 7; expected a Trace, or the id of one"):
        tracer.diff(7, "nowhere")  # type: ignore[arg-type]
