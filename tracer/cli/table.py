"""Short tables: columns as wide as their widest cell."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from tracer.cli.wording import clean_line


def aligned(rows: Sequence[Sequence[object]]) -> list[str]:
    """A line a row, each cell on one line, columns flush left."""
    cells = [[clean_line(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells)]
    return [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths)).rstrip() for row in cells
    ]
