"""Runs: what happens inside links to them, and they end as they went."""

from __future__ import annotations

import asyncio

import pytest

import tracer
from tracer.errors import InvalidArgumentError, RunNotFoundError


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
