"""`tracer versions`: what it says of one version, and deleting it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import tracer
from tests.cli.conftest import Ran
from tracer.models import ModelError, log_model

Command = Callable[..., Ran]


def test_a_version_is_shown_with_params_tags_config_and_example(tracer_command: Command) -> None:
    log_model(
        "times", lambda number: number, input_example=21, model_config={"k": 5}, params={"llm": "gpt-4o"},
        tags={"git.commit": "0a1b2c"}, model_type="agent", registered_model_name="multiply",
    )  # fmt: skip
    tracer.set_registered_model_alias("multiply", "champion", 1)

    shown = tracer_command("versions", "times", "--full")

    text = " ".join(shown.out.split())
    assert shown.lines[0].startswith("times  m-")
    for part in (
        "status READY", "model type agent", "registered as multiply/1 @champion", "params llm gpt-4o",
        "tags git.commit 0a1b2c", 'config { "k": 5 }', 'input example { "input": 21 }',
    ):  # fmt: skip
        assert part in text, part
    assert json.loads(tracer_command("versions", "--full", "--json").out)["config"] == {"k": 5}


def test_a_version_is_deleted_and_its_traces_stay(tracer_command: Command) -> None:
    model = tracer.create_external_model("v1")
    with tracer.set_active_model("v1"), tracer.start_span("step"):
        pass

    deleted = tracer_command("versions", "v1", "--delete")

    assert deleted.err == f"deleted v1 ({model.model_id}); 1 trace of it stay\n"
    assert [line.split()[:3] for line in tracer_command("versions").lines[1:]] == [["v1", "(deleted)", "1"]]
    assert tracer_command("versions", "--full").out == ""
    assert "was deleted; its traces stay" in tracer_command("versions", "v1", "--full").err
    assert tracer_command("versions", "--delete").code == 2


def test_a_version_that_could_not_be_saved_says_so_and_is_not_what_its_name_stands_for(tracer_command: Command) -> None:
    good = log_model("half", lambda number: number / 2, input_example=2)
    with pytest.raises(ModelError):
        log_model("half", lambda number: number / 0, input_example=2)

    labels = [line.partition("  ")[0] for line in tracer_command("versions").lines[1:]]

    assert sorted("(failed)" in label for label in labels) == [False, True]
    assert json.loads(tracer_command("versions", "half", "--json").out)["model_id"] == good.model_id
