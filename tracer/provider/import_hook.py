"""Actions at the import of a module that the program may never import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from tracer._fault import guard, reraise_interruption


def when_imported(module: str, action: Callable[[], None]) -> None:
    """Run ``action`` when a module is imported, at once if it already is; never import it."""
    from wrapt import register_post_import_hook  # only here: `import tracer` does without it

    is_imported(module)  # wrapt does not wait for an import that another thread has begun

    def hook(_module: object) -> None:
        with guard(f"patching {module}"):
            action()

    register_post_import_hook(hook, module)


def is_imported(module: str) -> bool:
    """Whether a module is imported, after an import in another thread has ended."""
    if module not in sys.modules:
        return False
    try:
        importlib.import_module(module)
    except Exception as error:  # the import in that thread failed
        reraise_interruption(error)
        return False
    return True
