"""Tracing of the OpenAI Agents SDK: runs, agents, turns, tools, handoffs, guardrails and model calls."""

from __future__ import annotations

from tracer.provider import Hook, Provider, autolog_of

from ._openai_agents.runs import run_begins, run_streamed_begins
from ._openai_agents.tree import span_ends, span_failed, span_starts, trace_ends, trace_starts

__all__ = ["autolog", "provider"]

# Not a TracingProcessor: a program that sets its own processors removes ours, and a processor is not given
# ``mark_as_current``. Every trace and span of the SDK passes these methods.
provider = Provider(
    name="openai_agents",
    module="agents",
    distribution="openai-agents",
    shown_by="agents.tracing",
    supported="0.2.8 to 0.24.x",
    hooks=(
        Hook("agents.run:AgentRunner.run", run_begins, parameters=("starting_agent", "input")),
        Hook("agents.run:AgentRunner.run_streamed", run_streamed_begins, parameters=("starting_agent", "input")),
        Hook("agents.tracing.traces:TraceImpl.start", trace_starts, parameters=("mark_as_current",)),
        Hook("agents.tracing.traces:TraceImpl.finish", trace_ends),
        Hook("agents.tracing.spans:SpanImpl.start", span_starts, parameters=("mark_as_current",)),
        Hook("agents.tracing.spans:SpanImpl.set_error", span_failed),
        Hook("agents.tracing.spans:SpanImpl.finish", span_ends),
    ),
)


@autolog_of("agents")
def autolog(*, disable: bool = False) -> None:
    """Record every run of the OpenAI Agents SDK as one tree, as `tracer.openai.autolog()` does too.

    May be called before or after ``import agents``, and any number of times. What the SDK sends to OpenAI, and the
    processors that the program has added, stay as they are. ``disable=True`` puts the SDK back as it was.
    """
    provider.autolog(disable=disable)
