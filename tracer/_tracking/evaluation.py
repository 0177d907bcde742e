"""Evaluation of an app: rows are answered and scored concurrently; each row is a trace, all of them are a run."""

from __future__ import annotations

import contextvars
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from tracer._api.queries import search_traces
from tracer._api.traces import Trace, started_ns
from tracer._background_loop import BackgroundLoop
from tracer._engine.runtime import runtime
from tracer._fault import logger
from tracer._json import JsonObject
from tracer._tracking.aggregations import checked_aggregations
from tracer._tracking.evaluated_rows import (
    Budget,
    Evaluation,
    evaluate_row,
    name_of,
    row_from_trace,
    score_sessions,
    takes_whole_inputs,
)
from tracer._tracking.evaluation_result import EvaluatedRow, EvaluationResult, metrics_of, scores_that_failed
from tracer._tracking.evaluation_rows import checked_rows, inputs_digest
from tracer._tracking.runs import active_run, get_run, log_metrics, set_tags, start_run
from tracer._tracking.scoring import Aggregation, Scorer, as_scorer
from tracer._tracking.versions import get_active_model_id, log_model_metrics, set_active_model
from tracer.errors import EvaluationError, InvalidArgumentError
from tracer.semconv import (
    EVALUATED_DATASET,
    EVALUATED_VERSION,
    EVALUATION_ROW,
    EVALUATION_ROWS,
    EVALUATION_SCORER,
    JUDGED_IN_RUN,
)

_ALL = 100_000


def evaluate(
    data: object,
    predict_fn: Callable[..., object] | Sequence[Any] | None = None,
    scorers: Sequence[Scorer | Callable[..., object]] | Callable[..., object] | None = None,
    *,
    model_id: str | None = None,
    run_name: str | None = None,
    workers: int = 8,
    progress: bool | None = None,
    aggregations: Sequence[Aggregation] = ("mean",),
    max_cost: float | None = None,
    resume: str | None = None,
) -> EvaluationResult:
    """Answer and score rows, ``workers`` at once, as a run; the mean scores are stored with the run and the version.

    ``data`` is a list of dicts with ``inputs`` and optionally ``expectations``, ``outputs`` or ``trace``, ``tags`` and
    ``id``; or a dataset; or a list of traces; or a pandas DataFrame. ``predict_fn`` is called with the inputs (a dict's
    items as keywords), unless a row has outputs or a trace already; ``load_model(uri).predict`` gets them whole. The
    two functions may also come the other way round, ``evaluate(data, scorers, predict_fn)``. An exception of a scorer
    or of the app is an error of that row alone; both may be coroutines, which share one loop. Traces link to
    ``model_id``, else to the active version; calls that scorers make do not.

    No further row starts once traces and judges have cost ``max_cost`` USD. ``resume`` is the id of a run that was
    interrupted: what it has answered and scored stays, and so does its version. Raises EvaluationError if the app
    failed on every row.
    """
    predict_fn, scorers = _in_order(predict_fn, scorers)
    rows = checked_rows(data, is_answered=predict_fn is not None)
    _check_call(predict_fn, rows)
    if workers < 1:
        raise InvalidArgumentError(f"workers: got {workers}, expected at least 1.")
    default = checked_aggregations(aggregations)
    judges = _with_own_names([as_scorer(given) for given in scorers])
    earlier = [] if resume is None else _traces_of(resume)
    if model_id is None and get_active_model_id() is None:
        model_id = next((trace.info.model_id for trace in earlier if trace.info.model_id is not None), None)
    with ExitStack() as stack:
        if model_id is not None:
            stack.enter_context(set_active_model(model_id=model_id))
        run = stack.enter_context(start_run(resume, run_name=run_name, nested=active_run() is not None))
        loop = BackgroundLoop()
        stack.callback(loop.close)
        evaluation = Evaluation(
            predict_fn,
            judges,
            loop,
            run.info.run_id,
            Budget(max_cost),
            {_key(trace): trace for trace in earlier if trace.info.state == "OK"},
        )
        set_tags(_about(data, rows))
        done = _evaluate_all(rows, evaluation, workers, progress)
        _raise_if_all_failed(done, predict_fn)
        metrics = metrics_of(done, default, _own_aggregations(judges, done))
        log_metrics(metrics)
        version = get_active_model_id()
        if version is not None and runtime().recorder.recording:
            log_model_metrics(metrics, version)
    for name, why in scores_that_failed(done).items():
        logger.warning("evaluate: there is no score %s, %s", name, why)
    left_out = len(rows) - len(done)
    if left_out:
        logger.warning(
            "evaluate: %d rows were not asked, since the others cost %.4f USD; evaluate(…, resume=%r) goes on",
            left_out, evaluation.budget.spent, run.info.run_id,
        )  # fmt: skip
    return EvaluationResult(run.info.run_id, version, metrics, done, left_out)


def get_evaluation(run_id: str) -> EvaluationResult:
    """The result of an earlier evaluation, by the id of its run: rows whose traces belong to it, with their scores.

    Raises RunNotFoundError.
    """
    run = get_run(run_id)
    traces = sorted(_traces_of(run_id), key=started_ns)
    rows = {_key(trace): row_from_trace(trace, run_id) for trace in traces}
    version = next((trace.info.model_id for trace in traces), None)
    return EvaluationResult(run_id, version, run.data.metrics, list(rows.values()))


def _about(data: object, rows: list[JsonObject]) -> dict[str, object]:
    """Tags of the run: what is evaluated, and on how many rows."""
    about = {EVALUATED_DATASET: getattr(data, "name", None), EVALUATED_VERSION: get_active_model_id()}
    texts = {key: value for key, value in about.items() if isinstance(value, str)}
    return {EVALUATION_ROWS: len(rows), **texts}


def _in_order(predict_fn: Any, scorers: Any) -> tuple[Any, list[Any]]:
    if isinstance(predict_fn, (list, tuple)) and not isinstance(scorers, (list, tuple)):
        predict_fn, scorers = scorers, predict_fn
    scorers = () if scorers is None else scorers
    if predict_fn is not None and not callable(predict_fn):
        raise InvalidArgumentError(f"predict_fn: got {predict_fn!r:.80}, expected a function.")
    if not isinstance(scorers, (list, tuple)) or not all(map(callable, scorers)):
        raise InvalidArgumentError(f"scorers: got {scorers!r:.80}, expected a list of functions: scorers=[is_right].")
    return predict_fn, list(scorers)


def _check_call(predict_fn: Any, rows: list[JsonObject]) -> None:
    """Raise InvalidArgumentError if the function does not take the arguments of the first row that it is asked."""
    asked = [row["inputs"] for row in rows if row["trace"] is None and row["outputs"] is None]
    if not asked or takes_whole_inputs(predict_fn):
        return
    try:
        signature = inspect.signature(predict_fn)
    except (TypeError, ValueError):
        return
    try:
        if isinstance(asked[0], Mapping):
            signature.bind(**asked[0])
        else:
            signature.bind(asked[0])
    except TypeError as error:
        raise InvalidArgumentError(
            f"predict_fn: {name_of(predict_fn)}{signature} does not take the inputs {asked[0]!r:.80}, "
            f"whose items are its arguments: {error}."
        ) from None


def _with_own_names(judges: list[Scorer]) -> list[Scorer]:
    """The scorers. Raises InvalidArgumentError if two of them give scores of one name, which would be mixed."""
    names = [judge.name for judge in judges]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidArgumentError(
            f"scorers: two are called {twice!r}; give one another name, by name= or by @tracer.scorer(name='…')."
        )
    return judges


def _traces_of(run_id: str) -> list[Trace]:
    """The traces of a run, and those of others that it scored."""
    judged = search_traces(f"metadata.`{JUDGED_IN_RUN}{run_id}` = 'yes'", max_results=_ALL)
    return [*search_traces(run_id=run_id, max_results=_ALL), *judged]


def _key(trace: Trace) -> str:
    root = trace.data.root
    return trace.info.trace_metadata.get(EVALUATION_ROW) or inputs_digest(root.inputs if root else None)


def _evaluate_all(
    rows: list[JsonObject], evaluation: Evaluation, workers: int, progress: bool | None
) -> list[EvaluatedRow]:
    pool = ThreadPoolExecutor(min(workers, len(rows)), thread_name_prefix="tracer-evaluate")
    try:
        futures = evaluation.loop.run(_submitted(pool, evaluate_row, rows, evaluation))
        with _bar(len(rows), progress) as advance:
            for future in futures:
                future.add_done_callback(lambda _: advance())
            done = [row for future in futures if (row := future.result()) is not None]
        score_sessions(done, evaluation)
        return done
    finally:  # after Ctrl-C no further row starts, and the running ones are not awaited
        pool.shutdown(wait=False, cancel_futures=True)


async def _submitted(
    pool: ThreadPoolExecutor, function: Any, rows: list[JsonObject], evaluation: Evaluation
) -> list[Future[EvaluatedRow | None]]:
    """Each row in a copy of the caller's context: its run and version are current there.

    Submitted from the loop's thread, since the pool starts threads (see :func:`start_thread` for what can hit them).
    """
    return [pool.submit(contextvars.copy_context().run, function, row, evaluation) for row in rows]


def _raise_if_all_failed(rows: list[EvaluatedRow], predict_fn: Any) -> None:
    errors = list(dict.fromkeys(row.error for row in rows))
    if not rows or None in errors:
        return
    reasons = "".join(f"\n  {error}" for error in errors[:3])
    raise EvaluationError(
        f"{name_of(predict_fn)} failed on every row, {len(rows)} of {len(rows)}; its errors:{reasons}\n"
        f"The traces show where: tracer list --filter \"run_id = '{active_run().info.run_id}'\""  # type: ignore[union-attr]
    )


def _own_aggregations(judges: list[Scorer], rows: list[EvaluatedRow]) -> dict[str, Any]:
    """Aggregations of the scores whose scorers have some of their own."""
    own = {judge.name: judge.aggregations for judge in judges if judge.aggregations is not None}
    scores = [score for row in rows for score in row.scores]
    return {score.name: own[by] for score in scores if (by := score.metadata.get(EVALUATION_SCORER)) in own}


@contextmanager
def _bar(total: int, shown: bool | None) -> Iterator[Callable[[], None]]:
    if not (sys.stderr.isatty() and not os.environ.get("CI") if shown is None else shown):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Evaluating", total=total)
        yield lambda: bar.advance(task)
