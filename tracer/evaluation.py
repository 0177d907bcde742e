"""Evaluating an app: rows are answered and scored side by side, each row a trace, all of them a run."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tracer._fluent import start_span
from tracer._stored_trace import Trace
from tracer.annotate import log_expectation
from tracer.errors import InvalidArgumentError, TraceNotFoundError
from tracer.query import get_trace
from tracer.runs import active_run, log_metrics, start_run
from tracer.scoring import Score, Scorer, keep_scores
from tracer.versions import get_active_model_id, log_model_metrics, set_active_model

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped, unused-ignore]

_KEYS = ("inputs", "outputs", "expectations", "trace")


@dataclass
class EvaluatedRow:
    """A row, its trace, what was scored, and what the app raised instead of an answer."""

    trace_id: str
    inputs: Any
    outputs: Any
    expectations: dict[str, Any]
    scores: list[Score] = field(default_factory=list)
    error: str | None = None


@dataclass
class EvaluationResult:
    """What an evaluation came to: means of all scores that are numbers or a yes or no, and shares of errors."""

    run_id: str
    model_id: str | None
    metrics: dict[str, float]
    rows: list[EvaluatedRow]

    def to_pandas(self) -> pandas.DataFrame:
        """One row a row. Raises ImportError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas; install it with `pip install pandas`") from error
        flat = [{**asdict(row), **{score.name: score.value for score in row.scores}} for row in self.rows]
        return pandas.DataFrame([{key: value for key, value in row.items() if key != "scores"} for row in flat])


def evaluate(
    data: Any,
    predict_fn: Callable[..., Any] | None = None,
    scorers: Sequence[Scorer | Callable[..., Any]] = (),
    *,
    model_id: str | None = None,
    run_name: str | None = None,
    workers: int = 8,
    progress: bool | None = None,
) -> EvaluationResult:
    """Answer and score rows, ``workers`` at once, as a run; the mean scores are kept with the run and the version.

    ``data`` are dicts with ``inputs`` and, where there are some, ``expectations``, ``outputs`` or ``trace``; or traces;
    or a pandas DataFrame. ``predict_fn`` is called with the inputs (a dict's items as keywords), unless a row has
    outputs or a trace already; ``load_model(uri).predict`` gets them whole. A scorer or an app that raises is an error
    in that row alone. Traces link to ``model_id``, else to the active version.
    """
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
        done = _evaluate_all(rows, predict_fn, judges, workers, progress)
        metrics = _metrics(done)
        log_metrics(metrics)
        version = get_active_model_id()
        if version is not None:
            log_model_metrics(metrics, version)
    return EvaluationResult(run.info.run_id, version, metrics, done)


def _rows(data: Any) -> Iterable[Any]:
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        return list(data.to_dict("records"))
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
        raise InvalidArgumentError(f"data: got {type(data).__name__}, expected a list of dicts, traces or a DataFrame.")
    return data


def _checked(row: Any, index: int, predict_fn: Any) -> dict[str, Any]:
    if isinstance(row, Trace):
        row = {"trace": row}
    if not isinstance(row, Mapping):
        raise InvalidArgumentError(f"data[{index}]: got {row!r:.80}, expected a dict with inputs, or a trace.")
    unknown = [key for key in row if key not in _KEYS]
    if unknown:
        raise InvalidArgumentError(f"data[{index}]: has {unknown[0]!r}; a row may have {', '.join(_KEYS)}.")
    if not isinstance(row.get("expectations") or {}, Mapping):
        raise InvalidArgumentError(f"data[{index}].expectations: expected a dict such as {{'answer': 'Paris'}}.")
    if row.get("trace") is None and row.get("outputs") is None and predict_fn is None:
        raise InvalidArgumentError(f"data[{index}]: has neither outputs nor a trace, and there is no predict_fn.")
    return dict(row)


def _evaluate_all(
    rows: list[dict[str, Any]], predict_fn: Any, judges: list[Scorer], workers: int, progress: bool | None
) -> list[EvaluatedRow]:
    with ThreadPoolExecutor(min(workers, len(rows)), thread_name_prefix="tracer-evaluate") as pool:
        # each row in a copy of this context: the run and the version hold there, the current span does not cross
        futures = [pool.submit(contextvars.copy_context().run, _evaluate_row, row, predict_fn, judges) for row in rows]
        with _bar(len(rows), progress) as advance:
            for future in futures:
                future.add_done_callback(lambda _: advance())
            return [future.result() for future in futures]


def _evaluate_row(row: dict[str, Any], predict_fn: Any, judges: list[Scorer]) -> EvaluatedRow:
    expectations = dict(row.get("expectations") or {})
    done = _from_trace(row, expectations) if row.get("trace") is not None else _answered(row, expectations, predict_fn)
    for name, value in expectations.items():
        if value is not None:
            log_expectation(trace_id=done.trace_id, name=str(name), value=value)
    if done.error is None:
        trace = get_trace(done.trace_id)
        offered = {"inputs": done.inputs, "outputs": done.outputs, "expectations": expectations, "trace": trace}
        done.scores = [score for judge in judges for score in judge.scores(**offered)]
        keep_scores(done.trace_id, done.scores)
    return done


def _from_trace(row: dict[str, Any], expectations: dict[str, Any]) -> EvaluatedRow:
    trace = row["trace"] if isinstance(row["trace"], Trace) else get_trace(row["trace"])
    if trace is None:
        raise TraceNotFoundError(f"no trace {row['trace']!r} in the store")
    root = trace.data.root
    given = (row.get("inputs"), row.get("outputs"))
    inputs, outputs = given if root is None else (given[0] or root.inputs, given[1] or root.outputs)
    return EvaluatedRow(trace.info.trace_id, inputs, outputs, expectations)


def _answered(row: dict[str, Any], expectations: dict[str, Any], predict_fn: Any) -> EvaluatedRow:
    inputs, outputs, error = row.get("inputs"), row.get("outputs"), None
    with start_span(getattr(predict_fn, "__name__", None) or "row", span_type="CHAIN") as span:
        span.set_inputs(inputs)
        if outputs is None:
            try:
                outputs = _ask(predict_fn, inputs)
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
                span.record_exception(raised)
                span.set_status("ERROR", error)
        if outputs is not None:
            span.set_outputs(outputs)
    return EvaluatedRow(span.trace_id, inputs, outputs, expectations, error=error)


def _ask(predict_fn: Any, inputs: Any) -> Any:
    takes_whole = list(inspect.signature(predict_fn).parameters)[:1] == ["data"]  # a loaded model's predict
    answer = predict_fn(inputs) if takes_whole or not isinstance(inputs, Mapping) else predict_fn(**inputs)
    return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer: Any) -> Any:
    return await answer


def _metrics(rows: list[EvaluatedRow]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    failed: dict[str, int] = {}
    for score in (score for row in rows for score in row.scores):
        if score.error is not None:
            failed[score.name] = failed.get(score.name, 0) + 1
        elif isinstance(score.value, (bool, int, float)):
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
