"""One row of an evaluation: asked, scored, and kept as a trace with its feedback."""

from __future__ import annotations

import contextvars
import inspect
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace

from tracer._api.annotations import log_expectation
from tracer._api.assessments import source_from_row
from tracer._api.queries import get_trace
from tracer._api.traces import Assessment, AssessmentSource, Trace, started_ns
from tracer._api.tracing import start_span
from tracer._background_loop import BackgroundLoop
from tracer._engine.context import (
    about_traces,
    active_model,
    active_run_id,
    active_runs,
    current,
    switched_off,
    trace_watch,
    usage_watch,
)
from tracer._engine.decorator import is_traced
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._json import JsonObject
from tracer._tracking.evaluation_result import EvaluatedRow
from tracer._tracking.evaluation_rows import expected_of, inputs_digest
from tracer._tracking.scoring import Score, Scorer, keep_scores
from tracer._tracking.versions import get_active_model_id
from tracer.errors import InvalidArgumentError
from tracer.semconv import EVALUATION_ROW, EVALUATION_RUN, EVALUATION_SCORER, JUDGE_TRACE, JUDGED_IN_RUN, JUDGED_TRACE
from tracer.store.rows import AssessmentRow


class Budget:
    """Cost of an evaluation so far, and its limit, in USD."""

    def __init__(self, limit: float | None) -> None:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float)) or limit <= 0):
            raise InvalidArgumentError(f"max_cost: got {limit!r}, expected an amount in USD, such as 0.5.")
        self.limit = limit
        self.spent = 0.0
        self._spending = threading.Lock()

    @property
    def is_spent(self) -> bool:
        """Whether no further row is to be asked."""
        return self.limit is not None and self.spent >= self.limit

    def spend(self, trace_ids: list[str]) -> None:
        """Add what these traces have cost; a trace whose price is not known has cost nothing."""
        if self.limit is None:
            return
        traces = [trace for trace_id in trace_ids if (trace := get_trace(trace_id)) is not None]
        cost = sum((trace.info.cost or {}).get("total_cost", 0.0) for trace in traces)
        with self._spending:
            self.spent += cost


@dataclass
class Evaluation:
    """Values that all rows of an evaluation share."""

    predict_fn: Any
    judges: list[Scorer]
    loop: BackgroundLoop
    run_id: str
    budget: Budget
    earlier: dict[str, Trace] = field(default_factory=dict)  # rows that were answered before an interruption, by key


def takes_whole_inputs(predict_fn: Any) -> bool:
    """Whether a function takes a row's inputs as one argument, as that of a loaded model does."""
    return bool(getattr(getattr(predict_fn, "__self__", None), "takes_whole_inputs", False))


def name_of(predict_fn: Any) -> str:
    """The function's name, or that of a row without one."""
    return str(getattr(predict_fn, "__name__", None) or "row")


def evaluate_row(row: JsonObject, evaluation: Evaluation) -> EvaluatedRow | None:
    """The row, answered and scored; None if there is no money left for it."""
    leave_trace()
    trace = row["trace"] or evaluation.earlier.get(row["key"])
    if trace is None and evaluation.budget.is_spent:
        return None
    done = _answered(row, evaluation) if trace is None else _from_trace(row, trace)
    if done.trace_id is not None:
        _keep_row(row, done.trace_id, trace)
        if trace is None:
            evaluation.budget.spend([done.trace_id])
    if done.error is None:
        score_row(done, [judge for judge in evaluation.judges if not judge.of_session], evaluation)
    return done


def score_row(row: EvaluatedRow, judges: list[Scorer], evaluation: Evaluation) -> None:
    """Add the judges' scores to the row, and keep them as feedback on its trace."""
    if not judges:
        return
    trace = None if row.trace_id is None else get_trace(row.trace_id)
    known = [] if trace is None else scores_of(trace.info.assessments, evaluation.run_id)
    for judge in judges:
        given = [score for score in known if score.metadata[EVALUATION_SCORER] == judge.name and score.error is None]
        if not given:
            given = contextvars.copy_context().run(_scores, judge, row, trace, evaluation)
            if row.trace_id is not None:
                keep_scores(row.trace_id, given)
        row.scores += given


def score_sessions(rows: list[EvaluatedRow], evaluation: Evaluation) -> None:
    """Let judges of whole sessions score the last row of each; a row without a session is one by itself."""
    judges = [judge for judge in evaluation.judges if judge.of_session]
    if not judges:
        return
    last: dict[str, tuple[int, EvaluatedRow]] = {}
    for row in rows:
        trace = get_trace(row.trace_id) if row.trace_id is not None and row.error is None else None
        if trace is not None:
            session, started = trace.info.session_id or trace.trace_id, started_ns(trace)
            if session not in last or last[session][0] <= started:
                last[session] = (started, row)
    for _, row in last.values():
        score_row(row, judges, evaluation)


def row_from_trace(trace: Trace, run_id: str) -> EvaluatedRow:
    """The row of a trace of an evaluation, as it was stored."""
    root = trace.data.root
    inputs, outputs = (root.inputs, root.outputs) if root is not None else (None, None)
    failed = root is not None and trace.info.state == "ERROR"
    error = (root.status.description or "it failed") if root is not None and failed else None
    key = trace.info.trace_metadata.get(EVALUATION_ROW) or inputs_digest(inputs)
    scores = scores_of(trace.info.assessments, run_id)
    return EvaluatedRow(trace.trace_id, inputs, outputs, expected_of(trace), scores, error, key)


def scores_of(assessments: Iterable[Assessment | AssessmentRow], run_id: str) -> list[Score]:
    """The scores that a run's evaluation gave to a trace, the last of each name and scorer.

    ``assessments`` are those of the trace, in the order of their time.
    """
    latest: dict[tuple[str, str], Assessment | AssessmentRow] = {}
    for each in assessments:
        if each.metadata.get(EVALUATION_RUN) == run_id:
            latest[each.name, each.metadata.get(EVALUATION_SCORER, "")] = each
    return [
        Score(
            each.name,
            each.value,
            each.rationale,
            each.error,
            each.source if isinstance(each.source, AssessmentSource) else source_from_row(each.source),
            {EVALUATION_SCORER: "", **each.metadata},
        )
        for each in latest.values()
    ]


def leave_trace() -> None:
    """Leave the current trace of this context: neither rows nor judges are steps of the caller."""
    if switched_off.get():
        return
    current.set(None)
    usage_watch.set(None)
    otel_context.attach(otel_trace.set_span_in_context(otel_trace.INVALID_SPAN))


def leave_version() -> None:
    """Leave version, run, session and user of this context: a judge's calls do not belong to the judged trace."""
    active_model.set(None)
    active_runs.set(())
    about_traces.set({name: value for name, value in about_traces.get().items() if name not in ("session_id", "user")})


def _scores(judge: Scorer, row: EvaluatedRow, trace: Trace | None, evaluation: Evaluation) -> list[Score]:
    leave_version()
    judging: list[str] = []
    trace_watch.set(judging)
    offered = {"inputs": row.inputs, "outputs": row.outputs, "expectations": row.expectations, "trace": trace}
    scores = judge.scores(evaluation.loop.run, **offered)
    about = {EVALUATION_RUN: evaluation.run_id, EVALUATION_SCORER: judge.name}
    if judging:
        about[JUDGE_TRACE] = judging[0]
    for trace_id in judging if row.trace_id is not None else ():
        _update_trace(trace_id, metadata={JUDGED_TRACE: row.trace_id})
    evaluation.budget.spend(judging)
    return [replace(score, metadata={**about, **score.metadata}) for score in scores]


def _from_trace(row: JsonObject, trace: Trace) -> EvaluatedRow:
    root = trace.data.root
    inputs, outputs = row["inputs"], row["outputs"]
    if root is not None:
        inputs = root.inputs if inputs is None else inputs
        outputs = root.outputs if outputs is None else outputs
    return EvaluatedRow(trace.trace_id, inputs, outputs, row["expectations"], id=row["key"])


def _keep_row(row: JsonObject, trace_id: str, trace: Trace | None) -> None:
    """Record the row's values on its trace: its key, tags and expectations, and links of an earlier trace."""
    info = None if trace is None else trace.info
    links: JsonObject = {}
    if info is not None:  # unless it is linked to others
        links = {
            "run_id": active_run_id() if info.run_id is None else None,
            "model_id": get_active_model_id() if info.model_id is None else None,
        }
    is_ours = info is None or info.run_id in (None, active_run_id())
    metadata = {EVALUATION_ROW: row["key"]} if is_ours else {f"{JUDGED_IN_RUN}{active_run_id()}": "yes"}
    _update_trace(trace_id, tags=row["tags"], metadata=metadata, **links)
    known = [] if info is None else [(each.name, each.value) for each in info.assessments if each.type == "expectation"]
    for name, value in row["expectations"].items():
        if value is not None and (name, value) not in known:
            with guard("keeping an expectation"):
                log_expectation(trace_id=trace_id, name=name, value=value)


def _update_trace(trace_id: str, **fields: Any) -> None:
    given = {key: value for key, value in fields.items() if value}
    if given and runtime().recorder.recording:
        runtime().recorder.append({"kind": "trace", "trace_id": trace_id, "time": time.time_ns(), **given})


def _answered(row: JsonObject, evaluation: Evaluation) -> EvaluatedRow:
    inputs, outputs, predict_fn = row["inputs"], row["outputs"], evaluation.predict_fn
    if outputs is None and (is_traced(predict_fn) or takes_whole_inputs(predict_fn)):
        started: list[str] = []
        trace_watch.set(started)
        outputs, error, _ = _asked(evaluation, inputs)
        trace_id = started[0] if started else None
    else:
        error = None
        with start_span(name_of(predict_fn), span_type="CHAIN") as span:
            span.set_inputs(inputs)
            if outputs is None:
                outputs, error, raised = _asked(evaluation, inputs)
                if raised is not None:
                    span.record_exception(raised)
                    span.set_status("ERROR", error)
            if outputs is not None:
                span.set_outputs(outputs)
        trace_id = span.trace_id if isinstance(span, LiveSpan) else None  # tracer may be off
    return EvaluatedRow(trace_id, inputs, outputs, row["expectations"], error=error, id=row["key"])


def _asked(evaluation: Evaluation, inputs: object) -> tuple[object, str | None, Exception | None]:
    """The app's answer, or its exception as a text and as itself."""
    predict_fn = evaluation.predict_fn
    try:
        is_whole = takes_whole_inputs(predict_fn) or not isinstance(inputs, Mapping)
        answer = predict_fn(inputs) if is_whole else predict_fn(**inputs)  # type: ignore[arg-type, unused-ignore]
        if inspect.isawaitable(answer):
            answer = evaluation.loop.run(answer)
        if inspect.isgenerator(answer):
            answer = list(answer)
        elif inspect.isasyncgen(answer):
            answer = evaluation.loop.run(_pieces(answer))
        return answer, None, None
    except Exception as raised:
        return None, f"{type(raised).__name__}: {raised}", raised


async def _pieces(answer: AsyncIterator[object]) -> list[object]:
    return [piece async for piece in answer]
