"""The accumulator of a streamed message."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.messages import parsed
from tracer.provider import varying_values

from .._values import as_dict, as_text, given

# the field of a block that each kind of delta extends
_DELTA_FIELD = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_OPENED_EMPTY = frozenset({"text", "thinking"})  # blocks whose start carries no content


class MessageAccumulator:
    """Accumulates a streamed message from its events."""

    varying = varying_values("text thinking partial_json")

    def __init__(self) -> None:
        self._message: JsonObject = {}
        self._usage: JsonObject = {}
        self._blocks: dict[object, _Block] = {}
        self._error: object = None

    def add(self, event: JsonObject) -> bool:
        """Take an event; True if it carries content."""
        kind = as_dict(event).get("type")
        if kind == "content_block_delta":
            return self._block(event).add(as_dict(event.get("delta")))
        if kind == "content_block_start":
            return self._block(event).start(as_dict(event.get("content_block")))
        if kind == "message_start" and not self._message:
            self._message = as_dict(event.get("message"))
            self._usage = given(as_dict(self._message.get("usage")))
        elif kind == "message_delta":
            self._message = {**self._message, **given(as_dict(event.get("delta")))}
            self._usage.update(given(as_dict(event.get("usage"))))
        elif kind == "error":
            self._error = event.get("error")
        return False

    def continued(self, event: JsonObject) -> tuple[list[str], str] | None:
        """The text that an event only continues, and what it adds to it."""
        delta = as_dict(event).get("delta")
        if as_dict(event).get("type") != "content_block_delta" or type(delta) is not dict:
            return None
        block = self._blocks.get(_index_of(event))
        return None if block is None else block.continued(delta)

    def _block(self, event: JsonObject) -> _Block:
        index = _index_of(event)
        found = self._blocks.get(index)
        if found is None:
            found = self._blocks[index] = _Block()
        return found

    def reply(self) -> JsonObject:
        """The message in the shape of a reply that was not streamed."""
        content = [self._blocks[index].whole() for index in sorted(self._blocks, key=_position)]
        message = {**self._message, "content": content}
        if self._usage:
            message["usage"] = self._usage
        return {**message, "error": self._error} if self._error else message

    def is_complete(self) -> bool:
        """Whether the message has a stop reason or an error."""
        return bool(self._message.get("stop_reason") or self._error)


class _Block:
    """One content block, with the pieces that have arrived."""

    __slots__ = ("_citations", "_fields", "_json", "_texts")

    def __init__(self) -> None:
        self._fields: JsonObject = {}
        self._texts: dict[str, list[str]] = {}
        self._json: list[str] = []
        self._citations: list[object] = []

    def start(self, block: JsonObject) -> bool:
        self._fields = block
        return str(block.get("type")) not in _OPENED_EMPTY

    def add(self, delta: JsonObject) -> bool:
        kind = delta.get("type")
        field = _DELTA_FIELD.get(str(kind))
        if field is not None:
            piece = delta.get(field)
            if isinstance(piece, str):
                self._texts.setdefault(field, []).append(piece)
            return bool(piece) and field != "signature"
        if kind == "input_json_delta":
            self._json.append(str(delta.get("partial_json") or ""))
        elif kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        else:  # a kind that is not known here: its fields replace those of the block
            self._fields = {**self._fields, **{key: value for key, value in delta.items() if key != "type"}}
        return True

    def continued(self, delta: JsonObject) -> tuple[list[str], str] | None:
        kind = delta.get("type")
        if kind == "input_json_delta":
            pieces, piece = self._json, delta.get("partial_json")
        elif kind == "text_delta" or kind == "thinking_delta":
            field = _DELTA_FIELD[kind]
            pieces, piece = self._texts.get(field, []), delta.get(field)
        else:
            return None
        return (pieces, piece) if pieces and type(piece) is str and piece else None

    def whole(self) -> JsonObject:
        block = dict(self._fields)
        for field, pieces in self._texts.items():
            block[field] = (as_text(block.get(field)) or "") + "".join(pieces)
        arguments = "".join(self._json)
        if arguments:
            block["input"] = parsed(arguments)
        if self._citations:
            block["citations"] = [*(block.get("citations") or ()), *self._citations]
        return block


def _index_of(event: JsonObject) -> int | None:
    index = event.get("index")
    return index if isinstance(index, int) else None


def _position(index: object) -> int:
    return index if isinstance(index, int) else 1 << 30
