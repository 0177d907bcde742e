"""Feedback and expectations as objects: recorded, read, changed, overridden and deleted."""

from __future__ import annotations

import pickle

import pytest

import tracer
from tracer.entities import Assessment, AssessmentSource, AssessmentSourceType, Expectation, Feedback
from tracer.errors import InvalidArgumentError, TraceNotFoundError


@pytest.fixture
def trace_id() -> str:
    with tracer.start_span("answer") as span:
        pass
    return span.trace_id


def read(trace_id: str) -> tracer.Trace:
    trace = tracer.get_trace(trace_id)
    assert trace is not None
    return trace


def test_feedback_and_an_expectation_are_recorded_as_they_are(trace_id: str) -> None:
    source = AssessmentSource(AssessmentSourceType.LLM_JUDGE, "gpt-4o")
    feedback = tracer.log_assessment(trace_id, Feedback("grounded", 0.5, source=source, rationale="half of it"))
    expectation = tracer.log_assessment(trace_id, Expectation("answer", "Paris", metadata={"by": "ann"}))
    failed = tracer.log_assessment(trace_id, Feedback("safe", error=ValueError("no model")))

    trace = read(trace_id)
    assert trace.info.assessments == [feedback, expectation, failed]
    assert trace.search_assessments("grounded") == trace.search_assessments(type="feedback")[:1] == [feedback]
    assert trace.search_assessments(type="expectation") == [expectation]
    assert trace.search_assessments(span_id="no such span") == []
    assert isinstance(feedback, Feedback)
    assert isinstance(read(trace_id).info.assessments[1], Expectation)
    assert feedback.feedback is not None
    assert (feedback.feedback.value, feedback.source, feedback.expectation) == (0.5, source, None)
    assert expectation.expectation is not None
    assert (expectation.expectation.value, expectation.source.source_type) == ("Paris", "HUMAN")
    assert (failed.value, failed.error) == (None, "ValueError: no model")
    assert tracer.get_assessment(trace_id, feedback.assessment_id) == feedback
    assert pickle.loads(pickle.dumps(feedback)) == feedback == Assessment.from_dict(feedback.to_dict())


def test_an_update_changes_what_it_has(trace_id: str) -> None:
    given = tracer.log_feedback(trace_id=trace_id, name="good", value=1, rationale="fine", metadata={"a": "1"})

    changed = tracer.update_assessment(trace_id, given.assessment_id, Feedback("good", 3, metadata={"b": "2"}))

    [stored] = read(trace_id).info.assessments
    assert stored == changed
    assert (stored.assessment_id, stored.value, stored.rationale) == (given.assessment_id, 3, "fine")
    assert stored.metadata == {"a": "1", "b": "2"}
    with pytest.raises(InvalidArgumentError, match="is of type feedback, the new one of type expectation"):
        tracer.update_assessment(trace_id, given.assessment_id, Expectation("good", 3))


def test_feedback_that_is_overridden_stays_and_counts_no_more(trace_id: str) -> None:
    judged = tracer.log_feedback(trace_id=trace_id, name="good", value=False, source="LLM_JUDGE")

    corrected = tracer.override_feedback(
        trace_id=trace_id, assessment_id=judged.assessment_id, value=True, rationale="it is"
    )

    trace = read(trace_id)
    assert trace.search_assessments() == [corrected]
    old, new = trace.search_assessments(all=True)
    assert (old.assessment_id, old.value, old.valid) == (judged.assessment_id, False, False)
    assert (new.value, new.valid, new.overrides, new.source.source_type) == (True, True, old.assessment_id, "HUMAN")
    assert tracer.search_traces("feedback.good = false") == []
    assert len(tracer.search_traces("feedback.good = true")) == 1
    with pytest.raises(InvalidArgumentError, match=f"is overridden by '{new.assessment_id}'; override that"):
        tracer.override_feedback(trace_id=trace_id, assessment_id=old.assessment_id, value=1)

    tracer.delete_assessment(trace_id, new.assessment_id)
    assert read(trace_id).search_assessments(all=True) == [judged]
    assert len(tracer.search_traces("feedback.good = false")) == 1


def test_the_mean_of_a_version_leaves_out_what_is_overridden() -> None:
    model = tracer.set_active_model("v1")
    with tracer.start_span("a") as span:
        pass
    tracer.clear_active_model()
    judged = tracer.log_feedback(trace_id=span.trace_id, name="good", value=0.0)
    tracer.override_feedback(trace_id=span.trace_id, assessment_id=judged.assessment_id, value=1.0)

    [version] = tracer.compare_versions(model.model_id)

    assert version.scores["good"] == 1.0


def test_what_is_deleted_is_gone(trace_id: str) -> None:
    given = tracer.log_feedback(trace_id=trace_id, value=1)
    tracer.delete_assessment(trace_id, given.assessment_id)

    assert read(trace_id).info.assessments == []
    with pytest.raises(InvalidArgumentError, match=f"has no assessment '{given.assessment_id}'"):
        tracer.get_assessment(trace_id, given.assessment_id)
    with pytest.raises(TraceNotFoundError):
        tracer.delete_assessment("nothing", given.assessment_id)
    with pytest.raises(InvalidArgumentError, match=r"expected tracer.entities.Feedback\(name=…, value=…\)"):
        tracer.log_assessment(trace_id, {"name": "good"})  # type: ignore[arg-type]
