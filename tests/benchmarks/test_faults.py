"""Programs are really killed, and tracer loses nothing; the bare SDK shows that a loss would be seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from benchmarks.environments import ROOT, Environment
from benchmarks.faults.laboratory import Laboratory, Outcome
from benchmarks.faults.page import write
from benchmarks.faults.run import Results, run
from benchmarks.faults.running import Interrupted, Running
from benchmarks.faults.scenarios import SCENARIOS, SMALL, Scenario, Size

pytestmark = [
    pytest.mark.no_store,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no signals, no fork"),
]

HERE = Environment(sys.executable, 1, 1.0, {each.name: each.version for each in distributions()})


COMPARED = ("sigkill", "normal_exit", "disk_full")  # the bare SDK loses all, loses none, and cannot be asked


@pytest.fixture(scope="module")
def compared() -> Results:
    return run(SMALL, {"tracer": HERE, "otlp": HERE}, COMPARED)


@pytest.fixture(scope="module")
def results(compared: Results) -> Results:
    others = run(SMALL, {"tracer": HERE}, [name for name in SCENARIOS if name not in COMPARED])
    return Results(compared.outcomes | others.outcomes, compared.left_out | others.left_out)


@pytest.mark.parametrize("name", COMPARED)
def test_tracer_loses_nothing_and_stores_nothing_twice(compared: Results, name: str) -> None:
    _has_lost_nothing(compared, name)


@pytest.mark.before_a_release
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in COMPARED])
def test_tracer_loses_nothing_and_stores_nothing_twice_in_any_scenario(results: Results, name: str) -> None:
    _has_lost_nothing(results, name)


def _has_lost_nothing(results: Results, name: str) -> None:
    if "Linux" in (reason := results.left_out[name].get("tracer", "")):
        pytest.skip(reason)

    outcome = results.outcomes[name]["tracer"]
    assert outcome == Outcome(outcome.ended, 0, 0)
    assert outcome.ended >= 99


def test_a_loss_is_seen(compared: Results) -> None:
    killed = compared.outcomes["sigkill"]["otlp"]

    assert killed.lost == killed.ended >= SMALL.spans
    assert compared.outcomes["normal_exit"]["otlp"] == Outcome(SMALL.spans, 0, 0)
    assert compared.left_out["disk_full"]["otlp"] == "keeps nothing on disk"


def test_who_is_killed_by_the_time_limit_has_not_lost_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.faults.processes.PATIENCE_SECONDS", 2.0)
    monkeypatch.setitem(SCENARIOS, "hangs", Scenario("hangs", lambda laboratory, size: laboratory.run(["wait"])))

    results = run(SMALL, {"tracer": HERE}, ["hangs"])

    assert results.left_out["hangs"] == {"tracer": "did not end within 2 s and was killed"}
    write(results, SMALL, {"tracer": HERE}, {}, str(tmp_path))
    assert "| hangs | - (1) |" in (tmp_path / "faults.md").read_text()


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_program_that_ended_before_it_was_to_go_on_is_no_fault_of_the_laboratory(
    is_stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running()

    def ends(laboratory: Laboratory, size: Size) -> None:
        program = laboratory.start(["wait"], ["wait"])
        program.until_waiting()
        if is_stopped:
            running.stop()
        else:
            os.killpg(program.pid, signal.SIGKILL)
        while True:
            program.go_on()

    monkeypatch.setitem(SCENARIOS, "ends", Scenario("ends", ends))
    if is_stopped:
        with pytest.raises(Interrupted):
            run(SMALL, {"tracer": HERE}, ["ends"], running)
        return
    assert "did not come that far" in run(SMALL, {"tracer": HERE}, ["ends"], running).left_out["ends"]["tracer"]


HANGING = """
import dataclasses, sys
from benchmarks.environments import ROOT, Environment
from benchmarks.faults.__main__ import play_all
from benchmarks.faults.scenarios import SMALL
size = dataclasses.replace(SMALL, full_seconds=600.0, down_seconds=600.0)
play_all(size, {"tracer": Environment(sys.executable, 1, 1.0, {})}, sys.argv[1:])
"""


@pytest.mark.parametrize("name", ["disk_full", "server_down"])
@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, name: str, times: int) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    laboratory = subprocess.Popen(
        [sys.executable, "-c", HANGING, name],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert laboratory.stdout is not None
    assert laboratory.stdout.readline().startswith(SCENARIOS[name].title)

    for _ in range(times):
        os.killpg(laboratory.pid, signal.SIGINT)
    _, said = laboratory.communicate(timeout=60)

    assert said == "interrupted\n"
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert [file for file in Path("/proc").glob("[0-9]*/cmdline") if _mentions(file, str(tmp_path))] == []


def _mentions(file: Path, text: str) -> bool:
    try:
        return text.encode() in file.read_bytes()
    except OSError:  # it has gone
        return False


def test_the_page_keeps_what_stands_around_its_table(compared: Results, tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    write(compared, SMALL, {"tracer": HERE, "otlp": HERE}, {"opik": "no such package"}, str(tmp_path))
    page.write_text(f"before\n{page.read_text()}\nafter\n")

    write(compared, SMALL, {"tracer": HERE, "otlp": HERE}, {}, str(tmp_path))

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert text.count("| normal exit | 0 of 100 | 0 of 100 |") == 1
    assert set(json.loads((tmp_path / "faults.json").read_text())["outcomes"]) == set(COMPARED)


def test_added_figures_leave_the_others_as_they_were(tmp_path: Path) -> None:
    def results(name: str, **outcomes: Outcome) -> Results:
        return Results({name: dict(outcomes)}, {name: {}})

    write(results("sigkill", tracer=Outcome(9, 0, 0)), SMALL, {"tracer": HERE}, {}, str(tmp_path))
    write(results("fork", otlp=Outcome(8, 1, 0)), SMALL, {"otlp": HERE}, {}, str(tmp_path), add=True)
    write(results("fork", tracer=Outcome(7, 0, 0)), SMALL, {"tracer": HERE}, {}, str(tmp_path), add=True)

    rows = [line for line in (tmp_path / "faults.md").read_text().splitlines() if line.startswith(("| SIG", "| fork"))]
    assert rows == ["| SIGKILL | 0 of 9 | - (1) |", "| fork | 0 of 7 | **1** of 8 |"]
