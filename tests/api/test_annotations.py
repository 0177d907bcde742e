"""Tags, feedback and expectations on traces that were recorded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import tracer
from tracer._api.traces import Assessment, AssessmentSource, Trace
from tracer.errors import InvalidArgumentError, TraceNotFoundError


@pytest.fixture
def trace_id() -> str:
    """A recorded trace with one span."""
    with tracer.start_span("step") as span:
        pass
    return span.trace_id


def read(trace_id: str) -> Trace:
    trace = tracer.get_trace(trace_id)
    assert trace is not None
    return trace


def test_tags_are_set_replaced_and_removed(trace_id: str) -> None:
    tracer.set_trace_tag(trace_id, "a", "1")
    tracer.set_trace_tag(trace_id, "b", 2)
    tracer.set_trace_tag(trace_id, "a", "3")
    assert read(trace_id).info.tags == {"a": "3", "b": "2"}

    tracer.delete_trace_tag(trace_id, "a")
    tracer.delete_trace_tag(trace_id, "never there")

    assert read(trace_id).info.tags == {"b": "2"}


def test_a_finished_trace_gets_metadata_a_session_and_a_user(trace_id: str) -> None:
    tracer.update_trace(trace_id, metadata={"release": 1, "gone": "x"}, session_id="s-1", user="ann", tags={"a": "1"})
    tracer.update_trace(trace_id, metadata={"gone": None}, user="bob")

    info = read(trace_id).info
    assert (info.session_id, info.user, info.tags) == ("s-1", "bob", {"a": "1"})
    assert info.trace_metadata == {"release": "1"}
    assert [found.info.trace_id for found in tracer.search_traces("user = 'bob'", session_id="s-1")] == [trace_id]


def test_updating_a_trace_says_what_is_wrong(trace_id: str) -> None:
    with pytest.raises(InvalidArgumentError, match="nothing to set"):
        tracer.update_trace(trace_id)
    with pytest.raises(InvalidArgumentError, match="metadata: got 3"):
        tracer.update_trace(trace_id, metadata=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="user: got \\['ann'\\]"):
        tracer.update_trace(trace_id, user=["ann"])  # type: ignore[arg-type]
    with pytest.raises(TraceNotFoundError, match="no trace 'nothing'"):
        tracer.update_trace("nothing", user="ann")


@pytest.mark.parametrize("value", [True, 0.5, 3, "yes", {"why": ["so"]}, [1, 2]])
def test_feedback_is_kept_as_it_was_given(trace_id: str, value: Any) -> None:
    given = tracer.log_feedback(trace_id=trace_id, name="good", value=value, rationale="because", metadata={"v": 1})

    [stored] = read(trace_id).info.assessments
    assert stored == given
    assert given == Assessment(
        given.assessment_id, trace_id, "good", "feedback", value, rationale="because", metadata={"v": "1"},
        create_time_ms=given.create_time_ms,
    )  # fmt: skip


def test_an_expectation_on_a_span(trace_id: str) -> None:
    span_id = read(trace_id).data.spans[0].span_id

    given = tracer.log_expectation(trace_id=trace_id, name="answer", value="Paris", span_id=span_id)

    assert read(trace_id).info.assessments == [given]
    assert (given.type, given.span_id, given.source.source_type) == ("expectation", span_id, "HUMAN")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, AssessmentSource("CODE", "default")),
        ("human", AssessmentSource("HUMAN", "default")),
        ({"source_type": "LLM_JUDGE", "source_id": "gpt-4o"}, AssessmentSource("LLM_JUDGE", "gpt-4o")),
        ({"type": "HUMAN", "id": "ann"}, AssessmentSource("HUMAN", "ann")),
        (AssessmentSource("HUMAN", "bob"), AssessmentSource("HUMAN", "bob")),
        (SimpleNamespace(source_type="CODE", source_id=None), AssessmentSource("CODE", "default")),
    ],
)
def test_a_source_is_taken_in_any_form(trace_id: str, source: Any, expected: AssessmentSource) -> None:
    given = tracer.log_feedback(trace_id=trace_id, name="n", value=1, source=source)

    assert given.source == expected
    assert read(trace_id).info.assessments[0].source == expected


def test_a_judge_that_failed_says_why(trace_id: str) -> None:
    given = tracer.log_feedback(trace_id=trace_id, name="n", error=ValueError("no score"))

    assert read(trace_id).info.assessments == [given]
    assert (given.value, given.error) == (None, "ValueError: no score")


def test_several_assessments_of_a_name_stand_side_by_side(trace_id: str) -> None:
    for value in (1, 2):
        tracer.log_feedback(trace_id=trace_id, name="n", value=value)

    assert [assessment.value for assessment in read(trace_id).info.assessments] == [1, 2]


def test_misuse_says_what_is_expected(trace_id: str) -> None:
    wrong: list[tuple[Any, str]] = [
        (lambda: tracer.set_trace_tag("", "a", "b"), "trace_id is '', expected a text"),
        (lambda: tracer.set_trace_tag(None, "a", "b"), "trace_id is None, expected a text"),  # type: ignore[arg-type]
        (lambda: tracer.set_trace_tag(trace_id, "", "b"), "key is '', expected a text"),
        (lambda: tracer.set_trace_tag(trace_id, "k" * 251, "b"), "expected at most 250"),
        (lambda: tracer.set_trace_tag(trace_id, "k", None), "call delete_trace_tag"),
        (lambda: tracer.log_feedback(trace_id=trace_id, name="n"), "neither value nor error"),
        (lambda: tracer.log_feedback(trace_id=trace_id, name="", value=1), "name is '', expected a text"),
        (lambda: tracer.log_feedback(trace_id=trace_id, name="n", value=1, source=5), "no source_type; e.g. source="),
        (lambda: tracer.log_feedback(trace_id=trace_id, name="n", value=1, source=" "), "source is empty"),
        (lambda: tracer.log_feedback(trace_id=trace_id, name="n", value=1, span_id="no"), "has no span 'no'"),
        (lambda: tracer.log_expectation(trace_id=trace_id, name="n", value=None), "what was expected"),
    ]
    for call, said in wrong:
        with pytest.raises(InvalidArgumentError) as caught:
            call()
        assert said in str(caught.value)
    assert read(trace_id).info.assessments == []


def test_an_unknown_trace_is_named() -> None:
    with pytest.raises(TraceNotFoundError, match="no trace 'ffff"):
        tracer.log_feedback(trace_id="f" * 32, name="n", value=1)


def test_a_trace_that_was_not_sampled_is_no_mistake() -> None:
    tracer.configure(sample_rate=0.0)
    with tracer.start_span("left out") as span:
        pass

    tracer.log_feedback(trace_id=span.trace_id, name="n", value=1)
    tracer.set_trace_tag(span.trace_id, "a", "b")

    assert tracer.search_traces() == []


def test_a_running_trace_can_be_tagged() -> None:
    with tracer.start_span("step") as span:
        tracer.set_trace_tag(span.trace_id, "a", "b")

    assert read(span.trace_id).info.tags == {"a": "b"}
