"""What it costs to start: importing a contender and switching it on, in a process of its own each time."""

from __future__ import annotations

import json
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Goal, Row, Spread, best_peer, take_turns
from benchmarks.run import Run
from benchmarks.sink import VARIABLE
from benchmarks.workers import worker_environment

OPENAI = "import openai"
SHARE_OF_OPENAI = 0.15
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
    recording = [name for name in run.environments if CONTENDERS[name].start]
    with tempfile.TemporaryDirectory() as folder:
        measured = {}
        for name in recording:
            measured[f"{name} alone"] = partial(_start, run, Path(folder), name, CONTENDERS[name].start)
            measured[f"{name} after"] = partial(_start, run, Path(folder), name, f"{OPENAI}; {CONTENDERS[name].start}")
            measured[f"{name} without"] = partial(_start, run, Path(folder), name, OPENAI)
        for name, start in list(measured.items()):
            try:
                start()  # compiles what is imported
            except subprocess.CalledProcessError as failure:
                run.note(name.split()[0], failure.stderr)
                recording = [known for known in recording if known != name.split()[0]]
        samples = take_turns(
            {name: start for name, start in measured.items() if name.split()[0] in recording}, run.size.starts
        )
    rows = []
    for key, what, unit, scale in (("cpu", "CPU time", "ms", 1e-6), ("memory", "memory", "MB", 1e-6)):
        alone = {name: Spread.of(sample[key] * scale for sample in samples[f"{name} alone"]) for name in recording}
        row = Row(f"start.{key}", f"import and autolog, {what} beyond bare Python", unit, alone)
        row.ratio_of = "`import openai`"
        for name in recording:
            pairs = zip(samples[f"{name} alone"], samples[f"{name} without"])
            row.ratios[name] = Spread.of(mine[key] / openai[key] for mine, openai in pairs)
        beyond = Row(f"start.{key}.beyond", f"import and autolog, {what} beyond `import openai`", unit, {})
        for name in recording:
            pairs = zip(samples[f"{name} after"], samples[f"{name} without"])
            beyond.values[name] = Spread.of((mine[key] - openai[key]) * scale for mine, openai in pairs)
        if "tracer_llm" in recording:
            share = row.ratios["tracer_llm"].median
            row.goals.append(Goal(f"≤ {SHARE_OF_OPENAI} of `import openai`", share, SHARE_OF_OPENAI))
            for each in (row, beyond):
                best = best_peer(each.values, run.peers)
                if best is not None:
                    each.goals.append(Goal("lowest of all contenders", each.values["tracer_llm"].median, best))
        rows += [row, beyond]
    return rows


def _start(run: Run, folder: Path, name: str, start: str) -> dict[str, float]:
    ran = subprocess.run(
        [run.environments[name].python, "-c", _PROGRAM.format(start=start)],
        cwd=folder,
        env={**worker_environment(folder), VARIABLE: run.sink.url},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(ran.stdout.splitlines()[-1]))
