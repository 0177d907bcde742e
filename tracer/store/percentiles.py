"""Latency percentiles: exact from durations, or within 5 % from counts in buckets."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from tracer.store.latencies import bucket_counts, bucket_ms

SHARES = (0.5, 0.95, 0.99)
_NS_PER_MS = 1_000_000


def durations_of(joined: str | None) -> list[int]:
    """The numbers in a text of SQL's group_concat: one text a group is fetched faster than a row for each number."""
    return [int(duration) for duration in joined.split(",")] if joined else []


def exact_percentiles(durations: list[int]) -> tuple[float, float, float]:
    """The median, the 95th and the 99th percentile in ms, by nearest rank; sorts the durations, which are in ns."""
    durations.sort()
    p50, p95, p99 = (_at(durations, share) for share in SHARES)
    return p50, p95, p99


def percentile_errors(durations: Sequence[int]) -> tuple[float, float, float]:
    """The standard errors of these percentiles in ms, from the durations around them; sorted durations, in ns."""
    p50, p95, p99 = (_error_at(durations, share) for share in SHARES)
    return p50, p95, p99


def _error_at(durations: Sequence[int], share: float) -> float:
    spread = math.sqrt(share * (1 - share) / len(durations)) if durations else 0.0
    return (_at(durations, min(1.0, share + spread)) - _at(durations, max(0.0, share - spread))) / 2


def _at(durations: Sequence[int], share: float) -> float:
    rank = max(0, math.ceil(share * len(durations)) - 1)
    return durations[rank] / _NS_PER_MS if durations else 0.0


def bucket_percentiles(counts: int) -> tuple[float, float, float]:
    """The same from counts of latencies (tracer/store/latencies.py): the middle of the bucket of that rank."""
    lowest, in_buckets = bucket_counts(counts)
    if not in_buckets:
        return 0.0, 0.0, 0.0
    up_to = list(accumulate(in_buckets))
    p50, p95, p99 = (bucket_ms(lowest + bisect_left(up_to, math.ceil(share * up_to[-1]))) for share in SHARES)
    return p50, p95, p99
