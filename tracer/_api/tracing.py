"""The everyday API: decorate a function, open a span, get the current one, update the trace."""

from __future__ import annotations

import contextvars
import functools
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from tracer._encoding.shown import shown_text
from tracer._encoding.text import text_of
from tracer._engine.context import running
from tracer._engine.contextual import Context, in_context
from tracer._engine.decorator import block_maker, traced
from tracer._engine.nonrecording import NonRecordingSpan
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._engine.step import Step, code_attributes
from tracer._fault import guard, log_once
from tracer._json import JsonMapping, JsonObject
from tracer._other_keywords import OF_SPANS, refuse, takes_also
from tracer._records.other_keys import METADATA
from tracer.config import MAX_VALUE_BYTES
from tracer.errors import InvalidArgumentError, check_flags
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

F = TypeVar("F", bound=Callable[..., Any])

# MLflow's metadata keys for values that are fields here
_MOVED = {key for key, field in METADATA.items() if field in ("session_id", "user")}
_NO_TRACE = "0" * 32
_STATES = ("OK", "ERROR", "IN_PROGRESS")


@overload
def trace(func: F) -> F: ...
@overload
def trace(
    func: None = None,
    name: str | None = None,
    span_type: str = SpanType.UNKNOWN,
    attributes: JsonMapping | None = None,
    output_reducer: Callable[[list[Any]], Any] | None = None,
    *,
    capture_inputs: bool = True,
    capture_outputs: bool = True,
) -> Callable[[F], F]: ...
@takes_also(OF_SPANS)
def trace(
    func: Any = None,
    name: str | None = None,
    span_type: str = SpanType.UNKNOWN,
    attributes: JsonMapping | None = None,
    output_reducer: Callable[[list[Any]], Any] | None = None,
    *,
    capture_inputs: bool = True,
    capture_outputs: bool = True,
) -> Any:
    """Record each call of a function as a span, with its arguments, its result and its exception.

    Takes functions, methods, static- and classmethods (above or below their decorator), coroutines, generators, async
    generators, partials and callable objects. The output of a generator is the list of its items, or the result of
    ``output_reducer`` for that list.
    """
    if isinstance(func, str):
        raise InvalidArgumentError(
            f"trace: got {func!r} as the function. Name the span by keyword: @trace(name={func!r})."
        )
    _check_span(name if name is not None else "span", span_type, attributes)
    check_flags(capture_inputs=capture_inputs, capture_outputs=capture_outputs)
    if output_reducer is not None and not callable(output_reducer):
        raise InvalidArgumentError(
            f"output_reducer: got {output_reducer!r}, expected a function that takes the list of items."
        )

    def decorate(function: Any) -> Any:
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(decorate(function.__func__))
        if isinstance(function, property):
            fget, fset, fdel = (part and decorate(part) for part in (function.fget, function.fset, function.fdel))
            return property(fget, fset, fdel, function.__doc__)
        if (make_block := block_maker(function)) is not None:
            return make_block(decorate(function.__wrapped__))
        if isinstance(function, type) or not callable(function):
            raise InvalidArgumentError(
                f"trace: got {function!r}, expected a function, a method or a callable object. "
                "To trace a class, decorate its methods."
            )
        return traced(
            Step(
                function,
                name if name is not None else _name_of(function),
                str(span_type),
                {**code_attributes(function), **(attributes or {})},
                output_reducer,
                capture_inputs,
                capture_outputs,
            )
        )

    return decorate if func is None else decorate(func)


def _name_of(function: object) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _check_span(name: object, span_type: object, attributes: object) -> None:
    if not isinstance(name, str):
        raise InvalidArgumentError(f"name: got {name!r}, expected a string.")
    if not isinstance(span_type, str):
        raise InvalidArgumentError(
            f"span_type: got {span_type!r}, expected a SpanType such as SpanType.TOOL, or any string."
        )
    if attributes is not None and not isinstance(attributes, Mapping):
        raise InvalidArgumentError(f"attributes: got {attributes!r}, expected a dict such as {{'key': 'value'}}.")


class start_span:
    """Record the block below as a span: ``with start_span("retrieve", span_type="RETRIEVER") as span: …``"""

    __slots__ = ("__weakref__", "_attributes", "_name", "_span", "_span_type")

    def __init__(
        self,
        name: str = "span",
        span_type: str = SpanType.UNKNOWN,
        attributes: JsonMapping | None = None,
        **other_keywords: NoReturn,
    ) -> None:
        if other_keywords:
            refuse("start_span", other_keywords, OF_SPANS)
        if type(name) is not str or type(span_type) is not str or attributes is not None:
            _check_span(name, span_type, attributes)
        self._name = name
        self._span_type = span_type
        self._attributes = attributes
        self._span: AnySpan | None = None

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"'start_span' object has no attribute {name!r}")
        raise AttributeError(
            f"start_span(…) has no {name!r}: the span is what its block gets; write "
            f"`with tracer.start_span({self._name!r}) as span: …`, or start_span_no_context(…), which you end yourself"
        )

    def __enter__(self) -> LiveSpan:
        span = runtime().recorder.start_span(self._name, span_type=self._span_type, attributes=self._attributes)
        try:
            self._span = span
            span.block = weakref.ref(self)
            span.attach()
        except BaseException as error:  # Ctrl-C: no __exit__ follows
            span.detach()
            span.end_with_error(error)
            raise
        return span  # type: ignore[return-value]  # a NonRecordingSpan takes the same calls

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        span = self._span
        if span is None:
            return
        try:
            span.detach()
            if error is None:
                span.end()
            else:
                span.end_with_error(error)
            span.block = None  # a context that was copied in the block may live on
        except BaseException as interruption:
            span.detach()
            span.end_with_error(interruption)
            raise


@takes_also({name: OF_SPANS[name] for name in ("description", "links", "log_level")})
def start_span_no_context(
    name: str,
    span_type: str = SpanType.UNKNOWN,
    parent_span: AnySpan | None = None,
    inputs: object = None,
    attributes: JsonMapping | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    experiment_id: str | None = None,
    start_time_ns: int | None = None,
) -> LiveSpan:
    """A span that you end yourself with ``span.end()``; it is the root of a new trace unless ``parent_span`` is given.

    It does not become the current span. ``tags``, ``metadata`` and ``experiment_id`` (an id or a name) are its trace's.
    ``start_time_ns`` is in ns since the epoch.
    """
    _check_span(name, span_type, attributes)
    if parent_span is not None and not isinstance(parent_span, (LiveSpan, NonRecordingSpan)):
        raise InvalidArgumentError(
            f"parent_span: got {parent_span!r}, expected a span that start_span or start_span_no_context gave."
        )
    about_trace = trace_updates({}, tags, metadata)
    if experiment_id is not None:
        from tracer._tracking.experiments import experiment_name

        about_trace["experiment"] = experiment_name(experiment_id)
    recorder = runtime().recorder
    arguments: JsonObject = {"span_type": span_type, "attributes": attributes, "start_time_ns": start_time_ns}
    if parent_span is None:
        span = contextvars.Context().run(recorder.start_span, name, **arguments)
    else:
        span = recorder.start_span(name, parent=parent_span, **arguments)
    if inputs is not None:
        span.set_inputs(inputs)
    if about_trace and isinstance(span, LiveSpan):
        _append(span, **about_trace)
    return span  # type: ignore[return-value]


def get_current_active_span() -> LiveSpan | None:
    """The span that the running code is in, or None."""
    span = running()
    return span if isinstance(span, LiveSpan) else None


def get_active_trace_id() -> str | None:
    """The id of the trace that the running code is in, or None."""
    span = running()
    return None if span is None or span.trace_id == _NO_TRACE else span.trace_id


def get_last_active_trace_id(thread_local: bool = False) -> str | None:
    """The id of the trace that ended last in this process (``thread_local=True``: in this thread); None if none did."""
    return runtime().recorder.last_trace_id(thread_local)


def update_current_trace(
    tags: JsonMapping | None = None,
    *,
    metadata: JsonMapping | None = None,
    session_id: str | None = None,
    user: str | None = None,
    model_id: str | None = None,
    state: str | None = None,
    client_request_id: str | None = None,
    request_preview: str | None = None,
    response_preview: str | None = None,
) -> None:
    """Update the trace that the running code is in; only the given fields change.

    ``state`` is "OK" or "ERROR" and wins over the root span's status. Values of tags and metadata become strings.
    """
    if state is not None and str(state) not in _STATES:
        raise InvalidArgumentError(f"state: got {state!r}, expected one of {', '.join(_STATES)}.")
    texts = {
        "session_id": session_id,
        "user": user,
        "model_id": model_id,
        "state": state,
        "client_request_id": client_request_id,
        "request_preview": request_preview,
        "response_preview": response_preview,
    }
    updates = trace_updates(texts, tags, metadata)
    span = running()
    if isinstance(span, LiveSpan):
        _append(span, **updates)
    elif span is None and runtime().recorder.recording:
        log_once("no trace", "tracer: update_current_trace was called outside of a trace and did nothing")


def trace_updates(
    texts: Mapping[str, object], tags: JsonMapping | None, metadata: JsonMapping | None
) -> dict[str, object]:
    """The fields of a trace record from the given arguments; raises InvalidArgumentError."""
    updates: dict[str, object] = {key: _text(key, value) for key, value in texts.items() if value is not None}
    if tags:
        updates["tags"] = _texts("tags", tags)
    if metadata:
        texts_of_metadata = _texts("metadata", metadata)
        for key in _MOVED & texts_of_metadata.keys():
            updates.setdefault(METADATA[key], texts_of_metadata.pop(key))
        if texts_of_metadata:
            updates["metadata"] = texts_of_metadata
    return updates


def _append(span: LiveSpan, **updates: object) -> None:
    runtime().recorder.append({"kind": "trace", "trace_id": span.trace_id, "time": time.time_ns(), **updates})


def _text(name: str, value: object) -> str:
    if isinstance(value, (Mapping, list, tuple, set, bytes)):
        raise InvalidArgumentError(f"{name}: got {value!r}, expected a string.")
    return text_of(value)  # a UUID, a number, an enum


def _texts(name: str, values: object) -> dict[str, str | None]:
    if not isinstance(values, Mapping):
        raise InvalidArgumentError(f"{name}: got {values!r}, expected a dict such as {{'team': 'search'}}.")
    return {
        text_of(key): None if value is None else shown_text(value, MAX_VALUE_BYTES) for key, value in values.items()
    }


def wrap_context(function: F) -> F:
    """The function, bound to a copy of this context: in another thread its spans are children of the current one.

    ``executor.submit(tracer.wrap_context(work), item)``; it may run in many threads at once. A coroutine function stays
    one, and so does a generator function: their steps run in the context. It can be pickled like a traced function: in
    another process its spans are children of the same span, and all else of the context is that process's own.
    """
    if not callable(function):
        raise InvalidArgumentError(f"wrap_context: got {function!r}, expected a function.")
    bound: F = in_context(function, Context(contextvars.copy_context()))
    return bound


def get_tracing_context_headers_for_http_request() -> dict[str, str]:
    """HTTP headers (W3C ``traceparent``) for a process that continues this trace; empty outside of a trace."""
    span = running()
    if span is None or not int(span.span_id, 16):
        log_once("no trace for headers", "tracer: there is no active trace, so there are no context headers to send")
        return {}
    with guard("making context headers"):
        from tracer._engine.propagation import headers_of

        return headers_of(span)
    return {}


class set_tracing_context_from_http_request_headers:
    """Inside the block, spans continue the trace of the request's headers.

    ``with set_tracing_context_from_http_request_headers(request.headers): …``; headers without a valid ``traceparent``
    change nothing.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        if not hasattr(headers, "items"):
            raise InvalidArgumentError(f"headers: got {headers!r}, expected the request's headers as a mapping.")
        self._headers = headers
        self._parent: NonRecordingSpan | None = None
        self._otel_token: object = None

    def __enter__(self) -> None:
        with guard("reading context headers"):
            self._attach()

    def _attach(self) -> None:
        from tracer._engine.propagation import remote_parent

        self._parent = remote_parent(self._headers)
        if self._parent is None:
            return
        self._parent.attach()
        self._otel_token = runtime().otel.attach(self._parent)

    def __exit__(self, *_: object) -> None:
        if self._otel_token is not None:
            runtime().otel.detach(self._otel_token)
        if self._parent is not None:
            self._parent.detach()
