"""The doors of the Google Gen AI SDK: everything through them once, nothing changed, and put back as it was."""

from __future__ import annotations

import copy
import logging
import subprocess
import sys
from typing import Any

import pytest
from google import genai
from google.genai import types
from google.genai._api_client import BaseApiClient

import tracer
from tests.gemini.conftest import ASKED
from tests.gemini.replies import CALL, content, lima
from tests.openai.server import Server, reply, sse
from tests.originals import contents_of


def test_disable_puts_back_the_very_originals() -> None:
    tracer.gemini.autolog(disable=True)
    before = contents_of(BaseApiClient)

    tracer.gemini.autolog()
    tracer.gemini.autolog()
    changed = [name for name, held in contents_of(BaseApiClient).items() if before.get(name) != held]
    tracer.gemini.autolog(disable=True)

    assert len(changed) == 4
    assert contents_of(BaseApiClient) == before


@pytest.mark.swallow_faults
def test_a_moved_door_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tracer.gemini.autolog(disable=True)
    monkeypatch.delattr(BaseApiClient, "request_streamed")

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.gemini.autolog()
        tracer.gemini.autolog()

    [record] = [record for record in caplog.records if record.name.startswith("tracer")]
    assert f"google-genai {genai.__version__}" in record.getMessage()
    assert "supported: 1.16.1 to 3.x" in record.getMessage()


def weather(city: str) -> str:
    """The weather there now."""
    return "22 °C"


weather.__annotations__ = {"city": str, "return": str}  # older versions do not resolve annotations that are text


@pytest.mark.parametrize("is_stream", [False, True])
def test_each_turn_of_automatic_function_calling_is_a_call(
    is_stream: bool, server: Server, client: genai.Client, stored: Any
) -> None:
    answers = [content(CALL), content()]
    server.will(*[sse(answer, done=False) if is_stream else reply(answer) for answer in answers])
    chat = client.chats.create(model="m", config=types.GenerateContentConfig(tools=[weather]))

    if is_stream:
        said = "".join(chunk.text or "" for chunk in chat.send_message_stream("Weather in Lima?"))
    else:
        said = chat.send_message("Weather in Lima?").text or ""

    assert said == "Lima."
    assert len(server.asked) == len(stored.spans) == 2
    last = max(stored.spans, key=lambda span: span.start_time_ns)
    assert last.inputs == {"model": "m", **server.asked[1].json}


def test_a_chat_is_a_call_a_turn(server: Server, client: genai.Client, stored: Any) -> None:
    server.will(reply(content()))
    chat = client.chats.create(model="m")

    chat.send_message("One?")
    chat.send_message("Two?")

    assert len(server.asked) == len(stored.spans) == 2


def test_what_generates_nothing_is_not_recorded(server: Server, client: genai.Client, stored: Any) -> None:
    server.will(reply({"totalTokens": 3, "models": [], "name": "cachedContents/1"}))

    client.models.count_tokens(model="m", contents="?")
    list(client.models.list())
    client.caches.create(model="m", config=types.CreateCachedContentConfig(contents="?"))

    assert len(server.asked) == 3
    assert stored.spans == []


def test_vertex_ai_is_a_provider_of_its_own(server: Server, stored: Any) -> None:
    server.will(reply(content()))
    options: Any = {"base_url": server.url}
    client = genai.Client(vertexai=True, api_key="k", http_options=options)

    client.models.generate_content(**ASKED)

    assert stored.span.attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert stored.span.attributes["gen_ai.request.model"] == "gemini-test"


@pytest.mark.parametrize("stream", [False, True])
def test_the_wire_and_the_reply_are_the_same_without_tracer(stream: bool, server: Server, call: Any) -> None:
    given = {**ASKED, "contents": [{"role": "user", "parts": [{"text": "?"}]}]}
    before = copy.deepcopy(given)

    def act() -> Any:
        server.asked.clear()
        server.will(sse(*lima(), done=False) if stream else reply(content(), date="Sat, 21 Nov 2026 00:00:00 GMT"))
        result = call(**given, stream=stream)
        replies = [part.model_dump(exclude={"sdk_http_response"}) for part in (result if stream else [result])]
        return [(asked.path, asked.headers, asked.body) for asked in server.asked], replies

    ours = act()
    tracer.gemini.autolog(disable=True)

    assert act() == ours
    assert given == before
    assert "traceparent" not in ours[0][0][1]


PROGRAM = """
import sys, tracer
tracer.configure(store=sys.argv[1])
tracer.gemini.autolog()
assert "google.genai" not in sys.modules
from google import genai
client = genai.Client(api_key="k", http_options={"base_url": sys.argv[2]})
stream = client.models.generate_content_stream(model="m", contents="?")
next(stream)
"""


def test_a_program_that_ends_with_an_open_stream(held: Any, server: Server, stored: Any, store_url: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, store_url, server.url], timeout=60, check=True)

    assert stored.ending == ("UNSET", "dropped", "Li")
