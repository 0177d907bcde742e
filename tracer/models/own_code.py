"""The modules that were saved with a model: imported for that model alone, apart from others of the same name."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import itertools
import pickle
import sys
import types
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import IO, Any, NoReturn, TypeAlias

from tracer._json import JsonObject
from tracer.models.errors import ModelError

_Scope: TypeAlias = Mapping[str, object] | None
_Defaults: TypeAlias = tuple[object, ...] | None
_Closure: TypeAlias = tuple[types.CellType, ...] | None
_PREFIX = "tracer_model_"
_numbers = itertools.count(1)
_known: dict[str, OwnCode] = {}


class OwnCode:
    """A model's code. Its modules have names of their own in ``sys.modules``, such as ``tracer_model_3.prices``.

    In the model and in these modules ``import prices`` imports that one: versions of a model, and the program that
    loads them, each keep theirs, also for imports inside of functions.
    """

    def __init__(self, folder: Path, code_paths: Iterable[str] = ()) -> None:
        self._folder = folder
        self._names = {Path(path).stem for path in code_paths}
        self._package = f"{_PREFIX}{next(_numbers)}"
        self.builtins = {**vars(builtins), "__import__": self._import}
        package = types.ModuleType(self._package)
        package.__path__ = [str(folder / "code")]
        sys.modules[self._package] = package
        _known[self._package] = self
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)

    def run(self, path: Path) -> types.ModuleType:
        """Run a file of the model. Raises the exception of the file."""
        name = f"{self._package}.{path.stem}"
        if path.stem in self._names:  # a module of the same name is imported by its own
            name = f"{self._package}.__main__"
        spec = importlib.util.spec_from_file_location(name, path, loader=OwnLoader(name, str(path), self))
        if spec is None or spec.loader is None:
            raise ModelError(f"{path.name} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickles look their module up
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    def unpickle(self, file: IO[bytes]) -> object:
        """Load a pickle, with classes and functions from this code if they are in it."""
        return _Unpickler(file, self).load()

    def own_name(self, name: str) -> str:
        """Name of a module in ``sys.modules``."""
        return f"{self._package}.{name}" if name.partition(".")[0] in self._names else name

    def _import(
        self, name: str, globals: _Scope = None, locals: _Scope = None, fromlist: Sequence[str] = (), level: int = 0
    ) -> types.ModuleType:
        own = name if level else self.own_name(name)
        if own == name or fromlist:
            return builtins.__import__(own, globals, locals, fromlist, level)
        importlib.import_module(own)
        return sys.modules[self.own_name(name.partition(".")[0])]  # as `import a.b` gives a

    def imported(self, name: str) -> types.ModuleType:
        """A module by its full name."""
        return importlib.import_module(self.own_name(name))

    def function(
        self,
        code: types.CodeType,
        globals: JsonObject,
        name: str | None,
        defaults: tuple[object, ...] | None,
        closure: tuple[types.CellType, ...] | None,
    ) -> types.FunctionType:
        """A function that was pickled by value; its imports work as those of this code."""
        globals["__builtins__"] = self.builtins
        return types.FunctionType(code, globals, name, defaults, closure)


class OwnLoader(SourceFileLoader):
    """Runs the saved source, never the bytecode beside it, which no manifest lists."""

    def __init__(self, name: str, path: str, code: OwnCode) -> None:
        super().__init__(name, path)
        self._code = code

    def path_stats(self, path: str) -> NoReturn:
        """Raise OSError, so that no bytecode is read or written."""
        raise OSError

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the module with the imports of the model."""
        module.__dict__["__builtins__"] = self._code.builtins
        super().exec_module(module)


class _Finder:
    """Finds modules of models in their packages."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: types.ModuleType | None = None) -> ModuleSpec | None:
        code = _known.get(name.partition(".")[0])
        spec = PathFinder.find_spec(name, path) if code is not None else None
        if code is not None and spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = OwnLoader(name, spec.loader.path, code)
            spec.cached = None
        return spec


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], code: OwnCode) -> None:
        super().__init__(file)
        self._own = code

    def find_class(self, module: str, name: str) -> Any:
        if module == "cloudpickle.cloudpickle" and name == "subimport":
            return self._own.imported
        if module == "cloudpickle.cloudpickle" and name == "_make_function":
            return self._own.function
        return super().find_class(self._own.own_name(module), name)
