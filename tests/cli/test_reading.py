"""`tracer list`, `stats` and what every reading command does where there is nothing to read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import START, TRACE_ID, Ran, chat, said, span
from tracer import semconv

Command = Callable[..., Ran]
Write = Callable[..., None]


def other(number: int) -> str:
    return f"{number:032x}"


def test_list_is_newest_first_with_page_tokens(write: Write, tracer_command: Command) -> None:
    write(*(span(f"trace{n}", n, trace_id=other(n)) for n in range(1, 6)))

    first = tracer_command("list", "--limit", "2")
    token = first.err.rpartition("--page ")[2].strip()
    second = tracer_command("list", "--limit", "2", "--page", token)

    names = [line.split()[-1] for ran in (first, second) for line in ran.lines[1:]]
    assert names == ["trace5", "trace4", "trace3", "trace2"]


def test_list_filters_and_gives_json_lines(write: Write, tracer_command: Command) -> None:
    write(span("good", 1), span("bad", 2, trace_id=other(2), status="ERROR"))

    ran = tracer_command("list", "--filter", "status = 'ERROR'", "--json")

    (line,) = ran.lines
    assert (json.loads(line)["name"], json.loads(line)["state"]) == ("bad", "ERROR")


def test_a_filter_error_points_at_its_position(write: Write, tracer_command: Command) -> None:
    write(span("a", 1))

    ran = tracer_command("list", "--filter", "tokens > 1 AND bogus = 2")

    assert ran.code == 2
    assert ran.err.endswith("  tokens > 1 AND bogus = 2\n                 ^\n")


def test_list_in_a_pipe_has_whole_ids_and_says_what_was_asked(write: Write, tracer_command: Command) -> None:
    write(chat(1, None, [said("user", "Wo liegt 東京?")], [said("assistant", "In Japan.")]))

    (_, line) = tracer_command("list").lines

    assert line.startswith(TRACE_ID)
    assert "1,234" in line
    assert line.endswith("chat gpt-4o  Wo liegt 東京?")


def test_stats_by_model(write: Write, tracer_command: Command) -> None:
    write(chat(1, None, [], []), chat(2, None, [], [], status="ERROR", trace_id=other(2)), span("tool", 3))

    ran = tracer_command("stats")

    assert [line.split() for line in ran.lines] == [
        ["model", "calls", "errors", "in", "out", "cost", "p50", "p95", "p99"],
        ["gpt-4o-2024-08-06", "2", "1", "2,400", "68", "$0.0067", *["1.00", "s"] * 3],
    ]
    (line,) = tracer_command("stats", "--json").lines
    assert json.loads(line)["total_tokens"] == 2468


@pytest.mark.parametrize("group_by", ["model", "name", "type"])
def test_stats_counts_no_call_without_a_price_whose_tokens_are_priced_below(
    write: Write, tracer_command: Command, group_by: str
) -> None:
    usage = {semconv.USAGE_INPUT: 1200, semconv.USAGE_OUTPUT: 34}
    write(span("agent", 1, None, attributes=usage, type="AGENT"))
    write(span("outer", 2, 1, attributes={**usage, semconv.REQUEST_MODEL: "nobody-knows"}, type="LLM"))
    write(span("inner", 3, 2, attributes={**usage, semconv.REQUEST_MODEL: "gpt-4o"}, type="LLM"))

    ran = tracer_command("stats", "--by", group_by)

    assert "$" in ran.out
    assert "without a known price" not in ran.out


def test_stats_since(write: Write, tracer_command: Command) -> None:
    write(chat(1, None, [], []))

    assert tracer_command("stats", "--since", "7d", "--json").out == ""
    assert tracer_command("stats", "--since", "yesterday").code == 2


@pytest.mark.parametrize("command", ["list", "show", "stats", "export"])
def test_reading_where_no_store_is_makes_none_and_says_how_to_start(
    tracer_command: Command, folder: Path, command: str
) -> None:
    ran = tracer_command(command, "--store", "nothing.db")

    assert (ran.code, ran.out) == (1, "")
    assert f"there is no store at {folder / 'nothing.db'}" in ran.err
    assert "tracer demo" in ran.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("models", "serve", "models:/agent"), "no models yet: there is no store at"),
        (("models", "serve", "folder"), "no model in folder"),
        (("import", "bad.jsonl"), "bad.jsonl, line 1: not JSON"),
        (("ui", "--host", "192.0.2.1"), "cannot listen on"),
        (("server", "--host", "192.0.2.1"), "cannot listen on"),
    ],
)
def test_a_command_that_fails_early_makes_no_store(
    arguments: tuple[str, ...], says: str, tracer_command: Command, folder: Path
) -> None:
    (folder / "bad.jsonl").write_text("nonsense\n")

    ran = tracer_command(*arguments, "--store", "nothing.db")

    assert ran.code != 0
    assert says in ran.err
    assert [path.name for path in folder.iterdir()] == ["bad.jsonl"]


def test_an_empty_file_to_import_makes_no_store(tracer_command: Command, folder: Path) -> None:
    Path("empty.jsonl").touch()

    assert tracer_command("import", "empty.jsonl", "--store", "nothing.db").code == 0
    assert [path.name for path in folder.iterdir()] == ["empty.jsonl"]


def test_a_file_that_is_no_store_is_refused(tracer_command: Command, folder: Path) -> None:
    (folder / "notes.txt").write_text("some notes\n" * 20)

    ran = tracer_command("list", "--store", "notes.txt")

    assert ran.code == 1
    assert "is not an SQLite database" in ran.err
    assert (folder / "notes.txt").read_text() == "some notes\n" * 20


@pytest.mark.parametrize("arguments", [("bogus",), ("list", "--limit", "x"), ("list", "--no-such"), ("import",)])
def test_wrong_usage_is_exit_code_2(tracer_command: Command, arguments: tuple[str, ...]) -> None:
    ran = tracer_command(*arguments)

    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_url_of_another_kind_says_what_is_expected(tracer_command: Command) -> None:
    ran = tracer_command("list", "--store", "mysql://db")

    assert ran.code == 2
    assert "sqlite:///" in ran.err


def test_every_command_has_help_with_examples(tracer_command: Command) -> None:
    from tracer.cli.group import _COMMANDS

    for name in _COMMANDS:
        ran = tracer_command(name, "--help")
        assert ran.code == 0
        assert f"Usage: tracer {name}" in ran.out
        assert f"Examples:\n    tracer {name}" in ran.out
        assert max(map(len, ran.lines)) <= 100
    assert all(name in tracer_command("--help").out for name in _COMMANDS)


def test_the_store_of_the_environment_is_used(
    write: Write, monkeypatch: pytest.MonkeyPatch, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from tracer import cli

    write(span("from the environment", START and 1))
    monkeypatch.setenv("TRACER_STORE", store_url)

    assert cli.run(["list"]) == 0
    assert "from the environment" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("lst", "'lst'; did you mean list?"), ("Show", "'Show'; did you mean show?"), ("xyz", "'xyz'.")],
)
def test_a_misspelt_command_is_recognised(tracer_command: Command, name: str, complaint: str) -> None:
    ran = tracer_command(name)

    assert ran.code == 2
    assert f"No such command {complaint}" in ran.err
