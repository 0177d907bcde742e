"""The media type of binary content, by its first bytes."""

from __future__ import annotations

import base64

_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"<svg", "image/svg+xml"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"%PDF", "application/pdf"),
)
_CONTAINERS = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}  # by the content of a RIFF file
_LONGEST = 12


def media_type(content: bytes) -> str | None:
    """The media type by the first bytes; None if they are of no known type."""
    start = content[:_LONGEST]
    if start.startswith(b"RIFF"):
        return _CONTAINERS.get(start[8:12], "audio/wav")
    if start[4:8] == b"ftyp":
        return "video/mp4"
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)


def media_type_of_base64(content: str) -> str | None:
    """The media type of content that is still encoded."""
    try:
        return media_type(base64.b64decode(content[: 4 * _LONGEST // 3]))
    except ValueError:
        return None
