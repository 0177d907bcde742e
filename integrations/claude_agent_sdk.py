"""Tracing of the Claude Agent SDK: turns, model calls, tools and subagents of ``query()`` and ``ClaudeSDKClient``."""

from __future__ import annotations

from tracer.provider import Hook, Provider, autolog_of

from ._claude_agent_sdk.taps import conversation_begins, conversation_ends, process_starts, request_begins, tool_begins

__all__ = ["autolog", "provider"]

_QUERY = "claude_agent_sdk._internal.query:Query"

provider = Provider(
    name="claude_agent_sdk",
    module="claude_agent_sdk",
    distribution="claude-agent-sdk",
    shown_by="claude_agent_sdk._internal.query",
    supported="0.1.33 to 0.2.x",
    covers=("openinference.instrumentation.claude_agent_sdk",),
    hooks=(
        Hook(f"{_QUERY}.start", conversation_begins),
        Hook(f"{_QUERY}._handle_control_request", request_begins, parameters=("request",)),
        Hook(f"{_QUERY}.close", conversation_ends),
        Hook(
            "claude_agent_sdk._internal.transport.subprocess_cli:SubprocessCLITransport.connect",
            process_starts,
        ),
        # the mcp package before its version 2 runs tools in a context that is not that of the request
        Hook("mcp.server.lowlevel.server:Server._handle_request", tool_begins, parameters=("req",), is_optional=True),
    ),
)


@autolog_of("claude_agent_sdk")
def autolog(*, disable: bool = False) -> None:
    """Record each turn of the Claude Agent SDK as one tree: the agent, its model calls, tools and subagents.

    May be called before or after ``import claude_agent_sdk``, and any number of times; a client that is connected
    already is not recorded. Options, hooks and permission callbacks stay as they are, and the process is started as
    ever. ``disable=True`` puts the SDK back as it was.
    """
    provider.autolog(disable=disable)
