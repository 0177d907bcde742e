"""docs/benchmarks.md: the part between its markers is written by the command, never by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Goal, Row, Spread

START, END = "<!-- written by `python -m benchmarks` -->", "<!-- end of what is written -->"
TEMPLATE = f"# Benchmarks\n\n{START}\n{END}\n"
MINE = "tracer_autolog"
_MARKS = {"met": "yes", "NOT MET": "**no**", "not to be told": "not to be told"}

Section = dict[str, Any]  # what is known of a section's run, with its rows


def write_page(page: Path, sections: list[Section], rows: list[tuple[Row, Section]]) -> None:
    """Put the results between the page's markers; make the page where there is none. The newest section is last."""
    text = page.read_text() if page.is_file() else TEMPLATE
    page.write_text(put_between(text, START, END, _written(sections, rows)))


def put_between(text: str, start: str, end: str, lines: Iterable[str]) -> str:
    """A page's text with other lines between its markers."""
    before, _, rest = text.partition(start)
    written = "\n".join(lines)
    return f"{before}{start}\n\n{written}\n\n{end}{rest.partition(end)[2]}"


def _written(sections: list[Section], rows: list[tuple[Row, Section]]) -> Iterator[str]:
    newest = sections[-1]
    contenders = {name: each for section in sections for name, each in section["contenders"].items()}
    yield f"Measured {_when_and_where(newest)}; where a table is from another run, it says so."
    yield "\n![The figures as bars](images/benchmarks.svg)\n"
    yield from _goals([row for row, _ in rows])
    yield from _contenders(sections, contenders)
    for row, section in rows:
        yield from _details(row)
        yield from _differences(row, section, newest, contenders)


def _when_and_where(section: Section) -> str:
    return (
        f"on {section['date']} (size `{section['size']}`): {section['machine']}, Python {section['python']}, "
        f"SQLite {section['sqlite']}"
    )


def _differences(row: Row, section: Section, newest: Section, contenders: dict[str, Any]) -> Iterator[str]:
    """Time, place and versions of a row's measurement, where they differ from those at the top of the page."""
    parts = [_when_and_where(section)] if _when_and_where(section) != _when_and_where(newest) else []
    for name, each in section["contenders"].items():
        versions = _versions(each)
        if name in row.values and versions != _versions(contenders[name]):
            parts.append(f"{each['title']} {versions[0]} with openai {versions[1]} and opentelemetry-sdk {versions[2]}")
    if parts:
        yield f"\nMeasured {'; '.join(parts)}."


def _goals(rows: list[Row]) -> Iterator[str]:
    reached = [(row, goal) for row in rows for goal in row.goals]
    met, untold = sum(goal.is_met for _, goal in reached), sum(goal.is_open for _, goal in reached)
    yield f"## Goals\n\n{met} of {len(reached)} are met{f', {untold} cannot be told' if untold else ''}.\n"
    yield "| what | tracer | best other | goal | reached | met |\n|---|---|---|---|---|---|"
    for row, goal in reached:
        mine = show(row.values[MINE], row.unit)
        cells = (row.title, mine, _best(row), goal.text, _figure(goal), _MARKS[verdict(goal)])
        yield f"| {' | '.join(cells)} |"


def verdict(goal: Goal) -> str:
    """Whether a goal is met, in words."""
    return "not to be told" if goal.is_open else "met" if goal.is_met else "NOT MET"


def _best(row: Row) -> str:
    others = {name: s for name, s in row.values.items() if name in CONTENDERS and CONTENDERS[name].is_peer}
    if not others:
        return "-"
    choose = max if row.unit == "/s" else min
    name = choose(others, key=lambda name: others[name].median)
    return f"{show(others[name], row.unit)} ({CONTENDERS[name].title})"


def _figure(goal: Goal) -> str:
    figure = f"{goal.figure:,.3g}" if abs(goal.figure) < 1000 else f"{goal.figure:,.0f}"
    return f"{figure} ({goal.made_of})" if goal.made_of else figure


def _contenders(sections: list[Section], contenders: dict[str, Any]) -> Iterator[str]:
    yield "\n## Contenders\n\n| who | version | openai | opentelemetry-sdk | how it is set up |\n|---|---|---|---|---|"
    for name in sorted(contenders, key=list(CONTENDERS).index):
        each = contenders[name]
        yield f"| {each['title']} | {' | '.join(_versions(each))} | {each['configured']} |"
    left_out = [section["left_out"] for section in sections]
    reasons = {f"- {title_of(name)}: {why}" for reasons in left_out for name, why in reasons.items()}
    if reasons:
        yield "\nLeft out:\n"
        yield from sorted(reasons)
    yield "\n## Figures"


def _versions(contender: dict[str, Any]) -> list[str]:
    return [contender[key] or "-" for key in ("version", "openai", "opentelemetry")]


def _details(row: Row) -> Iterator[str]:
    yield f"\n### {row.title}\n"
    unit = f", {row.unit}" if row.unit else ""
    yield f"| who | median{unit} | quartiles |{f' of {row.ratio_of} |' if row.ratios else ''}{' |' * bool(row.remarks)}"
    yield f"|---|---|---|{'---|' * bool(row.ratios)}{'---|' * bool(row.remarks)}"
    ordered = sorted(row.values, key=lambda name: row.values[name].median, reverse=row.unit == "/s")
    for name in ordered:
        spread = row.values[name]
        cells = [title_of(name), number(spread.median), _quartiles(spread)]
        if row.ratios:
            cells.append(number(row.ratios[name].median) if name in row.ratios else "")
        if row.remarks:
            cells.append(row.remarks.get(name, ""))
        yield f"| {' | '.join(cells)} |"


def _quartiles(spread: Spread) -> str:
    return f"{number(spread.low)} to {number(spread.high)}" if spread.count > 1 else "measured once"


def title_of(name: str) -> str:
    """How a contender, or a limit that is none, is called."""
    return CONTENDERS[name].title if name in CONTENDERS else name


def show(spread: Spread, unit: str) -> str:
    """A median with its unit."""
    return f"{number(spread.median)} {unit}".strip()


def number(value: float) -> str:
    """A number with its significant digits."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:,.1f}" if size >= 10 else f"{value:,.2f}"
