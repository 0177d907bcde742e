"""Evaluation of an app: rows are answered and scored concurrently; each row is a trace, all of them are a run."""

from __future__ import annotations

import contextvars
import inspect
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace

from tracer._api.annotations import log_expectation
from tracer._api.queries import get_trace
from tracer._api.traces import Trace, notebook_html
from tracer._api.tracing import start_span
from tracer._background_loop import BackgroundLoop
from tracer._engine.context import active_model, active_run_id, active_runs, current, usage_watch
from tracer._engine.runtime import runtime
from tracer._fault import guard
from tracer._json import JsonObject
from tracer._tracking.runs import active_run, log_metrics, start_run
from tracer._tracking.scoring import Score, Scorer, keep_scores
from tracer._tracking.versions import get_active_model_id, log_model_metrics, set_active_model
from tracer.errors import InvalidArgumentError, TraceNotFoundError

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped, unused-ignore]

_KEYS = ("inputs", "outputs", "expectations", "trace", "tags", "id")


@dataclass
class EvaluatedRow:
    """A row, its trace (None while tracer is off), its scores, and the exception of the app if there was no answer."""

    trace_id: str | None
    inputs: Any
    outputs: Any
    expectations: JsonObject
    scores: list[Score] = field(default_factory=list)
    error: str | None = None


@dataclass
class EvaluationResult:
    """Result of an evaluation: means of all scores that are numbers or booleans, and shares of errors."""

    run_id: str
    model_id: str | None
    metrics: dict[str, float]
    rows: list[EvaluatedRow]

    def _repr_html_(self) -> str | None:
        return notebook_html(self)

    def to_pandas(self) -> pandas.DataFrame:
        """One row per evaluated row. Raises ImportError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas; install it with `pip install pandas`") from error
        flat = [{**asdict(row), **{score.name: score.value for score in row.scores}} for row in self.rows]
        return pandas.DataFrame([{key: value for key, value in row.items() if key != "scores"} for row in flat])


def evaluate(
    data: object,
    predict_fn: Callable[..., object] | None = None,
    scorers: Sequence[Scorer | Callable[..., object]] = (),
    *,
    model_id: str | None = None,
    run_name: str | None = None,
    workers: int = 8,
    progress: bool | None = None,
) -> EvaluationResult:
    """Answer and score rows, ``workers`` at once, as a run; the mean scores are stored with the run and the version.

    ``data`` is a list of dicts with ``inputs`` and optionally ``expectations``, ``outputs`` or ``trace``; or of traces;
    or a pandas DataFrame. ``predict_fn`` is called with the inputs (a dict's items as keywords), unless a row has
    outputs or a trace already; ``load_model(uri).predict`` gets them whole. An exception of a scorer or of the app is
    an error of that row alone; both may be coroutines, which share one loop. Traces link to ``model_id``, else to the
    active version; calls that scorers make do not.
    """
    if predict_fn is not None and not callable(predict_fn):
        raise InvalidArgumentError(f"predict_fn: got {predict_fn!r:.80}, expected a function.")
    if not isinstance(scorers, (list, tuple)) or not all(map(callable, scorers)):
        raise InvalidArgumentError(f"scorers: got {scorers!r:.80}, expected a list of functions: scorers=[is_right].")
    rows = [_checked(row, index, predict_fn) for index, row in enumerate(_rows(data))]
    if not rows:
        raise InvalidArgumentError("data: there are no rows, expected dicts such as {'inputs': {'question': '…'}}.")
    if workers < 1:
        raise InvalidArgumentError(f"workers: got {workers}, expected at least 1.")
    judges = [given if isinstance(given, Scorer) else Scorer(given) for given in scorers]
    with ExitStack() as stack:
        if model_id is not None:
            stack.enter_context(set_active_model(model_id=model_id))
        run = stack.enter_context(start_run(run_name=run_name, nested=active_run() is not None))
        loop = BackgroundLoop()
        stack.callback(loop.close)
        done = _evaluate_all(rows, _Functions(predict_fn, judges, loop), workers, progress)
        metrics = _metrics(done)
        log_metrics(metrics)
        version = get_active_model_id()
        if version is not None and runtime().recorder.recording:
            log_model_metrics(metrics, version)
    return EvaluationResult(run.info.run_id, version, metrics, done)


def _rows(data: Any) -> Iterable[object]:
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        return [{key: value for key, value in row.items() if not _is_missing(value)} for row in data.to_dict("records")]
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
        raise InvalidArgumentError(f"data: got {type(data).__name__}, expected a list of dicts, traces or a DataFrame.")
    return data


def _is_missing(value: object) -> bool:
    """Whether a cell of a table is empty: pandas has NaN, NaT and NA for it."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and isnan(value))


def _checked(row: object, index: int, predict_fn: object) -> JsonObject:
    if isinstance(row, Trace):
        row = {"trace": row}
    if not isinstance(row, Mapping):
        raise InvalidArgumentError(f"data[{index}]: got {row!r:.80}, expected a dict with inputs, or a trace.")
    unknown = [key for key in row if key not in _KEYS]
    if unknown:
        raise InvalidArgumentError(f"data[{index}]: has {unknown[0]!r}; a row may have {', '.join(_KEYS)}.")
    expectations = row.get("expectations")
    if expectations is not None and not (isinstance(expectations, Mapping) and all(map(_is_name, expectations))):
        raise InvalidArgumentError(
            f"data[{index}].expectations: got {expectations!r:.80}, expected a dict such as {{'answer': 'Paris'}}."
        )
    if row.get("trace") is None and row.get("outputs") is None and predict_fn is None:
        raise InvalidArgumentError(f"data[{index}]: has neither outputs nor a trace, and there is no predict_fn.")
    return dict(row)


def _is_name(key: object) -> bool:
    return isinstance(key, str) and bool(key.strip())


@dataclass
class _Functions:
    """The functions that answer and score the rows."""

    predict_fn: Any
    judges: list[Scorer]
    loop: BackgroundLoop


def _evaluate_all(
    rows: list[JsonObject], functions: _Functions, workers: int, progress: bool | None
) -> list[EvaluatedRow]:
    pool = ThreadPoolExecutor(min(workers, len(rows)), thread_name_prefix="tracer-evaluate")
    try:
        futures = functions.loop.run(_submitted(rows, functions, pool))
        with _bar(len(rows), progress) as advance:
            for future in futures:
                future.add_done_callback(lambda _: advance())
            return [future.result() for future in futures]
    finally:  # after Ctrl-C no further row starts, and the running ones are not awaited
        pool.shutdown(wait=False, cancel_futures=True)


async def _submitted(
    rows: list[JsonObject], functions: _Functions, pool: ThreadPoolExecutor
) -> list[Future[EvaluatedRow]]:
    """Each row in a copy of the caller's context: its run and version are current there.

    Submitted from the loop's thread, since the pool starts threads (see :func:`start_thread` for what can hit them).
    """
    return [pool.submit(contextvars.copy_context().run, _evaluate_row, row, functions) for row in rows]


def _evaluate_row(row: JsonObject, functions: _Functions) -> EvaluatedRow:
    _begin_own_trace()
    expectations = dict(row.get("expectations") or {})
    done = _from_trace(row, expectations) if row.get("trace") is not None else _answered(row, expectations, functions)
    for name, value in expectations.items() if done.trace_id is not None else ():
        if value is not None:
            with guard("keeping an expectation"):
                log_expectation(trace_id=str(done.trace_id), name=name, value=value)
    if done.error is None:
        done.scores = contextvars.copy_context().run(_scores, done, functions)
        if done.trace_id is not None:
            keep_scores(done.trace_id, done.scores)
    return done


def _begin_own_trace() -> None:
    """Leave the current trace of this context: rows are no steps of the caller."""
    current.set(None)
    usage_watch.set(None)
    otel_context.attach(otel_trace.set_span_in_context(otel_trace.INVALID_SPAN))


def _scores(row: EvaluatedRow, functions: _Functions) -> list[Score]:
    # calls of a judge do not belong to the version that it judges
    active_model.set(None)
    active_runs.set(())
    offered = {
        "inputs": row.inputs,
        "outputs": row.outputs,
        "expectations": row.expectations,
        "trace": None if row.trace_id is None else get_trace(row.trace_id),
    }
    return [score for judge in functions.judges for score in judge.scores(functions.loop.run, **offered)]


def _from_trace(row: JsonObject, expectations: JsonObject) -> EvaluatedRow:
    trace = row["trace"] if isinstance(row["trace"], Trace) else get_trace(row["trace"])
    if trace is None:
        raise TraceNotFoundError(f"no trace {row['trace']!r} in the store")
    _link(trace)
    root = trace.data.root
    inputs, outputs = row.get("inputs"), row.get("outputs")
    if root is not None:
        inputs = root.inputs if inputs is None else inputs
        outputs = root.outputs if outputs is None else outputs
    return EvaluatedRow(trace.info.trace_id, inputs, outputs, expectations)


def _link(trace: Trace) -> None:
    """Link an earlier trace to this run and this version, unless it is linked to others."""
    links = {
        "run_id": active_run_id() if trace.info.run_id is None else None,
        "model_id": get_active_model_id() if trace.info.model_id is None else None,
    }
    links = {key: value for key, value in links.items() if value is not None}
    if links and runtime().recorder.recording:
        runtime().recorder.append({"kind": "trace", "trace_id": trace.trace_id, "time": time.time_ns(), **links})


def _answered(row: JsonObject, expectations: JsonObject, functions: _Functions) -> EvaluatedRow:
    inputs, outputs, error = row.get("inputs"), row.get("outputs"), None
    with start_span(getattr(functions.predict_fn, "__name__", None) or "row", span_type="CHAIN") as span:
        span.set_inputs(inputs)
        if outputs is None:
            try:
                outputs = _call(functions, inputs)
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
                span.record_exception(raised)
                span.set_status("ERROR", error)
        if outputs is not None:
            span.set_outputs(outputs)
    is_recorded = bool(span.trace_id.strip("0"))  # tracer may be off
    return EvaluatedRow(span.trace_id if is_recorded else None, inputs, outputs, expectations, error=error)


def _call(functions: _Functions, inputs: object) -> object:
    predict_fn = functions.predict_fn
    takes_whole = getattr(getattr(predict_fn, "__self__", None), "takes_whole_inputs", False)  # a loaded model's
    answer = predict_fn(inputs) if takes_whole or not isinstance(inputs, Mapping) else predict_fn(**inputs)
    return functions.loop.run(answer) if inspect.isawaitable(answer) else answer


def _metrics(rows: list[EvaluatedRow]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    failed: dict[str, int] = {}
    for score in (score for row in rows for score in row.scores):
        if score.error is not None:
            failed[score.name] = failed.get(score.name, 0) + 1
        elif isinstance(score.value, (bool, int, float)) and not isnan(score.value):
            values.setdefault(score.name, []).append(float(score.value))
    metrics = {f"{name}/mean": sum(given) / len(given) for name, given in values.items()}
    metrics.update({f"{name}/errors": float(count) for name, count in failed.items()})
    return {**metrics, "rows": float(len(rows)), "error_share": sum(row.error is not None for row in rows) / len(rows)}


@contextmanager
def _bar(total: int, shown: bool | None) -> Iterator[Callable[[], None]]:
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Evaluating", total=total)
        yield lambda: bar.advance(task)
