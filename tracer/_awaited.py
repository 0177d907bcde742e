"""What is to happen when a module is imported that the program may never import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer._fault import guard


def when_imported(module: str, action: Callable[[], None]) -> None:
    """Run ``action`` when a module is imported, at once if it is already; the module is never imported for it."""
    from wrapt import register_post_import_hook  # only here: `import tracer` need not pay for it

    def hook(_module: Any) -> None:
        with guard(f"patching {module}"):
            action()

    register_post_import_hook(hook, module)
