"""Codex: spans and events that say which conversation, model, tool and tokens a step had.

Source: the section "Observability and telemetry" of openai/codex's page about its configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.agents import Turn, amount_of, dated, has_failed, said_in
from tracer.dialects.bodies import count_of, put_counts
from tracer.dialects.dialect import Dialect, Log
from tracer.dialects.normal import messages_of
from tracer.dialects.reading import Reading, parsed
from tracer.semconv import SpanType

_COUNTS = {
    "input": "input_token_count",
    "output": "output_token_count",
    "cache_read": "cached_token_count",
    "reasoning": "reasoning_token_count",
}


def read(reading: Reading) -> None:
    """Read the attributes and events of Codex."""
    of_codex = [event for event in reading.events if str(event.get("name")).startswith("codex.")]
    if not (of_codex or reading.scope.startswith("codex") or reading.name.startswith("codex.")):
        return
    said = [reading.attributes, *(event.get("attributes") or {} for event in of_codex)]
    reading.belongs_to(session_id=_first(said, "conversation.id"), user=_first(said, "user.account_id"))
    counts = {name: [count_of(each.get(key)) for each in said] for name, key in _COUNTS.items()}
    known = {name: [count for count in found if count is not None] for name, found in counts.items()}
    reading.put_text(semconv.REQUEST_MODEL, _first(said if known["input"] else said[:1], "model"))
    if known["input"]:
        reading.is_a(SpanType.CHAT_MODEL)
        reading.put_plain(semconv.PROVIDER, "openai")
        put_counts(reading, **{name: sum(found) if found else None for name, found in known.items()})
    prompts = [message for each in said for message in messages_of(said_in(each, "prompt") or None, "user")]
    reading.put(semconv.INPUT_MESSAGES, prompts)
    tool = _first(said, "tool_name")
    if isinstance(tool, str) and tool and not known["input"]:
        reading.is_a(SpanType.TOOL)
        reading.put_text(semconv.TOOL_NAME, tool)
        reading.put(semconv.INPUTS, parsed(_first(said, "arguments")))
        reading.put(semconv.OUTPUTS, parsed(_first(said, "output")))


def _first(said: list[JsonObject], key: str) -> object:
    return next((each[key] for each in said if each.get(key) not in (None, "")), None)


def read_log(log: Log, noted: JsonObject) -> Iterator[JsonObject]:
    """The steps that events tell of: prompts, calls, tools."""
    log = dated(log)
    said = log.attributes
    if log.span_id:
        if log.name in (_PROMPT, _TOOL_RESULT) or _tells_of_call(log):
            yield log.of_span(log.trace_id, log.span_id, event=log.event())
        return
    conversation, when = str(said.get("conversation.id", "")), said.get("event.timestamp", log.time)
    about: JsonObject = {"conversation.id": conversation}
    if "user.account_id" in said:
        about["user.account_id"] = said["user.account_id"]
    turn = Turn(log, "codex", conversation, "", _SCOPE, about)
    error, model = said_in(said, "error.message"), said_in(said, "model")
    if log.name == _PROMPT:
        yield turn.event()
        yield from turn.step(SpanType.CHAIN, f"{conversation} {when}", "user_prompt", attributes={})
    elif log.name == _TOOL_RESULT:
        yield from turn.step(
            SpanType.TOOL,
            said_in(said, "call_id") or f"{conversation} {when}",
            f"execute_tool {said_in(said, 'tool_name')}",
            attributes={},
            duration_ms=said.get("duration_ms"),
            error=(said_in(said, "output") or "failed") if has_failed(said) else None,
        )
    elif _tells_of_call(log):
        yield from turn.step(
            SpanType.CHAT_MODEL,
            f"{conversation} {when} {said.get('input_token_count')}",
            f"chat {model}",
            attributes={"model": model},
            duration_ms=said.get("duration_ms"),
            error=error or None if "input_token_count" in said else error or "failed",
        )


def _tells_of_call(log: Log) -> bool:
    """Whether an event is the end of a call: its tokens, or a failure."""
    said = log.attributes
    if log.name == "codex.sse_event":
        return "input_token_count" in said or "error.message" in said
    status = amount_of(said.get("http.response.status_code")) or 0
    return log.name == "codex.api_request" and ("error.message" in said or status >= _LEAST_ERROR)


_PROMPT, _TOOL_RESULT = "codex.user_prompt", "codex.tool_result"
_SCOPE = "codex_otel"
_LEAST_ERROR = 400
_PREFIXES = frozenset({"codex", "conversation", "input_token_count", "tool_name", "prompt"})
DIALECT = Dialect(
    "codex",
    _PREFIXES,
    read,
    scopes=frozenset({"codex_cli_rs", "codex_exec", _SCOPE}),
    logs=frozenset({"codex"}),
    read_log=read_log,
)
