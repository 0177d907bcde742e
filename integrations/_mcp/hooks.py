"""Hooks of the SDK: where requests are sent, and where they are answered, in its versions 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlsplit

from tracer import semconv
from tracer._engine.context import running
from tracer._engine.exceptions import ending_of, message_of
from tracer._engine.nonrecording import NonRecordingSpan
from tracer._engine.span import LiveSpan
from tracer._json import JsonObject

from .._values import Arguments, as_dict, server_attributes
from .context import keep_context, parent_in, with_context
from .exchange import Exchange, begin_answering, begin_asking, fields_of, unfinished, waiting

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan

_VERSION_HEADER = "mcp-protocol-version"
_SESSION_HEADER = "mcp-session-id"

# ---- version 2: a dispatcher on either side ----


def request_goes_out(arguments: Arguments) -> Exchange | None:
    """``send_raw_request(method, params, opts)`` of a dispatcher, on either side."""
    method, params = arguments["method"], arguments.get("params") or {}
    options = as_dict(arguments.get("opts"))
    request_id = options.get("request_id") or getattr(arguments["self"], "_next_id", 0) + 1
    headers = as_dict(options.get("headers"))
    exchange = begin_asking(
        method,
        params,
        {semconv.JSONRPC_ID: str(request_id), semconv.MCP_VERSION: headers.get(_VERSION_HEADER)},
    )
    if exchange is None:
        return None
    meta = params.get("_meta")
    meta = meta if isinstance(meta, Mapping) else {}
    exchange.changed = {"params": {**params, "_meta": with_context(meta, exchange.span)}}
    exchange.asks()
    return exchange


class _ContextKept:
    """Puts our place in the trace beside the SDK's, once that is there."""

    def __init__(self, meta: JsonObject) -> None:
        self._meta = meta

    def returned(self, result: object) -> None:
        keep_context(self._meta)

    def raised(self, error: BaseException) -> None:
        """Does nothing: no context was put there."""


def context_is_put(arguments: Arguments) -> _ContextKept | None:
    """``inject_trace_context(meta)``, by which the SDK names its own span as the parent."""
    meta = arguments["meta"]
    return _ContextKept(meta) if isinstance(meta, dict) else None


def request_comes_in(arguments: Arguments) -> Exchange | None:
    """``ServerRunner._on_request(dctx, method, params)``."""
    connection, dispatch = arguments["self"].connection, arguments["dctx"]
    params = arguments.get("params") or {}
    request = getattr(getattr(dispatch, "message_metadata", None), "request_context", None)
    return begin_answering(
        arguments["method"],
        params,
        params.get("_meta"),
        {
            semconv.JSONRPC_ID: str(dispatch.request_id),
            semconv.MCP_VERSION: connection.protocol_version,
            semconv.MCP_SESSION: getattr(connection, "session_id", None) or _header(request, _SESSION_HEADER),
            **_transport(request),
        },
    )


def client_is_asked(arguments: Arguments) -> Exchange | None:
    """``ClientSession.dispatch_input_request(ctx, request)``: the server asks the client."""
    context = arguments["ctx"]
    fields = fields_of(arguments["request"])
    # a question that came in a result has a name, and no request of its own
    attributes = {semconv.JSONRPC_ID: str(context.request_id)} if isinstance(context.request_id, int) else {}
    return begin_answering(str(fields.get("method")), as_dict(fields.get("params")), context.meta, attributes)


class _MoreIsAsked:
    """Places the requests after a call that the server answered by asking for more below that call."""

    def __init__(self, span: AnySpan) -> None:
        self._call = NonRecordingSpan(span.trace_id, span.span_id, sampled=True, ours=True)
        self._call.attach()

    def returned(self, result: object) -> None:
        self._call.detach()

    def raised(self, error: BaseException) -> None:
        self._call.detach()


def more_is_asked(_arguments: Arguments) -> _MoreIsAsked | None:
    """``run_input_required_driver(first, …)``: asks the program, and then the server again."""
    call = unfinished.get()
    return None if call is None else _MoreIsAsked(call)


# ---- version 1: a session on either side, and a responder for each request that came ----


def request_is_sent(arguments: Arguments) -> Exchange | None:
    """``BaseSession.send_request(request, …)``, on either side."""
    request = arguments["request"]
    fields = fields_of(request)
    params = as_dict(fields.get("params"))
    request_id = str(getattr(arguments["self"], "_request_id", ""))
    exchange = begin_asking(str(fields.get("method")), params, {semconv.JSONRPC_ID: request_id or None})
    if exchange is None:
        return None
    exchange.changed = {"request": _with_meta(request, with_context(as_dict(params.get("_meta")), exchange.span))}
    exchange.asks()
    return exchange


def _with_meta(request: Any, meta: JsonObject) -> Any:
    """A copy of a request with another ``_meta``; the request itself where it can have none."""
    root = request.root
    params = root.params
    if params is None:
        kinds = get_args(type(root).model_fields["params"].annotation)
        kind = next((kind for kind in kinds if "meta" in getattr(kind, "model_fields", ())), None)
        if kind is None:
            return request
        params = kind()
    kinds = get_args(type(params).model_fields["meta"].annotation)
    params = params.model_copy(update={"meta": kinds[0](**meta)})
    return type(request)(root.model_copy(update={"params": params}))


_answering: dict[int, Exchange] = {}  # by the id of the responder


def responder_begins(arguments: Arguments) -> None:
    """``RequestResponder.__enter__``, around the work on a request that came."""
    responder = arguments["self"]
    fields = fields_of(responder.request)
    params = as_dict(fields.get("params"))
    request = getattr(getattr(responder, "message_metadata", None), "request_context", None)
    exchange = begin_answering(
        str(fields.get("method")),
        params,
        params.get("_meta"),
        {
            semconv.JSONRPC_ID: str(responder.request_id),
            semconv.MCP_VERSION: _header(request, _VERSION_HEADER),
            semconv.MCP_SESSION: _header(request, _SESSION_HEADER),
            **_transport(request),
        },
    )
    if exchange is not None:
        _answering[id(responder)] = exchange


def responder_answers(arguments: Arguments) -> None:
    """``RequestResponder.respond(response)``."""
    exchange = _answering.get(id(arguments["self"]))
    if exchange is not None:
        exchange.answered(getattr(arguments["response"], "root", arguments["response"]))


def responder_ends(arguments: Arguments) -> None:
    """``RequestResponder.__exit__(exc_type, exc_val, exc_tb)``."""
    responder = arguments["self"]
    exchange = _answering.pop(id(responder), None)
    if exchange is not None:
        exchange.left(arguments.get("exc_val"), is_cancelled=bool(getattr(responder, "cancelled", False)))


# ---- both ----


class _ToolRuns:
    """Gets the exception of a tool's function, of which the result has a text at best."""

    def returned(self, result: object) -> None:
        """The result passes `request_comes_in` too."""

    def raised(self, error: BaseException) -> None:
        span = running()
        if isinstance(span, LiveSpan) and span.get_attribute(semconv.MCP_METHOD) is not None:
            cause = error.__cause__ or error
            if ending_of(cause)[0]:
                span.record_exception(cause, escaped=True)
                span.set_status("ERROR", f"{type(cause).__qualname__}: {message_of(cause)}")


def tool_runs(_arguments: Arguments) -> _ToolRuns:
    """``Tool.run(arguments, …)`` of a server."""
    return _ToolRuns()


def request_is_posted(arguments: Arguments) -> None:
    """``StreamableHTTPTransport._handle_post_request(ctx)``: sets a request's address and session on its span."""
    transport = arguments["self"]
    message = arguments["ctx"].session_message.message
    params = getattr(getattr(message, "root", message), "params", None)
    parent = parent_in(params.get("_meta")) if isinstance(params, dict) else None
    span = waiting.get(parent.span_id) if parent is not None else None
    if span is None:
        return
    url = urlsplit(str(transport.url))
    span.set_attributes(
        {
            semconv.MCP_SESSION: getattr(transport, "session_id", None),
            semconv.NETWORK_TRANSPORT: "tcp",
            **server_attributes(url.scheme, url.hostname, url.port),
        }
    )


def _header(request: Any, name: str) -> str | None:
    headers = getattr(request, "headers", None)
    return headers.get(name) if isinstance(headers, Mapping) else None


def _transport(request: object) -> JsonObject:
    return {semconv.NETWORK_TRANSPORT: "tcp"} if getattr(request, "headers", None) is not None else {}
