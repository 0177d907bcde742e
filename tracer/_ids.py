"""Trace and span ids, from tracer's own generator: a program that seeds `random` must not repeat ids."""

from __future__ import annotations

import os
import random

_random = random.Random()
_bits = _random.getrandbits


def trace_id() -> str:
    """128 random bits in hex."""
    return f"{_bits(128) or 1:032x}"


def span_id() -> str:
    """64 random bits in hex."""
    return f"{_bits(64) or 1:016x}"


def is_sampled(trace_id: str, rate: float) -> bool:
    """Whether a trace is sampled, decided by its id as in OpenTelemetry's TraceIdRatioBased."""
    return rate >= 1.0 or int(trace_id[16:], 16) < round(rate * 2**64)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)
