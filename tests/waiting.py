"""Waits for what another thread or process brings about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120.0  # seconds; never reached by what works, however busy the machine is
_PAUSE = 0.02


def until(condition: Callable[[], object]) -> bool:
    """Whether the condition has come true."""
    deadline = time.monotonic() + PATIENCE
    waiting = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        waiting.wait(_PAUSE)
    return True


def appears(path: Path) -> bool:
    """Whether the file has been made."""
    return until(path.exists)
