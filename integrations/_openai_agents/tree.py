"""Hooks of the SDK's traces and spans: as they begin and end, their spans are placed in tracer's tree."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tracer import semconv
from tracer._api.tracing import update_current_trace
from tracer.provider import SpanType, set_failure

from .._values import Arguments
from .calls import reported_call
from .runs import Run, current_run, steps
from .spans import SdkSpan, SdkTrace, describe, error_text, kind_of, name_of

TRACE_ID = "tracer.openai_agents.trace_id"  # id of the trace in OpenAI's dashboard
_CALLS = ("generation", "response")


def trace_starts(arguments: Arguments) -> None:
    """A trace begins: a run's trace is the run's span, a trace that the program opened is a span above its runs."""
    trace: SdkTrace = arguments["self"]
    if steps.get(trace) is not None:
        return
    run = current_run.get()
    if run is not None and run.trace is None and run.step is not None:
        run.trace = trace
        span = run.step.span
    else:
        is_current = bool(arguments.get("mark_as_current"))
        step = steps.start(trace, str(trace.name), span_type=SpanType.WORKFLOW, owner=trace, is_current=is_current)
        if step is None:
            return
        span = step.span
        span.set_attribute(semconv.OPERATION, "invoke_workflow")
    span.set_attribute(TRACE_ID, trace.trace_id)
    with span.attached():
        _describe_trace(trace)


def _describe_trace(trace: SdkTrace) -> None:
    group, metadata = getattr(trace, "group_id", None), getattr(trace, "metadata", None)
    if group or metadata:
        update_current_trace(session_id=group or None, metadata=metadata if isinstance(metadata, Mapping) else None)


def trace_ends(arguments: Arguments) -> None:
    """A trace ends; a run's trace ends with the run."""
    trace: SdkTrace = arguments["self"]
    step = steps.leave(trace)
    if step is not None:
        set_failure(step.span, step.error)
        step.span.end()
        steps.end_all(trace)


def span_starts(arguments: Arguments) -> None:
    """A span begins: a step of the run, or a pending model call."""
    span: SdkSpan = arguments["self"]
    if span.started_at is not None:
        return
    run, is_current = current_run.get(), bool(arguments.get("mark_as_current"))
    owner = run or _current_trace()
    kind = kind_of(span)
    if kind in _CALLS:
        has_content = run is None or run.has_content
        steps.announce(span, lambda: reported_call(span, has_content), owner=owner, is_current=is_current)
    elif kind == "task" and run is not None and run.task is None:
        run.task = span  # the same step as the run's span
    else:
        _start(span, run, owner, is_current)


def _start(span: SdkSpan, run: Run | None, owner: object, is_current: bool) -> None:
    name, span_type, attributes = name_of(span.span_data)
    parent = _named_parent(span)
    step = steps.start(
        span, name, span_type=span_type, owner=owner, parent=parent, attributes=attributes, is_current=is_current
    )
    if step is None:
        return
    if kind_of(span) == "agent" and run is not None:
        run.agent_begins(step)
    elif kind_of(span) == "custom" and span.span_data.data:
        step.span.set_inputs(span.span_data.data)


def _named_parent(span: SdkSpan) -> Any:
    """The explicit parent of a span; None for the current span, which may be one of the user's below the SDK's."""
    current: SdkSpan | None = _current("get_current_span")
    trace = _current_trace()
    if span.parent_id is None:
        is_below_current = trace is not None and trace.trace_id == span.trace_id and current is None
        return None if is_below_current else steps.find("trace_id", span.trace_id)
    return None if current is not None and current.span_id == span.parent_id else steps.find("span_id", span.parent_id)


def _current_trace() -> SdkTrace | None:
    trace: SdkTrace | None = _current("get_current_trace")
    return trace


def _current(name: str) -> Any:
    return getattr(sys.modules["agents.tracing"], name)()


def span_failed(arguments: Arguments) -> None:
    """The SDK sets an error on a span, usually while it handles the exception."""
    step = steps.get(arguments["self"])
    if step is not None:
        step.note_exception()


def span_ends(arguments: Arguments) -> None:
    """A span ends."""
    span: SdkSpan = arguments["self"]
    if span.ended_at is not None:
        return
    steps.end_call(span)
    step = steps.leave(span)
    if step is None:
        return
    run = current_run.get()
    has_content = run is None or run.has_content
    content = describe(span.span_data, step.span.inputs)
    step.span.set_attributes(content.attributes)
    if content.inputs is not None:
        step.span.set_inputs(content.inputs)
    if content.outputs is not None:
        step.span.set_outputs(content.outputs)
    set_failure(step.span, step.error, error_text(span.error), has_content=has_content)
    kind = kind_of(span)
    if kind == "handoff" and span.span_data.to_agent:
        step.span.update_name(f"handoff to {span.span_data.to_agent}")
        if run is not None:
            run.handoff_to = span.span_data.to_agent
    if kind == "agent" and run is not None and step.owner is run:
        run.agent_ends(step)
    else:
        step.span.end()
