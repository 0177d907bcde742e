"""Agents: requests, the accumulator of their streams, and the steps that their trace events tell of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tracer import semconv
from tracer._fault import guard
from tracer._json import JsonMapping, JsonObject, loads
from tracer._records.derive import set_reply, set_request
from tracer.messages import content_parts, parsed, text_part
from tracer.provider import Operation, Reply, Request, SpanType
from tracer.provider.call_recording import start_client_span

from .._values import as_dict, as_dicts, as_text, given
from . import invoke
from .streams import agents_event
from .values import GUARDRAIL_ACTION, model_name

if TYPE_CHECKING:
    from tracer._engine.context import AnySpan
    from tracer.provider.call_recording import CallRecording

AGENT_ID = "gen_ai.agent.id"
_SCOPE = "tracer.bedrock"


def read_request(body: object) -> Request:
    """Read what an agent is asked: text, or the results of calls that it had left to the program."""
    body = as_dict(body)
    state = as_dict(body.get("sessionState")) or as_dict(body.get("inlineSessionState"))
    history = as_dicts(as_dict(state.get("conversationHistory")).get("messages"))
    results = [_result(each) for each in as_dicts(state.get("returnControlInvocationResults"))]
    asked = as_text(body.get("inputText"))
    instruction = as_text(body.get("instruction"))
    return Request(
        messages=[
            *history,
            *([{"role": "user", "parts": [text_part(asked)]}] if asked else []),
            *([{"role": "tool", "parts": results}] if results else []),
        ],
        system=[text_part(instruction)] if instruction else None,
        attributes={
            AGENT_ID: as_text(body.get("agentId")),
            semconv.AGENT_NAME: as_text(body.get("agentName")),
            semconv.CONVERSATION_ID: as_text(body.get("sessionId")),
        },
    )


def _result(result: JsonMapping) -> JsonObject:
    fields = as_dict(next(iter(result.values()), None))
    response = fields.get("responseBody")
    return {"type": "tool_call_response", "id": _tool_name(fields), "response": response}


def _tool_name(call: JsonMapping) -> str:
    group = call.get("actionGroupName") or call.get("actionGroup")
    action = call.get("function") or " ".join(filter(None, (
        as_text(call.get("verb")) or as_text(call.get("httpMethod")), as_text(call.get("apiPath")),
    )))  # fmt: skip
    return ".".join(str(part) for part in (group, action) if part)


def _arguments(call: JsonMapping) -> object:
    named = {str(each.get("name")): each.get("value") for each in as_dicts(call.get("parameters"))}
    content = as_dict(call.get("requestBody")).get("content")
    return {**named, "body": content} if content else named


def read_reply(body: object) -> Reply:
    """Read an agent's answer: text, or calls that it leaves to the program."""
    body = as_dict(body)
    text, control = as_text(body.get("completion")), as_dict(body.get("returnControl"))
    answer = {**text_part(text), **given({"annotations": body.get("citations")})} if text else None
    calls = [as_dict(next(iter(each.values()), None)) for each in as_dicts(control.get("invocationInputs"))]
    parts: list[JsonObject] = [
        *([answer] if answer else []),
        *({"type": "tool_call", "name": _tool_name(call), "arguments": _arguments(call)} for call in calls),
    ]
    return Reply(
        id=as_text(control.get("invocationId")), messages=[{"role": "assistant", "parts": parts}] if parts else None
    )


class AgentAccumulator:
    """Accumulates an agent's answer. Its trace becomes steps, and is not a part of the answer."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._citations: list[object] = []
        self._others: JsonObject = {}

    def add(self, event: JsonObject) -> bool:
        """Take an event; True if it carries content."""
        for kind, content in as_dict(event).items():
            fields = as_dict(content)
            if kind == "chunk":
                self._texts.append(as_text(fields.get("bytes")) or "")
                self._citations.extend(as_dicts(as_dict(fields.get("attribution")).get("citations")))
                return True
            if kind == "files":
                self._others["files"] = [*self._others.get("files", ()), *as_dicts(fields.get("files"))]
            elif kind != "trace":
                self._others[kind] = {name: value for name, value in fields.items() if name != "p"}
        return False

    def reply(self) -> JsonObject:
        """The answer in one piece."""
        found = given({"citations": self._citations or None})
        return {"completion": "".join(self._texts), **found, **self._others}

    def is_complete(self) -> None:
        """No event marks the end."""


AGENT = Operation("invoke_agent", read_request, read_reply, AgentAccumulator, span_type=SpanType.AGENT)


# ---- the steps inside ----


class AgentSteps:
    """Makes spans of the trace events of an agent: calls to models, tools, searches, other agents, guardrails.

    A step is told of twice, by what goes in and by what comes out; its span is made when its end is known.
    """

    def __init__(self, recording: CallRecording) -> None:
        self._span = recording.span
        self._begun: dict[tuple[str, str], tuple[JsonObject, int]] = {}

    def event(self, kind: str, payload: bytes) -> bytes:
        """The JSON of an event, of which a step may be made."""
        if kind == "trace":
            with guard("reading an agent's trace"):
                self._seen(as_dict(loads(payload)))
        return agents_event(kind, payload)

    def _seen(self, part: JsonObject) -> None:
        agent = as_text(part.get("collaboratorName"))
        for kind, trace in as_dict(part.get("trace")).items():
            fields = as_dict(trace)
            if kind == "guardrailTrace":
                self._guardrail(fields, agent)
            elif kind == "failureTrace":
                self._failure(fields, agent)
            else:
                for name, content in fields.items():
                    self._step(name, as_dict(content), agent)

    def _step(self, name: str, content: JsonObject, agent: str | None) -> None:
        trace_id = str(content.get("traceId"))
        if name in ("modelInvocationInput", "invocationInput"):
            self._begun[trace_id, name] = content, self._span.now_ns()
        elif name == "modelInvocationOutput":
            asked, seen_ns = self._begun.pop((trace_id, "modelInvocationInput"), ({}, self._span.now_ns()))
            self._model_call(asked, seen_ns, content, agent)
        elif name == "observation":
            begun = self._begun.pop((trace_id, "invocationInput"), None)
            if begun is not None:
                self._tool_call(*begun, content, agent)

    def _model_call(self, asked: JsonObject, seen_ns: int, came: JsonObject, agent: str | None) -> None:
        body = {"model": asked.get("foundationModel"), "prompt": parsed(asked.get("text"))}
        body["inferenceConfiguration"] = asked.get("inferenceConfiguration")
        usage = as_dict(as_dict(came.get("metadata")).get("usage"))
        reply = _read_model_reply(came)._replace(
            usage={"input_tokens": usage.get("inputTokens"), "output_tokens": usage.get("outputTokens")}
        )
        request = _read_model_request(body)

        def fill(span: Any) -> None:
            span.set_inputs(body["prompt"])
            set_request(span, request)
            span.set_outputs({name: value for name, value in came.items() if name not in ("metadata", "traceId")})
            set_reply(span, reply)

        self._make("chat", SpanType.CHAT_MODEL, request.model, seen_ns, as_dict(came.get("metadata")), agent, fill)

    def _tool_call(self, asked: JsonObject, seen_ns: int, came: JsonObject, agent: str | None) -> None:
        kind, call = next(((n, c) for n, c in asked.items() if n in _TOOLS and isinstance(c, dict)), ("", {}))
        if not kind:
            return
        operation, span_type, subject_of, outcome = _TOOLS[kind]
        result = as_dict(came.get(outcome))
        subject = subject_of(call)

        def fill(span: Any) -> None:
            span.set_inputs(call)
            span.set_outputs({name: value for name, value in result.items() if name != "metadata"})
            span.set_attribute(semconv.TOOL_NAME, subject if span_type == SpanType.TOOL else None)

        self._make(operation, span_type, subject, seen_ns, as_dict(result.get("metadata")), agent, fill)

    def _guardrail(self, trace: JsonObject, agent: str | None) -> None:
        def fill(span: Any) -> None:
            span.set_outputs({name: value for name, value in trace.items() if name != "metadata"})
            span.set_attribute(GUARDRAIL_ACTION, as_text(trace.get("action")))

        metadata = as_dict(trace.get("metadata"))
        self._make("apply_guardrail", SpanType.GUARDRAIL, None, self._span.now_ns(), metadata, agent, fill)

    def _failure(self, trace: JsonObject, agent: str | None) -> None:
        reason = as_text(trace.get("failureReason")) or "failed"

        def fill(span: Any) -> None:
            span.set_attribute(semconv.ERROR_TYPE, str(trace.get("failureCode") or "failure"))
            span.set_status("ERROR", reason)

        self._make("failure", SpanType.TASK, None, self._span.now_ns(), as_dict(trace.get("metadata")), agent, fill)

    def _make(
        self,
        operation: str,
        span_type: str,
        subject: str | None,
        seen_ns: int,
        metadata: JsonObject,
        agent: str | None,
        fill: Callable[[Any], None],
    ) -> None:
        start_ns = max(_nanoseconds(metadata.get("startTime")) or seen_ns, self._span.start_time_ns)
        is_model = span_type == SpanType.CHAT_MODEL
        span: AnySpan = start_client_span(
            operation,
            span_type,
            subject if is_model else None,
            provider="aws.bedrock" if is_model else None,
            attributes={semconv.AGENT_NAME: agent},
            scope=_SCOPE,
            parent=self._span,
            start_time_ns=start_ns,
            subject=subject,
        )
        if not span.is_recording():
            return
        with guard("recording a step of an agent"):
            fill(span)
        span.end(max(_nanoseconds(metadata.get("endTime")) or self._span.now_ns(), start_ns))


_Tool = tuple[str, str, Callable[[JsonMapping], str | None], str]
_TOOLS: dict[str, _Tool] = {
    "actionGroupInvocationInput": ("execute_tool", SpanType.TOOL, _tool_name, "actionGroupInvocationOutput"),
    "codeInterpreterInvocationInput": (
        "execute_tool", SpanType.TOOL, lambda _: "code_interpreter", "codeInterpreterInvocationOutput",
    ),
    "knowledgeBaseLookupInput": (
        "retrieval", SpanType.RETRIEVER, lambda call: as_text(call.get("knowledgeBaseId")), "knowledgeBaseLookupOutput",
    ),
    "agentCollaboratorInvocationInput": (
        "invoke_agent", SpanType.AGENT, lambda call: as_text(call.get("agentCollaboratorName")),
        "agentCollaboratorInvocationOutput",
    ),
}  # fmt: skip
"""By what goes in: operation, type, the span's subject, and what comes out."""


def _read_model_request(body: JsonMapping) -> Request:
    prompt, config = body.get("prompt"), as_dict(body.get("inferenceConfiguration"))
    fields = as_dict(prompt)
    system = fields.get("system")
    model = as_text(body.get("model"))
    return Request(
        model_name(model) if model else None,
        fields.get("messages") or ([{"role": "user", "content": prompt}] if prompt else None),
        system=list(content_parts(system)) if system else None,
        attributes={
            semconv.REQUEST_TEMPERATURE: config.get("temperature"),
            semconv.REQUEST_TOP_P: config.get("topP"),
            semconv.REQUEST_TOP_K: config.get("topK"),
            semconv.REQUEST_MAX_TOKENS: config.get("maximumLength"),
            semconv.REQUEST_STOP_SEQUENCES: config.get("stopSequences"),
        },
    )


def _read_model_reply(came: JsonMapping) -> Reply:
    raw = parsed(as_dict(came.get("rawResponse")).get("content"))
    reply = invoke.read_reply(raw) if isinstance(raw, dict) else Reply()
    if reply.messages:
        return reply
    reasoning = came.get("reasoningContent")
    text = raw if isinstance(raw, str) else as_text(as_dict(came.get("parsedResponse")).get("text"))
    parts = [
        *(content_parts({"reasoningContent": reasoning}) if reasoning else ()),
        *([text_part(text)] if text else []),
    ]
    return Reply(messages=[{"role": "assistant", "parts": parts}] if parts else None)


def _nanoseconds(text: object) -> int | None:
    """A time such as 2026-11-29T12:00:00.123456789Z in ns since the epoch; None for anything else."""
    if not isinstance(text, str):
        return None
    whole, _, fraction = text.rstrip("Z").partition(".")
    try:
        seconds = datetime.fromisoformat(whole + "+00:00").timestamp()
    except ValueError:
        return None
    return (
        int(seconds) * 1_000_000_000 + int((fraction + "0" * 9)[:9]) if not fraction or fraction.isdecimal() else None
    )
