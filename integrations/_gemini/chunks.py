"""The accumulator of streamed content: candidates by index, texts joined."""

from __future__ import annotations

from tracer._json import JsonObject

from .._values import as_dict, as_dicts
from .content import field

_TEXT_FIELDS = frozenset({"text", "thought"})  # a part with no other field may continue in the next chunk


class ContentAccumulator:
    """Accumulates a streamed reply."""

    repeated = frozenset({"modelVersion", "responseId", "createTime"})  # where chunks differ, the first one counts

    def __init__(self) -> None:
        self._envelope: JsonObject = {}
        self._candidates: dict[int, _Candidate] = {}

    def add(self, chunk: object) -> bool:
        """Take a chunk; True if it carries content."""
        chunk = as_dict(chunk)
        first = {key: value for key in self.repeated if (value := self._envelope.get(key))}
        self._envelope.update({key: value for key, value in chunk.items() if key != "candidates"})
        self._envelope.update(first)
        has_content = False
        for position, candidate in enumerate(as_dicts(chunk.get("candidates"))):
            index = candidate.get("index", position)
            found = self._candidates.setdefault(index if isinstance(index, int) else position, _Candidate())
            has_content = found.add(candidate) or has_content
        return has_content

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        return {"candidates": [self._candidates[at].whole() for at in sorted(self._candidates)], **self._envelope}

    def is_complete(self) -> bool:
        """Whether every candidate that began has a finish reason, or the prompt was blocked, or the call failed."""
        if self._envelope.get("error"):
            return True
        if not self._candidates:
            return bool(field(as_dict(field(self._envelope, "promptFeedback")), "blockReason"))
        return all(candidate.is_finished() for candidate in self._candidates.values())


class _Candidate:
    """One candidate, with the pieces that have arrived."""

    __slots__ = ("_content", "_fields", "_last", "_parts")

    def __init__(self) -> None:
        self._fields: JsonObject = {}
        self._content: JsonObject = {}
        self._parts: list[JsonObject] = []
        self._last: list[str] | None = None  # the pieces of the last part's text, while it may continue

    def add(self, candidate: JsonObject) -> bool:
        self._fields.update({key: value for key, value in candidate.items() if key != "content"})
        content = as_dict(candidate.get("content"))
        self._content.update({key: value for key, value in content.items() if key != "parts"})
        parts = as_dicts(content.get("parts"))
        for part in parts:
            self._add_part(part)
        return any(part.get("text") != "" for part in parts)

    def _add_part(self, part: JsonObject) -> None:
        text = part.get("text")
        if not isinstance(text, str) or not _TEXT_FIELDS.issuperset(part):
            self._parts.append(part)
            self._last = None
        elif self._last is not None and self._parts[-1].get("thought") == part.get("thought"):
            self._last.append(text)
        else:
            self._last = [text]
            self._parts.append({**part, "text": self._last})

    def is_finished(self) -> bool:
        return bool(field(self._fields, "finishReason"))

    def whole(self) -> JsonObject:
        parts = [
            {**part, "text": "".join(part["text"])} if isinstance(part.get("text"), list) else part
            for part in self._parts
        ]
        return {"content": {**self._content, "parts": parts}, **self._fields}
