"""The accumulator of invoke_model's streams, whose chunks are in each model's own format."""

from __future__ import annotations

from tracer._json import JsonObject
from tracer.provider import Accumulator

from .._anthropic.events import MessageAccumulator
from .._cohere.chat import ChatAccumulator as CohereAccumulator
from .._cohere.first import ChatEvents
from .._openai.chunks import ChatAccumulator, CompletionAccumulator
from .._values import as_dict, as_dicts
from .converse import ConverseAccumulator

METRICS = "amazon-bedrock-invocationMetrics"  # in the last chunk, whatever the format
_CONVERSE = frozenset({"messageStart", "contentBlockStart", "contentBlockDelta", "messageStop", "metadata"})
_COHERE = ("message-start", "content-start", "content-delta", "tool-plan-delta")


class InvokeAccumulator:
    """Accumulates a streamed reply by the format that its first chunk shows."""

    def __init__(self) -> None:
        self._accumulator: Accumulator | None = None
        self._more: JsonObject = {}  # Bedrock's own fields

    def add(self, chunk: JsonObject) -> bool:
        """Take a chunk; True if it carries content."""
        chunk = as_dict(chunk)
        self._more.update({name: value for name, value in chunk.items() if name.startswith("amazon-bedrock-")})
        own = {name: value for name, value in chunk.items() if not name.startswith("amazon-bedrock-")}
        if not own:
            return False
        if self._accumulator is None:
            self._accumulator = _accumulator_of(own)
        return self._accumulator.add(with_finish_reasons(own))

    def reply(self) -> object:
        """The reply in the shape of one that was not streamed."""
        reply = None if self._accumulator is None else self._accumulator.reply()
        return {**as_dict(reply), **self._more}

    def is_complete(self) -> bool | None:
        """Whether the end of the reply has come; Bedrock's counts are in the last chunk of every format."""
        if METRICS in self._more:
            return True
        return False if self._accumulator is None else self._accumulator.is_complete()


def _accumulator_of(chunk: JsonObject) -> Accumulator:
    if not _CONVERSE.isdisjoint(chunk):
        return ConverseAccumulator()
    if "choices" in chunk:
        choice = next(iter(as_dicts(chunk["choices"])), {})
        return CompletionAccumulator() if "text" in choice else ChatAccumulator()
    if "event_type" in chunk:
        return ChatEvents()
    if chunk.get("type") in _COHERE:
        return CohereAccumulator()
    return MessageAccumulator() if "type" in chunk else TextAccumulator()


def with_finish_reasons(body: JsonObject) -> JsonObject:
    """Choices in OpenAI's format, of which Mistral and DeepSeek name the reason otherwise."""
    choices = as_dicts(body.get("choices"))
    if not any("stop_reason" in choice for choice in choices):
        return body
    named = [{"finish_reason": choice.get("stop_reason"), **choice} for choice in choices]
    return {**body, "choices": [{k: v for k, v in choice.items() if k != "stop_reason"} for choice in named]}


class TextAccumulator:
    """Accumulates chunks of text: Llama's, Titan's, Mistral's, and those of models that are like them."""

    _PIECES = ("generation", "outputText", "completion", "text")

    def __init__(self) -> None:
        self._name = "generation"
        self._pieces: list[str] = []
        self._last: JsonObject = {}

    def add(self, chunk: JsonObject) -> bool:
        """Take a chunk; True if it carries content."""
        outputs = as_dicts(chunk.get("outputs"))
        if outputs:
            chunk, self._name = outputs[0], "outputs"
        piece = ""
        for name, value in chunk.items():
            if name in self._PIECES and isinstance(value, str):
                piece += value
                self._name = self._name if outputs else name
            elif value is not None:
                self._last[name] = value
        self._pieces.append(piece)
        return bool(piece)

    def reply(self) -> JsonObject:
        """The reply in the shape of one that was not streamed."""
        text, last = "".join(self._pieces), self._last
        if self._name == "outputs":
            return {"outputs": [{**last, "text": text}]}
        if self._name == "outputText":
            result = {"outputText": text, "tokenCount": last.get("totalOutputTextTokenCount")}
            result["completionReason"] = last.get("completionReason")
            return {"inputTextTokenCount": last.get("inputTextTokenCount"), "results": [result]}
        return {**last, self._name: text}

    def is_complete(self) -> bool:
        """Whether a reason for the end has come."""
        names = ("stop_reason", "completionReason", "finish_reason", "is_finished")
        return any(self._last.get(name) for name in names)
