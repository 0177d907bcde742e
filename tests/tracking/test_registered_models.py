"""Registered models: numbers and aliases of their own, and loading by them; in a file and on a server."""

from __future__ import annotations

import pytest

import tracer
from tracer.errors import InvalidArgumentError, ModelNotFoundError
from tracer.models import load_model, log_model


def logged(factor: int, name: str = "times", **fields: object) -> tracer.LoggedModel:
    """A model that multiplies."""
    return log_model(name, lambda number: factor * number, input_example=False, **fields)  # type: ignore[arg-type]


def test_a_registered_model_loads_by_number_and_by_alias(kept_in: str) -> None:
    two, three = logged(2), logged(3)
    first = tracer.register_model(three.model_uri, "multiply", tags={"checked": "yes"})
    second = tracer.register_model(two, "multiply")
    tracer.set_registered_model_alias("multiply", "champion", 1)

    assert (first.version, first.model_id, first.source, first.tags) == (
        1, three.model_id, three.model_uri, {"checked": "yes"},
    )  # fmt: skip
    assert (second.version, second.model_uri) == (2, "models:/multiply/2")
    uris = ["models:/multiply/1", "models:/multiply@champion", "models:/multiply", "models:/multiply@latest"]
    assert [load_model(uri, trust=True).predict(1) for uri in uris] == [3, 3, 2, 2]
    tracer.set_registered_model_alias("multiply", "champion", version="2")
    assert load_model("models:/multiply@champion", trust=True).predict(1) == 2
    tracer.delete_registered_model_alias("multiply", "champion")
    with pytest.raises(ModelNotFoundError, match="has no alias 'champion'; its aliases are: none"):
        load_model("models:/multiply@champion")


def test_a_model_of_a_run_is_registered_by_the_run(kept_in: str) -> None:
    with tracer.start_run() as run:
        model = logged(2)

    version = tracer.register_model(f"runs:/{run.info.run_id}/times", "multiply")

    assert (version.model_id, version.run_id) == (model.model_id, run.info.run_id)
    assert load_model(f"runs:/{run.info.run_id}/times", trust=True).predict(2) == 4
    with pytest.raises(ModelNotFoundError, match="has no model 'plus'; logged in it are: times"):
        tracer.register_model(f"runs:/{run.info.run_id}/plus", "multiply")


def test_log_model_registers_under_a_name(kept_in: str) -> None:
    model = logged(2, registered_model_name="multiply")

    [version] = tracer.search_model_versions("name = 'multiply'")
    assert (version.version, version.model_id) == (1, model.model_id)
    with pytest.raises(InvalidArgumentError, match="name: got 'a/b'"):
        logged(3, registered_model_name="a/b")
    assert len(tracer.search_logged_models()) == 1


def test_registered_models_are_listed(kept_in: str) -> None:
    model = logged(2)
    for name in ("b", "a", "a"):
        tracer.register_model(model, name)
    tracer.set_registered_model_alias("a", "champion", 1)

    newest = [(version.name, version.version, version.aliases) for version in tracer.search_registered_models()]
    assert newest == [("a", 2, []), ("b", 1, [])]
    versions = [(version.name, version.version, version.aliases) for version in tracer.search_model_versions()]
    assert versions == [("a", 2, []), ("a", 1, ["champion"]), ("b", 1, [])]
    assert len(tracer.search_model_versions("version = 1", max_results=1)) == 1


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("models:/multiply@champion", "no registered model is called 'multiply'; there are: none"),
        ("models:/times@champion", "no registered model is called 'times'"),
        ("models:/m-" + "0" * 32, "no version has the id"),
        ("models:/nothing", "no model is called 'nothing'; logged are: times"),
        ("models:/times/5", "has no version '5'; it has 1 to 1"),
        ("runs:/r/times", "the run 'r' has no model 'times'"),
        ("s3://bucket/model", "expected models:/<id>"),
    ],
)
def test_a_uri_of_nothing_says_what_there_is(uri: str, error: str) -> None:
    logged(2)

    with pytest.raises((ModelNotFoundError, InvalidArgumentError), match=error):
        tracer.register_model(uri, "multiply")


def test_without_being_registered_a_name_counts_what_was_logged() -> None:
    for factor in (1, 2, 3):
        logged(factor)
    tracer.delete_logged_model(tracer.search_logged_models(order_by=["creation_timestamp"])[1].model_id)

    assert [load_model(uri).predict(1) for uri in ("models:/times", "models:/times/1", "models:/times/3")] == [3, 1, 3]
    with pytest.raises(ModelNotFoundError, match="was deleted"):
        load_model("models:/times/2")
