"""How samples become the figures that the page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.contenders import CONTENDERS
from benchmarks.environments import CannotBeInstalled, environment_of
from benchmarks.figures import Goal, Row, Spread, added, beside, ratios, take_turns
from benchmarks.page import write_page
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
    assert ratios(samples, "cpu") == {"one": Spread(1.5, 1.5, 1.5)}
    assert added(samples, "cpu", 10) == {"one": Spread(20, 20, 20)}


def test_a_goal_is_a_ceiling_or_a_floor() -> None:
    assert Goal("at most", 1.0, 1.0).is_met
    assert not Goal("at most", 1.1, 1.0).is_met
    assert Goal("at least", 1.1, 1.0, is_floor=True).is_met
    assert not Goal("at least", 0.9, 1.0, is_floor=True).is_met


def test_the_page_keeps_what_stands_around_its_results(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    row = Row("a", "a thing", "µs", {"tracer_llm": Spread(1, 1, 1)}, goals=[Goal("≤ 2", 1.0, 2.0)])
    about: dict[str, Any] = {
        "date": "today",
        "size": "small",
        "machine": "m",
        "python": "3",
        "sqlite": "3",
        "contenders": {},
    }
    about["rows"] = {"a": {"measured": "yesterday"}}
    write_page(page, {**about, "left_out": {}}, [row])
    page.write_text(f"before\n{page.read_text()}\nafter\n")

    write_page(page, {**about, "left_out": {"spans": {"opik_http": "it broke"}}}, [row])

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert text.count("| a thing | 1.00 µs | - | ≤ 2 | 1 | yes |") == 1
    assert "- opik: it broke" in text
    assert "Measured on yesterday." in text


def test_rows_come_back_from_json() -> None:
    import dataclasses

    row = Row("a", "b", "µs", {"x": Spread(1, 0, 2)}, {"x": Spread(3, 3, 3)}, "y", [Goal("g", 1, 2)], {"x": "z"})

    assert row_from({**dataclasses.asdict(row), "measured": "today"}) == row


def test_a_contender_that_cannot_be_installed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    monkeypatch.setattr("benchmarks.environments.PLACE", tmp_path)
    missing = dataclasses.replace(CONTENDERS["opik_http"], requires=(str(tmp_path / "no-such-package"),))

    with pytest.raises(CannotBeInstalled, match="no-such-package"):
        environment_of(missing)
