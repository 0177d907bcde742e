"""Gemini CLI's spans: the conventions' keys, for tools and agents too; and its events.

Source: google-gemini/gemini-cli, its page "Observability with OpenTelemetry", and packages/core/src/telemetry/types.ts.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.agents import Turn, dated, has_failed, said_in, step_id
from tracer.dialects.bodies import count_of, put_counts, put_reply, put_request
from tracer.dialects.dialect import Dialect, Log
from tracer.dialects.normal import messages_of
from tracer.dialects.reading import Reading, parsed
from tracer.messages import Message
from tracer.semconv import SpanType

_AGENT = "gemini-cli"
_SCOPE = "gemini-cli"
_PROMPT = "gemini_cli.user_prompt"
_CALL_EVENTS = ("gemini_cli.api_response", "gemini_cli.api_error")
_TOOL_EVENTS = ("gemini_cli.tool_call",)
_MESSAGES = (semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES)
_DETAILS = "gen_ai.client.inference.operation.details"

_TYPES = {
    "llm_call": SpanType.CHAT_MODEL,
    "tool_call": SpanType.TOOL,
    "schedule_tool_calls": SpanType.CHAIN,
    "agent_call": SpanType.AGENT,
    "user_prompt": SpanType.CHAIN,
}


def read(reading: Reading) -> None:
    """Read the operations of Gemini CLI."""
    kind = _TYPES.get(str(reading.attributes.get(semconv.OPERATION)))
    if kind is None:
        return
    reading.is_a(kind)
    if reading.events:
        _events(reading, kind)
    asked, replied = reading.take_first(semconv.INPUT_MESSAGES), reading.take_first(semconv.OUTPUT_MESSAGES)
    if kind in (SpanType.CHAT_MODEL, SpanType.AGENT):
        put_request(reading, asked)
        put_reply(reading, replied)
    else:
        reading.put(semconv.INPUTS, asked)
        reading.put(semconv.OUTPUTS, replied)


def _events(reading: Reading, kind: str) -> None:
    if kind == SpanType.AGENT:
        for said in reading.take_events((_PROMPT,)):
            reading.put(semconv.INPUTS, said_in(said, "prompt") or None)
    elif kind == SpanType.CHAT_MODEL:
        reading.fold(_CALL_EVENTS)
        attributes = reading.attributes
        reading.put_text(semconv.REQUEST_MODEL, attributes.get("model"))
        reading.put_plain(semconv.PROVIDER, "gcp.gemini")
        if isinstance(reasons := attributes.get("finish_reasons"), list) and reasons:
            reading.put_plain(semconv.RESPONSE_FINISH_REASONS, reasons)
        _usage(reading)
        for event in reading.events:
            if event.get("name") == _DETAILS:
                said = event.get("attributes") or {}
                reading.all_messages(*(_by_roles(said.get(key)) for key in _MESSAGES))
        text = reading.take("response_text")
        if isinstance(text, str):
            put_reply(reading, {"role": "assistant", "content": text})
    elif kind == SpanType.TOOL:
        for said in reading.take_events(_TOOL_EVENTS):
            reading.put_text(semconv.TOOL_NAME, said.get("function_name"))
            reading.put(semconv.INPUTS, parsed(said.get("function_args")))


def _by_roles(messages: object) -> list[Message]:
    """The messages of a call's event, which calls the model "system"; instructions are apart."""
    found = messages_of(messages, "assistant")
    return [{**each, "role": "assistant"} if each["role"] == "system" else each for each in found]


def _usage(reading: Reading) -> None:
    said = reading.attributes
    replied, thoughts = count_of(said.get("output_token_count")), count_of(said.get("thoughts_token_count"))
    put_counts(
        reading,
        input=count_of(said.get("input_token_count")),
        output=None if replied is None else replied + (thoughts or 0),
        total=count_of(said.get("total_token_count")),
        cache_read=count_of(said.get("cached_content_token_count")),
        reasoning=thoughts,
    )


def read_log(log: Log, noted: JsonObject) -> Iterator[JsonObject]:
    """The steps that events report: prompts, calls, tools."""
    log = dated(log)
    said = log.attributes
    if log.span_id:
        if log.name in (_PROMPT, *_CALL_EVENTS, *_TOOL_EVENTS):
            yield log.of_span(log.trace_id, log.span_id, event=log.event())
        return
    session = str(said.get("session.id", ""))
    when = f"{session} {said.get('event.timestamp', log.time)}"
    if log.name == _DETAILS:
        if when in noted:  # the conversation of the call whose event came before; it has no id of its prompt
            yield log.of_span(noted[when], step_id(_AGENT, SpanType.CHAT_MODEL, when), event=log.event())
        return
    about = {semconv.OPERATION: "agent_call", "session.id": session}
    turn = Turn(log, _AGENT, session, str(said.get("prompt_id", "")), _SCOPE, about)
    error = said_in(said, "error", "error_message", "error.message", "error_type") or "failed"
    if log.name == _PROMPT:
        yield turn.event()
    elif log.name in _CALL_EVENTS:
        noted[when] = turn.trace_id
        yield from turn.step(
            SpanType.CHAT_MODEL,
            when,
            f"chat {said_in(said, 'model')}",
            attributes={semconv.OPERATION: "llm_call"},
            duration_ms=said.get("duration_ms"),
            error=error if log.name.endswith("_error") else None,
        )
    elif log.name in _TOOL_EVENTS:
        yield from turn.step(
            SpanType.TOOL,
            f"{when} {said.get('function_name')} {said.get('function_args')}",
            f"execute_tool {said_in(said, 'function_name')}",
            attributes={semconv.OPERATION: "tool_call"},
            duration_ms=said.get("duration_ms"),
            error=error if has_failed(said) else None,
        )


DIALECT = Dialect(
    "gemini_cli", frozenset({"gen_ai"}), read, logs=frozenset({"gemini_cli", "gen_ai"}), read_log=read_log
)
