"""Settings of tracing, and what holds inside of a block, under the name that other tools give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer._late import load as _load
from tracer._late import load_registered as _load_registered

if TYPE_CHECKING:  # for type checkers and editors; a test compares it with _HOMES
    from tracer._api.configuration import configure as configure
    from tracer._api.configuration import disable as disable
    from tracer._api.configuration import enable as enable
    from tracer._api.configuration import reset as reset
    from tracer._api.scope import context as context
    from tracer._api.tracing import (
        get_tracing_context_headers_for_http_request as get_tracing_context_headers_for_http_request,
    )
    from tracer._api.tracing import (
        set_tracing_context_from_http_request_headers as set_tracing_context_from_http_request_headers,
    )
    from tracer._tracking.experiments import set_destination as set_destination
    from tracer.messages import set_span_chat_messages as set_span_chat_messages
    from tracer.messages import set_span_chat_tools as set_span_chat_tools

# where each name is defined; loaded on first use, as tracer's own names are
_HOMES = {
    "tracer._api.configuration": ("configure", "disable", "enable", "reset"),
    "tracer._api.scope": ("context",),
    "tracer._api.tracing": (
        "get_tracing_context_headers_for_http_request",
        "set_tracing_context_from_http_request_headers",
    ),
    "tracer._tracking.experiments": ("set_destination",),
    "tracer.messages": ("set_span_chat_messages", "set_span_chat_tools"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:
    __all__ = sorted((*_HOME_OF, "disable_notebook_display", "enable_notebook_display"))


def enable_notebook_display() -> None:
    """Show traces, evaluations and versions in notebooks as they are, and below a cell the traces that it made."""
    _load_registered("enable_notebook_display")()


def disable_notebook_display() -> None:
    """Show them as one line of text, and no traces below cells."""
    _load_registered("disable_notebook_display")()


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = _load(_HOME_OF[name], name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
