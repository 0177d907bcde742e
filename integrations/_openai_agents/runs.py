"""Runs of the Agents SDK, from call to result: the root span of each tree, with the run's input and output."""

from __future__ import annotations

import os
import sys
import time
from asyncio import CancelledError
from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Any

from tracer import semconv
from tracer._engine.context import restore
from tracer._json import JsonObject
from tracer.provider import FrameworkSpans, SpanType, Step, set_failure

from .._values import Arguments
from .spans import SdkSpan, SdkTrace

steps = FrameworkSpans("tracer.openai_agents")
current_run: ContextVar[Run | None] = ContextVar("tracer_openai_agents_run", default=None)

DEFAULT_NAME = "Agent workflow"
_INCLUDE_CONTENT = "OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA"
_YES = ("1", "true", "yes", "on")


class Run:
    """A run in progress; as a hook's end it is called when the SDK's method ends."""

    def __init__(self, agent: object, run_input: object, config: object) -> None:
        self.has_content = _includes_content(config)
        self.input = getattr(run_input, "_original_input", run_input) if self.has_content else None
        self.task: SdkSpan | None = None  # the SDK's own span of the run
        self.trace: SdkTrace | None = None  # the SDK's trace, if the run has created it
        self.handoff_to: str | None = None
        self._last_agent: tuple[Step, int] | None = None
        self._token: Token[Run | None] | None = None
        self.step = steps.start(
            self,
            str(_setting(config, "workflow_name") or DEFAULT_NAME),
            span_type=SpanType.WORKFLOW,
            attributes={semconv.OPERATION: "invoke_workflow", semconv.AGENT_NAME: getattr(agent, "name", None)},
        )
        if self.step is not None:
            self._token = current_run.set(self)
            if self.input is not None:
                self.step.span.set_inputs(self.input)

    # ---- its agents ----

    def agent_begins(self, step: Step) -> None:
        """An agent begins; the first one has the run's input as its own."""
        self._end_last_agent()
        if self.handoff_to is None and self.input is not None:
            step.span.set_inputs(self.input)
            self.input = None
        self.handoff_to = None

    def agent_ends(self, step: Step) -> None:
        """An agent ends; its span stays open for its outputs: the handoff, or the result of the run."""
        self._end_last_agent()
        self._last_agent = step, time.time_ns()

    def _end_last_agent(self, outputs: object = None, error: BaseException | None = None) -> None:
        if self._last_agent is None:
            return
        (step, ended_at), self._last_agent = self._last_agent, None
        span = step.span
        if self.handoff_to is not None:
            outputs = {"handoff": self.handoff_to}
        if span.status.status_code.name == "ERROR" and span.get_attribute(semconv.ERROR_TYPE) is None:
            set_failure(span, error, has_content=self.has_content)  # the SDK has reported it without an exception
        span.end(ended_at, outputs=outputs)

    # ---- its end ----

    def returned(self, result: object) -> None:
        """The run has ended."""
        self.leave()
        self.end(outputs=self._outputs(result))

    def raised(self, error: BaseException) -> None:
        """The run failed."""
        self.leave()
        self.end(error)

    def leave(self) -> None:
        """Make the caller's run and span current again."""
        token, self._token = self._token, None
        if token is not None:
            restore(current_run, token, self)
        if self.step is not None:
            self.step.span.detach()

    def end(self, error: BaseException | None = None, *, outputs: object = None) -> None:
        """End the run's span, and the steps below it that the SDK has left open."""
        if steps.leave(self) is None or self.step is None:
            return
        self._end_last_agent(outputs, error)
        steps.end_all(self)
        set_failure(self.step.span, error, has_content=self.has_content)
        self.step.span.end(outputs=outputs)

    def _outputs(self, result: object) -> object:
        if not self.has_content:
            return None
        interruptions = getattr(result, "interruptions", None)
        if interruptions:
            return {"interruptions": [_approval(item) for item in interruptions]}
        return getattr(result, "final_output", None)


class StreamedRun(Run):
    """A run whose result is streamed: it continues in a task of its own after the SDK's method has returned."""

    def returned(self, result: object) -> None:
        """The run has started."""
        self.leave()
        task = getattr(result, "run_loop_task", None) or getattr(result, "_run_impl_task", None)
        if task is None:
            self.end()
            return
        task.add_done_callback(lambda done: self._done(done, result))

    def _done(self, task: Any, result: Any) -> None:
        try:
            # not task.exception(): asyncio would then not log that the exception was never retrieved
            error = getattr(task, "_exception", None) or getattr(result, "_stored_exception", None)
            error = error or _max_turns_error(result)
            if error is None and task.cancelled():
                error = CancelledError()
            self.end(error, outputs=None if error is not None else self._outputs(result))
        finally:
            self.step = None


def _max_turns_error(result: Any) -> BaseException | None:
    """The exception that the SDK will raise when the stream is read."""
    turn, limit = getattr(result, "current_turn", None), getattr(result, "max_turns", None)
    if not isinstance(turn, int) or not isinstance(limit, int) or turn <= limit or result.final_output is not None:
        return None
    error: BaseException = sys.modules["agents"].MaxTurnsExceeded(f"Max turns ({limit}) exceeded")
    return error


def run_begins(arguments: Arguments) -> Run | None:
    """Begin a run: the hook of ``AgentRunner.run``."""
    return _begin(Run, arguments)


def run_streamed_begins(arguments: Arguments) -> Run | None:
    """Begin a streamed run: the hook of ``AgentRunner.run_streamed``."""
    return _begin(StreamedRun, arguments)


def _begin(kind: type[Run], arguments: Arguments) -> Run | None:
    run = kind(arguments.get("starting_agent"), arguments.get("input"), arguments.get("run_config"))
    return run if run.step is not None else None


def _setting(config: object, name: str) -> object:
    return config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)


def _includes_content(config: object) -> bool:
    given = _setting(config, "trace_include_sensitive_data")
    return given if isinstance(given, bool) else os.environ.get(_INCLUDE_CONTENT, "true").strip().lower() in _YES


def _approval(item: object) -> JsonObject:
    call = getattr(item, "raw_item", None)
    return {"tool": getattr(call, "name", None), "arguments": getattr(call, "arguments", None)}
