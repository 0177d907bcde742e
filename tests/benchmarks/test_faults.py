"""Programs are really killed, and tracer loses nothing; the bare SDK shows that a loss would be seen."""

from __future__ import annotations

import json
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from benchmarks.environments import Environment
from benchmarks.faults.laboratory import Outcome
from benchmarks.faults.page import write
from benchmarks.faults.run import Results, run
from benchmarks.faults.scenarios import SCENARIOS, SMALL

pytestmark = [
    pytest.mark.no_store,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no signals, no fork"),
]

HERE = Environment(sys.executable, 1, 1.0, {each.name: each.version for each in distributions()})


@pytest.fixture(scope="module")
def results() -> Results:
    return run(SMALL, {"tracer": HERE, "otlp": HERE})


@pytest.mark.parametrize("name", SCENARIOS)
def test_tracer_loses_nothing_and_stores_nothing_twice(results: Results, name: str) -> None:
    if "Linux" in (reason := results.left_out[name].get("tracer", "")):
        pytest.skip(reason)

    outcome = results.outcomes[name]["tracer"]
    assert outcome == Outcome(outcome.ended, 0, 0)
    assert outcome.ended >= 99


def test_a_loss_is_seen(results: Results) -> None:
    killed = results.outcomes["sigkill"]["otlp"]

    assert killed.lost == killed.ended >= SMALL.spans
    assert results.outcomes["normal_exit"]["otlp"] == Outcome(SMALL.spans, 0, 0)
    assert results.left_out["disk_full"]["otlp"] == "keeps nothing on disk"


def test_the_page_keeps_what_stands_around_its_table(results: Results, tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    write(results, SMALL, {"tracer": HERE, "otlp": HERE}, {"opik": "no such package"}, str(tmp_path))
    page.write_text(f"before\n{page.read_text()}\nafter\n")

    write(results, SMALL, {"tracer": HERE, "otlp": HERE}, {}, str(tmp_path))

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert text.count("| normal exit | 0 of 100 | 0 of 100 |") == 1
    assert set(json.loads((tmp_path / "faults.json").read_text())["outcomes"]) == set(SCENARIOS)
