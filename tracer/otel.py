"""The bridge to OpenTelemetry: all spans made with it in this process are recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry import _logs
from opentelemetry import trace as _trace

from tracer._engine.bridge import Bridge
from tracer._engine.runtime import runtime
from tracer._fault import guard
from tracer.errors import InvalidArgumentError, check_flags
from tracer.provider.installed import show_traces_of_cells
from tracer.provider.patch import DoorMovedError, Patch

__all__ = ["autolog"]

_lock = threading.RLock()
_bridge = Bridge(runtime().recorder)


def autolog(provider: Any = None, *, disable: bool = False) -> None:
    """Record every span that this program, its frameworks and instrumentations make with OpenTelemetry.

    They and tracer's own make one tree, and are read as the instrumentation meant them (messages, tools, model,
    tokens, costs); log records that belong to them, such as the messages of a model's call, become part of them.
    Nothing is sent anywhere: no exporter and no server are needed, and those of the program get the same as before.
    The global providers are watched, also those that are set later; a program that never sets one gets its spans
    recorded, too.

    :param provider: a TracerProvider, or a LoggerProvider, that is not the global one, to be watched as well.
    :param disable: record no more of them.
    :raises InvalidArgumentError: if the provider takes no span processors, or ``disable`` is no flag.
    """
    check_flags(disable=disable)
    if provider is not None and not any(hasattr(provider, name) for name in _TAKES_PROCESSORS):
        raise InvalidArgumentError(
            f"provider is {provider!r:.200}, expected a TracerProvider of OpenTelemetry's SDK, which has "
            "add_span_processor(). Give none for the global provider."
        )
    with _lock:
        if disable:
            _bridge.close()
            for patch in _patches:
                patch.remove()
            return
        _bridge.open()
        for patch in _patches:
            with guard("watching OpenTelemetry's global provider"):
                try:
                    patch.install()
                except DoorMovedError:  # no such private place in this version: the provider set by now is watched
                    continue
        if provider is not None:
            _bridge.watch(provider)
            _bridge.logs.watch(provider)
        else:
            _watch_global()
    show_traces_of_cells()


def is_on() -> bool:
    """Whether `autolog` records."""
    return bool(_bridge.is_open)


def _watch_global() -> None:
    with guard("watching OpenTelemetry's global provider"):
        _bridge.watch(_trace.get_tracer_provider())
        _bridge.logs.watch(_logs.get_logger_provider())


def _watching(original: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
    """A function that sets the global provider, which is watched from then on."""

    def set_and_watch(*args: object, **kwargs: object) -> object:
        result = original(*args, **kwargs)
        if patch.active:
            _watch_global()
        return result

    return set_and_watch


def _own_tracer(tracer: Any, patch: Patch) -> Any:
    """Our tracer in the place of one whose spans are none until a global provider is set; else None."""
    if patch.active:
        with guard("making OpenTelemetry's span"):
            if isinstance(tracer._tracer, _trace.NoOpTracer):
                name, version = tracer._instrumenting_module_name, tracer._instrumenting_library_version
                return _bridge.own_provider().get_tracer(name, version)
    return None


def _starting(original: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
    def start_span(tracer: Any, *args: object, **kwargs: object) -> object:
        own = _own_tracer(tracer, patch)
        return original(tracer, *args, **kwargs) if own is None else own.start_span(*args, **kwargs)

    return start_span


def _starting_current(original: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
    """The same for the generator within a context manager."""

    def start_as_current_span(tracer: Any, *args: object, **kwargs: object) -> Iterator[object]:
        own = _own_tracer(tracer, patch)
        if own is None:
            yield from original(tracer, *args, **kwargs)
        else:
            with own.start_as_current_span(*args, **kwargs) as span:
                yield span

    return start_as_current_span


def _reading(original: Callable[..., Any], patch: Patch) -> Callable[..., Any]:
    """A function that makes a log record, received by us alone while no global provider is set."""

    def emit(logger: Any, record: Any = None, *args: object, **fields: Any) -> object:
        result = original(logger, record, *args, **fields)
        if patch.active:
            with guard("reading OpenTelemetry's log record"):
                if logger._logger is logger._noop_logger:
                    made = _logs.LogRecord(**fields) if record is None else record
                    _bridge.logs.read(made, logger._name)
        return result

    return emit


_TAKES_PROCESSORS = ("add_span_processor", "add_log_record_processor")
_patches = [
    Patch("opentelemetry.trace:_set_tracer_provider", _watching, parameters=("tracer_provider",)),
    Patch("opentelemetry._logs._internal:_set_logger_provider", _watching, parameters=("logger_provider",)),
    Patch("opentelemetry._logs._internal:ProxyLogger.emit", _reading),
    Patch("opentelemetry.trace:ProxyTracer.start_span", _starting),
    Patch("opentelemetry.trace:ProxyTracer.start_as_current_span", _starting_current),
]
