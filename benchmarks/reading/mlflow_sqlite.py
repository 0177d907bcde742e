"""MLflow's SQLite store, filled by its public functions, which is all it offers; read by them, usage by the store's."""

from __future__ import annotations

import os
import time
from pathlib import Path

import mlflow
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.tracking._tracking_service.utils import _get_store

from benchmarks.contenders import mlflow_sqlite
from benchmarks.reading import HOUR_SECONDS, MODELS, RARE, SPANS, WEEK_NS, Question, question_of, starts, tokens_of

_long: list[str] = []


def fill(folder: Path, spans: int, longest: int) -> None:
    """Record the traces, each written before the next begins: its queue loses spans of a long one to a locked file."""
    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
    mlflow_sqlite.setup(folder)
    now = time.time_ns()
    for number, start in enumerate(starts(now, (spans - longest) // SPANS)):
        _record(number, SPANS, start)
    _long.append(_record(1, longest, now - WEEK_NS // 2))


def _record(number: int, spans: int, start: int) -> str:
    """A root, and below it calls of a model in turn with other steps; the trace's id."""
    question = {"question": question_of(number)}
    root = mlflow.start_span_no_context("support agent", inputs=question, start_time_ns=start)
    for place in range(1, spans):
        is_call = place % 2 == 1
        began = start + place * 10**6
        step = mlflow.start_span_no_context(
            "chat" if is_call else "step",
            span_type="CHAT_MODEL" if is_call else "CHAIN",
            parent_span=root,
            inputs=question,
            start_time_ns=began,
        )
        if is_call:
            step.set_attribute("mlflow.llm.model", MODELS[number % len(MODELS)])
            tokens_in, tokens_out = tokens_of(number, place)
            usage = {"input_tokens": tokens_in, "output_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
            step.set_attribute("mlflow.chat.tokenUsage", usage)
        is_error = number % 50 == 7 and place == 1
        step.end(
            outputs=f"Case {number}, step {place}: it is on page {number * place % 900}.",
            status="ERROR" if is_error else "OK",
            end_time_ns=began + 10**8,
        )
    status = "ERROR" if number % 50 == 7 else "OK"
    root.end(outputs=f"Case {number}", status=status, end_time_ns=start + 10**9)
    return str(root.trace_id)


def _search(filter_string: str | None = None) -> int:
    return len(
        mlflow.search_traces(filter_string=filter_string, max_results=50, include_spans=False, return_type="list")
    )


def _ask_usage() -> int:
    """Its tokens are known by hour only, its calls by model too."""
    return _metric(MetricViewType.SPANS, "span_count", AggregationType.COUNT, ["span_model_name"]) + sum(
        _metric(MetricViewType.TRACES, tokens, AggregationType.SUM, []) for tokens in ("input_tokens", "output_tokens")
    )


def _metric(view: MetricViewType, name: str, aggregation: AggregationType, dimensions: list[str]) -> int:
    now = time.time_ns()
    points = _get_store().query_trace_metrics(
        experiment_ids=[mlflow.get_experiment_by_name("benchmark").experiment_id],
        view_type=view,
        metric_name=name,
        aggregations=[MetricAggregation(aggregation)],
        dimensions=dimensions,
        time_interval_seconds=HOUR_SECONDS,
        start_time_ms=(now - WEEK_NS) // 10**6,
        end_time_ms=now // 10**6,
        max_results=100_000,
    )
    return len(points)


def _read_longest() -> int:
    trace = mlflow.get_trace(_long[0])
    if trace is None:
        raise LookupError("the longest trace was recorded and flushed, and is not in the store")
    return len(trace.data.spans)


# "=" compares with all that is recorded of a span and finds nothing; each "_" stands for a backslash
_FILTER = """trace.status = 'ERROR' AND span.attributes.`mlflow.llm.model` LIKE ': "_"gpt-4o_""'"""
_TEXT = f"trace.text LIKE '%{RARE}%'"

QUESTIONS = {
    "newest 50": Question("`search_traces()`", _search),
    "filter": Question(
        f"`search_traces` of ``{_FILTER}``, which is what equality can be written as", lambda: _search(_FILTER)
    ),
    "full text": Question(f"`search_traces` of `{_TEXT}`", lambda: _search(_TEXT)),
    "usage by model and hour": Question(
        "calls by model and hour of the week, tokens by hour, which is what it offers; not a public function",
        _ask_usage,
    ),
    "longest trace": Question("`get_trace`", _read_longest),
}
