"""Rows of a store from the JSON objects of the API."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.store.rows import (
    AssessmentRow,
    ExperimentRow,
    Facet,
    Facets,
    FeedbackRow,
    ModelRow,
    RegisteredRow,
    RunRow,
    RunSums,
    ScoreRow,
    SessionRow,
    StatisticsRow,
    StoredDataset,
    StoredPolicy,
    StoredQueue,
    StoredRow,
    TraceRow,
    VersionRow,
)

Shape = JsonObject
_NS_PER_MS = 1_000_000
_SAME_IN_TRACES = (
    "trace_id", "seq", "experiment_id", "experiment", "state", "name", "root_span_id", "span_count", "error_count",
    "usage", "cost", "request_preview", "response_preview", "session_id", "user", "model_id", "run_id",
    "client_request_id", "models", "providers", "tags", "metadata",
)  # fmt: skip
_SAME_IN_ASSESSMENTS = (
    "id", "trace_id", "span_id", "name", "type", "value", "rationale", "source", "metadata", "error",
)  # fmt: skip


def trace_row(shape: Shape) -> TraceRow:
    """A trace."""
    return TraceRow(
        **{name: shape[name] for name in _SAME_IN_TRACES},
        start=shape["start_ns"],
        duration=shape["duration_ns"],
        failed_steps=shape.get("failed_steps", []),  # which older servers do not send
        assessments=[_assessment_row(given) for given in shape["assessments"]],
    )


def model_row(shape: Shape) -> ModelRow:
    """A version of an app."""
    return ModelRow(**_without_ns(shape))


def registered_row(shape: Shape) -> RegisteredRow:
    """A version of a prompt or of a registered model."""
    return RegisteredRow(**_without_ns(shape))


def run_row(shape: Shape) -> RunRow:
    """A run."""
    return RunRow(**{"steps": {}, **_without_ns(shape)})  # older servers have no steps


def run_sums(shape: Shape) -> RunSums:
    """The sums of a run."""
    return RunSums(
        **{name: shape[name] for name in ("run_id", "trace_count", "error_count", "usage", "model_ids")},
        **_latencies(shape),
        cost=_total(shape["cost"]),
        scores=[ScoreRow(**score) for score in shape["scores"]],
    )


def dataset_row(shape: Shape) -> StoredDataset:
    """A dataset."""
    return StoredDataset(**_without_ns(shape))


def stored_row(shape: Shape) -> StoredRow:
    """A row of a dataset."""
    return StoredRow(**_without_ns(shape))


def queue_row(shape: Shape) -> StoredQueue:
    """A review queue."""
    return StoredQueue(**_without_ns(shape))


def policy_row(shape: Shape) -> StoredPolicy:
    """A policy of retention."""
    return StoredPolicy(**_without_ns(shape))


def _without_ns(shape: Shape) -> JsonObject:
    return {name.removesuffix("_ns"): value for name, value in shape.items()}


def _assessment_row(shape: Shape) -> AssessmentRow:
    return AssessmentRow(**{name: shape[name] for name in _SAME_IN_ASSESSMENTS}, time=shape["time_ns"])


def statistics_row(shape: Shape, *, exact: bool) -> StatisticsRow:
    """The numbers of one group."""
    names = ("group", "calls", "errors", "input_tokens", "output_tokens", "cost", "priced")
    return StatisticsRow(
        **{name: shape[name] for name in names},
        **_latencies(shape),
        exact=exact,
        start=shape.get("start_ns"),
        unmeasured=shape.get("unmeasured", 0),  # older servers do not count them
    )


def _latencies(shape: Shape) -> JsonObject:
    return {f"latency_{name}_ms": ns / _NS_PER_MS for name, ns in shape["latency_ns"].items()}


def facets(shape: Shape) -> Facets:
    """Facets."""
    found = [
        Facet(
            facet["field"],
            [(item["value"], item["count"]) for item in facet["values"]],
            facet["more"],
            {item["value"]: item["folded"] for item in facet["values"] if item.get("folded")},
        )
        for facet in shape["facets"]
    ]
    return Facets(found, shape["counted"], shape["complete"], shape["tag_keys"])


def session_row(shape: Shape) -> SessionRow:
    """A session."""
    names = ("session_id", "users", "trace_count", "error_count", "usage", "models")
    return SessionRow(
        **{name: shape[name] for name in names},
        start=shape["start_ns"],
        end=shape["end_ns"],
        cost=_total(shape["cost"]),
        first_request_preview=shape["first_request_preview"],
        last_response_preview=shape["last_response_preview"],
    )


def _total(cost: dict[str, float] | None) -> float | None:
    return None if cost is None else cost["total_cost"]


def version_row(shape: Shape) -> VersionRow:
    """A version."""
    return VersionRow(
        **{name: shape[name] for name in ("model_id", "trace_count", "error_count", "usage", "models")},
        **_latencies(shape),
        first=shape["first_ns"],
        last=shape["last_ns"],
        cost=_total(shape["cost"]),
        feedback=[feedback_row(given) for given in shape["feedback"]],
        trace_name=shape.get("trace_name"),  # which older servers do not send
        uncertainty=shape.get("uncertainty", {}),
    )


def feedback_row(shape: Shape) -> FeedbackRow:
    """Feedback of one name."""
    texts = {item["text"]: item["count"] for item in shape.get("texts", ())}
    return FeedbackRow(
        shape["name"], shape["count"], shape["mean"], shape.get("deviation"), texts, shape.get("is_share", False)
    )


def experiment_row(shape: Shape) -> ExperimentRow:
    """An experiment."""
    return ExperimentRow(shape["experiment_id"], shape["name"], shape["trace_count"], shape["last_ns"])
