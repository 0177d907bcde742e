"""Accumulators of streamed chat completions and completions; a chunk takes a few microseconds."""

from __future__ import annotations

from typing import Any

from tracer._json import JsonObject
from tracer.provider import varying_values

from .._values import as_dict, as_dicts
from .usage import usage_of

# fields whose deltas are joined to one text
_JOINED = frozenset(
    {"content", "refusal", "reasoning_content", "reasoning", "arguments", "input", "transcript", "text"}
)
_KNOWN_IN_CHOICE = frozenset({"index", "delta", "message", "text", "finish_reason", "logprobs"})
_OF_ONE_CHUNK = frozenset({"choices", "usage", "obfuscation"})  # all other fields belong to the envelope of the reply
# of chunks that differ the first one counts, as in the SDK's own accumulator; of other fields the last
_FIRST_COUNTS = ("id", "created", "model", "service_tier", "provider")
_USED = frozenset({"usage", "x_groq"})

Added = tuple[list[str], str]  # the pieces of a text, and the piece that a chunk adds to them


class _Accumulator:
    """Accumulates chunks: the envelope, usage, and choices by index, in any order."""

    repeated = frozenset({*_FIRST_COUNTS, "object", "system_fingerprint"})
    varying = varying_values("content text refusal reasoning_content reasoning arguments obfuscation")

    def __init__(self) -> None:
        self._envelope: JsonObject = {}
        self._usage: object = None
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: object) -> bool:
        """Take a chunk; True if it carries content."""
        if not isinstance(chunk, dict):
            return False
        if None in chunk.values():
            chunk = {key: value for key, value in chunk.items() if value is not None}
        first = {key: value for key in _FIRST_COUNTS if (value := self._envelope.get(key))}
        self._envelope.update(chunk)
        self._envelope.update(first)
        if "usage" in chunk or "x_groq" in chunk:
            self._usage = usage_of(chunk) or self._usage
        choices = chunk.get("choices")
        has_content = False
        if isinstance(choices, list):
            for position, choice in enumerate(choices):
                if isinstance(choice, dict):
                    has_content = self._choice(choice, position).add(choice) or has_content
        return has_content

    def continued(self, chunk: object) -> Added | None:
        """The text that a chunk only continues, and its addition to it."""
        choices = chunk.get("choices") if type(chunk) is dict else None
        if type(choices) is not list or len(choices) != 1 or not self._is_known(as_dict(chunk)):
            return None
        choice = choices[0]
        if type(choice) is not dict or choice.get("finish_reason") or choice.get("logprobs"):
            return None
        index = choice.get("index")
        begun = self._choices.get(index) if type(index) is int else None
        return None if begun is None else begun.continued(choice)

    def _is_known(self, chunk: JsonObject) -> bool:
        """Whether the envelope of a chunk changes nothing."""
        return all(
            name in _OF_ONE_CHUNK or (name in self._envelope and self._envelope[name] == value)
            for name, value in chunk.items()
            if value is not None
        ) and _USED.isdisjoint(chunk)

    def _choice(self, choice: JsonObject, position: int) -> _Choice:
        index = choice.get("index")
        if not isinstance(index, int):
            index = position
        found = self._choices.get(index)
        if found is None:
            found = self._choices[index] = _Choice(index)
        return found

    def is_complete(self) -> bool:
        """Whether every choice that began has a finish reason."""
        return bool(self._choices) and all(choice.finish_reason for choice in self._choices.values())

    def _reply(self, kind: str, choices: list[JsonObject]) -> JsonObject:
        envelope = {key: value for key, value in self._envelope.items() if key not in _OF_ONE_CHUNK}
        reply = {**envelope, "object": kind, "choices": choices}
        return {**reply, "usage": self._usage} if self._usage is not None else reply


class ChatAccumulator(_Accumulator):
    """Accumulates a streamed chat completion."""

    def reply(self) -> JsonObject:
        """The chat completion in the shape of a reply that was not streamed."""
        return self._reply("chat.completion", [self._choices[index].chat() for index in sorted(self._choices)])


class CompletionAccumulator(_Accumulator):
    """Accumulates a streamed completion."""

    def reply(self) -> JsonObject:
        """The completion in the shape of a reply that was not streamed."""
        return self._reply("text_completion", [self._choices[index].completion() for index in sorted(self._choices)])


class _Choice:
    """One choice of a streamed reply, with the pieces that have arrived."""

    __slots__ = ("_index", "_logprobs", "_message", "_others", "_text", "_tool_calls", "finish_reason")

    def __init__(self, index: int) -> None:
        self._index = index
        self._message: JsonObject = {}  # texts are lists of pieces until the end
        self._others: JsonObject = {}  # such as Azure's content filter results
        self._text: list[str] = []
        self._tool_calls: list[_ToolCall] = []
        self._logprobs: dict[str, list[object]] = {}
        self.finish_reason: object = None

    def continued(self, choice: JsonObject) -> Added | None:
        """The text that has begun and that a choice only continues, and its addition to it."""
        if len(choice) > 4 and any(
            key not in _KNOWN_IN_CHOICE and (key not in self._others or self._others[key] != value)
            for key, value in choice.items()
        ):
            return None
        delta = choice.get("delta") or choice.get("message")
        if not delta:
            text = choice.get("text")
            return (self._text, text) if text and type(text) is str else None
        if type(delta) is not dict:
            return None
        added = [
            (key, value)
            for key, value in delta.items()
            if value is not None and value != "" and not (key == "role" and self._message.get("role") == value)
        ]
        if len(added) != 1:
            return None
        [(key, value)] = added
        if key == "tool_calls":
            return self._continued_call(value)
        return _continued(self._message, key, value)

    def _continued_call(self, deltas: object) -> Added | None:
        delta = deltas[0] if type(deltas) is list and len(deltas) == 1 else None
        if type(delta) is not dict:
            return None
        call = self._begun_call(delta)
        return None if call is None else call.continued(delta)

    def add(self, choice: JsonObject) -> bool:
        get = choice.get
        if get("finish_reason"):
            self.finish_reason = choice["finish_reason"]
        if get("logprobs"):
            self._add_logprobs(choice["logprobs"])
        if len(choice) > 4:
            self._others.update((key, value) for key, value in choice.items() if key not in _KNOWN_IN_CHOICE)
        delta = get("delta") or get("message")
        if not delta:
            text = get("text")
            if text and isinstance(text, str):
                self._text.append(text)
                return True
            return False
        return self._add_delta(delta) if isinstance(delta, dict) else False

    def _add_delta(self, delta: JsonObject) -> bool:
        has_content = False
        for key, value in delta.items():
            if value is None or value == "":
                continue
            if key == "role":
                self._message[key] = value
            elif key == "tool_calls":
                has_content = self._add_tool_calls(value) or has_content
            else:
                merge(self._message, key, value)
                has_content = True
        return has_content

    def _add_tool_calls(self, deltas: object) -> bool:
        for delta in as_dicts(deltas):
            self._tool_call(delta).add(delta)
        return bool(deltas)

    def _tool_call(self, delta: JsonObject) -> _ToolCall:
        call = self._begun_call(delta)
        if call is None:
            call = _ToolCall(delta.get("index"), delta.get("id"))
            self._tool_calls.append(call)
        return call

    def _begun_call(self, delta: JsonObject) -> _ToolCall | None:
        """The call that a delta continues: by its index, else by its id, else the last call."""
        index, identity = delta.get("index"), delta.get("id")
        for call in reversed(self._tool_calls):
            if call.is_continued_by(index, identity, as_dict(delta.get("function")).get("name")):
                return call
        return None

    def _add_logprobs(self, logprobs: object) -> None:
        for key, value in as_dict(logprobs).items():
            if isinstance(value, list):
                self._logprobs.setdefault(key, []).extend(value)

    def chat(self) -> JsonObject:
        message = {"role": "assistant", "content": None, **joined(self._message)}
        if self._tool_calls:
            ordered = sorted(self._tool_calls, key=lambda call: call.index if isinstance(call.index, int) else 1 << 30)
            message["tool_calls"] = [call.whole() for call in ordered]
        return self._with_logprobs({"index": self._index, "message": message, "finish_reason": self.finish_reason})

    def completion(self) -> JsonObject:
        choice = {"index": self._index, "text": "".join(self._text), "finish_reason": self.finish_reason}
        return self._with_logprobs(choice)

    def _with_logprobs(self, choice: JsonObject) -> JsonObject:
        found = {"logprobs": self._logprobs} if self._logprobs else {}
        return {**choice, **found, **self._others}


class _ToolCall:
    """One tool call of a streamed choice."""

    __slots__ = ("_fields", "identity", "index")

    def __init__(self, index: object, identity: object) -> None:
        self.index = index
        self.identity = identity
        self._fields: JsonObject = {"id": identity, "type": "function"}

    def is_continued_by(self, index: object, identity: object, name: object) -> bool:
        if identity and self.identity and identity != self.identity and (name or index is None):
            return False  # some servers give every call the index 0
        if isinstance(index, int):
            return bool(index == self.index)
        return not identity or bool(identity == self.identity)

    def add(self, delta: JsonObject) -> None:
        for key, value in delta.items():
            if value is None or key == "index":
                continue
            if key == "id":
                self.identity = self._fields["id"] = value or self.identity
            else:
                merge(self._fields, key, value)

    def continued(self, delta: JsonObject) -> Added | None:
        """The arguments, if a delta only continues them, and its addition to them."""
        held = self._fields.get("function")
        function = delta.get("function")
        if type(held) is not dict or type(function) is not dict or _differs(delta, self._fields, "function", "index"):
            return None
        if _differs(function, held, "arguments"):
            return None
        return _continued(held, "arguments", function.get("arguments"))

    def whole(self) -> JsonObject:
        return {key: value for key, value in joined(self._fields).items() if value is not None}


def _differs(delta: JsonObject, held: JsonObject, *apart: str) -> bool:
    """Whether a delta has other values than these, apart from some fields."""
    return any(value is not None and key not in apart and held.get(key) != value for key, value in delta.items())


def merge(into: JsonObject, key: str, value: object) -> None:
    """Add a field of a delta: texts are collected, lists extended, objects merged, other values replaced."""
    if isinstance(value, str) and (key in _JOINED or (key == "data" and isinstance(into.get(key), list))):
        _collect(into, key, value)
    elif isinstance(value, str) and key == "data":
        into[key] = _Pieces([value])
    elif isinstance(value, list):
        into[key] = [*_as_parts(into.get(key)), *value]
    elif isinstance(value, dict):
        held = into.setdefault(key, {})
        if isinstance(held, dict):
            for name, inner in value.items():
                if inner is not None:
                    merge(held, name, inner)
    else:
        into[key] = value


class _Pieces(list[str]):
    """Text in the pieces in which it arrived."""


def _continued(held: JsonObject, key: str, value: object) -> Added | None:
    pieces = held.get(key)
    if key in _JOINED and type(pieces) is _Pieces and type(value) is str and value != "":
        return pieces, value
    return None


def _collect(into: JsonObject, key: str, piece: str) -> None:
    held = into.get(key)
    if isinstance(held, _Pieces):
        held.append(piece)
    elif isinstance(held, list):  # content that began as typed parts continues as text
        _collect(_last_text_part(held), "text", piece)
    else:
        into[key] = _Pieces([piece])


def _last_text_part(parts: list[Any]) -> JsonObject:
    if not parts or as_dict(parts[-1]).get("type") != "text" or not isinstance(parts[-1].get("text"), _Pieces):
        parts.append({"type": "text"})
    return as_dict(parts[-1])


def _as_parts(held: object) -> list[Any]:
    if isinstance(held, _Pieces):
        return [{"type": "text", "text": held}]
    return held if isinstance(held, list) else []


def joined(fields: Any) -> Any:
    """The fields with their pieces of text joined."""
    if isinstance(fields, _Pieces):
        return "".join(fields)
    if isinstance(fields, dict):
        return {key: joined(value) for key, value in fields.items()}
    return [joined(item) for item in fields] if isinstance(fields, list) else fields
