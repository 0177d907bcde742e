"""What a trace is, told from its spans: root, state, times, tokens, cost, models. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union

from tracer import semconv
from tracer.store.sqlite.decode import SpanFacts, StartFacts

Facts = Union[SpanFacts, StartFacts]

BUCKET_GROWTH = 1.05  # a latency bucket is 5 % wide


@dataclass(slots=True)
class Running:
    """A span that runs, and whether its process is gone."""

    facts: StartFacts
    gone: bool = False


@dataclass(slots=True)
class RollUp:
    """What the spans of a trace come to."""

    root: str | None
    name: str | None
    state: str
    start: int | None
    duration: int | None
    spans: int
    errors: int
    usage: dict[str, int] | None
    cost: tuple[float | None, float | None, float] | None
    models: set[str]
    providers: set[str]


def roll_up(spans: Mapping[str, SpanFacts], running: Mapping[str, Running]) -> RollUp:
    """The roll-up of a trace that has these spans and these running ones."""
    root = _root(spans, running)
    start, duration = _times(root, spans, running)
    return RollUp(
        root=root.span_id if root else None,
        name=root.name if root else None,
        state=_state(root, running),
        start=start,
        duration=duration,
        spans=len(spans) + len(running),
        errors=sum(1 for span in spans.values() if span.status == "ERROR"),
        usage=_usage(spans),
        cost=_cost(spans),
        models={name for span in spans.values() for name in (span.model, span.request_model) if name},
        providers={span.provider for span in spans.values() if span.provider},
    )


def latency_bucket(duration_ns: int) -> int:
    """The number of the logarithmic bucket that a duration falls into; 0 below a microsecond."""
    return max(0, math.ceil(math.log(duration_ns / 1000.0) / math.log(BUCKET_GROWTH))) if duration_ns > 1000 else 0


def bucket_ms(bucket: int) -> float:
    """The middle of a bucket in ms."""
    return float(BUCKET_GROWTH ** (bucket - 0.5)) / 1000.0


def _root(spans: Mapping[str, SpanFacts], running: Mapping[str, Running]) -> Facts | None:
    """The top-most span: without a parent; else one whose parent is not in the trace; the earliest of several."""
    best: Facts | None = None
    best_rank: tuple[int, int, str] = (3, 0, "")
    candidates: list[Facts] = [*spans.values(), *(run.facts for run in running.values())]
    for facts in candidates:
        parent = facts.parent_id
        if parent is None:
            level = 0
        elif parent in spans or parent in running:
            level = 2  # only a circle of parents leaves no better one
        else:
            level = 1
        rank = (level, facts.start, facts.span_id)
        if best is None or rank < best_rank:
            best, best_rank = facts, rank
    return best


def _times(
    root: Facts | None, spans: Mapping[str, SpanFacts], running: Mapping[str, Running]
) -> tuple[int | None, int | None]:
    if root is None:
        return None, None
    if isinstance(root, SpanFacts) and root.parent_id is None:
        return root.start, root.duration
    start = min(
        *(span.start for span in spans.values()), *(run.facts.start for run in running.values()), root.start, root.start
    )
    if running:
        return start, None
    return start, max(span.start + span.duration for span in spans.values()) - start


def _state(root: Facts | None, running: Mapping[str, Running]) -> str:
    if any(not run.gone for run in running.values()):
        return "IN_PROGRESS"
    if running:
        return "INTERRUPTED"
    return "ERROR" if isinstance(root, SpanFacts) and root.status == "ERROR" else "OK"


def _usage(spans: Mapping[str, SpanFacts]) -> dict[str, int] | None:
    total: dict[str, int] = {}
    for span in _topmost(spans, lambda span: span.usage is not None):
        for name, count in (span.usage or {}).items():
            total[name] = total.get(name, 0) + count
    return {name: total[name] for name in semconv.TOKEN_USAGE if name in total} or None


def _cost(spans: Mapping[str, SpanFacts]) -> tuple[float | None, float | None, float] | None:
    costs = [span.cost for span in _topmost(spans, lambda span: span.cost is not None) if span.cost]
    if not costs:
        return None
    return (
        _sum_known(cost[0] for cost in costs),
        _sum_known(cost[1] for cost in costs),
        math.fsum(cost[2] for cost in costs),
    )


def _sum_known(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known else None


def _topmost(spans: Mapping[str, SpanFacts], carries: Callable[[SpanFacts], bool]) -> list[SpanFacts]:
    """The spans that carry something and have no ancestor that carries it too, so that nothing counts twice."""
    carrying = {span_id: span for span_id, span in spans.items() if carries(span)}
    parents = {span.parent_id for span in spans.values()}
    if not carrying or parents.isdisjoint(carrying):  # nothing that carries it has children
        return list(carrying.values())
    below: dict[str, bool] = {}
    return [span for span in carrying.values() if not _is_below(span, spans, carrying, below)]


def _is_below(
    span: SpanFacts, spans: Mapping[str, SpanFacts], carrying: Mapping[str, SpanFacts], below: dict[str, bool]
) -> bool:
    path: list[str] = []
    seen = {span.span_id}
    answer = False
    parent = span.parent_id
    while parent is not None and parent in spans and parent not in seen:
        if parent in carrying or below.get(parent):
            answer = True
            break
        if parent in below:
            break
        seen.add(parent)
        path.append(parent)
        parent = spans[parent].parent_id
    below.update(dict.fromkeys(path, answer))
    return answer
