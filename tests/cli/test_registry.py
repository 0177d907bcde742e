"""`tracer prompts`, and `tracer models` beside serving."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tracer
from tests.cli.conftest import Ran
from tracer.models import log_model

Command = Callable[..., Ran]


@pytest.fixture
def prompts() -> None:
    """A prompt with two versions, used by one trace."""
    tracer.register_prompt("qa", "Be brief.\nAnswer {{question}}.", "first", {"team": "search"})
    newer = tracer.register_prompt("qa", "Be brief.\nAnswer {{question}} in \x1b[31mFrench.")
    tracer.register_prompt("chat", [{"role": "user", "content": "{{q}}"}, {"role": "user", "content": [{"a": 1}]}])
    tracer.set_prompt_alias("qa", "production", 1)
    with tracer.start_span("asks"):
        newer.format(question="Why?")


@pytest.mark.usefixtures("prompts")
def test_prompts_are_listed_and_shown(tracer_command: Command) -> None:
    listed, shown = tracer_command("prompts"), tracer_command("prompts", "show", "qa")
    one, chat = tracer_command("prompts", "show", "qa@production"), tracer_command("prompts", "show", "prompts:/chat/1")

    assert [line.split()[:2] for line in listed.lines] == [["prompt", "version"], ["chat", "1"], ["qa", "2"]]
    assert [line.split()[:3] for line in shown.lines[:3]] == [
        ["prompt", "version", "aliases"], ["qa", "2", "-"], ["qa", "1", "production"],
    ]  # fmt: skip
    assert "used by 1 trace: tracer list --filter \"prompt = 'qa/2'\"" in shown.lines
    assert shown.lines[-1] == "Answer {{question}} in \\x1b[31mFrench."
    assert one.lines[0].startswith("qa/1  @production  20")
    assert one.lines[1:] == [
        "first", "team=search", "variables: question", "used by 0 traces", "", "Be brief.", "Answer {{question}}.",
    ]  # fmt: skip
    assert chat.lines[-6:] == ["user", "[", "  {", '    "a": 1', "  }", "]"]
    assert json.loads(tracer_command("prompts", "show", "qa/1", "--json").out)["commit_message"] == "first"
    assert [json.loads(line)["name"] for line in tracer_command("prompts", "--json").lines] == ["chat", "qa"]


@pytest.mark.usefixtures("prompts")
def test_a_diff_of_prompts(tracer_command: Command) -> None:
    changed = ["-Answer {{question}}.", "+Answer {{question}} in \\x1b[31mFrench."]

    assert tracer_command("prompts", "diff", "qa").lines[-2:] == changed
    assert tracer_command("prompts", "diff", "qa", "production", "latest").lines[-2:] == changed
    assert tracer_command("prompts", "diff", "qa", "2", "1").lines[:2] == ["--- qa/2", "+++ qa/1"]
    assert tracer_command("prompts", "diff", "chat").err == "chat/1 and chat/1 have the same template.\n"


@pytest.mark.usefixtures("prompts")
def test_an_alias_is_set_and_taken_away(tracer_command: Command) -> None:
    assert tracer_command("prompts", "alias", "qa", "production", "2").err == "qa@production is version 2 now.\n"
    assert tracer.load_prompt("qa@production").version == 2
    assert tracer_command("prompts", "alias", "qa", "production", "--delete").code == 0
    assert tracer.load_prompt("qa").aliases == []
    assert tracer_command("prompts", "alias", "qa", "production").code == 2
    assert "has no version 7" in tracer_command("prompts", "alias", "qa", "production", "7").err


def test_without_prompts_the_list_says_how_to_make_one(tracer_command: Command) -> None:
    tracer.create_external_model("v1")

    assert "tracer.register_prompt(" in tracer_command("prompts").err
    assert "tracer models register" in tracer_command("models", "list").err


def test_models_are_registered_listed_and_named(tracer_command: Command) -> None:
    model = log_model("times", lambda number: number, input_example=False)

    registered = tracer_command("models", "register", model.model_uri, "multiply")
    tracer_command("models", "register", "models:/times", "multiply")
    named = tracer_command("models", "alias", "multiply", "champion", "1")

    assert (registered.err, named.err) == (
        "registered models:/multiply/1\n", "models:/multiply@champion is version 1 now.\n",
    )  # fmt: skip
    lines = [line.split() for line in tracer_command("models", "list", "multiply").lines]
    assert [(line[0], line[1], line[2], line[-1]) for line in lines] == [
        ("model", "version", "aliases", "loads"),
        ("multiply", "2", "-", model.model_id),
        ("multiply", "1", "champion", model.model_id),
    ]
    assert [json.loads(line)["version"] for line in tracer_command("models", "list", "--json").lines] == [2]
    assert tracer_command("models", "alias", "multiply", "champion", "--delete").code == 0
    assert tracer_command("models", "list", "nobody").out == ""


def test_prompts_models_and_versions_travel_by_export_and_import(tracer_command: Command, tmp_path: Path) -> None:
    tracer.register_prompt("qa", "one", "first", {"team": "search"})
    prompt = tracer.register_prompt("qa", "two")
    tracer.set_prompt_alias("qa", "production", 2)
    model = tracer.create_external_model("v1", params={"k": "5"}, tags={"a": "b"})
    tracer.register_model(model, "multiply")
    tracer.set_registered_model_alias("multiply", "champion", 1)
    with tracer.set_active_model("v1"), tracer.start_span("step"):
        prompt.format()
    file, again, other = str(tmp_path / "all.jsonl"), tmp_path / "again.jsonl", str(tmp_path / "other.db")

    assert tracer_command("export", "-o", file).code == 0
    assert "and 4 versions of apps, prompts and models" in tracer_command("import", file, "--store", other).err
    tracer_command("import", file, "--store", other)
    tracer_command("export", "-o", str(again), "--store", other)

    assert again.read_bytes() == Path(file).read_bytes()
    tracer.configure(store=other)
    assert tracer.load_prompt("qa@production").template == "two"
    assert tracer.load_prompt("qa/1").tags == {"team": "search"}
    assert tracer.get_logged_model(model.model_id).params == {"k": "5"}
    [version] = tracer.search_registered_models()
    assert (version.model_id, version.aliases) == (model.model_id, ["champion"])
    assert len(tracer.search_traces("prompt = 'qa/2'")) == 1
