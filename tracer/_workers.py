"""Workers of multiprocessing end without `atexit`: what a process does at its end is told to multiprocessing there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def close_in_workers(close: Callable[[], object]) -> None:
    """Call ``close`` when this process ends, if it is a worker of multiprocessing."""
    process: Any = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, close, exitpriority=-100)
