"""A call to a model as an audit reads it: the request piece by piece, the reply, and the cost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tracer import semconv
from tracer._json import JsonMapping, JsonObject, encode
from tracer._records.cost import cost_of
from tracer._records.usage import token_usage
from tracer.messages import to_tools

_TYPES = frozenset({semconv.SpanType.CHAT_MODEL, semconv.SpanType.LLM})
_CHARACTERS_PER_TOKEN = 4  # where a call reports no tokens


class Segment(NamedTuple):
    """A piece of a prompt, in the order in which providers read it: tools, system, messages."""

    place: str  # such as "tools", "system" or "messages[3]"
    role: str
    text: str


class ToolCall(NamedTuple):
    """A tool that a reply called, with its arguments as text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Call:
    """One call to a model."""

    trace_id: str
    span_id: str
    root: str  # name of the trace's first step
    parent: str  # name of the step that made the call
    record: JsonObject
    start: int
    end: int
    model: str
    digest: bytes  # of the request
    has_failed: bool
    retries: int  # by the SDK
    marks_cache: bool  # the request marks parts to be cached
    segments: tuple[Segment, ...]
    tools: tuple[tuple[str, str], ...]  # name and definition
    called: tuple[ToolCall, ...]
    said: str  # texts and arguments of the reply

    @property
    def step(self) -> str:
        """The steps above the call, and its name."""
        names = dict.fromkeys(name for name in (self.root, self.parent, str(self.record.get("name", ""))) if name)
        return " > ".join(names)

    @cached_property
    def usage(self) -> dict[str, int]:
        """Token counts as the provider reported them."""
        return token_usage(self.record.get("attributes") or {}) or {}

    @cached_property
    def input_tokens(self) -> int:
        """Tokens of the request, estimated where none were reported."""
        return self.usage.get("input_tokens") or self.characters // _CHARACTERS_PER_TOKEN

    @cached_property
    def tokens(self) -> int:
        """Tokens of request and reply."""
        return self.usage.get("total_tokens") or self.input_tokens

    @cached_property
    def characters(self) -> int:
        """Length of the whole prompt."""
        return sum(len(segment.text) for segment in self.segments)

    @property
    def cached_tokens(self) -> int:
        """Tokens that the provider had in its cache."""
        return self.usage.get("cache_read_input_tokens") or 0

    @property
    def cost(self) -> float | None:
        """USD of the whole call; None where no price is known."""
        return None if self._cost is None else self._cost.get("total_cost")

    @cached_property
    def _cost(self) -> dict[str, float] | None:
        return self.record.get("cost") or cost_of(self.record, self.usage or None)

    def tokens_of(self, characters: int) -> int:
        """Tokens of a part of the prompt, by its share of the characters."""
        return round(self.input_tokens * characters / self.characters) if self.characters else 0

    def cost_of_input(self, tokens: int) -> float | None:
        """USD that so many tokens of the request cost, at the request's own share of cached tokens."""
        paid = (self._cost or {}).get("input_cost")
        return None if paid is None or not self.input_tokens else paid * tokens / self.input_tokens

    def saved_by_cache(self, tokens: int) -> float | None:
        """USD that the call would have cost less with so many more tokens from the cache."""
        if self.cost is None or not self.usage:
            return None
        record = {**self.record, "attributes": _without_cost(self.record.get("attributes") or {})}
        now = cost_of(record, self.usage)
        usage = {**self.usage, "cache_read_input_tokens": self.cached_tokens + tokens}
        written = usage.get("cache_write_input_tokens", 0)
        if written:
            usage["cache_write_input_tokens"] = max(0, written - tokens)
        then = cost_of(record, usage)
        return None if now is None or then is None else max(0.0, now["total_cost"] - then["total_cost"])


class Texts:
    """Keeps each text once: the calls of a trace repeat the messages of those before."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def kept(self, text: str) -> str:
        """The same text, as it was first seen."""
        return self._kept.setdefault(text, text)


def calls_of(spans: Sequence[JsonObject], texts: Texts | None = None) -> list[Call]:
    """The calls to models in a trace's span records, in the order of their start; of nested ones the inner."""
    texts = texts or Texts()
    by_id = {span["span_id"]: span for span in spans}
    root = next((span for span in spans if span.get("parent_id") not in by_id), None)
    models = [span for span in spans if _is_call(span)]
    around = {span.get("parent_id") for span in models}
    return sorted(
        (_call(span, by_id, root, texts) for span in models if span["span_id"] not in around),
        key=lambda call: call.start,
    )


def _is_call(span: JsonMapping) -> bool:
    return (
        span.get("type") in _TYPES
        and "end" in span
        and semconv.INPUT_MESSAGES in (span.get("json") or {})
        and not (span.get("attributes") or {}).get(semconv.REPLAYED)  # no provider was called or paid
    )


def _call(span: JsonObject, by_id: Mapping[str, JsonObject], root: JsonObject | None, texts: Texts) -> Call:
    values, attributes = span.get("json") or {}, span.get("attributes") or {}
    parent = by_id.get(span.get("parent_id") or "")
    request = encode(values.get(semconv.INPUTS) or values[semconv.INPUT_MESSAGES])
    tools = tuple(_tools(values.get(semconv.TOOL_DEFINITIONS), texts))
    reply = values.get(semconv.OUTPUT_MESSAGES)
    model = attributes.get(semconv.REQUEST_MODEL) or attributes.get(semconv.RESPONSE_MODEL) or ""
    return Call(
        trace_id=str(span["trace_id"]),
        span_id=str(span["span_id"]),
        root="" if root is None or root is span else str(root.get("name", "")),
        parent="" if parent is None else str(parent.get("name", "")),
        record={name: span[name] for name in ("name", "attributes", "start", "cost") if name in span},
        start=int(span["start"]),
        end=int(span["end"]),
        model=str(model),
        digest=hashlib.blake2b(str(model).encode() + b"\0" + request, digest_size=16).digest(),
        has_failed=span.get("status") == "ERROR",
        retries=int(attributes.get(semconv.RETRIES) or 0),
        marks_cache=b"cache_control" in request or b"cachePoint" in request or b"cached_content" in request,
        segments=tuple(_segments(values, tools, texts)),
        tools=tools,
        called=tuple(_called(reply)),
        said=" ".join(_said(reply)),
    )


def _tools(definitions: object, texts: Texts) -> Iterator[tuple[str, str]]:
    for tool in to_tools(definitions):
        if isinstance(tool, dict):
            name = tool.get("name") or tool.get("type") or "?"
            yield str(name), texts.kept(encode(tool).decode())


def _segments(values: JsonMapping, tools: Sequence[tuple[str, str]], texts: Texts) -> Iterator[Segment]:
    if tools:
        yield Segment("tools", "tools", texts.kept("\n".join(definition for _, definition in tools)))
    system = values.get(semconv.SYSTEM_INSTRUCTIONS)
    if system:
        yield Segment("system", "system", texts.kept(_text(system)))
    messages = values.get(semconv.INPUT_MESSAGES)
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, dict):
            role = str(message.get("role") or "user")
            yield Segment(f"messages[{number}]", role, texts.kept(_text(message.get("parts"))))


def _text(parts: object) -> str:
    """The text of a message's parts; other parts as JSON."""
    if isinstance(parts, str):
        return parts
    found = []
    for part in parts if isinstance(parts, list) else [parts]:
        content = part.get("content", part.get("text")) if isinstance(part, dict) else part
        response = part.get("response") if isinstance(part, dict) else None
        text = next((value for value in (content, response) if isinstance(value, str)), None)
        found.append(encode(part).decode() if text is None else text)
    return "\n".join(found)


def _parts(messages: object) -> Iterator[dict[str, Any]]:
    for message in messages if isinstance(messages, list) else ():
        for part in message.get("parts") or () if isinstance(message, dict) else ():
            if isinstance(part, dict):
                yield part


def _called(reply: object) -> Iterator[ToolCall]:
    for part in _parts(reply):
        if part.get("type") == "tool_call":
            yield ToolCall(str(part.get("name") or "?"), encode(part.get("arguments")).decode())


def _said(reply: object) -> Iterator[str]:
    for part in _parts(reply):
        yield _text([part])


def _without_cost(attributes: JsonMapping) -> JsonObject:
    """Attributes without a cost that was reported, which no other usage changes."""
    costs = (semconv.COST_TOTAL, semconv.COST_INPUT, semconv.COST_OUTPUT)
    return {key: value for key, value in attributes.items() if key not in costs}
