"""Evaluations as a store has them: the runs that are evaluations, and their rows, read without the full content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from tracer._api.traces import trace_from_row
from tracer._tracking.evaluated_rows import scores_of
from tracer._tracking.evaluation_comparison import ComparedRow, EvaluationComparison, compare_rows, joined_rows
from tracer._tracking.evaluation_result import EvaluatedRow
from tracer._tracking.evaluation_rows import inputs_digest
from tracer._tracking.runs import RUN_SEARCH
from tracer._tracking.scoring import Score
from tracer.semconv import EVALUATED_VERSION, EVALUATION_ROW, EVALUATION_ROWS, JUDGED_IN_RUN
from tracer.store import RunRow, RunSums, ScoreRow, Store, TraceQuery, TraceRow
from tracer.store.filter import Comparison, Expression, Field, OrderTerm, all_of

_PAGE = 1000
_NS_PER_MS = 1_000_000
_TEXTS_LIMIT = 20
_TEXT_LENGTH = 200
_METRICS = ("rows", "error_share")  # of every evaluation that came to its end
_OLDEST_FIRST = (OrderTerm("timestamp", False),)


@dataclass(frozen=True)
class StoredRow:
    """A row with its trace; inputs and outputs of ``row`` are their previews."""

    row: EvaluatedRow
    trace: TraceRow


@dataclass(frozen=True)
class ComparedRuns:
    """Two evaluations: of each row in the first the one that it was joined with, and how its scores changed."""

    comparison: EvaluationComparison
    partners: dict[str, StoredRow]
    changes: dict[str, dict[str, ComparedRow]]
    only_before: list[StoredRow]


def find_evaluations(
    store: Store, filter_string: str | None = None, *, words: str = "", model_id: str | None = None
) -> list[RunRow]:
    """The runs that are evaluations, newest first.

    ``filter_string`` is that of `search_runs`; each of the words is in a run's name, id, tags or params, or in the name
    of its version; ``model_id`` is the version that was evaluated. Raises FilterSyntaxError.
    """
    runs = RUN_SEARCH.find(filter(is_evaluation, store.runs()), filter_string, None, None)
    if model_id is not None:
        unknown = [run.run_id for run in runs if EVALUATED_VERSION not in run.tags]  # of earlier releases
        named = {sums.run_id for sums in store.run_sums(unknown) if model_id in sums.model_ids} if unknown else set()
        runs = [run for run in runs if run.tags.get(EVALUATED_VERSION) == model_id or run.run_id in named]
    wanted = words.lower().split()
    if wanted:
        names = {model.model_id: model.name for model in store.models()}
        runs = [run for run in runs if all(word in _text_of(run, names) for word in wanted)]
    return runs


def is_evaluation(run: RunRow) -> bool:
    """Whether a run is an evaluation, finished or not."""
    return EVALUATION_ROWS in run.tags or all(name in run.metrics for name in _METRICS)


def versions_of(run: RunRow, sums: RunSums | None) -> list[str]:
    """Ids of the versions that a run evaluated, most often only one."""
    said = run.tags.get(EVALUATED_VERSION)
    return list(dict.fromkeys([*([said] if said else []), *(sums.model_ids if sums else ())]))


def _text_of(run: RunRow, names: dict[str, str]) -> str:
    version = names.get(run.tags.get(EVALUATED_VERSION, ""), "")
    about = [f"{key} {value}" for group in (run.tags, run.params) for key, value in group.items()]
    return "\n".join([run.name, run.run_id, run.experiment, run.status, version, *about]).lower()


def traces_of_run(store: Store, run_id: str, filter: Expression | None = None) -> list[TraceRow]:
    """The traces of a run, oldest first, those of other runs that it scored last; those that meet a filter."""
    found: list[TraceRow] = []
    for belongs in _belonging(run_id):
        token = None
        while True:
            page = store.find_traces(TraceQuery(all_of(belongs, filter), _OLDEST_FIRST, _PAGE, token))
            found += page.traces
            token = page.next_page_token
            if token is None:
                break
    return found


def count_traces_of_run(store: Store, run_id: str, filter: Expression | None = None) -> int:
    """Number of traces that `traces_of_run` gives."""
    return sum(store.count_traces(all_of(belongs, filter)) for belongs in _belonging(run_id))


def _belonging(run_id: str) -> tuple[Expression, Expression]:
    """The traces of a run, and those of others that it scored: apart, so that each query has an index."""
    judged = Comparison(Field("metadata", "any", f"{JUDGED_IN_RUN}{run_id}"), "=", "yes")
    return Comparison(Field("run_id", "text"), "=", run_id), judged


def read_rows(store: Store, run_id: str) -> list[StoredRow]:
    """The rows of an evaluation, in the order in which they were answered; of a row that was asked again the last."""
    traces = traces_of_run(store, run_id)
    keyless = [trace for trace in traces if EVALUATION_ROW not in trace.metadata]
    inputs = _inputs_of(store, keyless) if keyless else {}
    rows: dict[str, StoredRow] = {}
    for trace in traces:
        key = trace.metadata.get(EVALUATION_ROW) or inputs_digest(inputs.get(trace.trace_id))
        rows.pop(key, None)
        rows[key] = StoredRow(_row(trace, key, run_id), trace)
    return list(rows.values())


def _row(trace: TraceRow, key: str, run_id: str) -> EvaluatedRow:
    return EvaluatedRow(
        trace.trace_id,
        trace.request_preview,
        trace.response_preview,
        {each.name: each.value for each in trace.assessments if each.type == "expectation"},
        scores_of(trace.assessments, run_id),
        "it failed" if trace.state == "ERROR" else None,
        key,
    )


def _inputs_of(store: Store, traces: Sequence[TraceRow]) -> dict[str, object]:
    """The whole inputs of traces, by trace id."""
    found: dict[str, object] = {}
    for start in range(0, len(traces), _PAGE):
        part = traces[start : start + _PAGE]
        spans = store.spans_of([trace.trace_id for trace in part])
        for trace in part:
            root = trace_from_row(trace, spans.get(trace.trace_id, [])).data.root
            found[trace.trace_id] = root.inputs if root is not None else None
    return found


def sums_of(rows: Sequence[StoredRow]) -> RunSums:
    """Sums of the rows; unlike in the store's sums of a run, a row that was asked again counts once."""
    traces = [each.trace for each in rows]
    costs = [trace.cost["total_cost"] for trace in traces if trace.cost]
    usage: Counter[str] = sum((Counter(trace.usage or {}) for trace in traces), Counter())
    versions = Counter(trace.model_id for trace in traces if trace.model_id is not None)
    durations = sorted(trace.duration for trace in traces if trace.duration is not None)
    p50, p95, p99 = (_percentile(durations, share) for share in (0.5, 0.95, 0.99))
    return RunSums(
        traces[0].run_id or "" if traces else "",
        len(rows),
        sum(each.row.error is not None for each in rows),
        dict(usage),
        sum(costs) if costs else None,
        p50,
        p95,
        p99,
        [model_id for model_id, _ in versions.most_common()],
        [_summed(name, scores) for name, scores in sorted(_by_name(rows).items())],
    )


def _percentile(durations: list[int], share: float) -> float:
    return durations[max(0, ceil(share * len(durations)) - 1)] / _NS_PER_MS if durations else 0.0


def _by_name(rows: Sequence[StoredRow]) -> dict[str, list[Score]]:
    found: dict[str, list[Score]] = {}
    for score in (score for each in rows for score in each.row.scores):
        found.setdefault(score.name, []).append(score)
    return found


def _summed(name: str, scores: list[Score]) -> ScoreRow:
    given = [score for score in scores if score.error is None]
    numbers = [number for score in given if (number := score.number) is not None]
    return ScoreRow(name, len(given), sum(numbers) / len(numbers) if numbers else None, len(scores) - len(given))


def texts_of(rows: Sequence[StoredRow]) -> dict[str, dict[str, int]]:
    """By the name of a score how often which text was given that is no yes or no, the most frequent first."""
    return {
        name: dict(
            Counter(
                score.value[:_TEXT_LENGTH]
                for score in scores
                if score.error is None and isinstance(score.value, str) and score.number is None
            ).most_common(_TEXTS_LIMIT)
        )
        for name, scores in _by_name(rows).items()
    }


def compare_runs(store: Store, after: list[StoredRow], before: list[StoredRow]) -> ComparedRuns:
    """Two evaluations joined, by the rule of `EvaluationResult.compare`."""
    after, before = _comparable(store, after, before)
    rows, others = [each.row for each in after], [each.row for each in before]
    comparison = compare_rows(rows, others)
    stored = {each.row.id: each for each in before}
    changes: dict[str, dict[str, ComparedRow]] = {}
    for each in comparison.rows:
        changes.setdefault(each.id, {})[each.name] = each
    return ComparedRuns(
        comparison,
        {row.id: stored[other.id] for row, other in joined_rows(rows, others)},
        changes,
        [stored[id] for id in comparison.only_before],
    )


def _comparable(
    store: Store, after: list[StoredRow], before: list[StoredRow]
) -> tuple[list[StoredRow], list[StoredRow]]:
    """The rows, with whole inputs where no row of the other evaluation has the id: those are joined by them."""
    ids, other_ids = {each.row.id for each in after}, {each.row.id for each in before}
    left = [each.trace for each in after if each.row.id not in other_ids]
    other_left = [each.trace for each in before if each.row.id not in ids]
    if not left or not other_left:
        return after, before
    inputs = _inputs_of(store, [*left, *other_left])

    def whole(rows: list[StoredRow]) -> list[StoredRow]:
        return [
            StoredRow(replace(each.row, inputs=inputs[each.trace.trace_id]), each.trace)
            if each.trace.trace_id in inputs
            else each
            for each in rows
        ]

    return whole(after), whole(before)
