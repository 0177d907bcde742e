"""The doors of the Cohere SDK: everything through them once, nothing changed, and put back as it was."""

from __future__ import annotations

import copy
import logging
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

import cohere
from cohere.core.http_client import AsyncHttpClient, HttpClient

import tracer
from tests.cohere.conftest import ASKED
from tests.cohere.replies import TOOLS, chat, lima
from tests.openai.server import Server, reply, sse, unreachable_port
from tests.originals import contents_of


def test_disable_puts_back_the_very_originals() -> None:
    tracer.cohere.autolog(disable=True)
    before = contents_of(HttpClient, AsyncHttpClient)

    tracer.cohere.autolog()
    tracer.cohere.autolog()
    assert contents_of(HttpClient, AsyncHttpClient) != before
    tracer.cohere.autolog(disable=True)

    assert contents_of(HttpClient, AsyncHttpClient) == before


@pytest.mark.swallow_faults
def test_a_moved_door_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tracer.cohere.autolog(disable=True)
    monkeypatch.delattr(HttpClient, "request")

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.cohere.autolog()
        tracer.cohere.autolog()

    [record] = [record for record in caplog.records if record.name.startswith("tracer")]
    assert f"cohere {version('cohere')}" in record.getMessage()


def test_retries_are_one_span(server: Server, client: Any, stored: Any) -> None:
    server.will(reply({}, status=503, retry_after="0.01"), reply(chat()))

    client.chat(**ASKED, request_options={"max_retries": 3})

    assert len(server.asked) == 2
    assert stored.ending == ("UNSET", None, "Lima.")


@pytest.mark.parametrize("way", ["chat", "chat_stream"])
@pytest.mark.parametrize("status", [401, 429])
def test_a_refusal_has_its_status_and_its_body(way: str, status: int, call: Any, server: Server, stored: Any) -> None:
    server.will(reply({"message": "no"}, status=status))

    with pytest.raises(Exception, match=str(status)):
        call(way, **ASKED, request_options={"max_retries": 0})

    span = stored.span
    assert (span.status, span.attributes["error.type"]) == ("ERROR", str(status))
    assert (span.attributes["http.response.status_code"], span.outputs) == (status, {"message": "no"})


def test_a_server_that_is_not_there_is_an_error(stored: Any) -> None:
    client = cohere.ClientV2("k", base_url=f"http://127.0.0.1:{unreachable_port()}")

    with pytest.raises(Exception, match="refused"):
        client.chat(**ASKED, request_options={"max_retries": 0})

    assert (stored.span.status, stored.span.attributes["error.type"]) == ("ERROR", "httpx.ConnectError")


@pytest.mark.parametrize("way", ["chat", "chat_stream"])
def test_the_wire_and_the_reply_are_the_same_without_tracer(way: str, server: Server, call: Any) -> None:
    given = {**ASKED, "tools": TOOLS}
    before = copy.deepcopy(given)

    def act() -> Any:
        server.asked.clear()
        server.will(sse(*lima(), done=False) if way.endswith("stream") else reply(chat()))
        result = call(way, **given)
        return [(asked.path, asked.headers, asked.body) for asked in server.asked], result

    ours = act()
    tracer.cohere.autolog(disable=True)

    assert act() == ours
    assert given == before
    assert "traceparent" not in ours[0][0][1]


def test_an_exception_of_the_user_in_a_raw_stream_reaches_the_sdk(client: Any, server: Server, stored: Any) -> None:
    if not hasattr(client, "with_raw_response"):
        pytest.skip("this version has no raw responses")
    server.will(sse(*lima(), done=False))

    with pytest.raises(ValueError, match="mine"), client.with_raw_response.chat_stream(**ASKED) as response:
        assert response.headers["content-type"] == "text/event-stream"
        next(response.data)
        raise ValueError("mine")

    assert (stored.span.status, stored.span.attributes["tracer.incomplete"]) == ("UNSET", "closed")


PROGRAM = """
import sys, tracer
tracer.configure(store=sys.argv[1])
tracer.cohere.autolog()
assert not any(name.startswith("cohere") for name in sys.modules)
import cohere
client = cohere.ClientV2("k", base_url=sys.argv[2])
stream = client.chat_stream(model="m", messages=[{"role": "user", "content": "?"}])
next(stream), next(stream), next(stream)
"""


def test_a_program_that_ends_with_an_open_stream(held: Any, server: Server, stored: Any, store_url: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, store_url, server.url], timeout=60, check=True)

    assert stored.ending in [("UNSET", "dropped", "Li"), ("UNSET", "closed", "Li")]
