"""However a stream of the Groq SDK ends, its span ends once and with what had arrived."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("groq", reason="tests/run.py makes an environment with it")

from tests import stream_ends


class TestGroq(stream_ends.StreamEnds):
    def has_text(self, chunk: Any) -> bool:
        return bool(chunk.choices) and chunk.choices[0].delta.content == "Li"
