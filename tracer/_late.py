"""Names that are loaded on first use, and work that takes long, such as loading them."""

from __future__ import annotations

import _queue  # now: the first record may be of a finaliser, when nothing can be imported any more
import functools
import importlib
import logging  # noqa: F401  # now: its fork hook takes a lock that imports need, and hooks registered later run earlier
import os
import re
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, AnyStr, NamedTuple, TypeVar

import orjson  # noqa: F401  # now, not later: Ctrl-C during its import crashes the interpreter

T = TypeVar("T")
_LOOK_SECONDS = 0.001
_STANDSTILL_SECONDS = 2.0  # in which a busy machine still imports something

# A fork waits for it: in the child, a module that another thread was loading would stay incomplete.
_loading = threading.RLock()


def load(module: str, name: str) -> Any:
    """The object of this name in a module, which is loaded if necessary."""
    with _loading:
        return getattr(importlib.import_module(module), name)


def load_aside(module: str, name: str) -> Any:
    """The same for modules that take long to load: where threads are greenlets, others run meanwhile."""
    return getattr(load_module_aside(module), name)


def load_module_aside(module: str) -> ModuleType:
    """The module, which is loaded if necessary; where threads are greenlets, others run meanwhile."""
    with _loading:
        find = functools.partial(importlib.import_module, module)
        return find() if module in sys.modules else aside(find)


class _LatePattern:
    """A regular expression that becomes itself when it is first asked for a method."""

    def __init__(self, pattern: Any, flags: int) -> None:
        self._given = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._given)
        for method in ("match", "fullmatch", "search", "finditer", "findall", "split", "sub"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def late_pattern(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """A pattern that is compiled when it is first used: compiling the unused ones would take long, too."""
    return _LatePattern(pattern, flags)  # type: ignore[return-value]


_made_above: dict[str, str] = {}  # name to module, for objects that a lower floor uses and an upper one makes


def register(name: str, module: str) -> None:
    """Make an object of an upper floor available to lower ones by its name."""
    _made_above[name] = module


def load_registered(name: str) -> Any:
    """The object registered by this name; its module is loaded if necessary."""
    return load_aside(_made_above[name], name)


def aside(work: Callable[[], T]) -> T:
    """The result of ``work``; where threads are greenlets, it runs in a thread of the system meanwhile.

    The interpreter's lock changes hands every few ms between such threads, while a greenlet holds its thread for as
    long as it likes: a third of a second for the imports of the background. Raises the exception of ``work``.
    """
    system = _system_threads()
    return work() if system is None else _awaited(work, system, lambda run: system.start(run, ()))


class Aside:
    """Does work aside, always in the same thread, which starts with the first."""

    def __init__(self) -> None:
        self._work: _queue.SimpleQueue[Callable[[], None]] | None = None
        self._process = 0

    def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``. Raises its exception."""
        system = _system_threads()
        if system is None or sys.is_finalizing():
            return work()
        if self._work is None or self._process != os.getpid():  # after a fork the thread does not exist
            self._work, self._process = _queue.SimpleQueue(), os.getpid()
            system.start(_run_all, (self._work,))
        return _awaited(work, system, self._work.put)


def _run_all(work: _queue.SimpleQueue[Callable[[], None]]) -> None:
    while True:
        work.get()()


class _SystemThreads(NamedTuple):
    """Functions that start a thread of the system, identify the current one, and let other greenlets run."""

    start: Callable[..., object]
    current: Callable[[], int]
    sleep: Callable[[float], object]


_aside: set[int] = set()  # threads that run work aside now


def _awaited(work: Callable[[], T], system: _SystemThreads, begin: Callable[[Callable[[], None]], object]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        thread = system.current()
        _aside.add(thread)
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            _aside.discard(thread)

    begin(run)
    while not (results or errors):
        system.sleep(_LOOK_SECONDS)
    if errors:
        raise errors.pop()
    return results[0]


def _system_threads() -> _SystemThreads | None:
    """None where threads are no greenlets, and in a thread that runs work aside."""
    modules: dict[str, Any] = sys.modules
    if "gevent.monkey" in modules and modules["gevent.monkey"].is_module_patched("threading"):
        original, sleep = modules["gevent.monkey"].get_original, modules["gevent"].sleep
        system = _SystemThreads(original("_thread", "start_new_thread"), original("_thread", "get_ident"), sleep)
    elif "eventlet.patcher" in modules and modules["eventlet.patcher"].is_monkey_patched("thread"):
        thread = modules["eventlet.patcher"].original("_thread")
        system = _SystemThreads(thread.start_new_thread, thread.get_ident, modules["eventlet"].sleep)
    else:
        return None
    return None if system.current() in _aside else system


def _before_fork() -> None:
    loaded = len(sys.modules)
    while not _loading.acquire(timeout=_STANDSTILL_SECONDS):
        if loaded == (loaded := len(sys.modules)):
            return  # another library's hook may hold a lock that the import waits for


def _after_fork() -> None:
    try:
        _loading.release()
    except RuntimeError:  # not acquired in time
        return


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.RLock()
    _aside.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
