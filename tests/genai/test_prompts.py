"""Prompts: versions, aliases, variables, and the traces that used them; in a file and on a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tracer
from tracer.errors import InvalidArgumentError, PromptNotFoundError, StoreError
from tracer.server import ServerSettings, running_server

ROOT = Path(__file__).resolve().parents[2]
CHAT = [{"role": "system", "content": "Be {{style}}."}, {"role": "user", "content": [{"text": "{{ question }}"}]}]


def test_each_registering_makes_a_version_that_every_reference_finds(kept_in: str) -> None:
    first = tracer.register_prompt("qa", "Answer {{question}}", commit_message="first", tags={"team": "search"})
    second = tracer.genai.register_prompt("qa", CHAT)
    tracer.set_prompt_alias("qa", "production", 1)

    loaded = tracer.load_prompt("qa@production")
    assert (first.version, second.version) == (1, 2)
    assert (loaded.template, loaded.commit_message, loaded.tags) == ("Answer {{question}}", "first", {"team": "search"})
    assert (loaded.aliases, loaded.uri, loaded.variables) == (["production"], "prompts:/qa/1", {"question"})
    assert loaded.creation_timestamp == first.creation_timestamp > 1_700_000_000_000
    for reference in ("qa", "qa@latest", "qa/2", "prompts:/qa/2", "prompts:/qa"):
        assert tracer.load_prompt(reference).version == 2, reference
    assert tracer.load_prompt("qa", version=1) == tracer.load_prompt("qa", "1") == loaded
    assert tracer.load_prompt("prompts:/qa@production") == loaded
    assert [prompt.version for prompt in tracer.genai.search_prompt_versions("qa")] == [2, 1]


def test_an_alias_moves_and_goes(kept_in: str) -> None:
    tracer.register_prompt("qa", "one")
    tracer.register_prompt("qa", "two")
    tracer.set_prompt_alias("qa", "production", 1)
    tracer.set_prompt_alias("qa", "production", version="2")

    assert tracer.load_prompt("qa@production").template == "two"
    tracer.delete_prompt_alias("qa", "production")
    tracer.delete_prompt_alias("qa", "never-there")
    with pytest.raises(PromptNotFoundError, match="has no alias 'production'; its aliases are: none"):
        tracer.load_prompt("qa@production")


def test_variables_are_filled_in_and_values_are_left_as_they_are() -> None:
    text = tracer.register_prompt("qa", "{{ question }}? Say {{word}}, {{word}}. {not one} {{ not one }} {{1}}")
    chat = tracer.register_prompt("qa", CHAT)

    assert text.variables == {"question", "word"}
    assert text.format(question="{{word}}", word=7, unused=1) == "{{word}}? Say 7, 7. {not one} {{ not one }} {{1}}"
    assert chat.format(style="brief", question="Why?") == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"text": "Why?"}]},
    ]  # fmt: skip
    assert chat.template == CHAT


def test_a_missing_variable_is_named_with_what_to_write() -> None:
    prompt = tracer.register_prompt("qa", "{{question}} {{context}} {{self}}")

    with pytest.raises(InvalidArgumentError) as raised:
        prompt.format(question="Why?")

    assert str(raised.value) == (
        "the prompt qa/1 got no value for context, self; write prompt.format(context=…, question=…, self=…)."
    )
    assert prompt.format(question=1, context=2, self=3) == "1 2 3"


def test_a_diff_shows_what_another_version_changes() -> None:
    first = tracer.register_prompt("qa", "Be brief.\nAnswer {{question}}.")
    second = tracer.register_prompt("qa", "Be brief.\nAnswer {{question}} in French.")
    chat = tracer.register_prompt("chat", CHAT)
    other = tracer.register_prompt("chat", [{**CHAT[0], "content": "Be kind."}, CHAT[1]])

    assert first.diff(second).splitlines() == [
        "--- qa/1", "+++ qa/2", "@@ -1,2 +1,2 @@", " Be brief.", "-Answer {{question}}.",
        "+Answer {{question}} in French.",
    ]  # fmt: skip
    changed = [line for line in chat.diff(other).splitlines()[2:] if line[0] in "+-"]
    assert changed == ["-  Be {{style}}.", "+  Be kind."]
    assert first.diff(first) == ""


def test_a_trace_is_linked_to_the_prompts_that_it_loads_or_fills_in(kept_in: str) -> None:
    tracer.register_prompt("qa", "{{question}}")
    prompt = tracer.register_prompt("qa", "Answer {{question}}")
    tracer.set_prompt_alias("qa", "production", 1)

    @tracer.trace
    def loads() -> None:
        tracer.load_prompt("qa@production")

    @tracer.trace
    def fills_in() -> None:
        prompt.format(question="Why?")
        prompt.format(question="How?")

    loads()
    fills_in()
    prompt.format(question="outside of a trace")

    assert [trace.info.name for trace in tracer.search_traces("prompt = 'qa/1'")] == ["loads"]
    assert [trace.info.name for trace in tracer.search_traces("prompt = 'qa/2'")] == ["fills_in"]
    assert len(tracer.search_traces("prompt LIKE 'qa/%'")) == 2
    [trace] = tracer.search_traces("name = 'loads'")
    assert trace.info.trace_metadata == {"tracer.prompt.qa/1": "qa@production"}


def test_prompts_are_listed_by_name_newest_version_each(kept_in: str) -> None:
    tracer.register_prompt("summary", "Sum up {{text}}", tags={"team": "support"})
    tracer.register_prompt("qa", "one")
    tracer.register_prompt("qa", "two", tags={"team": "search"})

    assert [(prompt.name, prompt.version) for prompt in tracer.genai.search_prompts()] == [("qa", 2), ("summary", 1)]
    assert [prompt.name for prompt in tracer.genai.search_prompts("name LIKE 'sum%'")] == ["summary"]
    assert [prompt.name for prompt in tracer.genai.search_prompts("tags.team = 'search'", max_results=5)] == ["qa"]
    with pytest.raises(InvalidArgumentError, match="fields are name, version"):
        tracer.genai.search_prompts("template = 'x'")


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("nothing", "no prompt is called 'nothing'; there are: qa"),
        ("qa/7", "has no version 7; its newest is 1"),
        ("qa@staging", "has no alias 'staging'"),
        ("qa/one", "version: got 'one', expected a number"),
        ("", "name_or_uri: got ''"),
    ],
)
def test_a_reference_to_nothing_says_what_there_is(reference: str, error: str) -> None:
    tracer.register_prompt("qa", "x")

    with pytest.raises((PromptNotFoundError, InvalidArgumentError), match=error):
        tracer.load_prompt(reference)


def test_what_is_no_prompt_is_refused() -> None:
    for name in ("", "a/b", "a@b", "a:b", 3):
        with pytest.raises(InvalidArgumentError, match="name: got"):
            tracer.register_prompt(name, "x")  # type: ignore[arg-type]
    for template in ("", [], [{"role": "user"}], 3, ["text"]):
        with pytest.raises(InvalidArgumentError, match="template: got"):
            tracer.register_prompt("qa", template)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="looks like a secret"):
        tracer.register_prompt("qa", "My key is sk-proj-" + "aB3xY7qLm2Zt9Kc4" * 3)
    with pytest.raises(InvalidArgumentError, match="longer than"):
        tracer.register_prompt("qa", "x" * 1_100_000)
    tracer.register_prompt("qa", "x")
    with pytest.raises(InvalidArgumentError, match="'latest' always is the newest"):
        tracer.set_prompt_alias("qa", "latest", 1)
    with pytest.raises(PromptNotFoundError, match="has no version 2"):
        tracer.set_prompt_alias("qa", "production", 2)
    with pytest.raises(InvalidArgumentError, match="one of them tells it"):
        tracer.load_prompt("qa/1", version=1)


def test_processes_that_register_at_once_get_versions_of_their_own() -> None:
    place = f"tracer.set_tracking_uri({tracer.get_tracking_uri()!r})"
    program = f"import tracer; {place}; print(tracer.register_prompt('qa', 'x').version)"
    command = [sys.executable, "-c", program]

    running = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) for _ in range(3)]
    printed = [process.communicate(timeout=60)[0] for process in running]

    assert sorted(map(int, printed)) == [1, 2, 3]
    assert tracer.load_prompt("qa").version == 3


@pytest.mark.swallow_faults
def test_while_the_server_is_away_a_prompt_is_what_it_last_was(tmp_path: Path) -> None:
    shared = f"sqlite:///{tmp_path / 'server.db'}"
    with running_server(shared) as url:
        tracer.configure(store=url)
        tracer.register_prompt("qa", "one")
        tracer.set_prompt_alias("qa", "production", 1)
        tracer.load_prompt("qa@production")
        port = int(url.rpartition(":")[2])

    assert tracer.load_prompt("qa@production").template == "one"
    with pytest.raises(StoreError):
        tracer.load_prompt("qa@staging")
    with pytest.raises(StoreError, match="waits in the journal"):
        tracer.register_prompt("qa", "two")
    with running_server(shared, ServerSettings(port=port)):
        tracer.flush()
        assert tracer.load_prompt("qa").template == "two"
        tracer.reset()
