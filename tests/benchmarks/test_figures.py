"""How samples become the figures that the page shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import make_environments
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.environments import CannotBeInstalled, Environment, environment_of
from benchmarks.fake_openai import messages
from benchmarks.figures import Goal, Row, Spread, added, beside, lowest_of_all, ratios, take_turns
from benchmarks.page import verdict, write_page
from benchmarks.results import row_from

pytestmark = pytest.mark.no_store


def test_everybody_takes_a_turn_a_round_and_the_first_changes() -> None:
    order: list[str] = []
    measures = {name: lambda name=name: order.append(name) or {"cpu": 1.0} for name in "abc"}

    take_turns(measures, 3)

    assert "".join(order) == "abcbcacab"


def test_a_sample_stands_beside_one_of_what_it_is_compared_with() -> None:
    order: list[str] = []
    pair = beside(lambda: order.append("mine") or {"cpu": 6.0}, lambda: order.append("theirs") or {"cpu": 4.0})

    samples = take_turns({"one": pair}, 2)

    assert order == ["mine", "theirs", "theirs", "mine"]
    assert ratios(samples, "cpu") == {"one": Spread(1.5, 1.5, 1.5, 2)}
    assert added(samples, "cpu", 10) == {"one": Spread(20, 20, 20, 2)}


def test_who_fails_is_left_out_and_the_others_go_on() -> None:
    failed: list[str] = []

    @contextmanager
    def leaving_out(name: str) -> Iterator[None]:
        try:
            yield
        except ArithmeticError:
            failed.append(name)

    turns = count()
    measures = {"breaks later": lambda: {"cpu": 1 / (3 - next(turns))}, "goes on": lambda: {"cpu": 1.0}}

    samples = take_turns(measures, 10, leaving_out)

    assert failed == ["breaks later"]
    assert list(samples) == ["goes on"]
    assert len(samples["goes on"]) == 10


def test_everybody_is_measured_each_time_where_slowness_does_not_excuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.figures.SLOW_SECONDS", -1.0)
    measures = {"slow": lambda: {"cpu": 1.0}}

    assert len(take_turns(measures, 8)["slow"]) == 2
    assert len(take_turns(measures, 8, slow_turns=1)["slow"]) == 8


def test_a_goal_is_a_ceiling_or_a_floor() -> None:
    assert Goal("at most", 1.0, 1.0).is_met
    assert not Goal("at most", 1.1, 1.0).is_met
    assert Goal("at least", 1.1, 1.0, is_floor=True).is_met
    assert not Goal("at least", 0.9, 1.0, is_floor=True).is_met


@pytest.mark.parametrize(
    ("theirs", "verdict_of_it"),
    [
        (Spread(9, 8, 10, 16), "met"),
        (Spread(5, 3.5, 8, 144), "met"),  # their quartiles overlap, but that is the spread of samples, not of medians
        (Spread(5, 3.5, 8, 4), "not to be told"),
        (Spread(2, 1, 4, 16), "not to be told"),
        (Spread(1, 0, 1.5, 16), "NOT MET"),
    ],
)
def test_nobody_is_the_lowest_where_the_medians_may_be_the_same(theirs: Spread, verdict_of_it: str) -> None:
    values = {"tracer_autolog": Spread(3, 2, 4, 16), "mlflow_sqlite": theirs, "opik_http": Spread(20, 15, 25, 16)}

    [goal] = lowest_of_all(values, ["mlflow_sqlite", "opik_http"])

    assert verdict(goal) == verdict_of_it
    assert goal.is_met is (verdict_of_it == "met")


def test_the_page_keeps_what_stands_around_its_results(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    row = Row("a", "a thing", "µs", {"tracer_autolog": Spread(1, 1, 1)}, goals=[Goal("≤ 2", 1.0, 2.0)])
    section = _section("today")
    write_page(page, [section], [(row, section)])
    page.write_text(f"before\n{page.read_text()}\nafter\n")

    section["left_out"] = {"opik_http": "it broke"}
    write_page(page, [section], [(row, section)])

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert text.count("| a thing | 1.00 µs | - | ≤ 2 | 1 | yes |") == 1
    assert "| tracer | 1.00 | measured once |" in text
    assert "- opik: it broke" in text


def test_a_table_of_another_run_says_when_where_and_with_what_it_was_measured(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    older, newer = _section("yesterday", openai="1.0"), _section("today", openai="2.0")
    rows = [Row(key, key, "µs", {"tracer_autolog": Spread(1, 1, 1)}) for key in ("of then", "of now")]

    write_page(page, [older, newer], [(rows[0], older), (rows[1], newer)])

    text = page.read_text()
    assert "\nMeasured on today (size `small`)" in text
    of_then, of_now = text.partition("### of then\n")[2].split("### of now\n")
    assert "Measured on yesterday (size `small`): m, Python 3, SQLite 3; tracer 7 with openai 1.0" in of_then
    assert "Measured" not in of_now


def _section(date: str, *, openai: str = "1.0") -> dict[str, Any]:
    """What is known of the run of a section."""
    contender = {
        "title": "tracer",
        "version": "7",
        "openai": openai,
        "opentelemetry": None,
        "configured": "as it comes",
    }
    about = {"date": date, "size": "small", "machine": "m", "python": "3", "sqlite": "3"}
    return {**about, "contenders": {"tracer_autolog": contender}, "left_out": {}, "rows": {}}


def test_rows_come_back_from_json() -> None:
    import dataclasses

    row = Row("a", "b", "µs", {"x": Spread(1, 0, 2)}, {"x": Spread(3, 3, 3)}, "y", [Goal("g", 1, 2)], {"x": "z"})

    assert row_from(dataclasses.asdict(row)) == row


def test_there_is_no_run_without_what_the_others_are_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def environment_of(contender: Contender) -> Environment:
        asked.append(contender.module)
        if contender.module in ("opik_http", "raw_sqlite"):
            raise CannotBeInstalled("no such package")
        return Environment("python", 1, 1.0, {})

    monkeypatch.setattr("benchmarks.__main__.environment_of", environment_of)

    with pytest.raises(SystemExit, match="sqlite3, beside which others are measured, cannot be installed: no such"):
        make_environments(["tracer_autolog", "opik_http"])

    assert asked == ["tracer_autolog", "opik_http", "bare_sdk", "raw_sqlite"]
    assert "opik: cannot be installed: no such package" in capsys.readouterr().out


def test_a_large_request_is_of_many_kinds_of_text_and_the_same_each_time() -> None:
    said = messages(100_000)

    assert 95_000 < len(json.dumps(said)) < 100_000
    assert said == messages(100_000)
    text = "".join(message["content"] for message in said)
    assert [sign for sign in ("autolog()", "\nfrom ", '"orders": [', "sha256:") if sign not in text] == []


def test_a_contender_that_cannot_be_installed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    monkeypatch.setattr("benchmarks.environments.PLACE", tmp_path)
    missing = dataclasses.replace(CONTENDERS["opik_http"], requires=(str(tmp_path / "no-such-package"),))

    with pytest.raises(CannotBeInstalled, match="no-such-package"):
        environment_of(missing)
