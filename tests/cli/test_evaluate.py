"""``tracer evaluate`` and ``tracer agreement``: what they print, and with which code they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.cli.conftest import Ran

Command = Callable[..., Ran]

PROGRAM = """
from answers import answer as predict_fn
from tracer.genai.scorers import exact_match
data = [
    {"inputs": {"country": "Peru"}, "expectations": {"capital": "Lima"}},
    {"inputs": {"country": "Mali"}, "expectations": {"capital": "Bamako"}},
]
scorers = [exact_match(name="right")]
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], str]:
    """Writes an app with these answers and its evaluation; gives the file's name."""
    monkeypatch.setattr("sys.path", __import__("sys").path[:])

    def write(answers: dict[str, str]) -> str:
        for module in ("answers", "evaluation"):
            __import__("sys").modules.pop(module, None)
        (tmp_path / "answers.py").write_text(f"def answer(country):\n    return {answers!r}[country]\n")
        __import__("shutil").rmtree(tmp_path / "__pycache__", ignore_errors=True)
        (tmp_path / "evaluation.py").write_text(PROGRAM)
        return str(tmp_path / "evaluation.py")

    return write


GOOD = {"Peru": "Lima", "Mali": "Bamako"}
BAD = {"Peru": "Cusco", "Mali": "Bamako"}


def test_metrics_are_printed_and_a_threshold_decides(tracer_command: Command, program: Any) -> None:
    file = program(BAD)

    assert tracer_command("evaluate", file, "--version", "v1").code == 0
    met = tracer_command("evaluate", file, "--require", "right=0.5", "--require", "error_share=0")
    missed = tracer_command("evaluate", file, "--require", "right/mean=0.9", "--require", "helpful=1")

    assert met.code == 0, met.out + met.err
    assert [line.split() for line in met.lines[:3]] == [["right/mean", "0.5"], ["rows", "2"], ["error_share", "0"]]
    assert missed.code == 1
    assert "✗ right/mean is 0.5, required is at least 0.9" in missed.lines
    assert "✗ there is no metric helpful; there are right/mean, rows, error_share" in missed.lines
    (version,) = tracer.compare_versions("v1")
    assert (version.traces, version.scores) == (2, {"right": 0.5})


def test_a_result_that_is_worse_than_the_baseline_ends_with_one(
    tracer_command: Command, program: Any, tmp_path: Path
) -> None:
    kept = str(tmp_path / "baseline.json")
    assert tracer_command("evaluate", program(GOOD), "--save", kept).code == 0
    same = tracer_command("evaluate", program(GOOD), "--baseline", kept)
    worse = tracer_command("evaluate", program(BAD), "--baseline", kept)
    chance = tracer_command("evaluate", program(BAD), "--baseline", kept, "--significance", "0.05")
    runs = tracer.search_runs()
    better = tracer_command("evaluate", program(GOOD), "--baseline", runs[0].info.run_id)

    assert (same.code, worse.code, chance.code, better.code) == (0, 1, 0, 0), (same, worse, chance, better)
    assert "✗ right got worse: worse in 1, better in 0, p = 1" in worse.lines
    assert any(line.startswith("worse: {'country': 'Peru'}  right 1 → 0  tracer show ") for line in worse.lines)
    assert ["right", "0.5", "1", "1", "0", "1", "1"] in [line.split() for line in better.lines]


def test_json_for_other_programs(tracer_command: Command, program: Any) -> None:
    ran = tracer_command("evaluate", program(BAD), "--require", "right=1", "--json")

    told = json.loads(ran.out)
    assert ran.code == 1
    assert told["metrics"]["right/mean"] == 0.5
    assert told["wrong"] == ["right/mean is 0.5, required is at least 1"]
    assert tracer.get_run(told["run_id"]).info.run_name == "evaluation"


def test_an_app_that_always_fails_ends_with_one(tracer_command: Command, program: Any) -> None:
    ran = tracer_command("evaluate", program({}))

    assert ran.code == 1
    assert "answer failed on every row, 2 of 2" in ran.err


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("data = []", (), "defines no scorers; it may define data, predict_fn, scorers"),
        ("data, scorers = [], []", (), "there are no rows"),
        (PROGRAM, ("--require", "right"), "expected METRIC=NUMBER"),
    ],
)
def test_wrong_usage_ends_with_two(
    text: str, options: tuple[str, ...], said: str, tracer_command: Command, program: Any
) -> None:
    file = program(GOOD)
    Path(file).write_text(text)

    ran = tracer_command("evaluate", file, *options)

    assert ran.code == 2
    assert said in ran.err


def test_agreement_as_a_table_and_as_json(tracer_command: Command) -> None:
    for judged, said in (("yes", True), ("yes", True), ("yes", False), ("no", False)):
        with tracer.start_span("answer") as span:
            pass
        source = {"source_type": "LLM_JUDGE", "source_id": "openai:/m"}
        tracer.log_feedback(trace_id=span.trace_id, name="correct", value=judged, source=source)
        tracer.log_feedback(trace_id=span.trace_id, name="correct", value=said, source="HUMAN")

    ran = tracer_command("agreement")
    told = json.loads(tracer_command("agreement", "--json").out)

    assert ran.lines == [
        "correct by openai:/m: 4 traces, agreed 75%, kappa 0.50",
        "  judge says    people: no  people: yes",
        "  no                     1            0",
        "  yes                    1            2",
    ]
    assert (told["traces"], told["kappa"], len(told["disagreements"])) == (4, 0.5, 1)
    assert tracer_command("agreement", "--human", "thumbs").err.startswith("no trace has feedback of both")


def test_a_score_that_no_row_has_ends_with_one_and_says_why(
    tracer_command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(
        "data = [{'inputs': {'n': n}, 'outputs': n} for n in range(3)]\n"
        "def judge(outputs): raise ConnectionError('no judge\\nis there')\n"
        "def half(outputs): return 1 / (outputs - 1)\n"
        "scorers = [judge, half]\n"
    )

    ran = tracer_command("evaluate", str(file))

    assert ran.code == 1
    (told,) = [line for line in ran.lines if line.startswith("✗")]
    assert told.startswith("✗ there is no score judge, it failed every time, 3 of 3: ConnectionError: no judge")
    assert "evaluate: there is no score judge, it failed every time" in caplog.text
    assert "there is no score half" not in caplog.text
    assert "not scored: {'n': 1}: half: ZeroDivisionError: division by zero" in ran.lines


def test_the_baseline_stays_where_a_result_is_worse(tracer_command: Command, program: Any, tmp_path: Path) -> None:
    kept, other = tmp_path / "baseline.json", tmp_path / "other.json"
    tracer_command("evaluate", program(GOOD), "--save", str(kept))
    before = kept.read_text()

    worse = tracer_command("evaluate", program(BAD), "--baseline", str(kept), "--save", str(kept))
    tracer_command("evaluate", program(BAD), "--baseline", str(kept), "--save", str(other))

    assert worse.code == 1
    assert f"{kept} stays as it was" in worse.lines
    assert kept.read_text() == before
    assert other.is_file()
    assert tracer_command("evaluate", program(BAD), "--baseline", str(kept)).code == 1
    assert tracer_command("evaluate", program(GOOD), "--baseline", str(kept), "--save", str(kept)).code == 0
    assert kept.read_text() != before


def test_earlier_evaluations_are_listed_shown_and_compared(tracer_command: Command, program: Any) -> None:
    tracer_command("evaluate", program(GOOD), "--version", "v1")
    tracer_command("evaluate", program(BAD), "--version", "v2")

    listed = [json.loads(line) for line in tracer_command("evaluations", "--json").lines]

    assert [(each["versions"], each["rows"], each["failed"], each["scores"]) for each in listed] == [
        (["v2"], 2, 0, {"right": {"mean": 0.5, "count": 2}}),
        (["v1"], 2, 0, {"right": {"mean": 1.0, "count": 2}}),
    ]
    after, before = (each["run_id"] for each in listed)
    table = tracer_command("evaluations", "--filter", "metrics.`right/mean` < 1")
    assert [line.split()[-2:] for line in table.lines] == [["cost", "right"], ["0.5", "(2)"]]
    assert tracer_command("evaluations", after).lines[-1] == f"run {after}"
    compared = tracer_command("evaluations", after, "--baseline", before, "--json")
    right = json.loads(compared.out)["comparison"]["right"]
    assert (right["before"], right["after"], right["worse"], right["p_value"]) == (1.0, 0.5, 1, 1.0)
    assert tracer_command("evaluations", "--baseline", before).code == 2
    assert tracer_command("evaluations", "none").code == 1
