"""An evaluation as a whole: its order of arguments, roots, failures, budget, going on after an interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer.entities import Feedback
from tracer.errors import EvaluationError, InvalidArgumentError, RunNotFoundError
from tracer.genai import get_evaluation

COUNTRIES = ("France", "Peru", "Mali")
ROWS: list[dict[str, Any]] = [{"inputs": {"country": country}} for country in COUNTRIES]


def upper(country: str) -> str:
    return country.upper()


@tracer.scorer
def is_peru(outputs: str) -> bool:
    return outputs == "PERU"


def test_scorers_may_come_before_the_app_as_in_mlflow() -> None:
    first = tracer.genai.evaluate(ROWS, [is_peru], upper)
    second = tracer.genai.evaluate(ROWS, upper, [is_peru])
    third = tracer.genai.evaluate([{**row, "outputs": "PERU"} for row in ROWS], [is_peru])

    assert first.metrics == second.metrics == {"is_peru/mean": 1 / 3, "rows": 3, "error_share": 0}
    assert third.metrics["is_peru/mean"] == 1


# ---- one root ----


class Agent:
    @tracer.trace
    def answer(self, country: str) -> str:
        return country.upper()

    @tracer.trace
    def __call__(self, country: str) -> str:
        return country.upper()


@tracer.trace(name="app")
async def asynchronous(country: str) -> str:
    return country.upper()


@pytest.mark.parametrize(
    "app",
    [tracer.trace(upper), asynchronous, Agent().answer, Agent()],
    ids=["function", "coroutine", "method", "object"],
)
def test_an_app_that_is_traced_already_is_the_root(app: Any) -> None:
    result = tracer.evaluate([{**ROWS[0], "tags": {"set": "a"}, "id": "r1"}], app, [lambda outputs: len(outputs)])

    (row,) = result.rows
    trace = tracer.get_trace(str(row.trace_id))
    assert trace is not None
    assert len(trace.data.spans) == 1
    assert (trace.data.spans[0].inputs, trace.data.spans[0].outputs) == ({"country": "France"}, "FRANCE")
    assert (trace.info.run_id, trace.info.tags) == (result.run_id, {"set": "a"})
    assert (row.id, trace.info.trace_metadata["tracer.evaluation.row"]) == ("r1", "r1")
    assert len(tracer.search_traces()) == 1


def test_an_app_that_is_traced_below_a_plain_function_is_a_step() -> None:
    inner = tracer.trace(upper)
    result = tracer.evaluate(ROWS[:1], lambda country: inner(country))

    trace = tracer.get_trace(str(result.rows[0].trace_id))
    assert trace is not None
    assert [span.name for span in trace.data.spans] == ["<lambda>", "upper"]


# ---- failures ----


def test_an_app_that_fails_on_every_row_is_an_error_that_says_why() -> None:
    def broken(country: str) -> str:
        raise LookupError(f"no model for {country}")

    with pytest.raises(
        EvaluationError, match=r"(?s)broken failed on every row, 3 of 3.*LookupError: no model for France"
    ):
        tracer.evaluate(ROWS, broken, [is_peru])
    (run,) = tracer.search_runs()
    assert run.info.status == "FAILED"


def test_an_app_with_other_arguments_is_refused_before_it_is_asked() -> None:
    with pytest.raises(InvalidArgumentError, match=r"upper\(country.*does not take the inputs .*'land'"):
        tracer.evaluate([{"inputs": {"land": "Peru"}}], upper)
    assert tracer.search_traces() == []


def test_a_bar_shows_how_far_it_is_in_a_terminal_that_is_no_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("CI", "true")
    tracer.evaluate(ROWS, upper)
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("CI")
    tracer.evaluate(ROWS, upper)
    assert "Evaluating" in capsys.readouterr().err
    tracer.evaluate(ROWS, upper, progress=False)
    assert capsys.readouterr().err == ""


# ---- scores ----


def test_source_and_metadata_of_a_score_are_kept() -> None:
    class Feedback:
        name, value, rationale, error = "third", 1, "r", None
        source = {"source_type": "HUMAN", "source_id": "ann"}
        metadata = {"a": "b"}

    def judge(outputs: str) -> Any:
        return [
            {"name": "first", "value": 1, "source": "LLM_JUDGE", "metadata": {"prompt": "v2"}},
            tracer.Score("second", 1),
        ]

    result = tracer.evaluate(ROWS[:1], upper, [judge, tracer.scorer(lambda: Feedback(), name="third")])

    (trace,) = tracer.search_traces(run_id=result.run_id)
    found = {each.name: (each.source.source_type, each.source.source_id) for each in trace.info.assessments}
    assert found == {"first": ("LLM_JUDGE", "default"), "second": ("CODE", "second"), "third": ("HUMAN", "ann")}
    metadata = {each.name: each.metadata for each in trace.info.assessments}
    assert metadata["first"]["prompt"] == "v2"
    assert metadata["third"]["a"] == "b"


def test_a_class_of_scorers() -> None:
    class Longer(tracer.Scorer):
        name = "longer"

        def __init__(self, than: int) -> None:
            super().__init__()
            self.than = than

        def __call__(self, outputs: str) -> bool:  # type: ignore[override]
            return len(outputs) > self.than

    assert tracer.evaluate(ROWS, upper, [Longer(4)]).metrics["longer/mean"] == 1 / 3


def test_a_trace_is_scored_by_the_expectations_that_were_logged_on_it() -> None:
    with tracer.start_span("answer") as span:
        span.set_outputs("LIMA")
    tracer.log_expectation(trace_id=span.trace_id, name="answer", value="LIMA")

    result = tracer.evaluate(
        tracer.search_traces(include_spans=False),
        scorers=[tracer.scorer(lambda outputs, expectations: outputs == expectations["answer"])],
    )

    assert result.metrics["<lambda>/mean"] == 1


def test_yes_counts_one_and_no_nothing_in_metrics_and_versions() -> None:
    version = tracer.create_external_model("v1")
    words = {"FRANCE": "yes", "PERU": "No", "MALI": "who knows"}

    result = tracer.evaluate(
        ROWS, upper, [tracer.scorer(lambda outputs: words[outputs], name="verdict")], model_id=version.model_id
    )

    assert result.metrics["verdict/mean"] == 0.5
    assert [row.scores[0].value for row in result.rows] == ["yes", "No", "who knows"]
    (summary,) = tracer.compare_versions("v1")
    assert summary.scores == {"verdict": 0.5}


def test_aggregations_of_the_evaluation_and_of_a_scorer() -> None:
    def spread(values: list[float]) -> float:
        return max(values) - min(values)

    @tracer.scorer(aggregations=["max", "p50", "variance", spread])
    def length(outputs: str) -> int:
        return len(outputs)

    result = tracer.evaluate(ROWS, upper, [length, is_peru], aggregations=["min", "median"])

    assert {name: value for name, value in result.metrics.items() if "/" in name} == {
        "length/max": 6, "length/p50": 4, "length/variance": 8 / 9, "length/spread": 2, "is_peru/min": 0,
        "is_peru/median": 0,
    }  # fmt: skip
    for wrong in (["p101"], ["mode"], "mean", [5]):
        with pytest.raises(InvalidArgumentError, match="aggregations: got"):
            tracer.evaluate(ROWS, upper, aggregations=wrong)  # type: ignore[arg-type]


def test_tables_as_mlflow_has_them() -> None:
    pytest.importorskip("pandas", exc_type=ImportError)

    result = tracer.evaluate([{**row, "expectations": {"letters": 4}} for row in ROWS], upper, [is_peru])

    table = result.result_df
    assert list(table["letters/value"]) == [4, 4, 4]
    assert list(table["is_peru/value"]) == [False, True, False]
    assert list(table["request"]) == [row["inputs"] for row in ROWS]
    assert list(table["response"]) == ["FRANCE", "PERU", "MALI"]
    assert list(result.tables) == ["eval_results"]
    assert list(result.to_pandas()["is_peru"]) == [False, True, False]


# ---- budget ----


def _costs(usd: float) -> Any:
    def app(country: str) -> str:
        with tracer.start_span("call", span_type="LLM", attributes={"tracer.cost.total": usd}):
            return country.upper()

    return app


def test_no_further_row_is_asked_once_the_budget_is_spent(caplog: pytest.LogCaptureFixture) -> None:
    result = tracer.evaluate(ROWS, _costs(1.0), [is_peru], max_cost=1.5, workers=1)

    assert ([row.outputs for row in result.rows], result.left_out) == (["FRANCE", "PERU"], 1)
    assert result.metrics["rows"] == 2
    assert f"resume='{result.run_id}'" in caplog.text
    whole = tracer.evaluate(ROWS, _costs(1.0), [is_peru], resume=result.run_id)
    assert ([row.outputs for row in whole.rows], whole.left_out) == (["FRANCE", "PERU", "MALI"], 0)
    assert whole.run_id == result.run_id
    assert len(tracer.search_traces()) == 3


def test_what_a_scorer_asks_of_a_model_counts_for_the_budget() -> None:
    def judge(outputs: str) -> bool:
        return bool(_costs(1.0)(outputs))

    assert tracer.evaluate(ROWS, upper, [judge], max_cost=0.5, workers=1).left_out == 2
    with pytest.raises(InvalidArgumentError, match="max_cost: got 0"):
        tracer.evaluate(ROWS, upper, max_cost=0)


# ---- resuming ----


def test_an_interrupted_evaluation_goes_on_where_it_was(tmp_path: Path, own_store: str) -> None:
    program = f"""
import time, tracer
from pathlib import Path
tracer.configure(store={own_store!r})
def answer(number):
    with open("asked", "a") as asked:
        asked.write(f"{{number}} ")
    if number == 3 and not Path("go-on").exists():
        print("three", flush=True)
        time.sleep(60)
    return number
@tracer.scorer
def score(outputs):
    with open("scored", "a") as scored:
        scored.write(f"{{outputs}} ")
    return outputs
runs = tracer.search_runs()
rows = [{{"inputs": {{"number": n}}, "expectations": {{"least": 0}}}} for n in range(5)]
result = tracer.evaluate(rows, answer, [score], workers=1, resume=runs[0].info.run_id if runs else None)
print(result.metrics)
"""
    killed = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "three\n"
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=60)
    (tmp_path / "go-on").touch()
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert ran.stdout == "{'score/mean': 2.0, 'rows': 5.0, 'error_share': 0.0}\n", ran.stderr
    assert (tmp_path / "asked").read_text() == "0 1 2 3 3 4 "
    assert (tmp_path / "scored").read_text() == "0 1 2 3 4 "
    (run,) = tracer.search_runs()
    assert run.info.status == "FINISHED"
    rows = get_evaluation(run.info.run_id).rows
    assert sorted(row.outputs for row in rows if row.outputs is not None) == [0, 1, 2, 3, 4]


def test_a_scorer_that_failed_or_is_new_scores_again_when_it_goes_on() -> None:
    def fails(outputs: str) -> bool:
        if not repaired:
            raise ConnectionError("no judge")
        return True

    repaired = False
    asked: list[str] = []
    result = tracer.evaluate(ROWS, lambda country: asked.append(country) or country.upper(), [fails, is_peru])  # type: ignore[func-returns-value]
    repaired = True
    again = tracer.evaluate(ROWS, upper, [fails, is_peru, lambda outputs: 7], resume=result.run_id)

    assert result.metrics["fails/errors"] == 3
    assert again.metrics == {
        "fails/mean": 1, "is_peru/mean": 1 / 3, "<lambda>/mean": 7, "rows": 3, "error_share": 0,
    }  # fmt: skip
    assert sorted(asked) == sorted(COUNTRIES)


def test_rows_of_a_dataset_keep_their_ids_and_tags_and_the_run_its_name() -> None:
    class Dataset:
        name = "capitals"

        def __iter__(self) -> Any:
            for number, row in enumerate(ROWS):
                yield {**row, "expectations": {}, "tags": {"n": str(number)}, "id": f"r{number}"}

    result = tracer.evaluate(Dataset(), upper, [is_peru])

    assert [row.id for row in result.rows] == ["r0", "r1", "r2"]
    assert tracer.get_run(result.run_id).data.tags == {"tracer.dataset": "capitals", "tracer.evaluation.rows": "3"}
    (peru,) = tracer.search_traces("tags.n = '1'")
    assert peru.info.trace_metadata["tracer.evaluation.row"] == "r1"


def test_earlier_traces_that_are_scored_again_have_their_expectations_once() -> None:
    first = tracer.evaluate([{**ROWS[0], "expectations": {"answer": "FRANCE"}}], upper)
    row = {"trace": first.rows[0].trace_id, "expectations": {"answer": "FRANCE"}}

    second = tracer.evaluate([row], scorers=[is_peru])
    third = tracer.evaluate([row], scorers=[is_peru], resume=second.run_id)

    (trace,) = tracer.search_traces()
    assert [each.name for each in trace.info.assessments] == ["answer", "is_peru"]
    assert third.metrics == second.metrics


# ---- stored results, comparison ----


def test_the_result_of_a_run_and_of_a_file(tmp_path: Path) -> None:
    rows = [{**row, "expectations": {"answer": "x"}} for row in ROWS]
    result = tracer.evaluate(rows, upper, [is_peru])

    result.save(tmp_path / "result.json")
    loaded = tracer.EvaluationResult.load(tmp_path / "result.json")
    stored = get_evaluation(result.run_id)

    assert loaded == result
    assert (stored.metrics, stored.model_id) == (result.metrics, None)
    assert {row.id: (row.outputs, row.expectations) for row in stored.rows} == {
        row.id: (row.outputs, row.expectations) for row in result.rows
    }
    assert result.compare(stored).scores["is_peru"].same == 3
    (tmp_path / "other.json").write_text(json.dumps({"rows": 5}))
    with pytest.raises(InvalidArgumentError, match="not the result of an evaluation"):
        tracer.EvaluationResult.load(tmp_path / "other.json")
    with pytest.raises(RunNotFoundError):
        get_evaluation("nothing")


def test_rows_that_got_better_and_worse() -> None:
    def answer(right: set[int]) -> Any:
        def app(number: int) -> str:
            if number == 9 and right is after:
                raise TimeoutError("slow")
            return "yes" if number in right else "no"

        return app

    before, after = {0, 1, 9}, {1, 2, 3, 4, 5}
    rows = [{"inputs": {"number": number}} for number in range(10)]
    old = tracer.evaluate(rows, answer(before), [tracer.scorer(lambda outputs: outputs, name="right")])
    new = tracer.evaluate(
        [*rows[1:], {"inputs": {"number": 77}}], answer(after), [tracer.scorer(lambda outputs: outputs, name="right")]
    )

    comparison = new.compare(old)

    score = comparison.scores["right"]
    assert (score.better, score.worse, score.same) == (4, 1, 4)
    assert (score.before, score.after) == (2 / 9, 5 / 8)
    assert score.p_value == pytest.approx(0.375)
    (worse,) = comparison.rows_that_got("worse")
    assert (worse.inputs, worse.before, worse.after) == ({"number": 9}, 1.0, None)
    assert (comparison.only_before, comparison.only_after) == ([old.rows[0].id], [new.rows[9].id])
    assert comparison.got_worse() == []
    assert old.compare(new).got_worse() == ["right"]
    assert old.compare(new).got_worse(significance=0.05) == []
    assert str(comparison).splitlines()[0].split() == ["score", "before", "after", "better", "worse", "same", "p"]


@pytest.mark.parametrize(
    ("better", "worse", "p_value"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (8, 2, 0.109375)]
)
def test_the_p_value_of_a_sign_test(better: int, worse: int, p_value: float) -> None:
    from tracer._tracking.evaluation_comparison import sign_test

    assert sign_test(better, worse) == p_value
    assert sign_test(worse, better) == p_value


def test_rows_without_ids_are_joined_with_rows_of_equal_inputs() -> None:
    old = tracer.evaluate([{**ROWS[0], "id": "r1"}, ROWS[1], ROWS[1]], upper, [is_peru])
    new = tracer.evaluate([ROWS[0], ROWS[1], ROWS[1]], upper, [is_peru])

    assert new.compare(old).scores["is_peru"].same == 3


def test_what_goes_on_with_a_run_belongs_to_the_runs_version() -> None:
    version = tracer.create_external_model("first")
    result = tracer.evaluate(ROWS[:1], upper, [is_peru], model_id=version.model_id)

    again = tracer.evaluate(ROWS, upper, [is_peru], resume=result.run_id)

    assert again.model_id == version.model_id
    assert len(tracer.search_traces(model_id=version.model_id)) == 3
    assert tracer.get_active_model_id() is None
    assert tracer.compare_versions("first")[0].scores == {"is_peru": pytest.approx(1 / 3)}


def test_scorers_with_one_name_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="two are called '<lambda>'; give one another name"):
        tracer.evaluate(ROWS, upper, [lambda outputs: 1, lambda outputs: 0])


def test_an_app_that_streams_is_read_to_its_end() -> None:
    def pieces(country: str) -> Iterator[str]:
        yield from country[:2]

    async def later(country: str) -> AsyncIterator[str]:
        for piece in pieces(country):
            yield piece

    def breaks(country: str) -> Iterator[str]:
        yield country
        if country == "Peru":
            raise ConnectionError("the stream broke")

    apps: list[Any] = [pieces, later, tracer.trace(pieces), tracer.trace(later)]
    for app in apps:
        result = tracer.evaluate(ROWS, app, [tracer.scorer(lambda outputs: len(outputs), name="pieces")])
        assert result.metrics["pieces/mean"] == 2
        assert [row.outputs for row in result.rows] == [["F", "r"], ["P", "e"], ["M", "a"]]
        assert {tuple(trace.data.root.outputs) for trace in tracer.search_traces(run_id=result.run_id)} == {
            ("F", "r"), ("P", "e"), ("M", "a"),
        }  # fmt: skip
    broken = tracer.evaluate(ROWS, breaks)
    assert [row.error for row in broken.rows] == [None, "ConnectionError: the stream broke", None]


def test_a_scorer_may_give_several_feedback_objects() -> None:
    @tracer.scorer
    def parts(outputs: str) -> list[Any]:
        return [Feedback("long", len(outputs) > 4, rationale="letters"), Feedback("loud", value="yes")]

    result = tracer.evaluate(ROWS, upper, [parts])

    assert (result.metrics["long/mean"], result.metrics["loud/mean"]) == (pytest.approx(1 / 3), 1)
    assert result.rows[0].score("long").rationale == "letters"  # type: ignore[union-attr]


def test_where_nothing_is_recorded_rows_are_no_traces() -> None:
    with tracer.tracing.context(enabled=False):
        result = tracer.evaluate(ROWS, upper, [is_peru])

    assert [row.trace_id for row in result.rows] == [None, None, None]
    assert result.metrics["is_peru/mean"] == pytest.approx(1 / 3)
    assert tracer.search_traces() == []


def test_tables_and_rows_of_datasets_are_evaluated_as_the_datasets_are() -> None:
    pytest.importorskip("pandas")
    dataset = tracer.genai.create_dataset("countries")
    dataset.add(
        [{"inputs": {"country": name}, "outputs": "kept", "tags": {"n": name}, "split": "test"} for name in COUNTRIES]
    )
    expected = tracer.evaluate(dataset, upper, [is_peru])

    of_a_file = [
        {"id": row.id, "inputs": row.inputs, "outputs": "kept", "tags": row.tags, "split": "test"}
        for row in dataset.rows()
    ]
    for data in (dataset.to_df(), dataset.to_pandas(), dataset.records, of_a_file):
        result = tracer.evaluate(data, upper, [is_peru])
        assert [(row.id, row.outputs) for row in result.rows] == [(row.id, row.outputs) for row in expected.rows]
        assert result.metrics == expected.metrics
        assert len(tracer.search_traces("tags.n = 'Peru'", run_id=result.run_id)) == 1
        as_they_are = tracer.evaluate(data, scorers=[tracer.scorer(lambda outputs: outputs == "kept", name="kept")])
        assert as_they_are.metrics["kept/mean"] == 1


def test_tables_of_traces_are_evaluated_as_the_traces_are() -> None:
    pytest.importorskip("pandas")
    tracer.evaluate(ROWS, upper)
    table = tracer.search_traces(return_type="pandas")

    result = tracer.evaluate(table, scorers=[is_peru])

    assert {row.trace_id for row in result.rows} == set(table["trace_id"])
    assert result.metrics["is_peru/mean"] == pytest.approx(1 / 3)


def test_a_score_in_words_is_not_compared() -> None:
    @tracer.scorer
    def kind(outputs: str) -> str:
        return "a country"

    def fails_on_peru(country: str) -> str:
        if country == "Peru":
            raise ValueError("no")
        return country

    before = tracer.genai.evaluate(ROWS, fails_on_peru, [is_peru, kind])
    after = tracer.genai.evaluate(ROWS, fails_on_peru, [is_peru, kind])

    assert list(after.compare(before).scores) == ["is_peru"]
