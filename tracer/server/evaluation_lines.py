"""Rows of an evaluation as they are listed: read once, joined with those of another one, chosen, ordered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tracer._tracking.stored_evaluations import (
    ComparedRuns,
    StoredRow,
    compare_runs,
    count_traces_of_run,
    read_rows,
    sums_of,
    texts_of,
)
from tracer.errors import InvalidArgumentError
from tracer.store import RunSums, Store
from tracer.store.filter import Comparison, Field

SHOWN = ("all", "failing", "worse", "better", "same", "only")
_SCORE = "score."
_FIRST_IS_MOST = ("failing", "worse", "better")
_NO_ROWS: list[StoredRow] = []
_KEPT_RUNS = 4
_KEPT_ROWS = 20_000


@dataclass
class Line:
    """A row as it is listed, with its partner in the other evaluation."""

    stored: StoredRow
    partner: StoredRow | None = None
    changes: dict[str, str] = field(default_factory=dict)  # by the name of a score
    lost: float = 0.0  # sum of the decreases of scores
    only_in: str | None = None

    @cached_property
    def failing(self) -> tuple[bool, int, int]:
        """Whether the app failed; the number of scores that are no; the number of failed scorers."""
        scores = self.stored.row.scores
        is_no = [score.value is False or (isinstance(score.value, str) and score.number == 0) for score in scores]
        return self.stored.row.error is not None, sum(is_no), sum(score.error is not None for score in scores)

    def count(self, change: str) -> int:
        """Number of scores with this change."""
        return sum(each == change for each in self.changes.values())

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds in ``SHOWN`` that apply; a row that only the base has is of one kind alone."""
        if self.only_in == "base":
            return frozenset(["only"])
        worse, better = self.count("worse"), self.count("better")
        found = {
            "all": True,
            "failing": any(self.failing),
            "worse": bool(worse),
            "better": bool(better),
            "same": self.partner is not None and not worse and not better,
            "only": self.only_in is not None,
        }
        return frozenset(name for name, is_so in found.items() if is_so)


@dataclass
class Lines:
    """The rows of an evaluation, those of the evaluation to compare with, and the comparison."""

    rows: list[StoredRow]
    base_rows: list[StoredRow]
    compared: ComparedRuns | None

    @cached_property
    def lines(self) -> list[Line]:
        """The rows in the order in which they were answered, then those that only the base has."""
        compared = self.compared
        if compared is None:
            return [Line(stored) for stored in self.rows]
        lines = []
        for stored in self.rows:
            changes = compared.changes.get(stored.row.id, {})
            partner = compared.partners.get(stored.row.id)
            lost = sum((each.before or 0) - (each.after or 0) for each in changes.values() if each.change == "worse")
            by_name = {name: each.change for name, each in changes.items()}
            lines.append(Line(stored, partner, by_name, lost, None if partner else "run"))
        return [*lines, *(Line(stored, only_in="base") for stored in compared.only_before)]

    @cached_property
    def sums(self) -> RunSums:
        """The sums of the rows; a row that was answered again counts once."""
        return sums_of(self.rows)

    @cached_property
    def base_sums(self) -> RunSums:
        """The sums of the other evaluation's rows."""
        return sums_of(self.base_rows)

    @cached_property
    def texts(self) -> dict[str, dict[str, int]]:
        """Number of times that each text was given, by the name of the score."""
        return texts_of(self.rows)

    @cached_property
    def base_texts(self) -> dict[str, dict[str, int]]:
        """The same of the other evaluation."""
        return texts_of(self.base_rows)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of rows of each kind."""
        return {kind: sum(kind in line.kinds for line in self.lines) for kind in SHOWN}


class ReadEvaluations:
    """The evaluations that were read last, kept for the next page, order or filter.

    One is read anew once a trace of its run was written or deleted.
    """

    def __init__(self) -> None:
        self._keeping = threading.Lock()
        self._rows: OrderedDict[tuple[str, str], tuple[int, int, list[StoredRow]]] = OrderedDict()
        self._last: Lines | None = None

    def lines(self, store: Store, run_id: str, base_id: str | None) -> Lines:
        """The rows of a run, beside those of its base."""
        rows = self._rows_of(store, run_id)
        base_rows = _NO_ROWS if base_id is None else self._rows_of(store, base_id)
        last = self._last
        if last is None or last.rows is not rows or last.base_rows is not base_rows:
            last = Lines(rows, base_rows, None if base_id is None else compare_runs(store, rows, base_rows))
            self._last = last
        return last

    def _rows_of(self, store: Store, run_id: str) -> list[StoredRow]:
        with self._keeping:
            known = self._rows.get((store.url, run_id))
        count = count_traces_of_run(store, run_id)
        if known is not None and known[0] == count:
            later = Comparison(Field("seq", "number"), ">", known[1])
            if not count_traces_of_run(store, run_id, later):
                return known[2]
        seq = store.change_number()  # before the rows: a change meanwhile is read again rather than missed
        rows = read_rows(store, run_id)
        with self._keeping:
            self._rows[store.url, run_id] = (count, seq, rows)
            self._rows.move_to_end((store.url, run_id))
            while len(self._rows) > 1 and (len(self._rows) > _KEPT_RUNS or self._size() > _KEPT_ROWS):
                self._rows.popitem(last=False)
        return rows

    def _size(self) -> int:
        return sum(len(rows) for _, _, rows in self._rows.values())


def ordered(lines: list[Line], order_by: str) -> list[Line]:
    """The lines in an order such as "score.tone desc"; those without a value come last.

    Raises InvalidArgumentError.
    """
    name, is_descending = _sorting(order_by)
    if name == "row":
        return lines[::-1] if is_descending else lines
    value_of = _ORDERS.get(name) or _score_order(name.removeprefix(_SCORE))
    valued, without = [], []
    for line in lines:
        value = value_of(line)
        if value is None:
            without.append(line)
        else:
            valued.append((value, line))
    valued.sort(key=lambda pair: pair[0], reverse=is_descending)
    return [*(line for _, line in valued), *without]


def _sorting(order_by: str) -> tuple[str, bool]:
    name, _, direction = order_by.strip().rpartition(" ")
    if not name or direction.lower() not in ("asc", "desc"):
        name, direction = order_by.strip(), "desc" if order_by.strip() in _FIRST_IS_MOST else "asc"
    if name != "row" and name not in _ORDERS and not name.startswith(_SCORE):
        expected = ", ".join(("row", *_ORDERS, f"{_SCORE}<name>"))
        raise InvalidArgumentError(f"order_by is {order_by[:40]!r}, expected one of {expected}, with asc or desc")
    return name, direction.lower() == "desc"


def _score_order(name: str) -> Callable[[Line], Any]:
    """Numbers by their mean, before texts."""

    def value_of(line: Line) -> tuple[int, float, str] | None:
        scores = [score for score in line.stored.row.scores if score.name == name and score.error is None]
        numbers = [score.number for score in scores if score.number is not None]
        if numbers:
            return 0, sum(numbers) / len(numbers), ""
        return (1, 0.0, str(scores[0].value)) if scores else None

    return value_of


def _cost(line: Line) -> float | None:
    return line.stored.trace.cost["total_cost"] if line.stored.trace.cost else None


_ORDERS: dict[str, Callable[[Line], Any]] = {
    "failing": lambda line: line.failing,
    "worse": lambda line: (line.count("worse"), line.lost),
    "better": lambda line: (line.count("better"), -line.lost),
    "latency": lambda line: line.stored.trace.duration,
    "cost": _cost,
}
