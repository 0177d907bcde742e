"""Tracing of the Model Context Protocol: what clients and servers ask each other through its official SDK."""

from __future__ import annotations

from tracer.provider import Hook, Provider, autolog_of

from ._mcp.hooks import (
    client_is_asked,
    context_is_put,
    more_is_asked,
    request_comes_in,
    request_goes_out,
    request_is_posted,
    request_is_sent,
    responder_answers,
    responder_begins,
    responder_ends,
    tool_runs,
)

__all__ = ["autolog", "provider"]


def _part(module: str, *hooks: Hook) -> Provider:
    return Provider(
        name="mcp",
        module=module,
        distribution="mcp",
        supported="1.22.0 to 2.x",
        hooks=hooks,
        covers=("mcp-python-sdk", "fastmcp"),  # the spans that version 2 and FastMCP make with OpenTelemetry
    )


# One for each module of the SDK, as a client need not load the server; versions 1 and 2 have different ones.
_RESPONDER = "mcp.shared.session:RequestResponder"
provider = _part(
    "mcp.shared.jsonrpc_dispatcher",
    Hook(
        "mcp.shared.jsonrpc_dispatcher:JSONRPCDispatcher.send_raw_request",
        request_goes_out,
        parameters=("method", "params", "opts"),
    ),
)
_parts = (
    provider,
    _part("mcp.shared._otel", Hook("mcp.shared._otel:inject_trace_context", context_is_put, parameters=("meta",))),
    _part(
        "mcp.shared.direct_dispatcher",
        Hook(
            "mcp.shared.direct_dispatcher:DirectDispatcher.send_raw_request",
            request_goes_out,
            parameters=("method", "params", "opts"),
        ),
    ),
    _part(
        "mcp.server.runner",
        Hook("mcp.server.runner:ServerRunner._on_request", request_comes_in, parameters=("dctx", "method", "params")),
    ),
    _part(
        "mcp.client._input_required",
        Hook("mcp.client.session:ClientSession.dispatch_input_request", client_is_asked, parameters=("ctx", "request")),
        Hook("mcp.client._input_required:run_input_required_driver", more_is_asked),
    ),
    _part(
        "mcp.shared.session",
        Hook("mcp.shared.session:BaseSession.send_request", request_is_sent, parameters=("request",)),
        Hook(f"{_RESPONDER}.__enter__", responder_begins),
        Hook(f"{_RESPONDER}.respond", responder_answers, parameters=("response",)),
        Hook(f"{_RESPONDER}.__exit__", responder_ends, parameters=("exc_val",)),
    ),
    _part(
        "mcp.client.streamable_http",
        Hook(
            "mcp.client.streamable_http:StreamableHTTPTransport._handle_post_request",
            request_is_posted,
            parameters=("ctx",),
        ),
    ),
    *(
        _part(module, Hook(f"{module}:{kind}.run", tool_runs))
        for module, kind in (
            ("mcp.server.mcpserver.tools.base", "Tool"),
            ("mcp.server.fastmcp.tools.base", "Tool"),
            ("fastmcp.tools.function_tool", "FunctionTool"),
        )
    ),
)


@autolog_of("mcp", "fastmcp")
def autolog(*, disable: bool = False) -> None:
    """Record what this process asks and answers through the SDK of MCP, FastMCP's clients and servers too.

    Tools, resources and prompts become steps, on both sides in one trace. May be called before or after
    ``import mcp``, and any number of times. ``disable=True`` puts the SDK back as it was.
    """
    for part in _parts:
        part.autolog(disable=disable)
