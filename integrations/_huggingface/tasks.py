"""Text generation, embeddings and all other tasks of Hugging Face: requests, replies and streams."""

from __future__ import annotations

import functools

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import text_part, uri_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._openai.other import EMBEDDING as OPENAI_EMBEDDING
from .._openai.usage import read_usage
from .._values import as_dict, as_text

_PARAMETERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "top_k": semconv.REQUEST_TOP_K,
    "seed": semconv.REQUEST_SEED,
    "max_new_tokens": semconv.REQUEST_MAX_TOKENS,
    "stop": semconv.REQUEST_STOP_SEQUENCES,
}
_TEXTS = ("generated_text", "summary_text", "translation_text", "text", "answer")
_NAMES = {  # from the conventions, or as other providers' calls of the kind are called
    "automatic-speech-recognition": "speech_to_text",
    "text-to-speech": "text_to_speech",
    "text-to-image": "generate_content",
    "image-to-image": "generate_content",
    "text-to-video": "generate_content",
    "image-to-video": "generate_content",
}


def _read_request(body: object) -> Request:
    body = as_dict(body)
    parameters = as_dict(body.get("parameters"))
    attributes = {key: parameters.get(name) for name, key in _PARAMETERS.items()}
    asked = body.get("inputs", body.get("prompt", body.get("text")))
    return Request(
        as_text(body.get("model")),
        [{"role": "user", "parts": [text_part(asked)]}] if isinstance(asked, str) else None,
        attributes={**attributes, semconv.REQUEST_STREAM: body.get("stream") or None},
    )


def _read_reply(body: object) -> Reply:
    fields = _first(body)
    details = as_dict(fields.get("details"))
    reason = as_text(details.get("finish_reason"))
    parts = _parts(fields)
    return Reply(
        model=as_text(fields.get("model")),
        messages=[{"role": "assistant", "parts": parts, "finish_reason": reason}] if parts else [],
        finish_reasons=[reason] if reason else [],
        usage=_usage(fields, details),
        **_error(fields),
    )


def _first(body: object) -> JsonObject:
    """The reply, also where it is the only one of a list."""
    return as_dict(body[0]) if isinstance(body, list) and len(body) == 1 else as_dict(body)


def _parts(fields: JsonMapping) -> list[JsonObject]:
    content = fields.get("content")
    if isinstance(content, str) and content.startswith("data:"):  # an image or sound
        return [uri_part(content[5:].partition("/")[0], content)]
    found = next((fields[name] for name in _TEXTS if isinstance(fields.get(name), str)), None)
    return [] if found is None else [text_part(found)]


def _usage(fields: JsonMapping, details: JsonMapping) -> JsonObject:
    if fields.get("usage"):
        return read_usage(fields["usage"])
    prefill = details.get("prefill")
    counted = details.get("input_length") or (len(prefill) if isinstance(prefill, list) and prefill else None)
    return {"input_tokens": counted, "output_tokens": details.get("generated_tokens")}


def _error(fields: JsonMapping) -> JsonObject:
    error = fields.get("error")
    return {"error_type": str(fields.get("error_type") or "error"), "error_message": str(error)} if error else {}


class TextAccumulator:
    """Joins the tokens of a streamed text."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._last: JsonObject = {}

    def add(self, event: object) -> bool:
        """Take an event; True if it carries text."""
        fields = as_dict(event)
        token = as_dict(fields.get("token"))
        self._last.update((key, value) for key, value in fields.items() if value is not None and key != "token")
        text = token.get("text")
        if not isinstance(text, str) or token.get("special"):
            return False
        self._pieces.append(text)
        return bool(text)

    def reply(self) -> JsonObject:
        """The text in the shape of a reply that was not streamed."""
        rest = {key: value for key, value in self._last.items() if key not in ("index", "top_tokens")}
        return {"generated_text": "".join(self._pieces), **rest}

    def is_complete(self) -> bool:
        """Whether the event with the whole text has arrived."""
        return "generated_text" in self._last or "error" in self._last


TEXT_GENERATION = Operation(
    "text_completion", _read_request, _read_reply, TextAccumulator, span_type=SpanType.LLM
)  # fmt: skip


def _read_embedding_request(body: object) -> Request:
    body = as_dict(body)
    return Request(as_text(body.get("model")), attributes={semconv.EMBEDDINGS_DIMENSIONS: body.get("dimensions")})


def _read_embedding_reply(body: object) -> Reply:
    if isinstance(body, dict):  # of a provider whose API is like OpenAI's
        return OPENAI_EMBEDDING.read_reply(body)
    vector = body
    while isinstance(vector, list) and vector and isinstance(vector[0], list):
        vector = vector[0]
    return Reply(attributes={semconv.EMBEDDINGS_DIMENSIONS: len(vector) if isinstance(vector, list) else None})


EMBEDDING = Operation("embeddings", _read_embedding_request, _read_embedding_reply, span_type=SpanType.EMBEDDING)


@functools.lru_cache(maxsize=64)
def task_operation(task: str) -> Operation:
    """The operation of a task without one of its own."""
    return Operation(_NAMES.get(task, task.replace("-", "_")), _read_request, _read_reply, span_type=SpanType.LLM)
