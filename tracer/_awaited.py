"""What is to happen when a module is imported that the program may never import."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tracer._fault import guard

Action = Callable[[], None]

_awaited: dict[str, deque[Action]] = {}  # no lock guards it: a fork could leave that to a child, held for ever


def when_imported(module: str, action: Action) -> None:
    """Run ``action`` when a module is imported, at once if it is already; the module is never imported for it."""
    _awaited.setdefault(module, deque()).append(action)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    if sys.modules.get(module) is not None:
        _tell(module)


def _tell(module: str) -> None:
    """Run what waits for a module, each once."""
    waiting = _awaited[module]
    while True:
        try:
            action = waiting.popleft()
        except IndexError:
            return
        with guard(f"patching {module}"):
            action()


class _Finder:
    """Finds modules that are awaited, where and as everybody else finds them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec, with a loader that tells when it has loaded; None for modules that nobody awaits."""
        if not _awaited.get(name):
            return None
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(name, spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """Loads a module by the loader that it has, which it keeps, and tells when that is done."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module, still empty."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module, then do what has been waiting for it."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _tell(self._name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_finder = _Finder()
