"""Latency percentiles: exact from durations, or within 5 % from the buckets of a roll-up."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tracer.store.sqlite.rollup import bucket_ms

SHARES = (0.5, 0.95, 0.99)
_NS_PER_MS = 1_000_000


def exact_percentiles(durations: list[int]) -> tuple[float, float, float]:
    """The median, the 95th and the 99th percentile in ms, by nearest rank; sorts the durations, which are in ns."""
    durations.sort()
    p50, p95, p99 = (_at(durations, share) for share in SHARES)
    return p50, p95, p99


def _at(durations: Sequence[int], share: float) -> float:
    rank = max(0, math.ceil(share * len(durations)) - 1)
    return durations[rank] / _NS_PER_MS if durations else 0.0


def bucket_percentiles(buckets: Sequence[tuple[int, int]]) -> tuple[float, float, float]:
    """The same from pairs of a bucket and its number of calls, sorted by bucket."""
    p50, p95, p99 = (_bucket_at(buckets, share) for share in SHARES)
    return p50, p95, p99


def _bucket_at(buckets: Sequence[tuple[int, int]], share: float) -> float:
    wanted = math.ceil(share * sum(calls for _, calls in buckets))
    seen = 0
    for bucket, calls in buckets:
        seen += calls
        if seen >= wanted:
            return bucket_ms(bucket)
    return 0.0
