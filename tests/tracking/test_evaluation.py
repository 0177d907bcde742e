"""Evaluating: rows become traces with feedback, a run has the means, and so has the version."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer.errors import InvalidArgumentError, ModelNotFoundError
from tracer.models import load_model, log_model

CAPITALS = {"France": "Paris", "Portugal": "Lisbon", "Peru": "Lima"}


def capital(country: str) -> str:
    if country == "Atlantis":
        raise LookupError("no such country")
    return CAPITALS[country] if country != "Peru" else "Cusco"


@tracer.scorer
def right(outputs: str, expectations: dict[str, str]) -> bool:
    return outputs == expectations["capital"]


@tracer.scorer(name="length")
def how_long(outputs: str, trace: Any) -> dict[str, Any]:
    return {"value": len(outputs), "rationale": f"{len(trace.data.spans)} step"}


def rows(*countries: str) -> list[dict[str, Any]]:
    return [{"inputs": {"country": name}, "expectations": {"capital": CAPITALS.get(name, "?")}} for name in countries]


def test_each_row_is_a_trace_with_its_feedback_in_a_run() -> None:
    model = tracer.create_external_model("v1")

    result = tracer.evaluate(rows("France", "Portugal", "Peru"), capital, [right, how_long], model_id=model.model_id)

    assert [score.value for row in result.rows for score in row.scores] == [True, 5, True, 6, False, 5]
    assert result.metrics == {"right/mean": 2 / 3, "length/mean": 16 / 3, "rows": 3, "error_share": 0}
    assert tracer.get_run(result.run_id).data.metrics == result.metrics
    assert tracer.get_logged_model(model.model_id).metrics == result.metrics
    traces = tracer.search_traces(run_id=result.run_id)
    assert {trace.info.model_id for trace in traces} == {model.model_id}
    assert {trace.trace_id for trace in traces} == {row.trace_id for row in result.rows}
    (first,) = [trace for trace in traces if trace.trace_id == result.rows[0].trace_id]
    assert (first.data.spans[0].inputs, first.data.spans[0].outputs) == ({"country": "France"}, "Paris")
    found = {a.name: (a.type, a.value, a.rationale) for a in first.info.assessments}
    assert found == {
        "capital": ("expectation", "Paris", None),
        "right": ("feedback", True, None),
        "length": ("feedback", 5, "1 step"),
    }
    assert tracer.get_active_model_id() is None


def test_a_scorer_and_an_app_that_fail_are_errors_of_their_row() -> None:
    @tracer.scorer
    def broken(outputs: str) -> bool:
        raise ZeroDivisionError("oops")

    result = tracer.evaluate(rows("France", "Atlantis"), capital, [right, broken])

    assert result.metrics == {"right/mean": 1, "broken/errors": 1, "rows": 2, "error_share": 0.5}
    assert [row.error for row in result.rows] == [None, "LookupError: no such country"]
    trace = tracer.get_trace(result.rows[0].trace_id)
    assert trace is not None
    (feedback,) = [a for a in trace.info.assessments if a.name == "broken"]
    assert (feedback.value, feedback.error) == (None, "ZeroDivisionError: oops")
    assert tracer.get_run(result.run_id).info.status == "FINISHED"


def test_rows_are_answered_side_by_side() -> None:
    together = threading.Barrier(4)

    def meet(number: int) -> int:
        together.wait(30)
        return number

    result = tracer.evaluate([{"inputs": {"number": n}} for n in range(4)], meet, workers=4)

    assert [row.outputs for row in result.rows] == [0, 1, 2, 3]


def test_rows_with_outputs_or_traces_are_not_answered_again() -> None:
    with tracer.start_span("earlier") as span:
        span.set_inputs("France")
        span.set_outputs("Paris")

    result = tracer.evaluate(
        [
            {"trace": span.trace_id, "expectations": {"capital": "Paris"}},
            {"inputs": "Peru", "outputs": "Lima", "expectations": {"capital": "Lima"}},
        ],
        scorers=[right],
    )

    assert result.metrics["right/mean"] == 1
    assert result.rows[0].trace_id == span.trace_id
    assert len(tracer.search_traces()) == 2


def test_a_model_that_was_loaded(tmp_path: Path) -> None:
    model = log_model("upper", lambda text: text.upper(), input_example="x")
    loaded = load_model(model.model_uri)

    result = tracer.evaluate([{"inputs": "tram"}], loaded.predict, model_id=model.model_id)

    assert result.rows[0].outputs == "TRAM"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("rows", "expected a list"),
        ([], "there are no rows"),
        ([1], r"data\[0\]: got 1"),
        ([{"input": 1}], "has 'input'"),
        ([{"inputs": 1}], "no predict_fn"),
    ],
)
def test_data_that_is_no_rows(data: Any, said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        tracer.evaluate(data)


def test_a_scorer_that_wants_what_there_is_not() -> None:
    with pytest.raises(InvalidArgumentError, match="wants answer; a scorer may take inputs, outputs"):
        tracer.scorer(lambda answer: True)


def test_versions_side_by_side() -> None:
    for name, answer in (("v1", lambda country: "Paris"), ("v2", capital)):
        model = tracer.create_external_model(name)
        tracer.evaluate(rows("France", "Portugal"), answer, [right], model_id=model.model_id)

    first, second = tracer.compare_versions("v1", "v2")

    assert (first.name, first.traces, first.scores, first.error_share) == ("v1", 2, {"right": 0.5}, 0)
    assert (second.name, second.scores, second.metrics["right/mean"]) == ("v2", {"right": 1}, 1)
    assert first.latency_p50_ms is not None
    assert {summary.name for summary in tracer.compare_versions()} == {"v1", "v2"}
    with pytest.raises(ModelNotFoundError, match="no version is called 'v3'"):
        tracer.compare_versions("v3")


def test_a_store_without_versions_says_so() -> None:
    with pytest.raises(ModelNotFoundError, match="there are: none"):
        tracer.compare_versions("v1")


def test_versions_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from tracer.cli import run

    model = tracer.create_external_model("v1")
    tracer.evaluate(rows("France"), capital, [right], model_id=model.model_id)

    assert run(["versions", "v1"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["version", "traces", "errors", "tokens", "cost", "p50", "p95", "p99", "right"]
    assert line.split()[:3] == ["v1", "1", "0%"]
    assert line.split()[-1] == "1"


def test_versions_of_one_name_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    from tracer.cli import run

    models = [tracer.create_external_model("same") for _ in range(2)]
    tracer.create_external_model("another")

    assert run(["versions"]) == 0
    first = [line.partition("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert sorted(first) == sorted(["another", *(f"same {model.model_id}" for model in models)])


def test_the_example_of_a_model_does_not_count() -> None:
    log_model("upper", lambda text: text.upper(), input_example="x")

    (version,) = tracer.compare_versions("upper")
    assert (version.traces, version.latency_p50_ms) == (0, None)
