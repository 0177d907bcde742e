"""Names that are loaded when they are first asked for."""

from __future__ import annotations

import importlib
import logging  # noqa: F401  # now: its hook holds a lock that imports need, and the hooks of later ones run first
import os
import threading
from typing import Any

import orjson  # noqa: F401  # now, not in the middle of the program: Ctrl-C in its import crashes the interpreter

# A fork waits for it: a child inherits a module that another thread is just loading, and nobody finishes it there.
_loading = threading.RLock()


def load(module: str, name: str) -> Any:
    """The object of this name, of a module that is loaded for it."""
    with _loading:
        return getattr(importlib.import_module(module), name)


_made_above: dict[str, str] = {}  # what a floor asks for that one above it makes: where to find it


def register(name: str, module: str) -> None:
    """Say in which module the object is that a floor below asks for by this name."""
    _made_above[name] = module


def load_registered(name: str) -> Any:
    """What :func:`register` was told of, loaded."""
    return load(_made_above[name], name)


def _before_fork() -> None:
    _loading.acquire(timeout=1.0)  # not for ever: a hook of somebody else's may hold what the import waits for


def _after_fork() -> None:
    try:
        _loading.release()
    except RuntimeError:  # it was not to be had in time
        return


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
