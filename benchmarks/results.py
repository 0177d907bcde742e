"""What a run leaves behind: its figures as JSON, a plot, and the page that shows both."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.environments import ROOT
from benchmarks.figures import Goal, Row, Spread
from benchmarks.page import verdict, write_page
from benchmarks.plot import draw
from benchmarks.run import Run
from tracer._distribution import NAME

DOCS = ROOT / "docs"
# the page's order, by the first part of a row's key; within it, as they were measured
_ORDER = (
    "attributes_span",
    "span",
    "decorate",
    "bridged_span",
    "chat",
    "sent",
    "over",
    "stream",
    "start",
    "install",
    "store",
    "memory",
    "threads",
    "read",
)


def write(run: Run, section: str, rows: list[Row], output: str) -> None:
    """Put the rows of a section in place of those of an earlier run, then plot and page anew."""
    folder = Path(output)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    file = folder / "benchmarks.json"
    known = json.loads(file.read_text()) if file.is_file() else {}
    measured = {row.key: asdict(row) for row in rows if row.values}
    known.pop(section, None)  # the newest stands last
    known[section] = {**here_and_now(), **_about(run), "left_out": run.left_out, "rows": measured}
    file.write_text(json.dumps(known, indent=1) + "\n")
    shown = rows_of(known)
    (folder / "images" / "benchmarks.svg").write_text(draw([row for row, _ in shown]))
    write_page(folder / "benchmarks.md", list(known.values()), shown)
    for row in rows:
        for goal in row.goals:
            print(f"{verdict(goal):20} {goal.figure:10.3g}  {row.title}: {goal.text}")


def rows_of(sections: dict[str, Any]) -> list[tuple[Row, dict[str, Any]]]:
    """All rows in the page's order, each with what is known of the run of its section."""
    rows = [(row_from(value), section) for section in sections.values() for value in section["rows"].values()]
    return sorted(rows, key=lambda shown: _place(shown[0].key))


def _place(key: str) -> int:
    return _ORDER.index(key.partition(".")[0])


def row_from(value: dict[str, Any]) -> Row:
    """A row that was written as JSON."""
    fields = dict(value)
    for key in ("values", "ratios"):
        fields[key] = {name: Spread(**spread) for name, spread in fields[key].items()}
    fields["goals"] = [Goal(**goal) for goal in fields["goals"]]
    return Row(**fields)


def _about(run: Run) -> dict[str, Any]:
    """How much was measured, and with what."""
    return {
        "size": run.size.name,
        "contenders": {
            name: {
                "title": CONTENDERS[name].title,
                "version": version_of(environment.versions, CONTENDERS[name].title),
                "openai": environment.versions.get("openai"),
                "opentelemetry": environment.versions.get("opentelemetry-sdk"),
                "configured": CONTENDERS[name].configured,
            }
            for name, environment in run.environments.items()
        },
    }


def here_and_now() -> dict[str, Any]:
    """The machine that this runs on, and the day."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def version_of(versions: dict[str, str], title: str) -> str | None:
    """The version of a contender in its environment."""
    return versions.get({"tracer": NAME}.get(title, title))


def _processor() -> str:
    """The processor's name as Linux tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
