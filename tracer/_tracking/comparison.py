"""Versions side by side: scores, cost, tokens and latency."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tracer._engine.runtime import runtime
from tracer._tracking.logged_model import model_rows
from tracer.errors import InvalidArgumentError, ModelNotFoundError
from tracer.store.filter import Comparison, Field


@dataclass(frozen=True)
class VersionSummary:
    """Summary of a version's traces: total cost in USD, latencies in ms, mean feedback by name."""

    model_id: str
    name: str
    traces: int = 0
    error_share: float = 0.0
    tokens: int = 0
    cost: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    deleted: bool = False
    status: str = "READY"  # of a version whose files could not be saved "FAILED"


def compare_versions(*versions: str) -> list[VersionSummary]:
    """A summary of each version, in the given order, by name (the newest that did not fail) or id; without any of all.

    The input example of a logged model does not count. Raises ModelNotFoundError for an unknown version.
    """
    if not all(isinstance(version, str) for version in versions):
        raise InvalidArgumentError(f"versions: got {versions!r}, expected names or ids: compare_versions('v1', 'v2').")
    rows = model_rows()
    named = {row.model_id: row for row in rows}
    by_worth = sorted(rows, key=lambda row: (row.deleted, row.status == "FAILED"))
    newest = {row.name: row.model_id for row in reversed(by_worth)}
    wanted = [_id_of(version, newest, set(named)) for version in versions]
    chosen = Comparison(Field("model_id", "text"), "IN", tuple(wanted)) if wanted else None
    found = {row.model_id: row for row in runtime().store().versions(chosen)}
    ids = wanted or [*found, *(model_id for model_id, row in named.items() if not (row.deleted or model_id in found))]
    summaries = []
    for model_id in ids:
        row, model = found.get(model_id), named.get(model_id)
        known: dict[str, Any] = {}
        if model is not None:
            known = {"metrics": model.metrics, "deleted": model.deleted, "status": model.status}
        name = model.name if model else model_id
        if row is None:
            summaries.append(VersionSummary(model_id, name, **known))
            continue
        summaries.append(
            VersionSummary(
                model_id,
                name,
                traces=row.trace_count,
                error_share=row.error_count / row.trace_count,
                tokens=row.usage.get("total_tokens", 0),
                cost=row.cost,
                latency_p50_ms=row.latency_p50_ms,
                latency_p95_ms=row.latency_p95_ms,
                latency_p99_ms=row.latency_p99_ms,
                scores={each.name: each.mean for each in row.feedback if each.mean is not None},
                **known,
            )
        )
    return summaries


def _id_of(version: str, by_name: dict[str, str], ids: set[str]) -> str:
    if version in ids:
        return version
    if version not in by_name:
        raise ModelNotFoundError(
            f"no version is called {version!r} or has this id; there are: {', '.join(by_name) or 'none'}"
        )
    return by_name[version]
