"""Content sent without effect: tools that are never called, giant results, context that no reply uses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tracer._audit.calls import Call
from tracer._audit.findings import Waste

_GIANT = 2_000  # tokens of one tool's result
_LONG = 200  # tokens, below which a message is not examined
_SENT = 3  # calls from which on something is sent again and again
_WORD = re.compile(r"\w{5,}")


def unused_tools(calls: Sequence[Call]) -> Iterator[Waste]:
    """Tools that were offered in several calls of a program, and that no reply ever called."""
    offered: dict[tuple[str, str], list[tuple[int, Call, str]]] = {}
    called: set[tuple[str, str]] = set()
    for call in calls:
        called.update((call.root, tool.name) for tool in call.called)
        for number, (name, definition) in enumerate(call.tools):
            offered.setdefault((call.root, name), []).append((number, call, definition))
    for (root, name), sent in offered.items():
        if (root, name) in called or len(sent) < _SENT:
            continue
        for number, call, definition in sent:
            tokens = call.tokens_of(len(definition))
            place = f"tools[{number}], {name}"
            yield Waste("unused tool", "offered, and never called", place, call, tokens, call.cost_of_input(tokens))


def giant_results(calls: Sequence[Call]) -> Iterator[Waste]:
    """Results of tools that are long, in each call that sends them."""
    for call in calls:
        for segment in call.segments:
            tokens = call.tokens_of(len(segment.text)) if segment.role == "tool" else 0
            if tokens >= _GIANT:
                reason = f"a tool's result of more than {_GIANT:,} tokens"
                yield Waste("giant tool result", reason, segment.place, call, tokens, call.cost_of_input(tokens))


def unused_context(calls: Sequence[Call]) -> Iterator[Waste]:
    """Long messages that several calls of a trace send, and no word of which any reply of it uses."""
    traces: dict[str, list[Call]] = {}
    for call in calls:
        traces.setdefault(call.trace_id, []).append(call)
    for of_trace in traces.values():
        if len(of_trace) >= _SENT:
            yield from _unused_in_trace(of_trace)


def _unused_in_trace(calls: Sequence[Call]) -> Iterator[Waste]:
    sent = Counter(segment.text for call in calls for segment in call.segments if segment.role in ("user", "tool"))
    often = [text for text, count in sent.items() if count >= _SENT]
    replies = _words(" ".join(call.said for call in calls))
    everywhere = Counter(word for text in sent for word in _words(text))
    for text in often:
        own = {word for word in _words(text) if everywhere[word] == 1}  # of no other message
        if not own or own & replies:
            continue
        for call in calls:
            for segment in call.segments:
                tokens = call.tokens_of(len(text)) if segment.text == text else 0
                if tokens >= _LONG:
                    reason = "sent again and again, and no reply uses a word of it"
                    cost = call.cost_of_input(tokens)
                    yield Waste("unused context", reason, f"{segment.place} ({segment.role})", call, tokens, cost)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
