"""The figures as bars, in one SVG that follows the reader's light or dark scheme."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from benchmarks.figures import Row
from benchmarks.page import MINE, number, title_of

SHOWN = (
    "attributes_span.thread",
    "span.thread",
    "span.process",
    "chat.small.thread",
    "stream.chat.chunk",
    "start.cpu",
    "install.megabytes",
    "store.rate",
    "store.bytes",
)
COLUMNS, WIDTH, BAR, LABEL, VALUE = 2, 540, 18, 275, 70
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 } .other { fill: #afb8c1 }
.mine { fill: #1f6feb } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .other { fill: #484f58 } }
"""


def draw(rows: list[Row]) -> str:
    """A picture with a panel for each row that is shown."""
    shown = [row for key in SHOWN for row in rows if row.key == key]
    panels, tops = [], [0] * COLUMNS
    for row in shown:
        column = tops.index(min(tops))
        height = 34 + BAR * len(row.values) + 16
        panels.append(f'<g transform="translate({column * WIDTH}, {tops[column]})">{"".join(_panel(row))}</g>')
        tops[column] += height
    size = f'width="{COLUMNS * WIDTH}" height="{max(tops)}" viewBox="0 0 {COLUMNS * WIDTH} {max(tops)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{_STYLE}</style>\n{"".join(panels)}\n</svg>\n'


def _panel(row: Row) -> Iterator[str]:
    """Bars from the best down, as long as their share of the longest."""
    best_is_high = row.unit == "/s"
    names = sorted(row.values, key=lambda name: row.values[name].median, reverse=best_is_high)
    longest = max(spread.median for spread in row.values.values()) or 1
    unit = f", {row.unit}" if row.unit else ""
    note = " (more is better)" if best_is_high else ""
    yield f'<text class="title" x="8" y="20">{escape(row.title)}{unit}{note}</text>\n'
    for place, name in enumerate(names):
        top = 30 + place * BAR
        value = row.values[name].median
        length = max(1.0, (WIDTH - LABEL - VALUE) * max(value, 0) / longest)
        kind = "mine" if name == MINE else "other"
        yield f'<text x="{LABEL - 8}" y="{top + 13}" text-anchor="end">{escape(title_of(name)[:42])}</text>'
        yield f'<rect class="{kind}" x="{LABEL}" y="{top + 3}" width="{length:.1f}" height="{BAR - 6}" rx="2"/>'
        yield f'<text x="{LABEL + length + 5:.1f}" y="{top + 13}">{number(value)}</text>\n'
