"""Inserts rows with the cells that they have: sqlite3 takes longer to bind one None than ten whole numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import compress
from typing import Any

_STATEMENTS_KEPT = 128

Row = Sequence[Any]


def insert_rows(connection: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Insert rows in their order; a cell of None becomes NULL."""
    run: list[Row] = []  # rows that follow each other with the same cells
    of_run: list[bool] = []
    for row in rows:
        given = [cell is not None for cell in row]
        if given != of_run:
            _insert(connection, table, columns, of_run, run)
            run, of_run = [], given
        run.append([cell for cell in row if cell is not None])
    _insert(connection, table, columns, of_run, run)


def _insert(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], given: Sequence[bool], rows: list[Row]
) -> None:
    if rows:
        connection.executemany(_statement(table, tuple(compress(columns, given))), rows)


@lru_cache(maxsize=_STATEMENTS_KEPT)
def _statement(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table}({','.join(columns)}) VALUES ({','.join('?' * len(columns))})"
