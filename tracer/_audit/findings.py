"""A finding, and the summing of the waste of single calls into findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import NamedTuple

from tracer._audit.calls import Call

_TRACES_KEPT = 100


class Waste(NamedTuple):
    """Avoidable spending of one call."""

    kind: str
    reason: str
    place: str
    call: Call
    tokens: int
    cost: float | None


@dataclass(frozen=True)
class Finding:
    """A kind of waste at one place of a program, over all calls that were looked at.

    ``kind`` is "identical calls", "prompt cache miss", "unused context", "unused tool", "giant tool result", "retry" or
    "loop". ``tokens`` and ``cost`` (USD, None where no price is known) are those that were spent without need;
    ``cost_per_day`` is that of a day, where the traces are of less than a day that of all. ``traces`` are ids, the most
    expensive first, and ``span_id`` is the most expensive call of the first.
    """

    kind: str
    step: str
    place: str
    reason: str
    calls: int
    tokens: int
    cost: float | None
    tokens_per_day: int
    cost_per_day: float | None
    traces: tuple[str, ...]
    span_id: str

    def to_dict(self) -> dict[str, object]:
        """The finding as plain values."""
        return {**asdict(self), "traces": list(self.traces)}


def summed(wastes: Iterable[Waste], days: float) -> list[Finding]:
    """A finding for each kind, step, place and reason; the most expensive first."""
    groups: dict[tuple[str, str, str, str], list[Waste]] = {}
    for waste in wastes:
        groups.setdefault((waste.kind, waste.call.step, waste.place, waste.reason), []).append(waste)
    findings = [_finding(group, days) for group in groups.values()]
    return sorted(findings, key=lambda found: (-(found.cost or 0), -found.tokens, found.kind, found.place))


def _finding(group: list[Waste], days: float) -> Finding:
    costs = [waste.cost for waste in group if waste.cost is not None]
    cost = sum(costs) if costs else None
    tokens = sum(waste.tokens for waste in group)
    dearest = sorted(group, key=lambda waste: (-(waste.cost or 0), -waste.tokens))
    first = dearest[0]
    return Finding(
        kind=first.kind,
        step=first.call.step,
        place=first.place,
        reason=first.reason,
        calls=len(group),
        tokens=tokens,
        cost=cost,
        tokens_per_day=round(tokens / days),
        cost_per_day=None if cost is None else cost / days,
        traces=tuple(dict.fromkeys(waste.call.trace_id for waste in dearest))[:_TRACES_KEPT],
        span_id=first.call.span_id,
    )
