"""Evaluations over the API: the list, the rows of one, and two of them compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

import tracer
from tracer.genai import get_evaluation
from tracer.genai.datasets import create_dataset

COUNTRIES = ("France", "Peru", "Mali", "Chad")
ROWS = [{"inputs": {"country": country}, "expectations": {"capital": country[::-1]}} for country in COUNTRIES]


@tracer.scorer
def is_loud(outputs: str) -> bool:
    return outputs.isupper()


@tracer.scorer
def length(outputs: str) -> dict[str, Any]:
    return {"value": len(outputs), "rationale": f"it has {len(outputs)} letters"}


@tracer.scorer
def first(outputs: str) -> str:
    if outputs.startswith("M"):
        raise ValueError("no M")
    return outputs[0]


def loud(country: str) -> str:
    return country.upper()


def tired(country: str) -> str:
    if country == "Peru":
        raise TimeoutError("no answer in 5 s")
    return country.lower() if country == "Chad" else country.upper()


def evaluated(app: Callable[..., str], data: Any = ROWS, name: str = "nightly") -> str:
    result = tracer.genai.evaluate(data, app, [is_loud, length, first], run_name=name)
    tracer.flush()
    return result.run_id


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def inputs(answer: Any) -> list[str]:
    return [row["request_preview"] for row in answer["rows"]]


def asked(*countries: str) -> list[str]:
    return [f'{{"country":"{country}"}}' for country in countries]


def test_the_list_has_the_newest_first_with_what_each_came_to(client: httpx.Client) -> None:
    dataset = create_dataset("countries")
    dataset.merge_records(ROWS)
    with tracer.set_active_model("shop-v1") as version:
        older = evaluated(tired, dataset)
    newer = evaluated(loud, name="second")
    with tracer.start_run(run_name="no evaluation"):
        loud("Peru")

    second, nightly = get(client, "/evaluations")["evaluations"]

    assert (second["run_id"], nightly["run_id"]) == (newer, older)
    assert nightly["dataset"] == "countries"
    assert nightly["versions"] == [{"model_id": version.model_id, "name": "shop-v1"}]
    assert (nightly["row_count"], nightly["expected_rows"], nightly["failed_count"]) == (4, 4, 1)
    assert nightly["scores"] == [
        {"name": "first", "count": 2, "mean": None, "failed": 1, "texts": []},
        {"name": "is_loud", "count": 3, "mean": pytest.approx(2 / 3), "failed": 0, "texts": []},
        {"name": "length", "count": 3, "mean": pytest.approx(14 / 3), "failed": 0, "texts": []},
    ]


def test_evaluations_are_found_by_words_by_filter_and_by_version(client: httpx.Client) -> None:
    with tracer.set_active_model("shop-v1") as version:
        older = evaluated(tired)
    newer = evaluated(loud, name="second")

    def found(**query: Any) -> list[str]:
        return [each["run_id"] for each in get(client, "/evaluations", **query)["evaluations"]]

    assert found(words="SHOP-v1 night") == [older]
    assert found(words="none") == []
    assert found(filter="metrics.error_share = 0") == [newer]
    assert found(model_id=version.model_id) == [older]
    page = get(client, "/evaluations", limit=1)
    assert [page["evaluations"][0]["run_id"], *found(limit=1, page_token=page["next_page_token"])] == [newer, older]
    assert page["total"] == 2


def test_an_evaluation_of_an_earlier_release_is_found_by_its_version(
    client: httpx.Client, write: Callable[..., None]
) -> None:
    with tracer.set_active_model("shop-v1") as version:
        run = evaluated(loud)
    write(
        {"kind": "run", "run_id": run, "time": 2**62, "tags": {"tracer.model_id": None, "tracer.evaluation.rows": None}}
    )

    found = get(client, "/evaluations", model_id=version.model_id)["evaluations"]

    assert [each["run_id"] for each in found] == [run]


def test_what_an_evaluation_said_stays_when_its_traces_are_deleted(client: httpx.Client) -> None:
    evaluated(tired)
    tracer.delete_traces(filter_string="timestamp > 0")

    [found] = get(client, "/evaluations")["evaluations"]

    assert (found["row_count"], found["failed_count"], found["cost"]) == (4, 1, None)
    assert [(score["name"], score["count"], score["failed"]) for score in found["scores"]] == [
        ("is_loud", None, 0),
        ("length", None, 0),
    ]


def test_a_row_has_what_was_asked_expected_answered_and_scored(client: httpx.Client) -> None:
    run = evaluated(tired)

    answer = get(client, f"/evaluations/{run}", order_by="score.length desc")

    chad = answer["rows"][inputs(answer).index(asked("Chad")[0])]
    assert chad["expectations"] == {"capital": "dahC"}
    assert chad["answer"]["response_preview"] == "chad"
    assert {score["name"]: (score["value"], score["rationale"]) for score in chad["answer"]["scores"]} == {
        "is_loud": (False, None),
        "length": (4, "it has 4 letters"),
        "first": ("c", None),
    }
    assert answer["evaluation"]["scores"][0]["texts"] == [{"text": "F", "count": 1}, {"text": "c", "count": 1}]
    failed = answer["rows"][inputs(answer).index(asked("Peru")[0])]["answer"]
    assert (failed["state"], failed["error"]) == ("ERROR", "TimeoutError: no answer in 5 s")
    assert client.get(f"/traces/{failed['trace_id']}").status_code == 200


@pytest.mark.parametrize(
    ("query", "countries"),
    [
        ({"order_by": "score.length desc"}, ["France", "Mali", "Chad", "Peru"]),
        ({"order_by": "score.first asc"}, ["France", "Chad", "Peru", "Mali"]),
        ({"order_by": "failing"}, ["Peru", "Chad", "Mali", "France"]),
        ({"show": "failing", "order_by": "failing"}, ["Peru", "Chad", "Mali"]),
        ({"filter": "feedback.is_loud = false"}, ["Chad"]),
        ({"order_by": "score.length desc", "limit": "1"}, ["France"]),
        ({"order_by": "score.length desc", "page_token": "3"}, ["Peru"]),
    ],
)
def test_rows_are_sorted_chosen_and_paged(query: dict[str, str], countries: list[str], client: httpx.Client) -> None:
    run = tracer.genai.evaluate(ROWS, tired, [is_loud, length, first], workers=1).run_id
    tracer.flush()

    answer = get(client, f"/evaluations/{run}", **query)

    assert inputs(answer) == asked(*countries)


def test_two_runs_are_compared_as_in_python_with_what_got_worse_first(client: httpx.Client) -> None:
    before, after = evaluated(loud), evaluated(tired)

    answer = get(client, f"/evaluations/{after}", base=before)

    expected = get_evaluation(after).compare(get_evaluation(before))
    said = {score["name"]: score for score in answer["comparison"]["scores"]}
    assert {name: (each["better"], each["worse"], each["same"], each["p_value"]) for name, each in said.items()} == {
        name: (each.better, each.worse, each.same, each.p_value) for name, each in expected.scores.items()
    }
    assert all(score["may_be_chance"] for score in said.values())
    assert inputs(answer)[:2] == asked("Peru", "Chad")
    chad = answer["rows"][1]
    assert chad["changes"] == {"is_loud": "worse", "length": "same"}
    assert chad["base"]["scores"][0]["value"] is True
    assert answer["counts"] == {"all": 4, "failing": 3, "worse": 2, "better": 0, "same": 2, "only": 0}


def test_a_difference_that_is_hardly_chance_is_told(client: httpx.Client) -> None:
    rows = [{"inputs": {"country": f"Country {number}"}} for number in range(8)]
    before, after = evaluated(loud, rows), evaluated(lambda country: country, rows)

    scores = get(client, f"/evaluations/{after}", base=before)["comparison"]["scores"]

    assert {score["name"]: score["may_be_chance"] for score in scores} == {"is_loud": False, "length": True}


def test_rows_of_only_one_run_are_told_and_others_are_joined_by_inputs(client: httpx.Client) -> None:
    dataset = create_dataset("some")
    dataset.merge_records(ROWS[:3])
    before, after = evaluated(loud, dataset), evaluated(tired, ROWS[1:])

    answer = get(client, f"/evaluations/{after}", base=before, show="only")

    assert [(row["only_in"], row["request_preview"]) for row in answer["rows"]] == [
        ("run", asked("Chad")[0]),
        ("base", asked("France")[0]),
    ]
    comparison = answer["comparison"]
    assert (comparison["joined"], comparison["only_in_run"], comparison["only_in_base"]) == (2, 1, 1)


def test_traces_of_another_run_that_were_scored_again_are_rows(client: httpx.Client) -> None:
    run = evaluated(tired)
    again = tracer.genai.evaluate(tracer.search_traces(run_id=run), [length]).run_id
    tracer.flush()

    answer = get(client, f"/evaluations/{again}", base=run)

    assert sorted(inputs(answer)) == sorted(asked(*COUNTRIES))
    assert answer["comparison"]["joined"] == 4
    assert [score["name"] for score in answer["evaluation"]["scores"]] == ["length"]
    assert {row.trace_id for row in get_evaluation(again).rows} == {row.trace_id for row in get_evaluation(run).rows}


def test_an_evaluation_is_read_anew_once_something_in_it_changed(client: httpx.Client) -> None:
    run = evaluated(loud)
    get(client, f"/evaluations/{run}")
    rows = get(client, f"/evaluations/{run}")["rows"]

    tracer.set_trace_tag(rows[0]["answer"]["trace_id"], "checked", "yes")
    tracer.flush()
    changed = get(client, f"/evaluations/{run}")
    tracer.delete_traces([rows[1]["answer"]["trace_id"]])
    left = get(client, f"/evaluations/{run}")

    assert changed["rows"][0]["tags"] == {"checked": "yes"}
    assert left["total"] == 3


def test_an_evaluation_behind_a_token_is_not_shown_without_it(guarded: httpx.Client) -> None:
    assert guarded.get("/api/v1/evaluations").status_code == 401
    assert guarded.get("/api/v1/evaluations/r1").status_code == 401
    assert guarded.post("/api/v1/runs/sums", json={"run_ids": []}).status_code == 401
