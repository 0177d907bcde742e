"""The modules that answer questions, each loaded with the first one of its kind: most programs only write."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from tracer._late import load_module_aside

if TYPE_CHECKING:
    from tracer.store.sqlite import datasets as datasets
    from tracer.store.sqlite import delete as delete
    from tracer.store.sqlite import facets as facets
    from tracer.store.sqlite import find as find
    from tracer.store.sqlite import fulltext as fulltext
    from tracer.store.sqlite import histogram as histogram
    from tracer.store.sqlite import policies as policies
    from tracer.store.sqlite import read as read
    from tracer.store.sqlite import reviews as reviews
    from tracer.store.sqlite import run_sums as run_sums
    from tracer.store.sqlite import sessions as sessions
    from tracer.store.sqlite import snippets as snippets
    from tracer.store.sqlite import statistics as statistics
    from tracer.store.sqlite import versions as versions


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = globals()[name] = load_module_aside(f"tracer.store.sqlite.{name}")
    return module
