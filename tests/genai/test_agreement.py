"""How far judges agree with people on the same traces."""

from __future__ import annotations

import pytest

import tracer
from tracer.errors import InvalidArgumentError
from tracer.genai import agreement


def verdicts(*pairs: tuple[object, object], model: str = "openai:/m", name: str = "correct") -> list[str]:
    """One trace for each pair of what a judge and a person said."""
    ids = []
    for judged, said in pairs:
        with tracer.start_span("answer") as span:
            pass
        ids.append(span.trace_id)
        if judged is not None:
            source = {"source_type": "LLM_JUDGE", "source_id": model}
            tracer.log_feedback(trace_id=span.trace_id, name=name, value=judged, source=source)
        if said is not None:
            tracer.log_feedback(trace_id=span.trace_id, name=name, value=said, source="HUMAN")
    return ids


def test_share_kappa_and_confusion_of_a_judge() -> None:
    ids = verdicts(
        ("yes", True), ("yes", True), ("yes", "yes"), ("yes", "no"), ("no", False), (None, "no"), ("no", None)
    )

    (found,) = agreement()

    assert (found.name, found.judge, found.human, found.traces) == ("correct", "openai:/m", "correct", 5)
    assert found.agreed == 0.8
    assert found.kappa == pytest.approx((0.8 - 0.56) / (1 - 0.56))
    assert found.confusion == {"no": {"no": 1, "yes": 0}, "yes": {"no": 1, "yes": 3}}
    assert found.disagreements == [ids[3]]


def test_each_model_is_a_judge_of_its_own() -> None:
    verdicts(("yes", "yes"), ("no", "no"))
    verdicts(("yes", "no"), ("no", "yes"), model="ollama:/small")

    assert [(each.judge, each.agreed, each.kappa) for each in agreement()] == [
        ("ollama:/small", 0.0, -1.0),
        ("openai:/m", 1.0, 1.0),
    ]


def test_the_last_verdict_counts_and_errors_do_not() -> None:
    (trace_id,) = verdicts(("no", "yes"))
    source = {"source_type": "LLM_JUDGE", "source_id": "openai:/m"}
    tracer.log_feedback(trace_id=trace_id, name="correct", value="yes", source=source)
    tracer.log_feedback(trace_id=trace_id, name="correct", error="no answer", source=source)

    (found,) = agreement()
    assert (found.agreed, found.kappa) == (1.0, None)


def test_feedback_of_other_names_and_of_code() -> None:
    (trace_id,) = verdicts(("yes", None))
    tracer.log_feedback(trace_id=trace_id, name="thumbs", value=True, source="HUMAN")
    tracer.log_feedback(trace_id=trace_id, name="exact", value=False)

    assert agreement() == []
    assert [(each.name, each.human, each.agreed) for each in agreement(human="thumbs")] == [("correct", "thumbs", 1.0)]
    (of_code,) = agreement(judge="exact", human="thumbs")
    assert (of_code.judge, of_code.agreed) == ("default", 0.0)


def test_some_traces_alone() -> None:
    first, _ = verdicts(("yes", "yes"), ("yes", "no"))

    assert [each.traces for each in agreement(filter_string=f"trace_id = '{first}'")] == [1]
    trace = tracer.get_trace(first)
    assert trace is not None
    assert [each.agreed for each in agreement([trace])] == [1.0]
    with pytest.raises(InvalidArgumentError, match="both traces and filter_string"):
        agreement([trace], filter_string="state = 'OK'")
