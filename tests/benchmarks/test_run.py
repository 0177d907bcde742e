"""The benchmark runs from end to end, with those contenders that the suite's own environment has; no time is judged."""

from __future__ import annotations

import dataclasses
import json
import sys
from importlib.metadata import distributions
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.environments import Environment
from benchmarks.results import write
from benchmarks.run import SMALL, Run
from benchmarks.sections import SECTIONS
from benchmarks.sink import Sink

pytestmark = [pytest.mark.no_store, pytest.mark.slow, pytest.mark.before_a_release]

HERE = Environment(sys.executable, 1, 1.0, {each.name: each.version for each in distributions()})
SIZE = dataclasses.replace(SMALL, rounds=1, starts=1, chats=1, traces=4)


@pytest.fixture
def run() -> Run:
    return Run(SIZE, dict.fromkeys(("tracer_autolog", "bare_sdk", "raw_sqlite"), HERE), Sink())


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_measures_tracer_and_says_whether_it_reached_its_goals(
    run: Run, section: str, tmp_path: Path
) -> None:
    with run.sink:
        rows = SECTIONS[section](run)
    write(run, section, rows, str(tmp_path))

    assert run.left_out == {}
    assert all("tracer_autolog" in row.values for row in rows)
    assert set(json.loads((tmp_path / "benchmarks.json").read_text())[section]["rows"]) == {row.key for row in rows}
    page = (tmp_path / "benchmarks.md").read_text()
    assert [row.title for row in rows if f"### {row.title}\n" not in page] == []
    ElementTree.parse(tmp_path / "images" / "benchmarks.svg")
