"""Speech from text, and text from speech: requests, replies and streams."""

from __future__ import annotations

import base64

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import media_part, text_part, uri_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_dicts, as_text
from .chat import error_in, parameters
from .uploads import upload_parts
from .usage import read_usage


def _read_speech_request(body: object) -> Request:
    body = as_dict(body)
    text, instructions = as_text(body.get("input")), as_text(body.get("instructions"))
    return Request(
        as_text(body.get("model")),
        [{"role": "user", "parts": [text_part(text)] if text else []}],
        system=[text_part(instructions)] if instructions else None,
        attributes={**parameters(body), semconv.OUTPUT_TYPE: "speech"},
    )


def _read_speech_reply(body: object) -> Reply:
    body = as_dict(body)
    return Reply(messages=_speech_messages(body), usage=read_usage(body.get("usage")), **error_in(body))


def _speech_messages(body: JsonMapping) -> list[JsonObject]:
    if not body.get("bytes"):
        return []
    if isinstance(body.get("content"), str):
        part = uri_part("audio", body["content"])
    elif isinstance(body.get("audio"), str):  # joined from events, which carry no media type
        part = media_part("audio", body["audio"], None)
    else:
        part = {"type": "blob", "modality": "audio", "mime_type": body.get("content_type"), "bytes": body["bytes"]}
    return [{"role": "assistant", "parts": [part]}]


class SpeechAccumulator:
    """Joins speech that is streamed as events (``stream_format="sse"``)."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._rest: JsonObject = {}
        self._is_done = False

    def add(self, event: object) -> bool:
        """Take an event; True if it carries sound."""
        if not isinstance(event, dict):
            return False
        audio = event.get("audio")
        if isinstance(audio, str):
            self._pieces.append(audio)
            return bool(audio)
        self._rest.update((key, event[key]) for key in ("usage", "error") if event.get(key))
        self._is_done = event.get("type") == "speech.audio.done"
        return False

    def is_complete(self) -> bool:
        """Whether the last event has arrived."""
        return self._is_done

    def reply(self) -> JsonObject:
        """The speech in the shape of a reply that was not streamed."""
        content = b"".join(_decoded(piece) for piece in self._pieces)
        if not content:
            return self._rest
        return {"bytes": len(content), "audio": base64.b64encode(content).decode(), **self._rest}


def _decoded(piece: str) -> bytes:
    try:
        return base64.b64decode(piece)
    except ValueError:
        return b""


def _read_transcription_request(body: object) -> Request:
    body = as_dict(body)
    prompt = as_text(body.get("prompt"))
    return Request(
        as_text(body.get("model")),
        [{"role": "user", "parts": [*upload_parts(body, "audio"), *([text_part(prompt)] if prompt else [])]}],
        attributes={**parameters(body), semconv.OUTPUT_TYPE: "text"},
    )


def _read_transcription_reply(body: object) -> Reply:
    fields = as_dict(body)
    text = body if isinstance(body, str) else as_text(fields.get("text"))  # subtitles and plain text are not JSON
    usage = as_dict(fields.get("usage"))
    return Reply(
        messages=[] if text is None else [{"role": "assistant", "parts": [text_part(text)]}],
        usage=read_usage(usage),
        attributes={semconv.USAGE_AUDIO_SECONDS: usage.get("seconds")},
        **error_in(fields),
    )


class TranscriptAccumulator:
    """Joins a streamed transcription."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._logprobs: list[JsonObject] = []
        self._segments: list[JsonObject] = []
        self._done: JsonObject | None = None
        self._error: object = None

    def add(self, event: object) -> bool:
        """Take an event; True if it carries text."""
        if not isinstance(event, dict):
            return False
        kind = event.get("type")
        if kind == "transcript.text.delta":
            self._pieces.append(as_text(event.get("delta")) or "")
            self._logprobs.extend(as_dicts(event.get("logprobs")))
        elif kind == "transcript.text.segment":
            self._segments.append({key: value for key, value in event.items() if key != "type"})
        elif kind == "transcript.text.done":
            self._done = {key: value for key, value in event.items() if key != "type"}
        self._error = event.get("error") or self._error
        return kind in ("transcript.text.delta", "transcript.text.segment")

    def is_complete(self) -> bool:
        """Whether the event with the whole text has arrived."""
        return self._done is not None

    def reply(self) -> JsonObject:
        """The transcription in the shape of a reply that was not streamed."""
        texts = self._pieces or [str(segment.get("text") or "") for segment in self._segments]
        reply: JsonObject = {"text": "".join(texts)}
        rest = {"logprobs": self._logprobs, "segments": self._segments, "error": self._error, **(self._done or {})}
        return {**reply, **{key: value for key, value in rest.items() if value}}


# names from the draft of the voice conventions; the stable conventions have none for speech
SPEECH = Operation(
    "text_to_speech", _read_speech_request, _read_speech_reply, SpeechAccumulator, span_type=SpanType.LLM
)
TRANSCRIPTION = Operation(
    "speech_to_text",
    _read_transcription_request,
    _read_transcription_reply,
    TranscriptAccumulator,
    span_type=SpanType.LLM,
)
