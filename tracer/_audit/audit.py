"""All findings about the calls of some traces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from tracer._audit.caching import cache_misses
from tracer._audit.calls import Call
from tracer._audit.content import giant_results, unused_context, unused_tools
from tracer._audit.findings import Finding, summed
from tracer._audit.repeated import loops, repeated
from tracer._json import JsonObject

_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Audit:
    """Avoidable spending of model calls, the most expensive first.

    ``days`` is the time between the first and the last call, at least one day. Findings may overlap: an identical
    call may also be a cache miss.
    """

    findings: tuple[Finding, ...]
    traces: int
    calls: int
    tokens: int
    cost: float | None
    days: float

    def to_dict(self) -> JsonObject:
        """The audit as plain values."""
        about = {name: getattr(self, name) for name in ("traces", "calls", "tokens", "cost", "days")}
        return {**about, "findings": [found.to_dict() for found in self.findings]}


def audit_of(calls: Iterable[Call], traces: int) -> Audit:
    """The audit of calls in any order; ``traces`` is the number of their traces."""
    ordered: Sequence[Call] = sorted(calls, key=lambda call: call.start)
    days = max(1.0, (ordered[-1].start - ordered[0].start) / _DAY_NS) if ordered else 1.0
    looks = (repeated, loops, cache_misses, unused_tools, giant_results, unused_context)
    costs = [call.cost for call in ordered if call.cost is not None]
    return Audit(
        findings=tuple(summed(chain.from_iterable(look(ordered) for look in looks), days)),
        traces=traces,
        calls=len(ordered),
        tokens=sum(call.tokens for call in ordered),
        cost=sum(costs) if costs else None,
        days=days,
    )
