"""Media types by the first bytes of binary content."""

from __future__ import annotations

import base64

import pytest

from tracer._encoding.media import media_type
from tracer.messages import media_part

pytestmark = pytest.mark.no_store


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"<svg xmlns=", "image/svg+xml"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"\xff\xf1\x50", "audio/aac"),
        (b"OggS\x00", "audio/ogg"),
        (b"fLaC\x00", "audio/flac"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        (b"anything", None),
        (b"", None),
    ],
)
def test_the_media_type_of_content(start: bytes, kind: str | None) -> None:
    assert media_type(start) == kind


def test_a_part_without_a_type_is_typed_by_its_content() -> None:
    content = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(1000)).decode()

    assert media_part("image", content, None) == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "content": f"data:image/png;base64,{content}",
    }
    assert media_part("image", content, "image/x-own")["mime_type"] == "image/x-own"
    assert media_part("image", "%%%", None) == {"type": "blob", "modality": "image", "content": "%%%"}
