"""Garbage of a test, which is collected before the next test begins."""

from __future__ import annotations

import gc


def collect_garbage() -> None:
    """End what a test has let go of here, not in the next test."""
    gc.collect()
    gc.freeze()  # what is left are modules and fixtures: the next collection need not visit them
