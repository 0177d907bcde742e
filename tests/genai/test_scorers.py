"""Scorers that need no model: of answers, and of the steps of a trace."""

from __future__ import annotations

import builtins
import re
from typing import Any

import pytest

import tracer
from tracer.errors import InvalidArgumentError
from tracer.genai import scorers
from tracer.genai.scorers import (
    contains,
    cost_below,
    exact_match,
    json_schema,
    json_valid,
    latency_below,
    levenshtein,
    no_tool_errors,
    regex,
    steps_below,
    tool_called,
    tools_in_order,
)

COMPLETION = {"choices": [{"message": {"role": "assistant", "content": '{"city": "Lima"}'}}]}
RESPONSE = {
    "object": "response",
    "output": [
        {"type": "function_call", "name": "look_up", "arguments": "{}", "call_id": "1"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Lima"}]},
    ],
}
PERSON = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def value_of(scorer: Any, **offered: Any) -> Any:
    (score,) = scorer.scores(None, **offered)
    assert score.error is None, score.error
    return score.value


@pytest.mark.parametrize(
    ("scorer", "outputs", "expectations", "value"),
    [
        (exact_match(), "Lima", {"expected_response": "Lima", "other": 1}, True),
        (exact_match(), "lima", {"capital": "Lima"}, False),
        (exact_match("capital"), {"answer": "Lima"}, {"capital": "Lima", "river": "Rímac"}, True),
        (exact_match(), {"a": [1]}, {"expected": {"a": [1]}}, True),
        (exact_match(), RESPONSE, {"expected_response": "Lima"}, True),
        (exact_match(), [{"role": "assistant", "content": "Lima"}], {"expected_response": "Lima"}, True),
        (
            regex("^Lima$"),
            {"messages": [{"role": "assistant", "content": [{"type": "text", "text": "Lima"}]}]},
            {},
            True,
        ),
        (
            exact_match(),
            {"messages": [{"role": "assistant", "content": text} for text in ("Lima", "")]},
            {"is": ""},
            True,
        ),
        (regex("^Lima$"), [{"role": "assistant", "content": text} for text in ("Lima", None)], {}, True),
        (levenshtein(), RESPONSE, {"expected_response": "Lima"}, 1.0),
        (contains("lima", "peru"), "Lima is in Peru.", {}, True),
        (contains("lima", ignore_case=False), "Lima", {}, False),
        (contains(), "Lima is in Peru.", {"expected_facts": ["Lima", "Peru"]}, True),
        (contains(), "Lima", {"capital": "Cusco"}, False),
        (regex(r"\d{4}"), "Founded in 1535.", {}, True),
        (regex(re.compile("^lima", re.IGNORECASE)), "In Lima", {}, False),
        (json_valid(), '{"a": 1}', {}, True),
        (json_valid(), "```json\n[1]\n```", {}, True),
        (json_valid(), {"a": 1}, {}, True),
        (json_valid(), COMPLETION, {}, True),
        (json_valid(), "a: 1", {}, False),
        (json_schema(PERSON), COMPLETION, {}, True),
        (json_schema(PERSON), '{"city": 5}', {}, False),
        (json_schema(PERSON), "nothing", {}, False),
        (levenshtein(), "Lima", {"capital": "Lima"}, 1.0),
        (levenshtein(), "kitten", {"word": "sitting"}, 1 - 3 / 7),
        (levenshtein(), "", {"word": ""}, 1.0),
    ],
)
def test_answers(scorer: Any, outputs: Any, expectations: Any, value: object) -> None:
    assert value_of(scorer, outputs=outputs, expectations=expectations) == value


def test_letters_to_change_are_counted_without_rapidfuzz_as_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("rapidfuzz"):
            raise ImportError(name)
        return there(name, *rest)

    pairs = [("flaw", "lawn"), ("", "abc"), ("Höhle", "Hölle"), ("a" * 50, "a" * 40)]
    usual = [value_of(levenshtein(), outputs=one, expectations={"x": other}) for one, other in pairs]
    monkeypatch.setattr(builtins, "__import__", without)

    assert [value_of(levenshtein(), outputs=one, expectations={"x": other}) for one, other in pairs] == usual
    assert usual == [0.5, 0.0, 0.8, 0.8]


def test_a_schema_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jsonschema", None)

    with pytest.raises(ImportError, match=r"needs the package jsonschema; pip install '\.\[scorers\]' in a clone"):
        json_schema(PERSON)


def test_an_expectation_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    (score,) = exact_match().scores(lambda given: given, outputs="x", expectations={"a": 1, "b": 2})

    assert score.error == (
        "InvalidArgumentError: the row's expectations have a, b; expected expected_response, or name another with key=."
    )


@pytest.fixture
def worked() -> tracer.Trace:
    """A trace that searched twice and booked, which failed."""
    with tracer.start_span("agent", span_type="AGENT") as root:
        for name, city in (("search", "Lima"), ("search", "Cusco")):
            with tracer.start_span(f"execute_tool {name}", span_type="TOOL") as tool:
                tool.set_inputs({"city": city, "limit": 3})
        with tracer.start_span("call", span_type="TOOL", attributes={"gen_ai.tool.name": "book"}) as tool:
            tool.set_status("ERROR", "sold out")
        with tracer.start_span("chat", span_type="CHAT_MODEL", attributes={"tracer.cost.total": 0.25}):
            pass
        root.set_outputs("Sold out.")
    trace = tracer.get_trace(root.trace_id)
    assert trace is not None
    return trace


@pytest.mark.parametrize(
    ("scorer", "value"),
    [
        (latency_below(seconds=60), True),
        (latency_below(seconds=0), False),
        (cost_below(0.3), True),
        (cost_below(0.25), False),
        (steps_below(6), True),
        (steps_below(5), False),
        (steps_below(2, span_type="CHAT_MODEL"), True),
        (tool_called("book"), True),
        (tool_called("search", {"city": "Cusco"}), True),
        (tool_called("search", {"city": "Quito"}), False),
        (tool_called("search", times=1), False),
        (tool_called("search", times=2), True),
        (tool_called("pay", times=0), True),
        (tools_in_order("search", "book"), True),
        (tools_in_order("book", "search"), False),
        (tools_in_order("search", "book", exactly=True), False),
        (tools_in_order("search", "search", "book", exactly=True), True),
        (no_tool_errors(), False),
    ],
)
def test_steps(scorer: Any, value: object, worked: tracer.Trace) -> None:
    assert value_of(scorer, trace=worked) == value


def test_reasons_are_told(worked: tracer.Trace) -> None:
    (score,) = no_tool_errors().scores(lambda given: given, trace=worked)
    assert (score.value, score.rationale) == (False, "book: sold out")
    (score,) = tools_in_order("pay").scores(lambda given: given, trace=worked)
    assert score.rationale == "called: search, search, book"


def test_tools_that_a_model_asked_for_count_where_no_step_of_theirs_was_recorded() -> None:
    with tracer.start_span("chat", span_type="CHAT_MODEL") as span:
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
        tracer.set_span_chat_messages(span, [{"role": "assistant", "tool_calls": [call]}], append=True)
    trace = tracer.get_trace(span.trace_id)

    assert value_of(tool_called("weather", {"city": "Lima"}), trace=trace) is True
    assert value_of(no_tool_errors(), trace=trace) is True


def test_scorers_of_code_in_an_evaluation(worked: tracer.Trace) -> None:
    result = tracer.genai.evaluate([worked], [tool_called("book", name="booked"), contains("sold out"), cost_below(1)])

    assert result.metrics == {
        "booked/mean": 1, "contains/mean": 1, "cost_below/mean": 1, "rows": 1, "error_share": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda: latency_below(seconds=-1),
        lambda: cost_below("1"),  # type: ignore[arg-type]
        lambda: tools_in_order(),
        lambda: regex("("),
        lambda: json_schema({"type": "nonsense"}),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        make()


def test_a_scorer_that_was_not_called_is_refused() -> None:
    for given in (exact_match, scorers.Correctness):
        with pytest.raises(InvalidArgumentError, match=rf"got {given.__name__} itself.* call it"):  # type: ignore[attr-defined]
            tracer.evaluate([{"inputs": 1, "outputs": 2}], scorers=[given])


def test_every_scorer_is_described() -> None:
    assert [name for name in scorers.__all__ if not (getattr(scorers, name).__doc__ or "").strip()] == []
