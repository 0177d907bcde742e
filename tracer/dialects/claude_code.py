"""Claude Code's spans: ``span.type``, ``user_prompt``, ``new_context``, ``response.model_output``; and its events.

An event names the call or the tool that it is about by ``request_id``, ``client_request_id`` or ``tool_use_id``, which
their spans have too; the span that is current when it is sent is often another one.

Source: the page "Monitoring" of Claude Code's documentation, version 2.1.214 and later.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.agents import Turn, dated, has_failed, said_in, step_id
from tracer.dialects.bodies import put_usage
from tracer.dialects.dialect import Dialect, Log
from tracer.dialects.normal import messages_of
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_AGENT = "claude-code"
_SCOPE = "com.anthropic.claude_code"
_REQUEST_IDS = ("request_id", "client_request_id")
_TOOL_ID = "tool_use_id"
_PROMPT, _REPLY = "claude_code.user_prompt", "claude_code.assistant_response"
_CALL_EVENTS = ("claude_code.api_request", "claude_code.api_error", _REPLY)
_TOOL_EVENTS = ("claude_code.tool_result",)
_ABOUT_TURN = ("session.id", "user.id")
_TYPES = {
    "interaction": SpanType.AGENT,
    "llm_request": SpanType.CHAT_MODEL,
    "tool": SpanType.TOOL,
}
_COUNTS = {
    "input_tokens": "input_tokens",  # without those of the cache
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_creation_tokens": "cache_creation_input_tokens",
}


def read(reading: Reading) -> None:
    """Read the attributes of Claude Code."""
    if not (reading.scope.startswith(_SCOPE) or reading.name.startswith("claude_code.")):
        return
    kind = str(reading.get("span.type"))
    reading.is_a(_TYPES.get(kind))
    if kind == "interaction":
        _turn(reading)
    elif kind == "llm_request":
        _call(reading)
    elif kind == "tool":
        _tool(reading)


def _turn(reading: Reading) -> None:
    said = reading.take_events((_PROMPT, _REPLY))
    prompt = next((text for each in said if (text := said_in(each, "prompt"))), None)
    reply = next((text for each in reversed(said) if (text := said_in(each, "response"))), None)
    reading.put(semconv.INPUTS, reading.take("user_prompt") or prompt)
    reading.put(semconv.OUTPUTS, reading.take_first("response.model_output") or reply)


def _call(reading: Reading) -> None:
    reading.fold(_CALL_EVENTS)
    reading.named(*(step_id(_AGENT, SpanType.CHAT_MODEL, key) for key in _keys(reading.attributes, _REQUEST_IDS)))
    asked = reading.take_first("new_context", "user_prompt")
    replied = said_in(reading.attributes, "response.model_output", "response") or None
    reading.take_first("response.model_output", "response")
    reading.cost(reading.get("cost_usd"))
    reading.all_messages(messages_of(asked, "user"), messages_of(replied, "assistant"))
    reading.put(semconv.SYSTEM_INSTRUCTIONS, reading.take_first("system_prompt"))
    put_usage(reading, {name: reading.get(key) for key, name in _COUNTS.items()})
    reading.put_text(semconv.REQUEST_MODEL, reading.get("model"))
    reading.put_plain(semconv.PROVIDER, "anthropic")
    reading.first_chunk_after(reading.take("ttft_ms"), unit=1e-3)
    if isinstance(reason := reading.get("stop_reason"), str):
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, [reason])


def _tool(reading: Reading) -> None:
    reading.fold(_TOOL_EVENTS)
    reading.named(*(step_id(_AGENT, SpanType.TOOL, key) for key in _keys(reading.attributes, (_TOOL_ID,))))
    name = reading.get("tool_name")
    reading.put_text(semconv.TOOL_NAME, name)
    reading.put(semconv.INPUTS, reading.take_first("tool_input", "tool_parameters"))
    for event in reading.events:
        if event.get("name") == "tool.output":
            attributes = event.get("attributes") or {}
            reading.put(semconv.OUTPUTS, next((attributes[k] for k in ("output", "content") if k in attributes), None))
            reading.put(semconv.OUTPUTS, attributes)


def _keys(attributes: JsonObject, names: tuple[str, ...]) -> list[str]:
    return [key for name in names if isinstance(key := attributes.get(name), str) and key]


def read_log(log: Log, noted: JsonObject) -> Iterator[JsonObject]:
    """The steps that events report: a prompt and its reply, calls, tools."""
    log = dated(log)
    said = log.attributes
    about: JsonObject = {"span.type": "interaction", **{name: said[name] for name in _ABOUT_TURN if name in said}}
    turn = Turn(log, _AGENT, str(said.get("session.id", "")), str(said.get("prompt.id", "")), f"{_SCOPE}.events", about)
    if log.name in (_PROMPT, _REPLY):
        yield turn.event()
    if log.name in _CALL_EVENTS:
        yield from _log_of_step(turn, SpanType.CHAT_MODEL, _keys(said, _REQUEST_IDS))
    elif log.name in _TOOL_EVENTS:
        yield from _log_of_step(turn, SpanType.TOOL, _keys(said, (_TOOL_ID,)))


def _log_of_step(turn: Turn, span_type: str, keys: list[str]) -> Iterator[JsonObject]:
    log, said = turn.log, turn.log.attributes
    is_tool, has_error = span_type == SpanType.TOOL, log.name.endswith("_error") or has_failed(turn.log.attributes)
    if log.name == _REPLY:
        if keys:
            yield log.of_span(turn.trace_id, step_id(_AGENT, span_type, keys[0]), event=log.event())
        return
    if log.span_id and not keys:  # no key shows which step it is about
        yield log.of_span(log.trace_id, log.span_id, event=log.event())
        return
    name = f"execute_tool {said_in(said, 'tool_name')}" if is_tool else f"chat {said_in(said, 'model')}"
    yield from turn.step(
        span_type,
        keys[0] if keys else f"{said.get('session.id')} {said.get('event.sequence', log.time)}",
        name,
        attributes={"span.type": "tool" if is_tool else "llm_request"},
        duration_ms=said.get("duration_ms"),
        error=(said_in(said, "error", "error_type") or "failed") if has_error else None,
    )


DIALECT = Dialect("claude_code", frozenset({"span"}), read, logs=frozenset({"claude_code"}), read_log=read_log)
