"""The conversation with one Claude Code process: the turns that the messages in both directions make."""

from __future__ import annotations

import contextvars
import os
from asyncio import CancelledError
from collections import deque
from collections.abc import Mapping
from typing import Any

from tracer import semconv
from tracer._api.tracing import update_current_trace
from tracer._fault import guard
from tracer._json import JsonObject, loads
from tracer.provider import SpanType, Step, set_failure

from .._values import as_dict, as_dicts, as_text, given
from .accounts import Accounts
from .steps import NAME, Agent, end_tool, start_agent, start_tool, steps

AGENT_TOOLS = "tracer.agent.tools"
TURNS = "tracer.agent.turns"
_CLOUDS = {"CLAUDE_CODE_USE_BEDROCK": "aws.bedrock", "CLAUDE_CODE_USE_VERTEX": "gcp.vertex_ai"}
_ABORTED = frozenset({"aborted_streaming", "aborted_tools"})
TOOL_ID = "claudecode/toolUseId"  # in the metadata of a request to one of the program's tools
_IN_BACKGROUND = "async_launched"  # status in the result of a tool whose agent is still running


class Conversation:
    """Messages of a conversation, and the steps that are open in it. Its watcher's methods never raise."""

    def __init__(self, options: Any) -> None:
        self._options = options
        self._accounts = Accounts()
        self._model: str | None = None
        self._tools: list[object] = []
        self._session: str | None = None
        self._turn: Agent | None = None
        self._is_interrupted = False
        self._waiting: deque[tuple[object, contextvars.Context]] = deque()  # prompts sent during a turn
        self._subagents: dict[str, Agent] = {}  # by the id of the tool use that started each
        self._uses: dict[str, JsonObject] = {}  # open uses of tools, by id

    # ---- from the program ----

    def sends(self, data: str) -> bool:
        """The program writes a line to the process; True if that begins a turn."""
        if data.startswith('{"type": "control_response"'):
            return False
        message = as_dict(loads(data))
        if message.get("type") != "user":
            if as_dict(message.get("request")).get("subtype") == "interrupt":
                self._is_interrupted = self._turn is not None
            return False
        content = as_dict(message.get("message")).get("content")
        if self._turn is not None:
            self._waiting.append((content, contextvars.copy_context()))
            return False
        self._waiting.clear()  # those that are left were answered within the turn
        self._begin(content)
        return True

    def span_of(self, request: Mapping[str, Any]) -> Any:
        """The span below which the program answers a request of the process: that of a tool, else of the agent."""
        asked = as_dict(request.get("request"))
        kind, tool_id = asked.get("subtype"), asked.get("tool_use_id")
        if kind == "mcp_message":
            message = as_dict(asked.get("message"))
            if message.get("method") != "tools/call":
                return None
            parameters = as_dict(message.get("params"))
            tool_id = as_dict(parameters.get("_meta")).get(TOOL_ID)
            tool_id = tool_id or self._use_of(f"mcp__{asked.get('server_name')}__{parameters.get('name')}", parameters)
        return self.tool_span(tool_id) or (None if self._turn is None else self._turn.span)

    def tool_span(self, tool_id: object) -> Any:
        """The span of the open use of a tool."""
        step = steps.get((self, tool_id))
        return None if step is None else step.span

    def _use_of(self, name: str, parameters: JsonObject) -> str | None:
        """The open use of a tool with these arguments, for a process that does not send its id."""
        asked = {"name": name, "input": parameters.get("arguments") or {}}
        return next((key for key, use in self._uses.items() if asked.items() <= use.items()), None)

    # ---- from the process: watcher of its messages ----

    def chunk(self, message: object) -> None:
        """The process has written a message."""
        with guard("reading a message of Claude Code"):
            self._received(as_dict(message))

    def finished(self) -> None:
        """The process has ended."""
        self._close(incomplete="unfinished")

    def failed(self, error: BaseException) -> None:
        """Reading from the process or writing to it raised. After cancellation the canceller ends the conversation."""
        if isinstance(error, Exception):
            self._close(error)

    def closed(self) -> None:
        """The SDK reads no further."""
        self._close(incomplete="closed")

    def dropped(self) -> None:
        """The program has released the conversation, or has ended."""
        self._close(incomplete="dropped")

    def left(self, error: BaseException | None) -> None:
        """The SDK closes the conversation, while it handles an exception or not."""
        is_the_sdks = isinstance(error, Exception) and type(error).__module__.partition(".")[0] == "claude_agent_sdk"
        if is_the_sdks or isinstance(error, (CancelledError, KeyboardInterrupt, SystemExit)):
            self._close(error)
        elif type(error).__name__ == "Cancelled":  # trio's
            self._close(incomplete="cancelled")
        else:  # an exception of the program's own is not the agent's
            self._close(incomplete="closed")

    def _received(self, message: JsonObject) -> None:
        kind, parent_id = message.get("type"), as_text(message.get("parent_tool_use_id"))
        if kind == "system":
            self._hear_of(message)
        elif kind == "result":
            self._end(message)
        elif kind in ("assistant", "user", "stream_event"):
            agent = self._agent(parent_id, may_begin=kind == "assistant")
            if agent is None:
                return
            self._note_session(message)
            if kind == "stream_event":
                agent.streams(as_dict(message.get("event")))
            elif kind == "assistant":
                self._says(agent, message)
            elif not message.get("isReplay"):
                self._hears(agent, message)

    def _says(self, agent: Agent, message: JsonObject) -> None:
        for block in agent.says(as_dict(message.get("message")), message.get("error")):
            tool_id = str(block.get("id"))
            if start_tool((self, tool_id), block, agent=agent) is not None:
                self._uses[tool_id] = block

    def _hears(self, agent: Agent, message: JsonObject) -> None:
        said = as_dict(message.get("message"))
        agent.hears(said)
        is_in_background = as_dict(message.get("tool_use_result")).get("status") == _IN_BACKGROUND
        for block in as_dicts(said.get("content")):
            if block.get("type") == "tool_result":
                tool_id = str(block.get("tool_use_id"))
                if is_in_background:
                    self._agent(tool_id, may_begin=False)
                else:
                    self._end_subagent(tool_id, block.get("content"))
                self._uses.pop(tool_id, None)
                end_tool((self, tool_id), block)

    def _hear_of(self, message: JsonObject) -> None:
        subtype = message.get("subtype")
        if subtype == "init":
            self._model = as_text(message.get("model")) or self._model
            if self._turn is not None:
                self._turn.model = self._model
            tools = message.get("tools")
            self._tools = tools if isinstance(tools, list) else []
            self._note_session(message)
        elif subtype == "task_notification":
            self._end_subagent(str(message.get("tool_use_id")), message.get("summary"))

    # ---- turns ----

    def _begin(self, content: object) -> None:
        step = start_agent(self, NAME, owner=self)
        self._is_interrupted = False
        if step is None:
            return
        if content is not None:
            step.span.set_inputs(content)
        self._turn = self._made(step, model=self._model, system=_system_prompt(self._options))
        if content is not None:
            self._turn.hears({"role": "user", "content": content})
        if self._session is not None:
            self._set_session(step.span)

    def _begin_waiting(self) -> None:
        """A turn that the process begins: with the next prompt that waits, or by itself."""
        if self._waiting:
            content, context = self._waiting.popleft()
            context.run(self._begin, content)
        else:
            self._begin(None)

    def _made(self, step: Step, *, model: str | None, system: object) -> Agent:
        return Agent(step, self._accounts, model=model, system=system, provider=_provider(self._options))

    def _end(self, result: JsonObject) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end_call(self._accounts.rest_of(result, turn.writes) if turn.writes else None)
        bill = self._accounts.bill(result)
        if turn is None:
            return
        span = turn.span
        for model, counts in bill.rest.items():
            _record_rest(model, counts, agent=turn)
        usage = {semconv.TOKEN_USAGE[name]: count for name, count in bill.usage.items() if name in semconv.TOKEN_USAGE}
        about = {
            **usage,
            semconv.COST_TOTAL: bill.cost,
            TURNS: result.get("num_turns"),
            AGENT_TOOLS: self._tools or None,
        }
        span.set_attributes(given(about))
        self._set_outcome(span, result)
        self._end_turn(turn)

    def _set_outcome(self, span: Any, result: JsonObject) -> None:
        structured = result.get("structured_output")
        outputs = result.get("result") if structured is None else structured
        errors = [str(error) for error in result.get("errors") or () if error]
        if outputs is not None or errors:
            span.set_outputs(errors if outputs is None else outputs)
        if self._is_interrupted or result.get("terminal_reason") in _ABORTED:
            span.set_attribute(semconv.INCOMPLETE, "cancelled")
        elif result.get("is_error") or str(result.get("subtype")).startswith("error"):
            status, subtype = result.get("api_error_status"), str(result.get("subtype"))
            kind = subtype if subtype != "success" else str(status or "error")
            span.set_attribute(semconv.ERROR_TYPE, kind)
            set_failure(span, None, "; ".join(errors) or as_text(result.get("result")) or kind)

    def _end_turn(self, turn: Agent, error: BaseException | None = None, incomplete: str | None = None) -> None:
        steps.end_all(turn)
        step = steps.leave(self)
        if step is not None:
            set_failure(step.span, error)
            step.span.set_attribute(semconv.INCOMPLETE, incomplete)
            step.span.end()

    def _close(self, error: BaseException | None = None, incomplete: str | None = None) -> None:
        """End all that is open."""
        with guard("ending a conversation with Claude Code"):
            turn, self._turn = self._turn, None
            for tool_id in list(self._subagents):
                self._end_subagent(tool_id, None, incomplete="dropped")
            if turn is not None:
                turn.end_call()
                self._end_turn(turn, error, incomplete)
            self._waiting.clear()
            self._uses.clear()

    # ---- agents ----

    def _agent(self, parent_id: str | None, *, may_begin: bool) -> Agent | None:
        """The agent that a message is from or for."""
        if parent_id is not None:
            return self._subagents.get(parent_id) or self._start_subagent(parent_id)
        if self._turn is None and may_begin:
            self._begin_waiting()
        return self._turn

    def _start_subagent(self, tool_id: str) -> Agent | None:
        tool = steps.get((self, tool_id))
        parent = tool.span if tool is not None else None if self._turn is None else self._turn.span
        if parent is None:
            return None
        asked = as_dict(as_dict(self._uses.get(tool_id)).get("input"))
        name = as_text(asked.get("subagent_type")) or "subagent"
        step = start_agent((self, tool_id, "agent"), name, owner=self, parent=parent)
        if step is None:
            return None
        prompt = asked.get("prompt")
        if prompt is not None:
            step.span.set_inputs(prompt)
        defined = as_dict(getattr(self._options, "agents", None)).get(name)
        agent = self._made(step, model=None, system=as_text(getattr(defined, "prompt", None)))
        if prompt is not None:
            agent.hears({"role": "user", "content": prompt})
        self._subagents[tool_id] = agent
        return agent

    def _end_subagent(self, tool_id: str, result: object, *, incomplete: str | None = None) -> None:
        agent = self._subagents.pop(tool_id, None)
        step = steps.leave((self, tool_id, "agent"))
        if agent is None or step is None:
            return
        agent.end_call()
        steps.end_all(agent)
        if result is not None:
            step.span.set_outputs(result)
        step.span.set_attribute(semconv.INCOMPLETE, incomplete)
        step.span.end()

    # ---- session ----

    def _note_session(self, message: JsonObject) -> None:
        session = as_text(message.get("session_id"))
        if session and session != self._session:
            self._session = session
            if self._turn is not None:
                self._set_session(self._turn.span)

    def _set_session(self, span: Any) -> None:
        """A turn that is a trace of its own belongs to the session; one below a step has its id as an attribute."""
        span.set_attribute(semconv.CONVERSATION_ID, self._session)
        if getattr(span, "is_root", False):
            with span.attached():
                update_current_trace(session_id=self._session)


def _system_prompt(options: Any) -> object:
    prompt = getattr(options, "system_prompt", None)
    if isinstance(prompt, Mapping):
        prompt = prompt.get("append") or prompt.get("prompt")
    return as_text(prompt) or None


def _provider(options: Any) -> str:
    environment = {**os.environ, **as_dict(getattr(options, "env", None))}
    return next((name for key, name in _CLOUDS.items() if environment.get(key) in ("1", "true")), "anthropic")


def _record_rest(model: str, counts: Mapping[str, int], *, agent: Agent) -> None:
    """Record tokens of calls that the process did not show, or whose output it did not count one by one."""
    key = object()
    usage = {semconv.TOKEN_USAGE[name]: count for name, count in counts.items() if count}
    attributes = {semconv.PROVIDER: agent.provider, semconv.RESPONSE_MODEL: model, **usage}
    name = f"other tokens of {model}"
    steps.start(key, name, span_type=SpanType.TASK, parent=agent.span, attributes=attributes, is_current=False)
    if (step := steps.leave(key)) is not None:
        step.span.end()
