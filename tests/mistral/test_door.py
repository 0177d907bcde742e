"""The doors of the Mistral SDK: everything through them once, nothing changed, and put back as it was."""

from __future__ import annotations

import copy
import logging
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
from mistralai.client import Mistral
from mistralai.client.basesdk import BaseSDK
from mistralai.client.utils import BackoffStrategy, RetryConfig

import tracer
from tests.mistral.conftest import ASKED
from tests.openai.replies import TOOLS, chat, lima
from tests.openai.server import Server, reply, sse
from tests.originals import contents_of


def test_disable_puts_back_the_very_originals() -> None:
    tracer.mistral.autolog(disable=True)
    before = contents_of(BaseSDK)

    tracer.mistral.autolog()
    tracer.mistral.autolog()
    changed = [name for name, held in contents_of(BaseSDK).items() if before.get(name) != held]
    tracer.mistral.autolog(disable=True)

    assert sorted(changed) == ["BaseSDK.do_request", "BaseSDK.do_request_async"]
    assert contents_of(BaseSDK) == before


@pytest.mark.swallow_faults
def test_a_moved_door_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tracer.mistral.autolog(disable=True)
    monkeypatch.delattr(BaseSDK, "do_request_async")

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.mistral.autolog()
        tracer.mistral.autolog()

    [record] = [record for record in caplog.records if record.name.startswith("tracer")]
    assert f"mistralai {version('mistralai')}" in record.getMessage()
    assert "supported: 2.0.0 to 3.x" in record.getMessage()


def test_retries_are_one_span(server: Server, client: Mistral, stored: Any) -> None:
    server.will(reply({}, status=503), reply(chat()))
    at_once = RetryConfig("backoff", BackoffStrategy(1, 1, 1.0, 10_000), retry_connection_errors=False)

    client.chat.complete(**ASKED, retries=at_once)

    assert len(server.asked) == 2
    assert stored.ending == ("UNSET", None, "Lima.")


def test_what_generates_nothing_is_not_recorded(server: Server, client: Mistral, stored: Any) -> None:
    server.will(reply({"object": "list", "data": [], "total": 0}))

    client.models.list()
    client.files.list()

    assert len(server.asked) == 2
    assert stored.spans == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/conversations/c1/restart", "conversations"),
        ("/v1/chat/moderations", "moderations"),
        ("/v1/moderations", "moderations"),
        ("/v1/ocr", "ocr"),
        ("/v1/audio/speech", "audio.speech"),
        ("/v1/audio/transcriptions", "audio.transcriptions"),
        ("/v1/responses", "chat"),
        ("/v1/something/new", "something.new"),
        ("/v1/agents", None),
        ("/v1/audio/voices", None),
        ("/v1/responses/input_tokens", None),
        ("/v1/workflows/w/execute", None),
        ("/v1/fine_tuning/jobs", None),
    ],
)
def test_the_operation_of_a_path(path: str, name: str | None) -> None:
    from tracer.mistral import operation_of

    operation = operation_of(path)

    assert (operation.name if operation else None) == name


@pytest.mark.parametrize("way", ["chat.complete", "chat.stream"])
def test_the_wire_and_the_reply_are_the_same_without_tracer(way: str, server: Server, call: Any) -> None:
    given = {**ASKED, "tools": TOOLS}
    before = copy.deepcopy(given)

    def act() -> Any:
        server.asked.clear()
        server.will(sse(*lima()) if way.endswith("stream") else reply(chat()))
        result = call(way, **given)
        return [(asked.path, asked.headers, asked.body) for asked in server.asked], result

    ours = act()
    tracer.mistral.autolog(disable=True)

    assert act() == ours
    assert given == before
    assert "traceparent" not in ours[0][0][1]


PROGRAM = """
import sys, tracer
tracer.configure(store=sys.argv[1])
tracer.mistral.autolog()
assert not any(name.startswith("mistralai") for name in sys.modules)
from mistralai.client import Mistral
client = Mistral(api_key="k", server_url=sys.argv[2])
stream = client.chat.stream(model="m", messages=[{"role": "user", "content": "?"}])
next(stream), next(stream)
"""


def test_a_program_that_ends_with_an_open_stream(held: Any, server: Server, stored: Any, store_url: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, store_url, server.url], timeout=60, check=True)

    assert stored.ending == ("UNSET", "dropped", "Li")
