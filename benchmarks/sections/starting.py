"""What it costs to start: importing a contender and switching it on, in a process of its own each time."""

from __future__ import annotations

import json
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Goal, Measure, Row, Sample, Spread, beside, lowest_of_all, ratios, spreads
from benchmarks.run import Run
from benchmarks.sink import VARIABLE
from benchmarks.workers import WorkerFailed, worker_environment

OPENAI = "import openai"
SHARE_OF_OPENAI = 0.15
WHAT = {"cpu": ("CPU time", "ms"), "memory": ("memory", "MB")}
_PROGRAM = """
import json, time
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
memory, started = resident(), time.process_time_ns()
{start}
print(json.dumps({{"cpu": time.process_time_ns() - started, "memory": resident() - memory}}))
"""


def measure(run: Run) -> list[Row]:
    """CPU time and memory of starting, beyond bare Python and beyond ``import openai``."""
    with tempfile.TemporaryDirectory() as folder:
        measures = {}
        for name in [contender.module for contender in run.contenders if contender.start]:
            start = CONTENDERS[name].start
            mine, openai, both = (
                partial(_start, run, Path(folder), name, text) for text in (start, OPENAI, f"{OPENAI}; {start}")
            )
            with run.leaving_out(name, "import and autolog"):
                both()  # compiles what is imported
                measures[name] = beside(partial(_both, mine, both), openai)
        samples = run.take_turns("import and autolog", measures, run.size.starts, slow_turns=1)
    return [row for key in WHAT for row in _rows(run, key, samples)]


def _rows(run: Run, key: str, samples: dict[str, list[Sample]]) -> list[Row]:
    what, unit = WHAT[key]
    beyond_python = Row(
        f"start.{key}",
        f"import and autolog, {what} beyond bare Python",
        unit,
        spreads(samples, key, 1e-6),
        ratios(samples, key),
        "`import openai`",
    )
    beyond_openai = Row(
        f"start.{key}.beyond", f"import and autolog, {what} beyond `import openai`", unit, _beyond_openai(samples, key)
    )
    if "tracer_autolog" in samples:
        share = beyond_python.ratios["tracer_autolog"].median
        beyond_python.goals.append(Goal(f"≤ {SHARE_OF_OPENAI} of `import openai`", share, SHARE_OF_OPENAI))
        for row in (beyond_python, beyond_openai):
            row.goals += lowest_of_all(row.values, run.peers)
    return [beyond_python, beyond_openai]


def _both(mine: Measure, both: Measure) -> Sample:
    return {**mine(), **{f"{key} after": value for key, value in both().items()}}


def _beyond_openai(samples: dict[str, list[Sample]], key: str) -> dict[str, Spread]:
    return {
        name: Spread.of((each[f"{key} after"] - each[f"{key} alone"]) / 1e6 for each in taken)
        for name, taken in samples.items()
    }


def _start(run: Run, folder: Path, name: str, start: str) -> Sample:
    ran = subprocess.run(
        [run.environments[name].python, "-c", _PROGRAM.format(start=start)],
        cwd=folder,
        env={**worker_environment(folder), VARIABLE: run.sink.url},
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise WorkerFailed(ran.stderr)
    return dict(json.loads(ran.stdout.splitlines()[-1]))
