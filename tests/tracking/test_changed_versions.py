"""Versions that are pending, that failed, that are deleted, and lists of them; in a file and on a server."""

from __future__ import annotations

import pytest

import tracer
from tracer.errors import InvalidArgumentError, ModelNotFoundError
from tracer.models import load_model, log_model


def logged(factor: int, name: str = "times", **fields: object) -> tracer.LoggedModel:
    """A model that multiplies."""
    return log_model(name, lambda number: factor * number, input_example=False, **fields)  # type: ignore[arg-type]


def test_a_deleted_version_is_gone_and_its_traces_stay(kept_in: str) -> None:
    model = logged(2, params={"k": "5"})
    load_model(model.model_uri, trust=True).predict(1)
    version = tracer.register_model(model, "multiply")
    folder = model.artifact_location
    assert folder.is_dir()

    tracer.delete_logged_model(model.model_id)

    assert tracer.search_logged_models() == []
    assert not folder.exists()
    assert len(tracer.search_traces(model_id=model.model_id)) == 1
    for ask in (tracer.get_logged_model, tracer.delete_logged_model, lambda id: tracer.set_active_model(model_id=id)):
        with pytest.raises(ModelNotFoundError, match=r"'times' \(m-.*was deleted; its traces stay, search_traces"):
            ask(model.model_id)
    with pytest.raises(ModelNotFoundError, match="was deleted"):
        load_model(version.model_uri)
    [summary] = tracer.compare_versions()
    assert (summary.name, summary.traces, summary.deleted) == ("times", 1, True)


def test_a_deleted_name_can_be_made_again_and_begins_anew(kept_in: str) -> None:
    tracer.set_active_model("v1")
    tracer.log_model_params({"k": "5"})
    deleted = tracer.get_active_model_id()
    assert deleted is not None
    tracer.delete_logged_model(deleted)

    again = tracer.set_active_model("v1")

    assert tracer.get_logged_model(again.model_id).params == {}
    assert [model.name for model in tracer.search_logged_models()] == ["v1"]
    assert tracer.compare_versions("v1")[0].deleted is False


def test_a_version_is_pending_until_it_is_finalized_and_says_why_it_failed(kept_in: str) -> None:
    model = tracer.initialize_logged_model("agent", params={"k": "5"}, model_type="agent")
    assert (model.status, str(model.status), f"{model.status}") == ("PENDING", "PENDING", "PENDING")

    failed = tracer.finalize_logged_model(model.model_id, "FAILED", "no memory")

    assert (failed.status, failed.status_message) == ("FAILED", "no memory")
    fields = tracer.get_logged_model(model.model_id).to_dictionary()
    assert (fields["status"], fields["params"], fields["model_uri"]) == ("FAILED", {"k": "5"}, model.model_uri)
    assert tracer.finalize_logged_model(model.model_id).status_message is None


def test_a_model_whose_example_fails_says_so() -> None:
    with pytest.raises(tracer.models.ModelError):
        log_model("divide", lambda number: 1 / number, input_example=0)

    [model] = tracer.search_logged_models("status = 'FAILED'")
    assert "ZeroDivisionError" in str(model.status_message)


def test_the_last_logged_model_is_the_one_that_was_made_last() -> None:
    model = logged(2)
    assert tracer.last_logged_model() == tracer.get_logged_model(model.model_id)
    made = tracer.set_active_model("v1")
    last = tracer.last_logged_model()
    assert last is not None
    assert last.model_id == made.model_id

    tracer.delete_logged_model(made.model_id)

    assert tracer.last_logged_model() is None
    assert issubclass(tracer.ActiveModel, tracer.LoggedModel)


def test_versions_as_a_table_and_in_mlflows_order() -> None:
    for name, accuracy in (("a", 0.5), ("b", 0.9)):
        tracer.log_model_metrics({"accuracy": accuracy}, tracer.create_external_model(name).model_id)

    table = tracer.search_logged_models(
        filter_string="metrics.accuracy > 0",
        order_by=[{"field_name": "metrics.accuracy", "ascending": False}],
        output_format="pandas",
    )

    assert list(table["name"]) == ["b", "a"]
    assert {"model_id", "status", "params", "metrics", "artifact_location"} <= set(table.columns)
    assert list(tracer.search_logged_models("name = 'none'", output_format="pandas").columns) == list(table.columns)
    assert [model.name for model in tracer.search_logged_models(order_by=[{"field_name": "name"}])] == ["a", "b"]
    with pytest.raises(InvalidArgumentError, match="write search_logged_models\\(experiment_ids="):
        tracer.search_logged_models(["0"])  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match="expected 'list' or 'pandas'"):
        tracer.search_logged_models(output_format="arrow")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match="order_by: got"):
        tracer.search_logged_models(order_by=[{"field": "name"}])


def test_the_example_of_a_logged_model_counts_nowhere(kept_in: str) -> None:
    log_model("times", lambda number: number, input_example=1)

    assert [summary.traces for summary in tracer.compare_versions("times")] == [0]
    from tracer._engine.runtime import runtime

    assert runtime().store().versions() == []
