"""The providers that exist: those that come with tracer, and those that installed packages add by an entry point."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

from tracer._fault import guard, report
from tracer._late import load_registered
from tracer._other_keywords import NAMES, is_in_from_import

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from tracer.provider import Provider
    from tracer.provider.operation import Operation

ENTRY_POINT_GROUP = "tracer.providers"
BUILT_IN = (
    "anthropic", "bedrock", "claude_agent_sdk", "cohere", "gemini", "groq", "huggingface", "langchain", "litellm",
    "mcp", "mistral", "ollama", "openai", "openai_agents", "together",
)  # fmt: skip


class BrokenProviderError(ImportError):
    """A provider that a package registered cannot be loaded; the cause is the package's exception."""


def names() -> list[str]:
    """The names of all providers, built in and installed."""
    from importlib import metadata  # only here and below: `import tracer` need not pay for it

    return sorted({*BUILT_IN, *(point.name for point in metadata.entry_points(group=ENTRY_POINT_GROUP))})


def find_provider_module(name: str) -> Any:
    """The module or object behind ``tracer.<name>``, built in or registered by a package; None for other names.

    :raises BrokenProviderError: if the provider of the package cannot be loaded.
    """
    if name in BUILT_IN:
        return importlib.import_module(f"tracer.{name}")
    from importlib import metadata

    for point in metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        try:
            return point.load()
        except Exception as error:  # a third party's package may fail in any way
            package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
            raise BrokenProviderError(
                f"its provider {name!r}, of the package {package}, cannot be loaded: {type(error).__name__}: {error}"
            ) from error
    return None


def find_attribute(name: str, others: Sequence[str]) -> Any:
    """The provider behind ``tracer.<name>``, for the module's ``__getattr__``; ``others`` are its other names.

    :raises AttributeError: if there is none, or it cannot be loaded; in ``from tracer import …`` ImportError.
    """
    try:
        module = find_provider_module(name)
    except BrokenProviderError as error:
        raise _no_such_name(name, f"{str(error)[0].upper()}{str(error)[1:]}", sys._getframe(2)) from error.__cause__
    if module is None:
        raise _no_such_name(name, _hint(name, others), sys._getframe(2))
    return module


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


def _hint(name: str, others: Sequence[str]) -> str:
    """The name that may be meant, compared without case and underscores; else the providers."""
    from difflib import get_close_matches

    if name in NAMES:
        return f"{NAMES[name][0].upper()}{NAMES[name][1:]}."
    providers = names()
    known = {_folded(each.rpartition(".")[2]): each for each in (*others, *providers)}
    alike = get_close_matches(_folded(name), known, n=1, cutoff=0.8)
    if alike:
        return f"Did you mean {known[alike[0]]!r}?"
    return (
        f"Its providers are {', '.join(providers)}; tracer.otel.autolog() takes what other frameworks and "
        "instrumentations record with OpenTelemetry, and a package adds a provider by the entry-point group "
        f"{ENTRY_POINT_GROUP!r}, as docs/new-provider.md shows."
    )


def _folded(name: str) -> str:
    return name.replace("_", "").casefold()


def _no_such_name(name: str, hint: str, frame: FrameType) -> AttributeError | ImportError:
    """The error for a name that tracer does not have, in a frame that asks for it.

    Python replaces an AttributeError in ``from tracer import …`` by an ImportError of its own, without these words;
    there it is an ImportError from the start.
    """
    if is_in_from_import(frame):
        return ImportError(f"cannot import name {name!r} from 'tracer'. {hint}", name="tracer")
    # name=None, as Python sets a missing one, prevents "Did you mean: 'openai'?" for 'genai'
    return AttributeError(f"module 'tracer' has no attribute {name!r}. {hint}", name=None, obj=None)


def show_traces_of_cells(*, disable: bool = False) -> None:
    """In a notebook, show below each cell the traces that it makes; never raises."""
    if "ipykernel" in sys.modules:
        with guard("watching the cells of a notebook"):
            load_registered("show_traces_of_cells")(disable=disable)
