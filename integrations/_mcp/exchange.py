"""One request between a client and a server, from either side: its span."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context, ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING, Any

from tracer import semconv
from tracer._engine.context import restore, running, suppressed
from tracer._engine.propagation import ANSWERS, ASKS
from tracer._engine.runtime import runtime
from tracer._engine.span import LiveSpan
from tracer._json import JsonMapping, JsonObject

from .._values import as_dict
from .context import parent_in, sending
from .methods import (
    ONLY_WITHIN,
    TOOL_ERROR,
    attributes_of,
    failure_of,
    inputs_of,
    is_recorded,
    name_of,
    outputs_of,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracer._engine.context import AnySpan

# requests of this process that have no answer yet, by the id of their span
waiting: dict[str, AnySpan] = {}
# the call that the server has just answered here by asking for more; the next requests belong below it
unfinished: ContextVar[AnySpan | None] = ContextVar("tracer_mcp_unfinished", default=None)


class Exchange:
    """A request that is being asked or answered; as a hook's end it gets the end of the SDK's method."""

    __slots__ = ("_method", "_token", "changed", "span")

    def __init__(self, method: str, span: AnySpan) -> None:
        self.changed: Mapping[str, object] = {}
        self.span = span
        self._method = method
        self._token: Token[AnySpan | None] | None = None

    def asks(self) -> None:
        """The request is sent next."""
        self.span.attach()
        waiting[self.span.span_id] = self.span
        self._token = sending.set(self.span)

    def answers(self) -> Exchange:
        """The work on the request begins next."""
        self.span.attach()
        return self

    def returned(self, result: Any) -> None:
        """The answer has come, or is given."""
        self.answered(result)
        self._leave()
        self.span.end()

    def raised(self, error: BaseException) -> None:
        """The SDK raised instead: the other side's error, a timeout, a cancellation, …"""
        self.failed(error)
        self._leave()
        self.span.end()

    def left(self, error: BaseException | None, *, is_cancelled: bool) -> None:
        """The work on a request is over, after `answered` or without an answer."""
        self._leave()
        if error is not None:
            self.failed(error)
        elif is_cancelled:
            self.span.set_attribute(semconv.INCOMPLETE, "cancelled")
        self.span.end()

    def _leave(self) -> None:
        self.span.detach()
        token, self._token = self._token, None
        if token is not None:
            waiting.pop(self.span.span_id, None)
            restore(sending, token, self.span)

    def answered(self, result: object) -> None:
        """Record an answer, which may be an error."""
        fields = fields_of(result)
        if hasattr(result, "code"):  # the SDK's ErrorData
            self._set_code(fields.get("code"), fields.get("message"))
            return
        self.span.set_outputs(outputs_of(self._method, fields))
        if self._token is not None:
            unfinished.set(self.span if fields.get("resultType") == "input_required" else None)
        words = failure_of(self._method, fields)
        if words is not None:
            self.span.set_attribute(semconv.ERROR_TYPE, TOOL_ERROR)
            if self.span.status.status_code.name != "ERROR":  # a tool of this process: its own exception
                self.span.set_status("ERROR", words or None)

    def failed(self, error: BaseException) -> None:
        """Record an exception."""
        self.span.set_error(error)
        details = getattr(error, "error", None)
        if details is not None and hasattr(details, "code"):
            self._set_code(details.code, getattr(details, "message", None))

    def _set_code(self, code: object, message: object) -> None:
        self.span.set_attributes({semconv.ERROR_TYPE: str(code), semconv.RPC_STATUS: str(code)})
        self.span.set_status("ERROR", str(message or code))


def begin_asking(method: str, params: JsonMapping, attributes: JsonMapping) -> Exchange | None:
    """A request that this process sends; None where nothing is recorded."""
    if not _is_wanted(method):
        return None
    parent = _around()
    if parent is None and method in ONLY_WITHIN:
        return None
    return _begin(method, params, attributes, ASKS, parent)


def begin_answering(method: str, params: JsonMapping, meta: object, attributes: JsonMapping) -> Exchange | None:
    """A request that this process answers, below the span that asked; None where nothing is recorded."""
    if not _is_wanted(method):
        return None
    parent: AnySpan | None = parent_in(meta)
    if parent is not None:
        parent = waiting.get(parent.span_id, parent)  # asked in this process: an open span
    elif method in ONLY_WITHIN:
        return None
    else:
        parent = _around()
        if isinstance(parent, LiveSpan) and not parent.is_recording():
            parent = None  # a session's task keeps the context of the first request that it served
    return _begin(method, params, attributes, ANSWERS, parent).answers()


def _is_wanted(method: str) -> bool:
    return is_recorded(method) and runtime().recorder.recording and not suppressed.get()


def _around() -> AnySpan | None:
    recorder = runtime().recorder
    return recorder.shared_parent() if recorder.otel.shares_context else running()


def _begin(
    method: str, params: JsonMapping, attributes: JsonMapping, otel_kind: Any, parent: AnySpan | None
) -> Exchange:
    start: Callable[..., AnySpan] = runtime().recorder.start_span
    if parent is None:
        start = partial(Context().run, start)
    span = start(
        name_of(method, params),
        span_type=type_of(method),
        attributes={**attributes_of(method, params), **attributes},
        otel_kind=otel_kind,
        parent=parent,
        scope="tracer.mcp",
    )
    span.set_inputs(inputs_of(method, params))
    return Exchange(method, span)


def fields_of(value: Any) -> JsonObject:
    """A request, its parameters or a result of the SDK as it is sent."""
    value = getattr(value, "root", value)
    if hasattr(value, "model_dump"):
        value = value.model_dump(by_alias=True, mode="json", exclude_none=True)
    return as_dict(value)
