"""What is to happen when a module is imported that the program may never import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from tracer._fault import guard, reraise_interruption


def when_imported(module: str, action: Callable[[], None]) -> None:
    """Run ``action`` when a module is imported, at once if it is already; the module is never imported for it."""
    from wrapt import register_post_import_hook  # only here: `import tracer` need not pay for it

    is_imported(module)  # wrapt does not wait for another thread that is in the middle of it

    def hook(_module: object) -> None:
        with guard(f"patching {module}"):
            action()

    register_post_import_hook(hook, module)


def is_imported(module: str) -> bool:
    """Whether a module is there, as a whole: an import of it in another thread is waited for."""
    if module not in sys.modules:
        return False
    try:
        importlib.import_module(module)
    except Exception as error:  # so it has in that thread
        reraise_interruption(error)
        return False
    return True
