"""Work at the end of a process that the interpreter does not do by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def close_runtime() -> None:
    """Close the runtime, if the program has one."""
    module: Any = sys.modules.get("tracer._engine.runtime")
    if module is not None and hasattr(module, "runtime"):
        module.runtime().lifecycle.at_exit()


def close_in_workers(close: Callable[[], object]) -> None:
    """Call ``close`` when this process ends, if it is a multiprocessing worker: they end without `atexit`."""
    process: Any = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, close, exitpriority=-100)


def keep_exit_by_interrupt() -> None:
    """Keep the exit status of a program that Ctrl-C ended.

    CPython notes Ctrl-C in a flag that every `exec` of a string clears (`unhandled_keyboard_interrupt` in its
    pythonrun.c), and modules imported at the end of the program call `exec`: dataclasses and named tuples do.
    """
    if getattr(sys, "last_type", None) is KeyboardInterrupt and not hasattr(sys, "ps1"):
        try:
            exec("raise KeyboardInterrupt")
        except KeyboardInterrupt:
            return
