"""Types of what models take and give: ``tracer.types.llm`` for chats, ``tracer.types.responses`` for responses."""

from __future__ import annotations

from importlib import import_module


def __getattr__(name: str) -> object:
    if name in ("llm", "responses"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
