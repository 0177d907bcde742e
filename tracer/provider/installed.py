"""The providers that exist: those that come with tracer, and those that installed packages add by an entry point."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

from tracer._fault import report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer.provider import Provider
    from tracer.provider.operation import Operation

ENTRY_POINT_GROUP = "tracer.providers"
BUILT_IN = ("anthropic", "gemini", "mistral", "ollama", "openai", "openai_agents")


def names() -> list[str]:
    """The names of all providers, built in and installed."""
    from importlib import metadata  # only here and below: `import tracer` need not pay for it

    return sorted({*BUILT_IN, *(point.name for point in metadata.entry_points(group=ENTRY_POINT_GROUP))})


def find_provider_module(name: str) -> Any:
    """What ``tracer.<name>`` is: a provider's module, or what an installed package registered; None for other names."""
    if name in BUILT_IN:
        return importlib.import_module(f"tracer.{name}")
    from importlib import metadata

    for point in metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        return point.load()
    return None


def find_operation(recorded_name: str) -> Operation | None:
    """The operation that records call ``<provider>.<operation>``, in any process that reads them; None if unknown."""
    return _operations_of(recorded_name.rpartition(".")[0]).get(recorded_name)


@functools.cache
def _operations_of(provider_name: str) -> Mapping[str, Operation]:
    try:
        found = find_provider_module(provider_name)
        operations: Mapping[str, Operation] = getattr(getattr(found, "provider", found), "read_later", {})
        return operations
    except Exception as fault:  # a third party's package may fail in any way
        report(f"loading the provider {provider_name}", fault)
        return {}


def recorded_names(provider: Provider) -> dict[int, str]:
    """Under what name records mention a provider's operations, by the ``id`` of each that is found by its name.

    An operation that another process would not find is left out: its calls are then read while they are recorded.
    """
    return {id(found): name for name, found in provider.read_later.items() if find_operation(name) is found}
