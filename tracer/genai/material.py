"""Material for judges and scorers: texts of values, a trace as a tree, its documents, tools and conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer import semconv
from tracer._api.spans import Span
from tracer._api.traces import Trace

_LONGEST_VALUE = 4_000  # characters of a step's inputs or outputs
_LONGEST_TRACE = 100_000
_TEXTS = ("page_content", "content", "text", "document", "body")
_TOOL_PREFIX = "execute_tool "


@dataclass(frozen=True)
class CalledTool:
    """A tool that was called: from its step where that was recorded, else from the model's request."""

    name: str
    arguments: Any
    result: Any = None
    error: str | None = None


def shown(value: Any) -> str:
    """A value as text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def shortened(text: str, longest: int = _LONGEST_VALUE) -> str:
    """The text, without its middle where it is too long."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters left out … {text[-half:]}"


def message_of(value: Any, role: str) -> str:
    """The text in inputs or outputs of an app: of the last message of the role, the only text, else JSON."""
    said = [_text(each.get("content")) for each in _messages(value) if each.get("role") == role]
    texts = [text for text in said if text is not None]
    if texts:
        return texts[-1]
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
        return only
    return shown(value)


def _messages(value: Any) -> list[Mapping[str, Any]]:
    """The messages of a conversation, a chat completion, or a request or reply of the Responses API."""
    if isinstance(value, Mapping):
        choices = value.get("choices")
        if isinstance(choices, list):
            value = [choice.get("message") for choice in choices if isinstance(choice, Mapping)]
        else:
            value = next(
                (value[name] for name in ("messages", "output", "input") if isinstance(value.get(name), list)), ()
            )
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, (list, tuple)) else []


def _text(content: Any) -> str | None:
    """The text of a message's content, which may be a list of parts; None if it has none, such as a call of a tool."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = [part["text"] for part in parts if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
    return "".join(texts) if texts else None


def conversation_text(traces: Sequence[Trace]) -> str:
    """The conversation of some traces, one turn each."""
    turns = []
    for trace in traces:
        root = trace.data.root
        if root is not None:
            turns += [f"user: {message_of(root.inputs, 'user')}", f"assistant: {message_of(root.outputs, 'assistant')}"]
    return shortened("\n".join(turns), _LONGEST_TRACE)


def trace_text(trace: Trace) -> str:
    """A trace as an indented tree: each step with type, name, state, time, inputs and outputs."""
    lines = []
    for depth, span in _walk(trace):
        took = "" if span.duration_ms is None else f", {span.duration_ms:.0f} ms"
        indent = "  " * depth
        lines.append(f"{indent}- {span.span_type} {span.name} ({span.status}{took})")
        if span.status.description:
            lines.append(f"{indent}  error: {shortened(span.status.description)}")
        for title, value in (("inputs", span.inputs), ("outputs", span.outputs)):
            if value is not None:
                lines.append(f"{indent}  {title}: {shortened(shown(value))}")
    return shortened("\n".join(lines), _LONGEST_TRACE)


def _walk(trace: Trace) -> Iterator[tuple[int, Span]]:
    ids = {span.span_id for span in trace.data.spans}
    below: dict[str | None, list[Span]] = {}
    for span in trace.data.spans:
        below.setdefault(span.parent_id if span.parent_id in ids else None, []).append(span)
    waiting = [(0, span) for span in reversed(below.get(None, []))]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        waiting += [(depth + 1, each) for each in reversed(below.get(span.span_id, []))]


def documents_of(trace: Trace) -> list[str]:
    """Texts of the documents that the trace's RETRIEVER steps found."""
    return [text for span in trace.search_spans("RETRIEVER") for text in _documents(span.outputs)]


def _documents(outputs: Any) -> list[str]:
    if isinstance(outputs, Mapping):
        listed = next((value for value in outputs.values() if isinstance(value, list)), None)
        if listed is None or any(name in outputs for name in _TEXTS):
            return [_document(outputs)]
        outputs = listed
    if isinstance(outputs, list):
        return [_document(each) for each in outputs]
    return [] if outputs is None else [shown(outputs)]


def _document(value: Any) -> str:
    if isinstance(value, Mapping):
        value = next((value[name] for name in _TEXTS if isinstance(value.get(name), str)), value)
    return shown(value)


def called_tools(trace: Trace) -> list[CalledTool]:
    """The tools that were called, in order."""
    steps = [_from_step(span) for span in trace.search_spans("TOOL")]
    if steps:
        return steps
    outputs = [span.get_attribute(semconv.OUTPUT_MESSAGES) for span in trace.data.spans]
    parts = [part for messages in outputs for message in messages or () for part in message.get("parts") or ()]
    return [
        CalledTool(str(part.get("name")), part.get("arguments")) for part in parts if part.get("type") == "tool_call"
    ]


def _from_step(span: Span) -> CalledTool:
    name = span.get_attribute(semconv.TOOL_NAME) or span.name.removeprefix(_TOOL_PREFIX)
    error = (span.status.description or "it failed") if span.status == "ERROR" else None
    return CalledTool(str(name), span.inputs, span.outputs, error)


def offered_tools(trace: Trace) -> list[Any]:
    """Definitions of the tools that models were offered, each once."""
    found: dict[str, Any] = {}
    for span in trace.data.spans:
        for definition in span.get_attribute(semconv.TOOL_DEFINITIONS) or ():
            found.setdefault(shown(definition), definition)
    return list(found.values())
