"""MLflow's SQLite store, filled through its public functions, which is all it offers, and read through them."""

from __future__ import annotations

import time
from pathlib import Path

import mlflow
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.tracking._tracking_service.utils import _get_store

from benchmarks.contenders import mlflow_sqlite
from benchmarks.reading import MODELS, RARE, SPANS, question_of

HOUR_SECONDS = 3_600
_long: list[str] = []


def fill(folder: Path, spans: int, longest: int) -> None:
    """Record the traces."""
    mlflow_sqlite.setup(folder)
    for number in range((spans - longest) // SPANS):
        _record(number, SPANS)
        if number % 100 == 99:
            mlflow_sqlite.flush()
    _long.append(_record(1, longest))
    mlflow_sqlite.flush()


def _record(number: int, spans: int) -> str:
    """A root, and below it calls of a model in turn with other steps; the trace's id."""
    with mlflow.start_span("support agent") as root:
        root.set_inputs({"question": question_of(number)})
        root.set_outputs(f"Case {number}")
        if number % 50 == 7:
            root.set_status("ERROR")
        for place in range(1, spans):
            with mlflow.start_span(
                "chat" if place % 2 else "step", span_type="CHAT_MODEL" if place % 2 else "CHAIN"
            ) as step:
                step.set_inputs({"question": question_of(number)})
                step.set_outputs(f"Case {number}, step {place}: it is on page {number * place % 900}.")
                if place % 2:
                    step.set_attribute("mlflow.llm.model", MODELS[number % len(MODELS)])
                    usage = {"input_tokens": 900, "output_tokens": 300, "total_tokens": 1200}
                    step.set_attribute("mlflow.chat.tokenUsage", usage)
    return str(root.trace_id)


def _search(filter_string: str | None = None) -> int:
    return len(
        mlflow.search_traces(filter_string=filter_string, max_results=50, include_spans=False, return_type="list")
    )


def _ask_usage() -> int:
    now = int(time.time() * 1000)
    points = _get_store().query_trace_metrics(
        experiment_ids=[mlflow.get_experiment_by_name("benchmark").experiment_id],
        view_type=MetricViewType.SPANS,
        metric_name="span_count",
        aggregations=[MetricAggregation(AggregationType.COUNT)],
        dimensions=["span_model_name"],
        time_interval_seconds=HOUR_SECONDS,
        start_time_ms=now - 86_400_000,
        end_time_ms=now,
    )
    return len(points)


def _read_longest() -> int:
    trace = mlflow.get_trace(_long[0])
    if trace is None:
        raise LookupError("the longest trace was recorded and flushed, and is not in the store")
    return len(trace.data.spans)


QUESTIONS = {
    "newest 50": lambda: _search(),
    "filter": lambda: _search("trace.status = 'ERROR' AND span.attributes.`mlflow.llm.model` LIKE '%gpt-4o%'"),
    "full text": lambda: _search(f"trace.text LIKE '%{RARE}%'"),
    "usage by model and hour": _ask_usage,
    "longest trace": _read_longest,
}
