"""docs/benchmarks.md: what stands between its markers is written by the command, never by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Goal, Row, Spread

START, END = "<!-- written by `python -m benchmarks` -->", "<!-- end of what is written -->"
TEMPLATE = f"# Benchmarks\n\n{START}\n{END}\n"
MINE = "tracer_llm"


def write_page(page: Path, about: dict[str, Any], rows: list[Row]) -> None:
    """Put the results between the markers of the page; make the page where there is none."""
    text = page.read_text() if page.is_file() else TEMPLATE
    page.write_text(put_between(text, START, END, _written(about, rows)))


def put_between(text: str, start: str, end: str, lines: Iterable[str]) -> str:
    """A page's text with other lines between its markers."""
    before, _, rest = text.partition(start)
    written = "\n".join(lines)
    return f"{before}{start}\n\n{written}\n\n{end}{rest.partition(end)[2]}"


def _written(about: dict[str, Any], rows: list[Row]) -> Iterator[str]:
    yield (
        f"Measured on {about['date']} (size `{about['size']}`): {about['machine']}, Python {about['python']}, "
        f"SQLite {about['sqlite']}."
    )
    yield "\n![The figures as bars](images/benchmarks.svg)\n"
    yield from _goals(rows)
    yield from _contenders(about)
    for row in rows:
        yield from _details(row)
        measured = about["rows"][row.key]["measured"]
        if measured != about["date"]:
            yield f"\nMeasured on {measured}."


def _goals(rows: list[Row]) -> Iterator[str]:
    reached = [(row, goal) for row in rows for goal in row.goals]
    met = sum(goal.is_met for _, goal in reached)
    yield f"## Goals\n\n{met} of {len(reached)} are met.\n"
    yield "| what | tracer | best other | goal | reached | met |\n|---|---|---|---|---|---|"
    for row, goal in reached:
        cells = (row.title, show(row.values[MINE], row.unit), _best(row), goal.text, _figure(goal), _mark(goal))
        yield f"| {' | '.join(cells)} |"


def _best(row: Row) -> str:
    others = {name: s for name, s in row.values.items() if name in CONTENDERS and CONTENDERS[name].is_peer}
    if not others:
        return "-"
    choose = max if row.unit == "/s" else min
    name = choose(others, key=lambda name: others[name].median)
    return f"{show(others[name], row.unit)} ({CONTENDERS[name].title})"


def _figure(goal: Goal) -> str:
    return f"{goal.figure:,.3g}" if abs(goal.figure) < 1000 else f"{goal.figure:,.0f}"


def _mark(goal: Goal) -> str:
    return "yes" if goal.is_met else "**no**"


def _contenders(about: dict[str, Any]) -> Iterator[str]:
    yield "\n## Contenders\n\n| who | version | openai | opentelemetry-sdk | how it is set up |\n|---|---|---|---|---|"
    for each in about["contenders"].values():
        versions = (each[key] or "-" for key in ("version", "openai", "opentelemetry"))
        yield f"| {each['title']} | {' | '.join(versions)} | {each['configured']} |"
    reasons = {f"- {title_of(name)}: {why}" for out in about["left_out"].values() for name, why in out.items()}
    if reasons:
        yield "\nLeft out:\n"
        yield from sorted(reasons)
    yield "\n## Figures"


def _details(row: Row) -> Iterator[str]:
    yield f"\n### {row.title}\n"
    unit = f", {row.unit}" if row.unit else ""
    yield f"| who | median{unit} | quartiles |{f' of {row.ratio_of} |' if row.ratios else ''}{' |' * bool(row.remarks)}"
    yield f"|---|---|---|{'---|' * bool(row.ratios)}{'---|' * bool(row.remarks)}"
    ordered = sorted(row.values, key=lambda name: row.values[name].median, reverse=row.unit == "/s")
    for name in ordered:
        spread = row.values[name]
        cells = [title_of(name), number(spread.median), f"{number(spread.low)} to {number(spread.high)}"]
        if row.ratios:
            cells.append(number(row.ratios[name].median) if name in row.ratios else "")
        if row.remarks:
            cells.append(row.remarks.get(name, ""))
        yield f"| {' | '.join(cells)} |"


def title_of(name: str) -> str:
    """How a contender, or a limit that is none, is called."""
    return CONTENDERS[name].title if name in CONTENDERS else name


def show(spread: Spread, unit: str) -> str:
    """A median with its unit."""
    return f"{number(spread.median)} {unit}".strip()


def number(value: float) -> str:
    """With as many digits as say something."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:,.1f}" if size >= 10 else f"{value:,.2f}"
