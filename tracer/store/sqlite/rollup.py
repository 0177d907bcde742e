"""What a trace is, told from its spans: root, state, times, tokens, cost, models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Union

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


def latency_bucket(duration_ns: int) -> int:
    """The number of the logarithmic bucket that a duration falls into; 0 below a microsecond."""
    return max(0, math.ceil(math.log(duration_ns / 1000.0) / math.log(BUCKET_GROWTH))) if duration_ns > 1000 else 0


def bucket_ms(bucket: int) -> float:
    """The middle of a bucket in ms."""
    return float(BUCKET_GROWTH ** (bucket - 0.5)) / 1000.0
