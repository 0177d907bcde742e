"""However a stream of content ends, its span ends exactly once."""

from __future__ import annotations

from typing import Any

from tests.stream_ends import StreamEnds


class TestGenerateContentStream(StreamEnds):
    """``models.generate_content_stream``"""

    def has_text(self, chunk: Any) -> bool:
        return bool(chunk.text)
