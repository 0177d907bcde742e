"""Review queues through the public door."""

from __future__ import annotations

import pytest

import tracer
from tracer.errors import FilterSyntaxError, InvalidArgumentError, QueueNotFoundError


def traced(name: str) -> str:
    with tracer.start_span(name) as span:
        pass
    return span.trace_id


def test_a_queue_gives_what_is_left_and_answers_are_feedback(kept: None) -> None:
    first, second, _ = traced("answer"), traced("answer"), traced("other")
    queue = tracer.genai.create_review_queue(
        "answers", filter_string="name = 'answer'", scores=["correct", {"name": "tone", "kind": "rating"}]
    )

    assert [trace.trace_id for trace in queue.traces("ann")] == [first, second]
    person = {"source_type": "HUMAN", "source_id": "ann"}
    tracer.log_feedback(trace_id=first, name="correct", value=True, source=person)
    tracer.log_feedback(trace_id=first, name="tone", value=4, source=person)

    assert [trace.trace_id for trace in queue.traces("ann", max_results=5)] == [second]
    assert queue.progress("ann") == (2, 1, 1)
    assert queue.progress("ben") == (2, 1, 0)
    assert queue.progress() == (2, 1, None)
    found = tracer.search_traces("reviewer.tone = 'ann' AND feedback.tone > 3")
    assert [trace.trace_id for trace in found] == [first]


def test_a_queue_is_made_found_and_deleted(kept: None) -> None:
    made = tracer.genai.create_review_queue(
        "answers", scores=["correct"], experiment_id="0", reviewers=2, guidance="Be strict."
    )
    tracer.genai.create_review_queue("others", scores=[{"name": "kind", "choices": ["a", "b"]}])

    found = tracer.genai.get_review_queue("answers")
    assert (found.name, found.queue_id) == ("answers", made.queue_id)
    assert (found.filter_string, found.experiment_id, found.reviewers, found.guidance) == ("", "0", 2, "Be strict.")
    assert found.scores == [{"name": "correct", "kind": "yes_no", "question": ""}]
    assert found.created_time <= found.last_update_time
    assert tracer.genai.get_review_queue(queue_id=made.queue_id).name == "answers"
    assert [each.name for each in tracer.genai.search_review_queues(order_by=["name"])] == ["answers", "others"]
    assert [each.name for each in tracer.genai.search_review_queues("name LIKE 'o%'")] == ["others"]
    tracer.genai.delete_review_queue("others")
    with pytest.raises(QueueNotFoundError, match="no review queue 'others' in the store, which has 'answers'"):
        tracer.genai.get_review_queue("others")
    with pytest.raises(QueueNotFoundError):
        tracer.genai.delete_review_queue("others")


def test_a_queue_that_cannot_be_is_refused(store_url: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"scores: got 'correct', expected a list"):
        tracer.genai.create_review_queue("answers", scores="correct")
    with pytest.raises(InvalidArgumentError, match="kind: got 'stars'"):
        tracer.genai.create_review_queue("answers", scores=[{"name": "tone", "kind": "stars"}])
    with pytest.raises(FilterSyntaxError):
        tracer.genai.create_review_queue("answers", scores=["correct"], filter_string="modle = 1")
    with pytest.raises(InvalidArgumentError, match="either its name or queue_id"):
        tracer.genai.get_review_queue()
