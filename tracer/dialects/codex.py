"""Codex: spans and events that say which conversation, model, tool and tokens a step had.

Source: the section "Observability and telemetry" of openai/codex's page about its configuration.
"""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonObject
from tracer.dialects.bodies import count_of, put_counts
from tracer.dialects.dialect import Dialect
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
    reading.put_text(semconv.REQUEST_MODEL, _first(said, "model"))
    counts = {name: [count_of(each.get(key)) for each in said] for name, key in _COUNTS.items()}
    known = {name: [count for count in found if count is not None] for name, found in counts.items()}
    if known["input"]:
        reading.is_a(SpanType.CHAT_MODEL)
        reading.put_plain(semconv.PROVIDER, "openai")
        put_counts(reading, **{name: sum(found) if found else None for name, found in known.items()})
    prompt = _first(said, "prompt")
    if isinstance(prompt, str) and prompt:
        reading.put(semconv.INPUT_MESSAGES, messages_of(prompt, "user"))
    tool = _first(said, "tool_name")
    if isinstance(tool, str) and tool and not known["input"]:
        reading.is_a(SpanType.TOOL)
        reading.put_text(semconv.TOOL_NAME, tool)
        reading.put(semconv.INPUTS, parsed(_first(said, "arguments")))
        reading.put(semconv.OUTPUTS, parsed(_first(said, "output")))


def _first(said: list[JsonObject], key: str) -> object:
    return next((each[key] for each in said if each.get(key) not in (None, "")), None)


_PREFIXES = frozenset({"codex", "conversation", "input_token_count", "tool_name", "prompt"})
DIALECT = Dialect("codex", _PREFIXES, read, scopes=frozenset({"codex_cli_rs", "codex_exec", "codex_otel"}))
