"""The history of runs, one line of JSON each, so that what creeps from run to run is seen."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.figures import Row
from benchmarks.page import MINE, number
from benchmarks.results import here_and_now

NAME = "benchmarks-history.jsonl"
SHOWN = 8  # runs


def remember(folder: Path, rows: Iterable[Row], **about: Any) -> None:
    """Add a run's line: each row's median, and its ratio to what it is compared with, which other machines share."""
    figures = {
        row.key: {
            "median": round(row.values[MINE].median, 4),
            **({"ratio": round(row.ratios[MINE].median, 4)} if MINE in row.ratios else {}),
        }
        for row in rows
        if MINE in row.values
    }
    if figures:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / NAME).open("a") as file:
            file.write(json.dumps({**here_and_now(), "commit": commit_of("HEAD"), **about, "rows": figures}) + "\n")


def lines(folder: Path) -> list[dict[str, Any]]:
    """All runs, the oldest first."""
    file = folder / NAME
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def shown(runs: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each row of the newest run: its figures in this and earlier runs of the same kind."""
    if not runs:
        return
    alike = [run for run in runs if _kind(run) == _kind(runs[-1])]
    for key in runs[-1]["rows"]:
        figures = [run["rows"][key] for run in alike if key in run["rows"]][-SHOWN:]
        name = "ratio" if "ratio" in figures[-1] else "median"
        values = [number(each[name]) for each in figures if name in each]
        yield f"{key:24} {name:6}  {' '.join(f'{value:>8}' for value in values)}"


def _kind(run: Mapping[str, Any]) -> tuple[Any, ...]:
    machine = run["machine"].partition(", Linux")[0]  # a newer kernel begins no new series
    return machine, run["python"], run["size"], run.get("beside")


def commit_of(revision: str) -> str | None:
    """The commit that a name stands for, with a mark where HEAD's files were changed; None outside of a clone."""
    found = git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not found:
        return None
    is_changed = revision == "HEAD" and git("status", "--porcelain", "--untracked-files=no")
    return f"{found[:12]}+" if is_changed else found[:12]


def git(*arguments: str) -> str:
    """What git says of this checkout; nothing where it fails, or is not there."""
    try:
        ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
