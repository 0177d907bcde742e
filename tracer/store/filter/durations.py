"""Lengths of time as users write them: 30m or 30min, 12h, 7d, 200ms. The same in filters, options and files."""

from __future__ import annotations

import re
from typing import Final

from tracer.errors import InvalidArgumentError

UNIT_MS: Final = {
    "us": 0.001,
    "ms": 1.0,
    "s": 1_000.0,
    "m": 60_000.0,
    "min": 60_000.0,
    "h": 3_600_000.0,
    "d": 86_400_000.0,
    "w": 604_800_000.0,
    "y": 31_536_000_000.0,
}
UNITS: Final = ", ".join(UNIT_MS)
_DURATION = re.compile(rf"([0-9]{{1,12}}(?:\.[0-9]{{1,9}})?)\s*({'|'.join(UNIT_MS)})")


def read_duration(text: str) -> float:
    """A length of time in ms. Raises InvalidArgumentError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise InvalidArgumentError(
            f"got {text!r:.40}, expected a number and a unit such as 30m, 12h or 7d; units are {UNITS}"
        )
    return float(found[1]) * UNIT_MS[found[2]]
