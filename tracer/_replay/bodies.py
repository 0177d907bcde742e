"""Bodies of requests and replies as they are written in a cassette: readable where they can be, exact in any case."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from tracer._json import JsonMapping, JsonObject
from tracer._replay import event_stream

# how servers write JSON, by the name that a cassette has for it: a body is kept as JSON if one of them gives its bytes
_STYLES: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "spaced": {"ensure_ascii": False},
    "indented": {"indent": 2, "ensure_ascii": False},
    "compact ascii": {"separators": (",", ":")},
    "spaced ascii": {},
    "indented ascii": {"indent": 2},
}
_BOUNDARY = re.compile(r"boundary=\"?([^\";,\s]+)")
Split = Callable[[bytes], "tuple[list[bytes], bytes]"]


def _by(pattern: re.Pattern[bytes]) -> Split:
    """Whole events by the pattern, and what is left."""

    def split(content: bytes) -> tuple[list[bytes], bytes]:
        found = list(pattern.finditer(content))
        return [match.group() for match in found], content[found[-1].end() if found else 0 :]

    return split


_EVENTS = _by(re.compile(rb".*?(?:\r\n\r\n|\n\n|\r\r)", re.DOTALL))
_LINES = _by(re.compile(rb".*?\n", re.DOTALL))
_STREAMS = {
    "text/event-stream": _EVENTS,
    "application/x-ndjson": _LINES,
    "application/jsonl": _LINES,
    "application/stream+json": _LINES,
    event_stream.CONTENT_TYPE: event_stream.split,
}


def request_body(content: bytes, content_type: str) -> JsonObject:
    """A request's body; the random boundary between the parts of a form is always the same word."""
    boundary = _BOUNDARY.search(content_type) if content_type.startswith("multipart/") else None
    if boundary is not None:
        content = content.replace(boundary.group(1).encode(), b"boundary")
    if not content:
        return {}
    try:
        return {"json": json.loads(content)}
    except (ValueError, RecursionError):
        return _text(content)


def reply_body(chunks: Sequence[bytes], times_ms: Sequence[int], content_type: str, *, is_whole: bool) -> JsonObject:
    """A reply's body; streams keep their chunks, ``times_ms`` of which count from the request."""
    split = _STREAMS.get(content_type.partition(";")[0].strip().lower())
    if split is not None:
        chunks, times_ms = _split(chunks, times_ms, split)
    elif is_whole or len(chunks) < 2:
        return _whole(b"".join(chunks))
    return {"chunks": [chunk_of(chunk) for chunk in chunks], "chunk_times_ms": list(times_ms)}


def content_of(body: JsonMapping) -> list[bytes]:
    """The bytes of a body, in chunks."""
    if "chunks" in body:
        return [chunk.encode() if isinstance(chunk, str) else _bytes_of(chunk) for chunk in body["chunks"]]
    content = _bytes_of(body)
    return [content] if content else []


def _split(chunks: Iterable[bytes], times_ms: Iterable[int], split: Split) -> tuple[list[bytes], list[int]]:
    """One chunk for each event: where the network cut them is another place each time."""
    events: list[bytes] = []
    times: list[int] = []
    rest, now = b"", 0
    for chunk, now in zip(chunks, times_ms):
        whole, rest = split(rest + chunk)
        events += whole
        times += [now] * len(whole)
    if rest:
        events.append(rest)
        times.append(now)
    return events, times


def _whole(content: bytes) -> JsonObject:
    if not content:
        return {}
    try:
        text = content.decode()
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _text(content)
    for name, style in _STYLES.items():
        if json.dumps(value, **style) == text:
            return {"json": value} if name == "compact" else {"json": value, "json_style": name}
    return {"text": text}


def _bytes_of(body: JsonMapping) -> bytes:
    if "event" in body:
        return event_stream.message_of(body["event"], _payload_of(body))
    if "json" in body:
        return json.dumps(body["json"], **_STYLES[body.get("json_style", "compact")]).encode()
    if "base64" in body:
        return base64.b64decode(body["base64"])
    return str(body.get("text", "")).encode()


def chunk_of(content: bytes) -> object:
    """A chunk: text where it is, and the headers and the payload of a binary event."""
    event = _event(content) if content.startswith(b"\0") else None  # the first byte of its length
    if event is not None:
        return event
    written = _text(content)
    return written.get("text", written)


def _event(content: bytes) -> JsonObject | None:
    try:
        headers, payload = event_stream.parsed(content)
    except ValueError:
        return None
    event = {"event": headers, **_whole(payload)}
    if isinstance(event.get("json"), dict) and isinstance(event["json"].get("bytes"), str):
        with suppress(ValueError):  # JSON within JSON
            inner = _whole(base64.b64decode(event["json"]["bytes"], validate=True))
            event["json"] = {**event["json"], "bytes": inner}
    return event if _bytes_of(event) == content else None


def _payload_of(event: JsonMapping) -> bytes:
    payload = {name: value for name, value in event.items() if name != "event"}
    inner = payload["json"].get("bytes") if isinstance(payload.get("json"), dict) else None
    if isinstance(inner, dict):
        payload["json"] = {**payload["json"], "bytes": base64.b64encode(_bytes_of(inner)).decode()}
    return _bytes_of(payload)


def _text(content: bytes) -> JsonObject:
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
