"""The steps of a conversation: agents with their model calls, and tools."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.provider import Call, FrameworkSpans, Operation, ReportedCall, SpanType, Step, set_failure

from .._anthropic.events import MessageAccumulator
from .._anthropic.messages import read_reply, read_request, read_usage
from .._values import as_dict, as_dicts, as_text, given

if TYPE_CHECKING:
    from .accounts import Accounts

steps = FrameworkSpans("tracer.claude_agent_sdk")

NAME = "Claude agent"
MCP_SERVER = "tracer.mcp.server"
TOOL_CALL_ID = "gen_ai.tool.call.id"
MESSAGE = Operation("chat", read_request, read_reply)
_NO_MODEL = "<synthetic>"  # of messages that Claude Code writes itself


def start_agent(key: Any, name: str, *, owner: object, parent: Any = None) -> Step | None:
    """Start the span of an agent; one without a parent is below the current span."""
    attributes = {semconv.OPERATION: "invoke_agent", semconv.AGENT_NAME: name}
    return steps.start(
        key, name, span_type=SpanType.AGENT, owner=owner, parent=parent, attributes=attributes, is_current=False
    )


def record_failed_start(prompt: str, error: BaseException) -> None:
    """Record a prompt to a process that could not be started."""
    key = object()
    if start_agent(key, NAME, owner=key) is not None and (step := steps.leave(key)) is not None:
        step.span.set_inputs(prompt)
        set_failure(step.span, error)
        step.span.end()


class Agent:
    """An agent at work: the main one in one turn, or a subagent; its messages make model calls and tool uses."""

    def __init__(self, step: Step, accounts: Accounts, *, model: str | None, system: object, provider: str) -> None:
        self.span = step.span
        self._accounts = accounts
        self.model = model  # that is asked, where it is known
        self.provider = provider
        self._system = system
        self._heard: list[JsonObject] = []  # since the last call to the model
        self._since = time.time_ns()  # when the model was asked
        self._reply: JsonObject = {}  # the message that the model is writing
        self._replied = 0  # when the last part of it came
        self._stream: MessageAccumulator | None = None
        self._first_chunk: float | None = None
        self._last_id: object = None  # of the message that was recorded last

    def hears(self, message: JsonObject) -> None:
        """The agent gets a prompt or the result of a tool."""
        self.end_call()
        self._heard.append({"role": message.get("role") or "user", "content": message.get("content")})
        self._since = time.time_ns()

    def says(self, message: JsonObject, error: object) -> list[JsonObject]:
        """A part of a message of the model has come; the uses of tools in it."""
        blocks = as_dicts(message.get("content"))
        if message.get("model") == _NO_MODEL:
            if error is None:
                return []
            message = {key: value for key, value in message.items() if key != "model"}
        if self._reply and self._reply.get("id") != message.get("id"):
            self.end_call()
        content = [*as_dicts(self._reply.get("content")), *blocks]
        self._reply = {**self._reply, **given(message), "content": content}
        if error is not None:
            text = " ".join(str(block.get("text")) for block in blocks if block.get("type") == "text")
            self._reply["error"] = {"type": str(error), "message": text or None}
        self._replied = time.time_ns()
        return [block for block in blocks if block.get("type") == "tool_use"]

    def streams(self, event: JsonObject) -> None:
        """An event of a message that is streamed (``include_partial_messages``)."""
        kind = event.get("type")
        if kind == "message_start":
            if self._reply.get("id") != as_dict(event.get("message")).get("id"):
                self.end_call()
            self._stream = MessageAccumulator()
        if self._stream is None:
            return
        if self._stream.add(event) and self._first_chunk is None:
            self._first_chunk = (time.time_ns() - self._since) / 1e9
        self._replied = time.time_ns()
        if kind == "message_stop" and self._reply:
            self.end_call()

    def end_call(self, rest: JsonMapping | None = None) -> None:
        """The model has written its message; ``rest`` are output tokens by model that belong to no other call."""
        reply, stream = self._reply, self._stream
        first_chunk, self._first_chunk = self._first_chunk, None
        self._reply, self._stream = {}, None
        is_final = False
        if stream is not None:
            streamed = stream.reply()
            if not reply or reply.get("id") == streamed.get("id"):
                # content as it was sent in whole; the numbers of a stream are those of its end
                reply = {**streamed, **reply, **given({key: streamed.get(key) for key in ("usage", "stop_reason")})}
                is_final = stream.is_complete()
        if not reply:
            return
        reply = self._with_usage(reply, is_final=is_final, rest=rest)
        body = given({"model": self.model or reply.get("model"), "system": self._system, "messages": self._heard})
        attributes = {semconv.TIME_TO_FIRST_CHUNK: first_chunk, semconv.REQUEST_STREAM: True if stream else None}
        call = Call(MESSAGE, body, self.provider, given(attributes))
        steps.record_call(
            ReportedCall(call, reply), parent=self.span, start_time_ns=self._since, end_time_ns=self._replied
        )
        self._heard, self._since = [], self._replied

    def _with_usage(self, reply: JsonObject, *, is_final: bool, rest: JsonMapping | None) -> JsonObject:
        """The reply with the tokens that are known of it: before its end its output is not counted yet."""
        is_rest = self._last_id is not None and reply.get("id") == self._last_id  # a tool's result came in between
        self._last_id = reply.get("id")
        if is_rest:
            return {key: value for key, value in reply.items() if key != "usage"}
        usage = {**as_dict(reply.get("usage"))}
        model = as_text(reply.get("model")) or self.model or ""
        if usage and not is_final and not reply.get("stop_reason"):
            usage["output_tokens"] = (rest or {}).get(self._accounts.key_of(model))
        self._accounts.call_ends(model, read_usage(usage))
        return {**reply, "usage": usage} if usage else reply

    @property
    def writes(self) -> str | None:
        """The model whose message has come and is not recorded yet."""
        return (as_text(self._reply.get("model")) or self.model) if self._reply else None


def start_tool(key: Any, block: JsonObject, *, agent: Agent) -> Step | None:
    """Start the span of a tool that an agent uses."""
    name = str(block.get("name"))
    prefix, _, rest = name.partition("__")
    attributes = {
        semconv.OPERATION: "execute_tool",
        semconv.TOOL_NAME: name,
        TOOL_CALL_ID: block.get("id"),
        MCP_SERVER: rest.partition("__")[0] if prefix == "mcp" and rest else None,
    }
    step = steps.start(
        key, name, span_type=SpanType.TOOL, owner=agent, parent=agent.span, attributes=attributes, is_current=False
    )
    if step is not None:
        step.span.set_inputs(block.get("input"))
    return step


def end_tool(key: Any, block: JsonObject) -> None:
    """End the span of a tool by the block with its result."""
    step = steps.leave(key)
    if step is None:
        return
    result = _plain(block.get("content"))
    step.span.set_outputs(result)
    if block.get("is_error"):
        set_failure(step.span, None, result if isinstance(result, str) else "the tool failed")
        step.span.set_attribute(semconv.ERROR_TYPE, "tool_error")
    step.span.end()


def _plain(content: object) -> object:
    """A result as text, if that is all that it is."""
    blocks = as_dicts(content)
    texts = [block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)]
    return "\n".join(texts) if texts and isinstance(content, list) and len(texts) == len(content) else content
