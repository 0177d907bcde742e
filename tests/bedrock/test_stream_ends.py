"""However an event stream ends, its span ends exactly once."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

from botocore.exceptions import EventStreamError

from tests.bedrock.conftest import ASKED
from tests.bedrock.event_stream import exception, stream
from tests.bedrock.replies import lima
from tests.openai.server import Server
from tests.stream_ends import StreamEnds

# the SDK leaves the connection of a stream that is let go to the collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed", "ignore:Exception ignored in. <socket")


class TestConverseStream(StreamEnds):
    """``converse_stream``"""

    def has_text(self, chunk: Any) -> bool:
        return "contentBlockDelta" in chunk


@pytest.mark.parametrize("way", ["sync", "async"])
def test_an_exception_in_the_stream_is_the_calls_error(
    way: str, client: Any, server: Server, stored: Any, request: Any
) -> None:
    server.will(stream(*lima()[:2], exception("throttlingException", "slow down")))

    async def scenario(client: Any) -> None:
        async for _ in (await client.converse_stream(**ASKED))["stream"]:
            pass

    with pytest.raises(EventStreamError, match="slow down") as raised:
        if way == "sync":
            list(client.converse_stream(**ASKED)["stream"])
        else:
            request.getfixturevalue("arun")(scenario)

    assert stored.ending == ("ERROR", None, "Li")
    assert stored.span.attributes["tracer.provider.error_code"] == "throttlingException"
    assert stored.span.attributes["error.type"] == "botocore.exceptions.EventStreamError"
    assert str(raised.value) in stored.span.status.description


def test_a_damaged_stream_is_the_calls_error(client: Any, server: Server, stored: Any) -> None:
    damaged = lima()[2][:-1] + b"x"
    server.will(stream(*lima()[:2], damaged))

    with pytest.raises(Exception, match=r"[Cc]hecksum"):
        list(client.converse_stream(**ASKED)["stream"])

    assert stored.ending == ("ERROR", None, "Li")


def test_a_stream_that_only_the_call_holds_is_closed(held: Any, client: Any, stored: Any) -> None:
    client.converse_stream(**ASKED)["stream"].close()

    assert stored.span.attributes["tracer.incomplete"] == "closed"


def test_a_stream_that_is_read_twice_goes_on(client: Any, server: Server, stored: Any) -> None:
    server.will(stream(*lima()))
    events = client.converse_stream(**ASKED)["stream"]

    for _ in events:
        break
    list(events)

    assert stored.ending == ("UNSET", None, "Lima.")
