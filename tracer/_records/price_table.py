"""The table of prices of the `genai-prices` package, loaded without the HTTP client that its updates need.

The table is loaded in the background. An SDK that looks into ``sys.modules`` for an HTTP client would find it there
half loaded meanwhile, and the user's call would fail.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

_UPDATES = "genai_prices.update_prices"
_CLIENTS = frozenset({"httpx", "httpx2"})


def load_price_table() -> Callable[..., PriceCalculation]:
    """The package's function that prices a call. Raises what its import raises."""
    if "genai_prices" not in sys.modules:
        sys.meta_path.insert(0, _UpdatesFinder())  # stays: a removal makes imports in other threads skip a finder
    from genai_prices import calc_price

    return calc_price


class _UpdatesFinder(MetaPathFinder):
    """Finds the package's module of updates, whose client is imported when it is first used."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == _UPDATES else None
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _UpdatesLoader(spec.loader.name, spec.loader.path)
        return spec


class _UpdatesLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


class _LateModule(ModuleType):
    """A module that is imported when it is first asked for something."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    if name in _CLIENTS and not fromlist and name not in sys.modules:
        return _LateModule(name)
    return builtins.__import__(name, globals, locals, fromlist or (), level)
