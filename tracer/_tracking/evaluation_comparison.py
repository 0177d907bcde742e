"""Two results of an evaluation side by side: which rows got better, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any

from tracer._tracking.evaluation_rows import inputs_digest

if TYPE_CHECKING:
    from tracer._tracking.evaluation_result import EvaluatedRow

CHANCE = 0.05  # greatest p-value of a difference that is taken for more than chance
_EQUAL = 1e-9
_NO_ANSWER = float("-inf")  # worse than any score


@dataclass(frozen=True)
class ScoreComparison:
    """One score in two results: means over the rows that both have, and how many rows differ.

    ``p_value`` is that of a two-sided sign test on the rows that differ: how likely a difference like this is by chance
    alone, 1.0 where none differs.
    """

    name: str
    before: float | None
    after: float | None
    better: int
    worse: int
    same: int
    p_value: float

    @property
    def may_be_chance(self) -> bool:
        """Whether one in twenty differences like this one, or more, are chance alone."""
        return self.p_value > CHANCE


@dataclass(frozen=True)
class ComparedRow:
    """One score of one row in two results; a value is None where the app or the scorer failed."""

    id: str
    name: str
    inputs: Any
    before: float | None
    after: float | None
    change: str  # "better", "worse" or "same"
    trace_id: str | None
    trace_id_before: str | None


@dataclass(frozen=True)
class EvaluationComparison:
    """Two results joined by their rows' ids, or else by equal inputs; ``only_before`` and ``only_after`` have ids."""

    scores: dict[str, ScoreComparison]
    rows: list[ComparedRow]
    only_before: list[str]
    only_after: list[str]

    def rows_that_got(self, change: str, name: str | None = None) -> list[ComparedRow]:
        """The rows that got "better" or "worse", or stayed the "same", in one score or in any."""
        return [row for row in self.rows if row.change == change and name in (None, row.name)]

    def got_worse(self, significance: float = 1.0) -> list[str]:
        """Names of the scores in which more rows got worse than better, with a p-value of at most ``significance``."""
        return [
            score.name for score in self.scores.values() if score.worse > score.better and score.p_value <= significance
        ]

    def __str__(self) -> str:
        heads = ("score", "before", "after", "better", "worse", "same", "p")
        table = [heads, *map(_cells, self.scores.values())]
        widths = [max(len(line[column]) for line in table) for column in range(len(heads))]
        return "\n".join(
            "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(pairs))
            for pairs in (list(zip(line, widths)) for line in table)
        )


def _cells(score: ScoreComparison) -> tuple[str, ...]:
    means = ("-" if mean is None else f"{mean:.3g}" for mean in (score.before, score.after))
    counts = map(str, (score.better, score.worse, score.same))
    return (score.name, *means, *counts, f"{score.p_value:.2g}")


def compare_rows(after: Sequence[EvaluatedRow], before: Sequence[EvaluatedRow]) -> EvaluationComparison:
    """The rows joined, and compared in each score that is a number."""
    pairs = joined_rows(after, before)
    numbers = {id(row): _numbers(row) for pair in pairs for row in pair}
    names = list(dict.fromkeys(name for given in numbers.values() for name in given))
    failed = dict.fromkeys(names, _NO_ANSWER)
    given = [tuple(numbers[id(row)] if row.error is None else failed for row in pair) for pair in pairs]
    rows = [
        _compared(name, pair, after_[name], before_[name])
        for name in names
        for pair, (after_, before_) in zip(pairs, given)
        if name in after_ and name in before_
    ]
    by_name: dict[str, list[ComparedRow]] = {name: [] for name in names}
    for row in rows:
        by_name[row.name].append(row)
    scores = {name: _summed(name, of_name) for name, of_name in by_name.items()}
    joined = {id(row) for pair in pairs for row in pair}
    return EvaluationComparison(
        {name: score for name, score in scores.items() if score.better + score.worse + score.same},
        rows,
        [row.id for row in before if id(row) not in joined],
        [row.id for row in after if id(row) not in joined],
    )


def joined_rows(
    after: Iterable[EvaluatedRow], before: Sequence[EvaluatedRow]
) -> list[tuple[EvaluatedRow, EvaluatedRow]]:
    """Rows of the same id, or else of equal inputs."""
    by_id = {row.id: row for row in before}
    pairs = [(row, by_id.pop(row.id, None)) for row in after]
    by_inputs: dict[str, list[EvaluatedRow]] = {}
    for row in by_id.values():
        by_inputs.setdefault(inputs_digest(row.inputs), []).append(row)
    joined = []
    for row, other in pairs:
        waiting = by_inputs.get(inputs_digest(row.inputs)) if other is None else None
        other = waiting.pop(0) if waiting else other
        if other is not None:
            joined.append((row, other))
    return joined


def _compared(name: str, pair: tuple[EvaluatedRow, EvaluatedRow], after: float, before: float) -> ComparedRow:
    row, other = pair
    change = "same" if after == before or abs(after - before) <= _EQUAL else "better" if after > before else "worse"
    return ComparedRow(
        row.id, name, row.inputs, _known(before), _known(after), change, row.trace_id, other.trace_id
    )  # fmt: skip


def _known(value: float) -> float | None:
    return None if value == _NO_ANSWER else value


def _numbers(row: EvaluatedRow) -> dict[str, float]:
    """The means of the row's scores by name, of those that are numbers."""
    given: dict[str, list[float]] = {}
    for score in row.scores:
        if score.error is None and (number := score.number) is not None:
            given.setdefault(score.name, []).append(number)
    return {name: sum(numbers) / len(numbers) for name, numbers in given.items()}


def _summed(name: str, rows: list[ComparedRow]) -> ScoreComparison:
    better, worse, same = (sum(row.change == change for row in rows) for change in ("better", "worse", "same"))
    before = [row.before for row in rows if row.before is not None]
    after = [row.after for row in rows if row.after is not None]
    return ScoreComparison(name, _mean(before), _mean(after), better, worse, same, sign_test(better, worse))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def sign_test(better: int, worse: int) -> float:
    """The two-sided p-value of an exact sign test, which for yes and no is McNemar's exact test."""
    number = better + worse
    tail = sum(comb(number, k) for k in range(min(better, worse) + 1))
    return min(1.0, float(2 * tail / 2**number))
