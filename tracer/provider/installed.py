"""The providers that exist: those that come with tracer, and those that installed packages add by an entry point."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

from tracer._fault import report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from tracer.provider import Provider
    from tracer.provider.operation import Operation

ENTRY_POINT_GROUP = "tracer.providers"
BUILT_IN = ("anthropic", "gemini", "mistral", "ollama", "openai", "openai_agents")


def names() -> list[str]:
    """The names of all providers, built in and installed."""
    from importlib import metadata  # only here and below: `import tracer` need not pay for it

    return sorted({*BUILT_IN, *(point.name for point in metadata.entry_points(group=ENTRY_POINT_GROUP))})


def find_provider_module(name: str) -> Any:
    """The module or object behind ``tracer.<name>``, built in or registered by a package; None for other names."""
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
    """The names of a provider's operations in records, by ``id`` of the operation.

    An operation that another process would not find is left out: its calls are then read while they are recorded.
    """
    return {id(found): name for name, found in provider.read_later.items() if find_operation(name) is found}


def no_such_name(name: str, others: Sequence[str]) -> AttributeError | ImportError:
    """The error for a name that tracer does not have: the name that may be meant, else the providers.

    Called by the module's ``__getattr__``. Python replaces an AttributeError in ``from tracer import …`` by an
    ImportError of its own, without these words; there it is an ImportError from the start.
    """
    from difflib import get_close_matches

    alike = get_close_matches(name, others, n=1, cutoff=0.8)
    hint = (
        f"Did you mean {alike[0]!r}?"
        if alike
        else f"Its providers are {', '.join(names())}; a package adds one by the entry-point group "
        f"{ENTRY_POINT_GROUP!r}, as docs/new-provider.md shows."
    )
    if _is_in_from_import(sys._getframe(2)):
        return ImportError(f"cannot import name {name!r} from 'tracer'. {hint}", name="tracer")
    # without a name (None, as Python sets one that is missing) it gets no "Did you mean: 'openai'?" for 'genai'
    return AttributeError(f"module 'tracer' has no attribute {name!r}. {hint}", name=None, obj=None)


def _is_in_from_import(frame: FrameType) -> bool:
    """Whether a frame is at the last step of ``from … import …``, which takes the attribute."""
    from dis import opname

    return opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_FROM"
