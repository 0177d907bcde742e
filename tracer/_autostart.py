"""Switches recording on in any Python program that starts with TRACER_AUTOLOG in its environment.

Installed beside the package as ``tracer_autolog``, which ``tracer_autolog.pth`` imports as the interpreter starts.
Nothing else is loaded then: a program that imports nothing but Python's own modules has nothing that could be recorded.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is not loaded for it
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def start(names: str) -> None:
    """Call ``autolog()`` of everything that is named, as in ``openai,otel`` or ``all``; never raises."""
    import logging

    try:
        import tracer

        for name in filter(None, (each.strip() for each in names.split(","))):
            try:
                (tracer if name == "all" else getattr(tracer, name)).autolog()
            except Exception as error:  # the program must start
                logging.getLogger("tracer").error("TRACER_AUTOLOG: %r cannot be recorded: %s", name, error)
    except Exception as error:
        logging.getLogger("tracer").error("TRACER_AUTOLOG: nothing can be recorded: %r", error)
    # not in the `try`: a failure must end the program, which would otherwise make every call of a fork again
    if not {"TRACER_FORK", "TRACER_RECORD", "TRACER_TOOLS"}.isdisjoint(os.environ):
        from tracer._replay.whole_program import begin

        begin()


class FirstImport:
    """Starts recording before the program's first import of a module that is not Python's own."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The module that starting has imported already, if it is the one; else as others find it from now on."""
        if name.partition(".")[0] in sys.stdlib_module_names or is_starting():
            return None
        try:
            sys.meta_path.remove(self)
        except ValueError:  # another thread's import was the first
            return None
        start(os.environ.get("TRACER_AUTOLOG", ""))
        loaded = sys.modules.get(name)
        if loaded is not None:
            return type(sys.__spec__)(name, AlreadyImported(loaded))  # type: ignore[arg-type]
        # this import has passed the finder that starting put in front, which waits for the SDK that this may be
        from importlib.util import find_spec

        return find_spec(name)


class AlreadyImported:
    """The loader of a module that is there: it must not be made a second time."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


def is_starting() -> bool:
    """Whether the interpreter still reads its .pth files, so that not all packages are in its path yet."""
    frame = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "site":
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None


sys.meta_path.insert(0, FirstImport())
