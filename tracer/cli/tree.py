"""Draws a trace: a headline, and its steps as a tree with kind, tokens, cost, time and a bar on a common time axis."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from tracer.cli import wording
from tracer.cli.screen import Screen
from tracer.cli.steps import LEVELS_KEPT, Step
from tracer.cli.wording import clean_line, clip

if TYPE_CHECKING:
    from tracer.store import StoredTrace, TraceRow

STATE_STYLES = {"OK": "green", "ERROR": "bold red", "IN_PROGRESS": "yellow", "INTERRUPTED": "yellow"}
STATE_WORDS = {"OK": "ok", "ERROR": "error", "IN_PROGRESS": "running", "INTERRUPTED": "interrupted"}
STATE_SIGNS = {"OK": "✓", "ERROR": "✗", "IN_PROGRESS": "▸", "INTERRUPTED": "!"}
TYPE_STYLES = {
    "LLM": "cyan",
    "CHAT_MODEL": "cyan",
    "EMBEDDING": "blue",
    "TOOL": "magenta",
    "AGENT": "green",
    "RETRIEVER": "yellow",
}
_BAR_WIDTH, _WIDE_BAR_WIDTH = 14, 30
_NARROWEST_LABEL = 16
_GAP = "  "


def state_text(state: str) -> Text:
    """State of a trace as a word."""
    return Text(STATE_WORDS.get(state, wording.clean_line(state)), style=STATE_STYLES.get(state, ""))


def print_headline(screen: Screen, trace: StoredTrace) -> None:
    """Name, state, duration, tokens and cost of a trace."""
    row = trace.row
    facts = [
        wording.duration(row.duration) if row.state in ("OK", "ERROR") else "",
        wording.how_many(row.span_count, "step"),
        _usage(row),
        wording.money((row.cost or {}).get("total_cost")),
    ]
    rest = Text(_GAP).append_text(state_text(row.state)).append("".join(_GAP + fact for fact in facts if fact))
    room = None if screen.width is None else max(_NARROWEST_LABEL, screen.width - rest.cell_len)
    screen.print(Text().append(clip(clean_line(row.name or "(no name)"), room), style="bold").append_text(rest))
    screen.print(Text(f"{row.trace_id}{_GAP}{wording.moment(row.start)}", style="dim"))
    for note in (_whose(row, trace.resource), _tags(row), *_assessments(row), _unfinished(row)):
        if note:
            screen.wrapped(Text(note, style="dim"))


def print_tree(screen: Screen, steps: Sequence[Step], *, is_numbered: bool = False) -> None:
    """The steps, one line each, with the error below a failed one."""
    axis = _Axis.of(steps)
    numbers = [str(number) for number in range(1, len(steps) + 1)] if is_numbered else []
    columns = [
        _Column.of("#", numbers, align_right=True),
        _Column.of("kind", [step.type for step in steps]),
        _Column.of("tokens", [_tokens(step) for step in steps], align_right=True),
        _Column.of("cost", [wording.money(step.cost) for step in steps], align_right=True),
        _Column.of("time", [_time(step) for step in steps], align_right=True),
    ]
    shown = [column for column in columns if column.width]
    taken = sum(column.width + len(_GAP) for column in shown)
    labels = [_guides(step) + clean_line(step.label) for step in steps]
    bar_width, label_width = _share(screen.width, taken, max(map(cell_len, labels), default=0))
    _print_column_names(screen, shown, label_width)
    for number, (step, label) in enumerate(zip(steps, labels)):
        line = _label(step, clip(label, label_width), label_width)
        for column in shown:
            line.append(_GAP).append_text(column.cell(number, step))
        if bar_width:
            line.append(_GAP).append_text(axis.bar(step, bar_width))
        line.rstrip()
        screen.print(line)
        if step.error is not None:
            _print_error(screen, step)


def _share(width: int | None, taken: int, longest: int) -> tuple[int, int]:
    """Widths of bars and labels: bars shrink before labels."""
    if width is None:
        return _BAR_WIDTH, longest
    wanted = _WIDE_BAR_WIDTH if width >= 120 else _BAR_WIDTH
    room = width - taken
    for bar in (wanted, 8):
        if room - bar - len(_GAP) >= min(longest, _NARROWEST_LABEL):
            return bar, min(longest, room - bar - len(_GAP))
    return 0, max(_NARROWEST_LABEL, min(longest, room))


def _print_column_names(screen: Screen, shown: Sequence[_Column], label_width: int) -> None:
    line = Text(" " * label_width, style="dim")
    for column in shown:
        line.append(_GAP).append(column.fitted(column.name))
    line.rstrip()
    screen.print(line)


def _print_error(screen: Screen, step: Step) -> None:
    guides = _guides(step, below=True)
    message = clip(f"{guides}✗ {clean_line(step.error)}", screen.width)
    line = Text().append(guides, style="dim").append(message[len(guides) :], style="red")
    screen.print(line)


def _label(step: Step, label: str, width: int) -> Text:
    text = Text(label)
    guides = min(len(_guides(step)), len(label))
    text.stylize("dim", 0, guides)
    text.stylize("bold red" if step.failed else "", guides)
    text.append(" " * (width - cell_len(label)))
    return text


def _guides(step: Step, *, below: bool = False) -> str:
    """Guides to a step, or below it to its error. Very deep ones are cut on the left."""
    levels = ["│  " if more else "   " for more in step.branches]
    if levels and not below:
        levels[-1] = "├─ " if step.branches[-1] else "└─ "
    if below:
        levels.append("")
    is_cut = step.depth + below > LEVELS_KEPT
    return "…  " + "".join(levels[1 - LEVELS_KEPT :]) if is_cut else "".join(levels)


@dataclass(frozen=True)
class _Column:
    name: str
    cells: list[str]
    width: int  # 0 for an empty column
    align_right: bool

    @classmethod
    def of(cls, name: str, values: Sequence[str], *, align_right: bool = False) -> _Column:
        cells = [clean_line(value) for value in values]
        # measured once: measuring all rows for each row would take minutes for a large trace
        longest = max(map(cell_len, cells), default=0)
        return cls(name, cells, max(longest, len(name)) if longest else 0, align_right)

    def fitted(self, text: str) -> str:
        space = " " * max(0, self.width - cell_len(text))
        return space + text if self.align_right else text + space

    def cell(self, number: int, step: Step) -> Text:
        text = self.fitted(self.cells[number])
        style = TYPE_STYLES.get(step.type, "") if self.name == "kind" else ""
        if self.name == "time" and step.end is None:
            style = "yellow"
        return Text(text, style=style)


@dataclass(frozen=True)
class _Axis:
    """Period of the whole trace, in ns since the epoch."""

    start: int
    end: int

    @classmethod
    def of(cls, steps: Sequence[Step]) -> _Axis:
        start = min((step.start for step in steps), default=0)
        ends = [step.end for step in steps if step.end is not None]
        if any(step.is_running for step in steps):
            ends.append(time.time_ns())
        return cls(start, max([*ends, start + 1]))

    def bar(self, step: Step, width: int) -> Text:
        end = step.end if step.end is not None else self.end
        total = self.end - self.start
        first = min(width - 1, int((step.start - self.start) * width / total))
        last = max(first + 1, min(width, round((end - self.start) * width / total)))
        style = "red" if step.failed else "yellow" if step.end is None else TYPE_STYLES.get(step.type, "white")
        return Text(" " * first).append("━" * (last - first), style=style)


def _tokens(step: Step) -> str:
    given, produced = step.tokens
    if given is None and produced is None:
        return ""
    return wording.count(given or 0) if produced is None else f"{wording.count(given or 0)} → {wording.count(produced)}"


def _time(step: Step) -> str:
    if step.end is not None:
        return wording.duration(step.end - step.start)
    return "running" if step.is_running else "interrupted"


def _usage(row: TraceRow) -> str:
    usage = row.usage or {}
    if not usage:
        return ""
    if "input_tokens" in usage and "output_tokens" in usage:
        return f"{wording.count(usage['input_tokens'])} → {wording.count(usage['output_tokens'])} tokens"
    return f"{wording.count(usage.get('total_tokens', sum(usage.values())))} tokens"


def _whose(row: TraceRow, resource: dict[str, object]) -> str:
    service = str(resource.get("service.name") or "")
    facts = {
        "session": row.session_id,
        "user": row.user,
        "service": "" if service.startswith("unknown_service") else service,
        "experiment": "" if row.experiment == "Default" else row.experiment,
        "model id": row.model_id,
        "run": row.run_id,
    }
    return _GAP.join(f"{name} {clean_line(value)}" for name, value in facts.items() if value)


def _tags(row: TraceRow) -> str:
    return _GAP.join(clean_line(f"{key}={value}") for key, value in {**row.tags, **row.metadata}.items())


def _assessments(row: TraceRow) -> list[str]:
    lines = []
    for given in row.assessments:
        source = " ".join(filter(None, (given.source.get("type"), given.source.get("id"))))
        because = f": {given.rationale}" if given.rationale else ""
        what = given.error or given.value
        lines.append(clean_line(f"{given.type} {given.name} = {what}{because}" + (f" ({source})" if source else "")))
    return lines


def _unfinished(row: TraceRow) -> str:
    if row.state == "IN_PROGRESS":
        return "Still running: replies and results appear when steps end."
    if row.state == "INTERRUPTED":
        return "Interrupted: the process ended before this trace did. What had happened until then is here."
    return ""
