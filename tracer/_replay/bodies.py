"""Bodies of requests and replies as they are written in a cassette: readable where they can be, exact in any case."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tracer._json import JsonMapping, JsonObject

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
_EVENTS = re.compile(rb".*?(?:\r\n\r\n|\n\n|\r\r)", re.DOTALL)
_LINES = re.compile(rb".*?\n", re.DOTALL)
_STREAMS = {
    "text/event-stream": _EVENTS,
    "application/x-ndjson": _LINES,
    "application/jsonl": _LINES,
    "application/stream+json": _LINES,
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
    pattern = _STREAMS.get(content_type.partition(";")[0].strip().lower())
    if pattern is not None:
        chunks, times_ms = _split(chunks, times_ms, pattern)
    elif is_whole or len(chunks) < 2:
        return _whole(b"".join(chunks))
    return {"chunks": [chunk_of(chunk) for chunk in chunks], "chunk_times_ms": list(times_ms)}


def content_of(body: JsonMapping) -> list[bytes]:
    """The bytes of a body, in chunks."""
    if "chunks" in body:
        return [_bytes_of({"text": chunk} if isinstance(chunk, str) else chunk) for chunk in body["chunks"]]
    content = _bytes_of(body)
    return [content] if content else []


def _split(
    chunks: Iterable[bytes], times_ms: Iterable[int], pattern: re.Pattern[bytes]
) -> tuple[list[bytes], list[int]]:
    """One chunk for each event: where the network cut them is another place each time."""
    events: list[bytes] = []
    times: list[int] = []
    rest, now = b"", 0
    for chunk, now in zip(chunks, times_ms):
        rest += chunk
        end = 0
        for match in pattern.finditer(rest):
            events.append(match.group())
            times.append(now)
            end = match.end()
        rest = rest[end:]
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
    if "json" in body:
        return json.dumps(body["json"], **_STYLES[body.get("json_style", "compact")]).encode()
    if "base64" in body:
        return base64.b64decode(body["base64"])
    return str(body.get("text", "")).encode()


def chunk_of(content: bytes) -> object:
    """A chunk: text where it is."""
    written = _text(content)
    return written.get("text", written)


def _text(content: bytes) -> JsonObject:
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
