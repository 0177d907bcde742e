"""Results of an evaluation: its rows with their scores, the metrics of all of them, as tables and as files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer._api.traces import AssessmentSource, notebook_html
from tracer._json import JsonObject
from tracer._tracking.aggregations import Aggregate
from tracer._tracking.evaluation_comparison import EvaluationComparison, compare_rows
from tracer._tracking.scoring import Score
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped, unused-ignore]


@dataclass
class EvaluatedRow:
    """A row, its trace (None while tracer is off), its scores, and the exception of the app if there was no answer.

    ``id`` is that of the row, else a digest of its inputs.
    """

    trace_id: str | None
    inputs: Any
    outputs: Any
    expectations: JsonObject
    scores: list[Score] = field(default_factory=list)
    error: str | None = None
    id: str = ""

    def score(self, name: str) -> Score | None:
        """The score of this name, or None."""
        return next((score for score in self.scores if score.name == name), None)


@dataclass
class EvaluationResult:
    """Result of an evaluation: aggregated scores (a yes is 1, a no 0) and shares of errors.

    ``left_out`` is the number of rows that were not asked, since the evaluation had cost what it may.
    """

    run_id: str
    model_id: str | None
    metrics: dict[str, float]
    rows: list[EvaluatedRow]
    left_out: int = 0

    def _repr_html_(self) -> str | None:
        return notebook_html(self)

    @property
    def result_df(self) -> pandas.DataFrame:
        """A table of the rows: ``<name>/value`` for scores and expectations, ``<name>/rationale`` for scores.

        Raises ImportError where pandas is not installed.
        """
        return _pandas("result_df").DataFrame([_cells(row) for row in self.rows])

    @property
    def tables(self) -> dict[str, pandas.DataFrame]:
        """``result_df`` under the name "eval_results"."""
        return {"eval_results": self.result_df}

    def to_pandas(self) -> pandas.DataFrame:
        """One row per evaluated row, one column per score. Raises ImportError where pandas is not installed."""
        return _pandas("to_pandas()").DataFrame([_flat(row) for row in self.rows])

    def compare(self, baseline: EvaluationResult) -> EvaluationComparison:
        """This result beside an earlier one: for each score the rows that got better, worse, or stayed the same."""
        if not isinstance(baseline, EvaluationResult):
            raise InvalidArgumentError(f"compare: got {baseline!r:.80}, expected what evaluate() gives.")
        return compare_rows(self.rows, baseline.rows)

    def save(self, path: str | Path) -> None:
        """Write it as JSON, for `load`: a baseline to keep beside the code."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False, default=str)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> EvaluationResult:
        """The result that was saved there. Raises InvalidArgumentError for anything else."""
        try:
            fields = json.loads(Path(path).read_text(encoding="utf-8"))
            rows = [_row_from(row) for row in fields["rows"]]
            return cls(fields["run_id"], fields["model_id"], fields["metrics"], rows, fields.get("left_out", 0))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidArgumentError(
                f"{path}: not the result of an evaluation ({type(error).__name__}: {error})"
            ) from error


def _row_from(fields: JsonObject) -> EvaluatedRow:
    scores = []
    for score in fields["scores"]:
        source = score.get("source")
        scores.append(Score(**{**score, "source": None if source is None else AssessmentSource(**source)}))
    return EvaluatedRow(**{**fields, "scores": scores})


def _cells(row: EvaluatedRow) -> JsonObject:
    cells = {
        "trace_id": row.trace_id, "request": row.inputs, "response": row.outputs, "error": row.error,
        **{f"{name}/value": value for name, value in row.expectations.items()},
    }  # fmt: skip
    for score in row.scores:
        cells[f"{score.name}/value"] = score.value
        cells[f"{score.name}/rationale"] = score.rationale
        if score.error is not None:
            cells[f"{score.name}/error"] = score.error
    return cells


def _flat(row: EvaluatedRow) -> JsonObject:
    cells = {name.name: getattr(row, name.name) for name in dataclasses.fields(row) if name.name != "scores"}
    return {**cells, **{score.name: score.value for score in row.scores}}


def _pandas(what: str) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(f"{what} needs pandas; install it with `pip install pandas`") from error
    return pandas


def scores_that_failed(rows: Sequence[EvaluatedRow]) -> dict[str, str]:
    """The scores that no row has, since their scorer failed on each, with how often and why."""
    errors: dict[str, list[str]] = {}
    for score in (score for row in rows for score in row.scores):
        if score.error is not None:
            errors.setdefault(score.name, []).append(score.error)
    for score in (score for row in rows for score in row.scores if score.error is None):
        errors.pop(score.name, None)
    return {name: f"it failed every time, {len(given)} of {len(given)}: {given[0]}" for name, given in errors.items()}


def metrics_of(
    rows: Sequence[EvaluatedRow], default: Mapping[str, Aggregate], own: Mapping[str, Mapping[str, Aggregate]]
) -> dict[str, float]:
    """The aggregated scores by name, and shares of errors; ``own`` has the aggregations of some scores."""
    values: dict[str, list[float]] = {}
    failed: dict[str, int] = {}
    for score in (score for row in rows for score in row.scores):
        if score.error is not None:
            failed[score.name] = failed.get(score.name, 0) + 1
        elif score.number is not None:
            values.setdefault(score.name, []).append(score.number)
    metrics = {
        f"{name}/{aggregation}": float(function(given))
        for name, given in values.items()
        for aggregation, function in own.get(name, default).items()
    }
    metrics.update({f"{name}/errors": float(count) for name, count in failed.items()})
    share = sum(row.error is not None for row in rows) / len(rows) if rows else 0.0
    return {**metrics, "rows": float(len(rows)), "error_share": share}
