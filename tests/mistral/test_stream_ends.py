"""However a stream of chunks ends, its span ends exactly once."""

from __future__ import annotations

from typing import Any

from tests.stream_ends import StreamEnds


class TestChatStream(StreamEnds):
    """``chat.stream``"""

    def has_text(self, chunk: Any) -> bool:
        return bool(chunk.data.choices and chunk.data.choices[0].delta.content)

    def close(self, stream: Any) -> None:
        with stream:  # older versions have no other way
            pass


def test_break_inside_with_ends_at_its_exit(held: Any, open_stream: Any, stored: Any) -> None:
    with open_stream() as stream:
        for event in stream:
            if event.data.choices[0].delta.content:
                break
        assert stored.spans == []

    assert stored.ending == ("UNSET", "closed", "Li")


def test_closing_the_response_ends_the_span(held: Any, open_stream: Any, stored: Any) -> None:
    stream = open_stream()
    next(stream)

    stream.response.close()

    assert stored.span.attributes["tracer.incomplete"] == "closed"
