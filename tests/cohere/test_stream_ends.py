"""However a stream of events ends, its span ends exactly once."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

from tests.stream_ends import StreamEnds


class TestChatStream(StreamEnds):
    """``chat_stream``"""

    def has_text(self, chunk: Any) -> bool:
        return chunk.type == "content-delta"
