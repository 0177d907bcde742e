"""Runs: what happens inside links to them, and they end as they went."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer.errors import FilterSyntaxError, InvalidArgumentError, RunNotFoundError
from tracer.server import running_server


@tracer.trace
def step() -> str | None:
    return tracer.get_active_trace_id()


def test_traces_and_versions_inside_belong_to_the_run() -> None:
    with tracer.start_run(run_name="nightly", tags={"env": "ci"}, params={"seed": "7"}) as run:
        trace_id = step()
        model = tracer.create_external_model("v1")
        tracer.log_metrics({"accuracy": 1})
    outside = step()

    stored = tracer.get_run(run.info.run_id)
    assert [t.trace_id for t in tracer.search_traces(run_id=run.info.run_id)] == [trace_id]
    assert model.source_run_id == run.info.run_id
    assert outside is not None
    assert tracer.get_trace(outside).info.run_id is None  # type: ignore[union-attr]
    assert (stored.info.run_name, stored.info.status, stored.info.parent_run_id) == ("nightly", "FINISHED", None)
    assert (stored.data.tags, stored.data.params, stored.data.metrics) == (
        {"env": "ci"},
        {"seed": "7"},
        {"accuracy": 1},
    )
    assert stored.info.end_time is not None
    assert stored.info.end_time >= stored.info.start_time


def test_a_run_inside_of_another() -> None:
    with tracer.start_run() as outer:
        with tracer.start_run(nested=True) as inner:
            assert tracer.active_run() is inner
        assert tracer.active_run() is outer

    assert tracer.get_run(inner.info.run_id).info.parent_run_id == outer.info.run_id
    assert tracer.active_run() is None


def test_a_second_run_by_accident_is_refused() -> None:
    with tracer.start_run(), pytest.raises(InvalidArgumentError, match="nested=True"):
        tracer.start_run()


def test_a_run_whose_block_raises_has_failed() -> None:
    with pytest.raises(KeyError), tracer.start_run() as run:
        raise KeyError

    assert tracer.get_run(run.info.run_id).info.status == "FAILED"


def test_a_run_without_a_block_ends_when_it_is_told_to() -> None:
    run = tracer.start_run()
    assert tracer.get_run(run.info.run_id).info.status == "RUNNING"
    tracer.end_run()

    assert tracer.get_run(run.info.run_id).info.status == "FINISHED"
    assert [found.info.run_id for found in tracer.search_runs()] == [run.info.run_id]


def test_going_on_with_a_run() -> None:
    with tracer.start_run() as run:
        pass
    with tracer.start_run(run.info.run_id):
        assert tracer.get_run(run.info.run_id).info.status == "RUNNING"
        tracer.log_params({"k": "5"})

    again = tracer.get_run(run.info.run_id)
    assert (again.info.status, again.data.params) == ("FINISHED", {"k": "5"})


def test_runs_of_tasks_do_not_meet() -> None:
    async def work() -> tuple[str, str | None]:
        with tracer.start_run() as run:
            await asyncio.sleep(0)
            return run.info.run_id, step()

    async def main() -> list[tuple[str, str | None]]:
        return await asyncio.gather(*(work() for _ in range(10)))

    for run_id, trace_id in asyncio.run(main()):
        assert [t.trace_id for t in tracer.search_traces(run_id=run_id)] == [trace_id]


def test_an_unknown_run() -> None:
    with pytest.raises(RunNotFoundError, match="r-unknown"):
        tracer.get_run("r-unknown")


def test_one_param_measure_and_tag_at_a_time() -> None:
    with tracer.start_run() as run:
        tracer.log_param("seed", "7")
        tracer.log_metric("accuracy", 0.5)
        tracer.set_tag("env", "ci")

    data = tracer.get_run(run.info.run_id).data
    assert (data.params, data.metrics, data.tags) == ({"seed": "7"}, {"accuracy": 0.5}, {"env": "ci"})
    with pytest.raises(InvalidArgumentError, match="outside of a run"):
        tracer.set_tag("env", "ci")


def test_experiments_go_by_id_and_by_name() -> None:
    tracer.create_external_model("elsewhere")
    experiment = tracer.set_experiment("support")
    assert tracer.get_experiment_by_name("support") is None
    before = experiment.experiment_id
    inside = tracer.create_external_model("inside", experiment_id=before)
    with tracer.start_run() as run:
        pass

    assert tracer.get_experiment_by_name("support") == experiment
    assert experiment.experiment_id == inside.experiment_id == run.info.experiment_id
    for identity in (before, experiment.experiment_id, "support"):
        assert [model.name for model in tracer.search_logged_models(experiment_ids=[identity])] == ["inside"]
        assert [found.info.run_id for found in tracer.search_runs(experiment_ids=[identity])] == [run.info.run_id]
    for identity in (experiment.experiment_id, "support"):
        assert tracer.create_external_model(experiment_id=identity).experiment_id == inside.experiment_id
    with pytest.raises(InvalidArgumentError, match=r"expected one of 0 \(Default\), 1 \(support\)"):
        tracer.create_external_model(experiment_id="unknown")


def test_params_and_tags_of_any_kind_become_texts() -> None:
    with tracer.start_run(tags={"n": 1}, params={"lr": 0.1}, description="the first") as run:
        tracer.log_param("layers", [1, 2])
        tracer.log_params({"on": True, "none": None})
        tracer.set_tags({"team": "search", "size": 3})

    data = tracer.get_run(run.info.run_id).data
    assert data.params == {"lr": "0.1", "layers": "[1, 2]", "on": "True", "none": "None"}
    assert data.tags == {"n": "1", "tracer.note.content": "the first", "team": "search", "size": "3"}


def test_metrics_with_a_step_have_a_history() -> None:
    with tracer.start_run() as run:
        for step in (0, 10, 2):
            tracer.log_metric("loss", 1.0 / (step + 1), step=step)
        tracer.log_metrics({"loss": 0.05, "accuracy": 0.5}, step=11, synchronous=True)  # type: ignore[call-arg]
        tracer.log_metric("accuracy", 0.25, timestamp=1)
        tracer.log_metric("plain", 1)

    data = tracer.get_run(run.info.run_id).data
    assert data.metrics == {"loss": 0.05, "accuracy": 0.5, "plain": 1.0}
    assert data.metric_history == {"loss": [(0, 1.0), (2, 1 / 3), (10, 1 / 11), (11, 0.05)], "accuracy": [(11, 0.5)]}
    with pytest.raises(InvalidArgumentError, match="step: got 'a', expected a whole number"):
        tracer.log_metric("loss", 1.0, step="a", run_id=run.info.run_id)  # type: ignore[arg-type]


def test_a_long_history_is_thinned_out() -> None:
    with tracer.start_run() as run:
        for step in range(10_002):
            tracer.log_metric("loss", 1.0, step)

    history = tracer.get_run(run.info.run_id).data.metric_history["loss"]
    assert 5_000 <= len(history) <= 10_000
    assert (history[0].step, history[-1].step >= 9_000) == (0, True)


def test_a_run_that_is_over_takes_values_by_its_id() -> None:
    with tracer.start_run() as run:
        pass
    tracer.log_metric("late", 1, run_id=run.info.run_id)
    tracer.log_param("late", 1, run_id=run.info.run_id)
    tracer.set_tag("late", 1, run_id=run.info.run_id)

    data = tracer.get_run(run.info.run_id).data
    assert (data.metrics, data.params, data.tags) == ({"late": 1.0}, {"late": "1"}, {"late": "1"})
    with pytest.raises(InvalidArgumentError, match="called outside of a run; write"):
        tracer.log_metric("late", 1)


def test_runs_are_found_by_a_filter_in_an_order() -> None:
    for number, env in enumerate(["ci", "ci", "dev"]):
        with tracer.start_run(run_name=f"r{number}", tags={"env": env}):
            tracer.log_metric("accuracy", number / 2)

    def names(filter_string: str | None = None, **rest: Any) -> list[str]:
        return [run.info.run_name for run in tracer.search_runs(filter_string=filter_string, **rest)]

    assert names() == ["r2", "r1", "r0"]
    assert names("tags.env = 'ci' AND metrics.accuracy > 0.1") == ["r1"]
    assert names("attributes.run_name LIKE 'r%' AND status = 'FINISHED'", order_by=["metrics.accuracy ASC"]) == [
        "r0", "r1", "r2",
    ]  # fmt: skip
    assert names(order_by=[{"field_name": "run_name", "ascending": False}], max_results=1) == ["r2"]
    assert names(experiment_names=["Default"], max_results=1) == ["r2"]
    assert names(experiment_names=["elsewhere"]) == []
    with pytest.raises(FilterSyntaxError, match="unknown field 'nmae'; fields are run_id, run_name"):
        names("nmae = 'x'")
    with pytest.raises(InvalidArgumentError, match="output_format: got 'frame', expected 'list' or 'pandas'"):
        tracer.search_runs(output_format="frame")  # type: ignore[call-overload]


def test_runs_and_versions_as_a_table() -> None:
    pytest.importorskip("pandas")
    with tracer.start_run(run_name="r", tags={"env": "ci"}, params={"k": 5}):
        tracer.log_metric("accuracy", 0.5)
        tracer.create_external_model("v1", params={"llm": "gpt-4"})

    [run] = tracer.search_runs(output_format="pandas").to_dict("records")
    [model] = tracer.search_logged_models(output_format="pandas").to_dict("records")

    assert (run["run_name"], run["tags.env"], run["params.k"], run["metrics.accuracy"]) == ("r", "ci", "5", 0.5)
    assert (model["name"], model["params"], model["status"]) == ("v1", {"llm": "gpt-4"}, "READY")


def test_a_deleted_run_is_gone_with_its_files_and_its_traces_stay() -> None:
    with tracer.start_run() as run:
        trace_id = step()
        tracer.log_text("hello", "notes/a.txt")
    folder = Path(run.info.artifact_uri)
    assert (folder / "notes" / "a.txt").read_text() == "hello"

    tracer.delete_run(run.info.run_id)

    assert tracer.search_runs() == []
    assert not folder.exists()
    assert trace_id is not None
    assert tracer.get_trace(trace_id) is not None
    with pytest.raises(RunNotFoundError):
        tracer.get_run(run.info.run_id)


def test_the_last_active_run() -> None:
    assert tracer.last_active_run() is None
    with tracer.start_run() as run:
        assert tracer.last_active_run() is run
    last = tracer.last_active_run()
    assert last is not None
    assert (last.info.run_id, last.info.status) == (run.info.run_id, "FINISHED")


def test_a_run_in_another_experiment() -> None:
    step()
    assert len(tracer.search_traces()) == 1
    number = tracer.create_experiment("elsewhere")

    with tracer.start_run(experiment_id=number) as run:
        pass

    assert run.info.experiment_id == number
    assert [found.info.run_id for found in tracer.search_runs(experiment_names=["elsewhere"])] == [run.info.run_id]


def test_experiments_are_made_found_and_listed() -> None:
    assert tracer.search_traces() == []
    number = tracer.create_experiment("support")

    assert tracer.get_experiment(number) == tracer.get_experiment("support") == tracer.Experiment("support")
    assert tracer.get_experiment_by_name("support") == tracer.Experiment("support")
    assert [found.name for found in tracer.search_experiments()] == ["Default", "support"]
    assert [found.name for found in tracer.search_experiments("name LIKE 'sup%'")] == ["support"]
    assert [found.name for found in tracer.search_experiments(order_by=["name DESC"], max_results=1)] == ["support"]
    with pytest.raises(InvalidArgumentError, match=r"there is an experiment 'support'; tracer.set_experiment\('supp"):
        tracer.create_experiment("support")
    with pytest.raises(InvalidArgumentError, match="expected one of 0"):
        tracer.get_experiment("99")


def test_experiments_and_deleted_runs_are_the_same_on_a_server(tmp_path: Path) -> None:
    with running_server(f"sqlite:///{tmp_path / 'server.db'}") as url:
        tracer.configure(store=url)
        number = tracer.create_experiment("support")
        with tracer.start_run(experiment_id=number) as run:
            tracer.log_metric("loss", 0.5, step=3)
            with pytest.raises(InvalidArgumentError, match=f"this one is the server {url}"):
                tracer.log_text("hello", "a.txt")
        history = tracer.get_run(run.info.run_id).data.metric_history
        tracer.delete_run(run.info.run_id)

        assert (number, history) == ("1", {"loss": [(3, 0.5)]})
        assert tracer.search_runs() == []
        tracer.reset()
