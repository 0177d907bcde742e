"""The one door of the Anthropic SDK: everything through it once, nothing changed by it, and put back as it was."""

from __future__ import annotations

import copy
import functools
import gc
import logging
import subprocess
import sys
from typing import Any

import anthropic
import pytest
from anthropic._base_client import AsyncAPIClient, SyncAPIClient

import tracer
from tests.anthropic.conftest import ASKED
from tests.anthropic.replies import CALL, QUESTION, TOOLS, lima, message
from tests.openai.server import Server, reply, sse
from tests.originals import contents_of

CLIENTS = (SyncAPIClient, AsyncAPIClient)
HAS_TOOL_RUNNER = hasattr(anthropic, "beta_tool")


def slots() -> dict[str, Any]:
    return contents_of(*CLIENTS, anthropic.Anthropic, anthropic.AsyncAnthropic)


def test_disable_puts_back_the_very_originals() -> None:
    tracer.anthropic.autolog(disable=True)
    before = slots()

    tracer.anthropic.autolog()
    tracer.anthropic.autolog()
    changed = [name for name, held in slots().items() if before.get(name) != held]
    tracer.anthropic.autolog(disable=True)

    assert len(changed) == 4
    assert slots() == before


@pytest.mark.swallow_faults
def test_a_moved_door_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tracer.anthropic.autolog(disable=True)
    for name in ("_request", "request"):
        monkeypatch.setattr(SyncAPIClient, name, None, raising=False)

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.anthropic.autolog()
        tracer.anthropic.autolog()

    [record] = caplog.records
    assert f"anthropic {anthropic.__version__}" in record.getMessage()
    assert "supported: 0.50.0 to 2.x" in record.getMessage()


def ask(client: anthropic.Anthropic, way: str) -> None:
    """One call in each way that the SDK offers."""
    if way == "create":
        client.messages.create(**ASKED)
    elif way == "beta":
        client.beta.messages.create(**ASKED)
    elif way == "raw":
        assert client.messages.with_raw_response.create(**ASKED).parse().id == "msg_1"
    elif way == "streaming":
        with client.messages.with_streaming_response.create(**ASKED) as response:
            assert response.parse().id == "msg_1"
    elif way == "copy":
        client.with_options(timeout=60).messages.create(**ASKED)
    elif way == "post":
        client.post("/v1/messages", body=dict(ASKED), cast_to=anthropic.types.Message)


@pytest.mark.parametrize("way", ["create", "beta", "raw", "streaming", "copy", "post"])
def test_each_way_is_recorded_once(way: str, server: Server, client: anthropic.Anthropic, stored: Any) -> None:
    server.will(reply(message()))

    ask(client, way)

    assert len(server.asked) == 1
    assert (stored.span.inputs, stored.span.outputs) == (server.asked[0].json, message())
    assert stored.span.token_usage["input_tokens"] == 130


@pytest.mark.parametrize("way", ["stream", "beta.stream", "raw", "lines"])
def test_each_way_to_stream_is_recorded_once(way: str, server: Server, client: Any, stored: Any) -> None:
    server.will(sse(*lima(), done=False))

    if way == "raw":
        list(client.messages.with_raw_response.create(**ASKED, stream=True).parse())
    elif way == "lines":
        with client.messages.with_streaming_response.create(**ASKED, stream=True) as response:
            list(response.iter_lines())
    else:
        messages = client.beta.messages if way.startswith("beta") else client.messages
        with messages.stream(**ASKED) as stream:
            assert stream.get_final_text() == "Lima."

    assert len(server.asked) == 1
    assert stored.span.outputs == message()
    assert stored.ending == ("UNSET", None, "Lima.")


@pytest.mark.skipif(not HAS_TOOL_RUNNER, reason="this version of the SDK has no tool runner")
def test_each_turn_of_the_tool_runner_is_a_call(server: Server, client: anthropic.Anthropic, stored: Any) -> None:
    server.will(reply(message(CALL, stop="tool_use")), reply(message()))

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Weather now.

        Args:
            city: where
        """
        return "22 °C"

    final = client.beta.messages.tool_runner(**ASKED, tools=[weather]).until_done()

    assert final.content[0].text == "Lima."
    assert len(server.asked) == len(stored.spans) == 2


def test_count_tokens_batches_and_files_are_not_recorded(
    server: Server, client: anthropic.Anthropic, stored: Any
) -> None:
    server.will(reply({"input_tokens": 3, "data": [], "has_more": False, "first_id": None, "last_id": None}))

    client.messages.count_tokens(model="claude-test", messages=QUESTION)
    client.models.list()
    client.messages.batches.create(requests=[{"custom_id": "1", "params": ASKED}])
    client.messages.batches.list()

    assert len(server.asked) == 4
    assert stored.spans == []


def test_bedrock_and_vertex_are_providers_of_their_own() -> None:
    from tracer.anthropic import read_call

    class Options:
        method, url, headers, json_data = "post", "/v1/messages?beta=true", None, dict(ASKED)

    def provider_of(name: str) -> str | None:
        client = anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1:1")
        client.__class__ = type(name, (anthropic.Anthropic,), {})
        call = read_call({"self": client, "options": Options})
        assert call is not None
        return call.provider

    names = ("Anthropic", "AnthropicBedrock", "AsyncAnthropicVertex", "AnthropicFoundry")
    assert [provider_of(name) for name in names] == [None, "aws.bedrock", "gcp.vertex_ai", "azure.ai.inference"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_wire_and_the_reply_are_the_same_without_tracer(stream: bool, server: Server, call: Any) -> None:
    given = {**ASKED, "tools": TOOLS}
    before = copy.deepcopy(given)

    def act() -> Any:
        server.asked.clear()
        server.will(sse(*lima(), done=False) if stream else reply(message()))
        result = call(**given, stream=True) if stream else call(**given)
        volatile = {"x-stainless-idempotency-key", "idempotency-key"}
        asked = [(a.path, {k: v for k, v in a.headers.items() if k not in volatile}, a.body) for a in server.asked]
        return asked, result

    ours = act()
    tracer.anthropic.autolog(disable=True)

    assert act() == ours
    assert given == before
    assert "traceparent" not in ours[0][0][1]


@pytest.mark.parametrize("field", ["messages", "tools"])
def test_one_shot_iterators_reach_the_provider_and_the_span(field: str, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(message()))

    call(**{"tools": TOOLS, field: iter({"messages": QUESTION, "tools": TOOLS}[field])})

    assert (server.asked[0].json["messages"], server.asked[0].json["tools"]) == (QUESTION, TOOLS)
    assert stored.span.inputs == server.asked[0].json


def test_objects_of_the_sdk_in_the_request(server: Server, client: anthropic.Anthropic, stored: Any) -> None:
    server.will(reply(message(CALL, stop="tool_use")))
    answer = client.messages.create(**ASKED)
    gc.collect()

    history = [*QUESTION, {"role": "assistant", "content": answer.content}]
    client.messages.create(**{**ASKED, "messages": history})

    last = stored.spans[0] if len(stored.spans[0].inputs["messages"]) == 2 else stored.spans[1]
    assert last.inputs == server.asked[1].json


PROGRAM = """
import sys, tracer
tracer.configure(store=sys.argv[1])
tracer.anthropic.autolog()
assert "anthropic" not in sys.modules
import anthropic
client = anthropic.Anthropic(api_key="k", base_url=sys.argv[2], max_retries=0)
stream = client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}], stream=True)
for event in stream:
    if event.type == "content_block_delta":
        break
"""


def test_a_program_that_ends_with_an_open_stream(held: Any, server: Server, stored: Any, store_url: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, store_url, server.url], timeout=60, check=True)

    assert stored.ending == ("UNSET", "dropped", "Li")


@pytest.mark.swallow_faults
@pytest.mark.parametrize("broken", ["read_request", "read_reply", "accumulator"])
def test_readers_that_all_fail_change_nothing(broken: str, server: Server, call: Any, monkeypatch: Any) -> None:

    from tracer import anthropic as ours  # type: ignore[attr-defined, unused-ignore]

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("mine")

    monkeypatch.setattr(ours, "MESSAGE", ours.MESSAGE._replace(**{broken: fail}))
    ours.operation_of.cache_clear()
    server.will(sse(*lima(), done=False))
    streamed = call(stream=True)
    server.will(reply(message()))

    assert call().content[0].text == "Lima."
    assert [event.type for event in streamed] == [event["type"] for event in lima()]
    ours.operation_of.cache_clear()


@pytest.mark.skipif("_iterator" not in vars(anthropic.Stream), reason="made with the stream in this version")
def test_what_is_set_on_a_stream_before_its_first_step_counts(
    server: Server, client: anthropic.Anthropic, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another instrumentation wraps the iterator, which the SDK makes at the first step, of streams that it marked."""
    make = vars(anthropic.Stream)["_iterator"].func
    seen: list[Any] = []

    def wrapped(stream: Any) -> Any:
        seen.append(getattr(stream, "mark", None))
        return make(stream)

    made = functools.cached_property(wrapped)
    made.__set_name__(anthropic.Stream, "_iterator")
    monkeypatch.setattr(anthropic.Stream, "_iterator", made)
    server.will(sse(*lima(), done=False))

    stream: Any = client.messages.create(**ASKED, stream=True)
    stream.mark = "theirs"
    list(stream)

    assert seen == ["theirs"]
    assert stored.ending == ("UNSET", None, "Lima.")
