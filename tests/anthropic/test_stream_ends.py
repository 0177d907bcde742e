"""However a stream of messages ends, its span ends exactly once."""

from __future__ import annotations

import gc
from typing import Any

import anthropic

from tests.anthropic.conftest import ASKED
from tests.stream_ends import StreamEnds


class TestCreate(StreamEnds):
    """``messages.create(stream=True)``"""

    def has_text(self, chunk: Any) -> bool:
        return bool(chunk.type == "content_block_delta")


def test_break_inside_with_ends_at_its_exit(held: Any, open_stream: Any, stored: Any) -> None:
    with open_stream() as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break
        assert stored.spans == []

    assert stored.ending == ("UNSET", "closed", "Li")


def test_closing_the_response_ends_the_span(held: Any, open_stream: Any, stored: Any) -> None:
    stream = open_stream()
    next(stream)

    stream.response.close()

    assert stored.ending == ("UNSET", "closed", None)


def test_break_in_the_stream_helper_ends_at_its_exit(held: Any, client: anthropic.Anthropic, stored: Any) -> None:
    with client.messages.stream(**ASKED) as stream:
        assert next(stream.text_stream) == "Li"
        assert stored.spans == []

    assert stored.ending == ("UNSET", "closed", "Li")


def test_async_break_in_the_stream_helper(held: Any, arun: Any, stored: Any) -> None:
    async def scenario(client: Any) -> None:
        async with client.messages.stream(**ASKED) as stream:
            assert await stream.text_stream.__anext__() == "Li"
        assert len(stored.spans) == 1

    arun(scenario)

    assert stored.ending == ("UNSET", "closed", "Li")


def test_a_helper_that_is_never_entered_called_nobody(server: Any, client: anthropic.Anthropic, stored: Any) -> None:
    client.messages.stream(**ASKED)
    gc.collect()

    assert (server.asked, stored.spans) == ([], [])


def test_the_stream_stays_the_sdks_own(whole: Any, open_stream: Any) -> None:
    stream = open_stream()

    assert type(stream) is anthropic.Stream
    assert [event.type for event in stream][-1] == "message_stop"
