"""Pairs of tool calls and their results: within one conversation, since servers give the same ids again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import orjson

from tracer import semconv
from tracer._json import JsonMapping
from tracer.cli.steps import Step

Message = JsonMapping
Part = JsonMapping
_CONVERSATIONS_REMEMBERED = 50
_LOOKED_AHEAD = 50  # calls of a model among which the continuation of a conversation is


class Pairs:
    """The result of each call, by the objects that hold the parts."""

    def __init__(self) -> None:
        self._results: dict[int, Part] = {}
        self._beside: set[int] = set()

    def result_of(self, call: Part) -> Part | None:
        """The result of a call; None without one."""
        return self._results.get(id(call))

    def is_beside_its_call(self, part: Part) -> bool:
        """Whether the part is a result that is shown beside its call."""
        return id(part) in self._beside

    def add(self, call: Part, result: Part) -> None:
        """Pair a call with its result."""
        self._results.setdefault(id(call), result)
        self._beside.add(id(result))


def paired(said: Sequence[tuple[list[Message], list[Message]]]) -> Pairs:
    """Pairs of a trace, from the inputs and outputs of each of its steps.

    A call that was produced has its result in the step that continues the conversation: one whose messages begin with
    the same ones, or, where the server keeps the conversation, the next one with a result whose call it does not have.
    """
    pairs = Pairs()
    keys = [[key_of(message) for message in given] for given, _ in said]
    unanswered: dict[str, list[Part]] = defaultdict(list)
    for number, (given, produced) in enumerate(said):
        for result in _pair(given, pairs):
            waiting = unanswered.get(str(result.get("id")))
            if waiting:
                pairs.add(waiting.pop(), result)
        calls = _calls_in(produced)
        if not calls:
            continue
        for later in range(number + 1, min(number + 1 + _LOOKED_AHEAD, len(said))):
            history = said[later][0]
            end = len(given) + len(produced)
            again = _calls_in(history[len(given) : end])
            if keys[later][: len(given)] == keys[number] and _ids(again) == _ids(calls):
                _pair([*produced, *history[end:]], pairs)
                break
        else:
            for call in calls:
                unanswered[str(call.get("id") or call.get("name"))].append(call)
    return pairs


def _pair(messages: Iterable[Message], pairs: Pairs) -> list[Part]:
    """Pair each result with the first call before it that has none; results without a call are returned."""
    waiting: dict[str, list[Part]] = defaultdict(list)
    alone = []
    for part in (part for message in messages for part in parts_of(message)):
        if part.get("type") == "tool_call":
            for key in {str(key) for key in (part.get("id"), part.get("name")) if key}:
                waiting[key].append(part)  # some providers have no ids and name the tool in the result
        elif part.get("type") == "tool_call_response":
            calls = waiting.get(str(part.get("id")), [])
            call = next((call for call in calls if pairs.result_of(call) is None), None)
            if call is None:
                alone.append(part)
            else:
                pairs.add(call, part)
    return alone


def _calls_in(messages: Iterable[Message]) -> list[Part]:
    return [part for message in messages for part in parts_of(message) if part.get("type") == "tool_call"]


def _ids(calls: Iterable[Part]) -> list[object]:
    return [call.get("id") or call.get("name") for call in calls]


def key_of(message: Message) -> bytes:
    """Text by which a message that is sent again is recognised."""
    return orjson.dumps([message.get("role"), message.get("parts")], option=orjson.OPT_SORT_KEYS, default=str)


def parts_of(message: Message) -> list[Part]:
    """The parts of a message that are objects."""
    parts = message.get("parts")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def messages_of(step: Step, key: str) -> list[Message]:
    """The messages under a key of a step."""
    value = step.attribute(key)
    return [message for message in value if isinstance(message, Mapping)] if isinstance(value, list) else []


def said_in(step: Step) -> tuple[list[Message], list[Message]]:
    """Input messages of a step, its instructions first, and its output messages."""
    given = messages_of(step, semconv.INPUT_MESSAGES)
    instructions = step.attribute(semconv.SYSTEM_INSTRUCTIONS)
    if instructions:
        parts = instructions if isinstance(instructions, list) else [{"type": "text", "content": instructions}]
        given = [{"role": "system", "parts": parts}, *given]
    return given, messages_of(step, semconv.OUTPUT_MESSAGES)


class Conversations:
    """Results of tool calls, and content printed already: messages that calls repeat."""

    def __init__(self, steps: Sequence[Step]) -> None:
        said = [
            (messages_of(step, semconv.INPUT_MESSAGES), messages_of(step, semconv.OUTPUT_MESSAGES)) for step in steps
        ]
        self.pairs = paired(said)
        self._seen: list[tuple[str, list[bytes]]] = []

    def repeated(self, messages: Sequence[Message]) -> tuple[int, str]:
        """Number of messages at the start that were printed before, and the label of their step."""
        keys = [key_of(message) for message in messages]
        best, where = 0, ""
        for label, seen in reversed(self._seen):
            same = next((i for i, (a, b) in enumerate(zip(keys, seen)) if a != b), min(len(keys), len(seen)))
            if same > best:
                best, where = same, label
        return best, where

    def remember(self, label: str, messages: Sequence[Message]) -> None:
        """Keep the messages of a step."""
        self._seen.append((label, [key_of(message) for message in messages]))
        del self._seen[:-_CONVERSATIONS_REMEMBERED]
