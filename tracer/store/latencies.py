"""Durations of spans, as counts in buckets that are 5 % wide.

The counts are one whole number with 32 bits a bucket: adding two of them adds every bucket at once, and subtraction
is exact. The database holds the lowest bucket, in two bytes, and the counts from there on.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Final

BUCKET_GROWTH: Final = 1.05
_LOG_GROWTH = math.log(BUCKET_GROWTH)
_BITS = 32
_BYTES = _BITS // 8


def latency_bucket(duration_ns: int) -> int:
    """The number of the logarithmic bucket that a duration falls into; 0 below a microsecond."""
    return max(0, math.ceil(math.log(duration_ns / 1000.0) / _LOG_GROWTH)) if duration_ns > 1000 else 0


def bucket_ms(bucket: int) -> float:
    """The middle of a bucket in ms."""
    return float(BUCKET_GROWTH ** (bucket - 0.5)) / 1000.0


def latency_count(duration_ns: int) -> int:
    """The counts of this one duration."""
    return 1 << latency_bucket(duration_ns) * _BITS


def pack_latencies(counts: int) -> bytes:
    """The counts in the form that the database holds."""
    if counts <= 0:
        return b""
    lowest = ((counts & -counts).bit_length() - 1) // _BITS
    rest = counts >> lowest * _BITS
    return lowest.to_bytes(2, "little") + rest.to_bytes((rest.bit_length() + 7) // 8, "little")


def unpack_latencies(packed: bytes) -> int:
    """The counts from the form that the database holds."""
    return int.from_bytes(packed[2:], "little") << int.from_bytes(packed[:2], "little") * _BITS


def bucket_counts(counts: int) -> tuple[int, Sequence[int]]:
    """The lowest bucket, and the numbers of durations in it and in each one above."""
    packed = pack_latencies(counts)
    content = packed[2:] + bytes(-len(packed[2:]) % _BYTES)
    return int.from_bytes(packed[:2], "little"), struct.unpack(f"<{len(content) // _BYTES}I", content)


def add_latencies(packed: bytes, more: bytes) -> bytes:
    """Packed counts with others added."""
    return pack_latencies(unpack_latencies(packed) + unpack_latencies(more))


def take_latencies(packed: bytes, gone: bytes) -> bytes:
    """Packed counts without some that were added before."""
    return pack_latencies(unpack_latencies(packed) - unpack_latencies(gone))


class LatencyCounts:
    """An aggregate function of SQL: the packed counts of the durations of a group."""

    def __init__(self) -> None:
        self._in_bucket: Counter[int] = Counter()

    def step(self, duration_ns: int) -> None:
        """Count one in."""
        self._in_bucket[latency_bucket(duration_ns)] += 1

    def finalize(self) -> bytes:
        """The counts."""
        return pack_latencies(sum(count << bucket * _BITS for bucket, count in self._in_bucket.items()))
