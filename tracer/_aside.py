"""Work that takes long, without holding the program's only thread."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.001


def aside(work: Callable[[], T]) -> T:
    """The result of ``work``; where threads are greenlets, it runs in a thread of the system meanwhile.

    The interpreter's lock changes hands every few ms between such threads, while a greenlet holds its thread for as
    long as it likes: a third of a second for the imports of the background. Raises what ``work`` raises.
    """
    cooperative = _cooperative()
    if cooperative is None:
        return work()
    start_new_thread, sleep = cooperative
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    start_new_thread(run, ())
    while not (results or errors):
        sleep(_LOOK_SECONDS)
    if errors:
        raise errors.pop()
    return results[0]


def _cooperative() -> tuple[Callable[..., object], Callable[[float], object]] | None:
    """How to start a thread of the system, and to let other greenlets run; None where threads are no greenlets."""
    modules: dict[str, Any] = sys.modules
    if "gevent.monkey" in modules and modules["gevent.monkey"].is_module_patched("threading"):
        return modules["gevent.monkey"].get_original("_thread", "start_new_thread"), modules["gevent"].sleep
    if "eventlet.patcher" in modules and modules["eventlet.patcher"].is_monkey_patched("thread"):
        return modules["eventlet.patcher"].original("_thread").start_new_thread, modules["eventlet"].sleep
    return None
