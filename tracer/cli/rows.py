"""A trace in one line, for `tracer list` and `tracer tail`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from rich.cells import cell_len
from rich.text import Text

from tracer.cli import wording
from tracer.cli.tree import STATE_SIGNS, STATE_STYLES, STATE_WORDS

if TYPE_CHECKING:
    from tracer.store import TraceRow

ID_DIGITS = 8
_NAME_WIDTH = 24
COLUMNS = f"{'ID':<{ID_DIGITS}}  {'STARTED':<12}    {'TIME':>8}  {'TOKENS':>7}  {'COST':>8}  NAME"
WIDE_COLUMNS = f"{'ID':<32}  {'STARTED':<19}  {'STATE':<11}  {'TIME':>12}  {'TOKENS':>9}  {'COST':>10}  NAME"


def line_of(row: TraceRow, width: int | None) -> Text:
    """One trace in one line, cut to the terminal's width; without a width complete, with the whole id."""
    return _whole_line(row) if width is None else _terminal_line(row, width)


def _terminal_line(row: TraceRow, width: int) -> Text:
    line = Text().append(row.trace_id[:ID_DIGITS], style="cyan")
    line.append(f"  {wording.short_moment(row.start):<12}  ")
    line.append(f"{STATE_SIGNS.get(row.state, '?')} ", style=STATE_STYLES.get(row.state, ""))
    took = wording.duration(row.duration) if row.state in ("OK", "ERROR") else STATE_WORDS.get(row.state, row.state)
    line.append(f"{took:>8}  {_tokens(row):>7}  {_cost(row):>8}  ")
    line.append(wording.clip(_title(row), max(8, width - cell_len(line.plain))))
    return line


def _whole_line(row: TraceRow) -> Text:
    took = wording.duration(row.duration) if row.state in ("OK", "ERROR") else ""
    state = STATE_WORDS.get(row.state, row.state)
    return Text(
        f"{row.trace_id:<32}  {wording.moment(row.start)}  {state:<11}  {took:>12}"
        f"  {_tokens(row):>9}  {_cost(row):>10}  {_title(row)}"
    )


def _title(row: TraceRow) -> str:
    name = wording.clean_line(row.name or "(no name)")
    request = wording.clean_line(_only_text(row.request_preview or ""))
    return f"{name}  {request}" if request else name


def _only_text(preview: str) -> str:
    """The argument of a function if its only argument is a text; else the preview unchanged."""
    if not preview.startswith('{"'):
        return preview
    try:
        values = list(orjson.loads(preview).values())
    except orjson.JSONDecodeError:
        return preview
    return values[0] if len(values) == 1 and isinstance(values[0], str) else preview


def _tokens(row: TraceRow) -> str:
    usage = row.usage or {}
    if not usage:
        return ""
    total = usage.get("total_tokens")
    return wording.count(usage.get("input_tokens", 0) + usage.get("output_tokens", 0) if total is None else total)


def _cost(row: TraceRow) -> str:
    return wording.money((row.cost or {}).get("total_cost"))
