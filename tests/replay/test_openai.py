"""Calls of the OpenAI SDK are recorded against a server, and replayed after it has stopped."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import QUESTION, TOOLS, chat, chunk, delta, lima, tool_call
from tests.openai.server import BREAK, Asked, Scripted, Server, data, reply, sse
from tracer.errors import CassetteError, ReplayMismatchError

SECRET = "sk-proj-" + "aB3dE6gH9k" * 5
CHAT: dict[str, Any] = {"model": "gpt-test", "messages": QUESTION}


_opened: list[openai.OpenAI] = []


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    """No client outlives its test."""
    yield
    while _opened:
        _opened.pop().close()


def client_of(server: Server, **settings: Any) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=False)  # loading certificates would take most of a test's time
    given = {"api_key": "k", "base_url": f"{server.url}/v1", "max_retries": 0, **settings}
    client = openai.OpenAI(**given, http_client=http)
    _opened.append(client)
    return client


def async_client_of(server: Server, **settings: Any) -> openai.AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(verify=False)
    given = {"api_key": "k", "base_url": f"{server.url}/v1", "max_retries": 0, **settings}
    return openai.AsyncOpenAI(**given, http_client=http)


def recorded_and_replayed(server: Server, cassette: Path, program: Callable[[], Any]) -> tuple[Any, Any]:
    """What a program gives while it is recorded, and without the server."""
    with tracer.record(cassette):
        first = program()
    server.close()
    with tracer.replay(cassette):
        return first, program()


def test_a_call_is_answered_from_the_cassette_without_a_server(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat(), x_request_id="req_1"))

    first, second = recorded_and_replayed(
        stopping, cassette, lambda: client_of(stopping).chat.completions.create(**CHAT)
    )

    assert second == first
    assert (second.choices[0].message.content, second._request_id) == ("Lima.", "req_1")


def test_an_async_call_is_answered_from_the_cassette(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))

    async def ask() -> Any:
        async with async_client_of(stopping) as client:
            return await client.chat.completions.create(**CHAT)

    first, second = recorded_and_replayed(stopping, cassette, lambda: asyncio.run(ask()))

    assert second == first


def test_a_stream_has_the_recorded_chunks_in_their_order(stopping: Server, cassette: Path) -> None:
    stopping.will(sse(*lima()))

    first, second = recorded_and_replayed(
        stopping, cassette, lambda: list(client_of(stopping).chat.completions.create(**CHAT, stream=True))
    )

    assert second == first
    assert len(second) == 6


def test_an_async_stream_has_the_recorded_chunks(stopping: Server, cassette: Path) -> None:
    stopping.will(sse(*lima()))

    async def ask() -> Any:
        async with async_client_of(stopping) as client:
            return [chunk async for chunk in await client.chat.completions.create(**CHAT, stream=True)]

    first, second = recorded_and_replayed(stopping, cassette, lambda: asyncio.run(ask()))

    assert second == first
    assert len(second) == 6


def test_a_changed_prompt_fails_and_names_the_message_and_the_words(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping, max_retries=2)
    with tracer.record(cassette):
        client.chat.completions.create(**CHAT)
    changed = [{"role": "user", "content": "What is the largest city of Peru?"}]

    with pytest.raises(ReplayMismatchError) as raised, tracer.replay(cassette):
        client.chat.completions.create(model="gpt-test", messages=changed)

    assert str(raised.value).replace(stopping.url, "") == (
        f"a request is not in {cassette}: POST /v1/chat/completions\n"
        'the nearest one is line 1; the first difference: messages[0].content, word 4: "capital of Peru?" was '
        'recorded, now it is "largest city of Peru?"\n'
        "--- recorded\n"
        "+++ now\n"
        "-messages[0].content: What is the capital of Peru?\n"
        "+messages[0].content: What is the largest city of Peru?\n"
        " messages[0].role: user\n"
        " model: gpt-test\n"
        "Record it anew if this is meant."
    )
    assert len(stopping.asked) == 1


def test_the_nearest_recorded_request_is_shown(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)
    with tracer.record(cassette):
        for city in ("Peru", "Chile", "Spain"):
            client.chat.completions.create(
                model="gpt-test", messages=[{"role": "user", "content": f"What is the capital of {city}? One word."}]
            )

    with (
        pytest.raises(ReplayMismatchError, match=r"the nearest one is line 2; .*word 7: \"One word\.\""),
        tracer.replay(cassette),
    ):
        client.chat.completions.create(
            model="gpt-test", messages=[{"role": "user", "content": "What is the capital of Chile? Please tell."}]
        )


def test_a_mismatch_that_the_program_swallows_is_raised_at_the_end(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)
    with tracer.record(cassette):
        client.chat.completions.create(**CHAT)

    with pytest.raises(ReplayMismatchError, match=r"temperature is new: 0\.5"), tracer.replay(cassette):
        try:
            client.chat.completions.create(**CHAT, temperature=0.5)
        except BaseException:
            pass


def test_a_tool_loop_is_replayed_with_its_tool_calls(stopping: Server, cassette: Path) -> None:
    asks = {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1", "weather", "{}")]}
    stopping.will(reply(chat(asks, finish="tool_calls")), reply(chat()))

    def program() -> Any:
        client, messages = client_of(stopping), list[Any](QUESTION)
        while True:
            message = (
                client.chat.completions.create(model="gpt-test", messages=messages, tools=TOOLS).choices[0].message
            )
            if not message.tool_calls:
                return messages, message
            messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "mild"}]

    first, second = recorded_and_replayed(stopping, cassette, program)

    assert second == first
    assert len(second[0]) == 3


def test_an_error_is_raised_with_its_status_headers_and_body(stopping: Server, cassette: Path) -> None:
    stopping.will(reply({"error": {"message": "slow down", "code": "rate"}}, status=429, x_request_id="req_9"))

    def program() -> Any:
        with pytest.raises(openai.RateLimitError) as raised:
            client_of(stopping).chat.completions.create(**CHAT)
        error = raised.value
        return error.status_code, error.response.headers["x-request-id"], error.body, str(error)

    first, second = recorded_and_replayed(stopping, cassette, program)

    assert second == first
    assert second[:2] == (429, "req_9")


def test_retries_are_recorded_and_replayed_one_by_one(stopping: Server, cassette: Path) -> None:
    stopping.will(
        reply({"error": {"message": "slow down"}}, status=429, retry_after_ms="1"),
        reply({"error": {"message": "down"}}, status=503, retry_after_ms="1"),
        reply(chat()),
    )

    def program() -> Any:
        raw = client_of(stopping, max_retries=3).chat.completions.with_raw_response.create(**CHAT)
        return raw.retries_taken, raw.parse()

    first, second = recorded_and_replayed(stopping, cassette, program)

    assert second == first
    assert second[0] == 2


def test_a_refused_connection_is_refused_again(cassette: Path) -> None:
    server = Server()
    server.close()

    def program() -> Any:
        with pytest.raises(openai.APIConnectionError) as raised:
            client_of(server).chat.completions.create(**CHAT)
        return repr(raised.value.__cause__)

    first, second = recorded_and_replayed(server, cassette, program)

    assert second == first
    assert second.startswith("ConnectError(")


def test_a_stream_that_breaks_breaks_at_the_same_chunk(stopping: Server, cassette: Path) -> None:
    stopping.will(sse(*lima()[:3], BREAK))

    def program() -> Any:
        texts = []
        with pytest.raises(Exception) as raised:  # noqa: PT011 - whichever the SDK makes of it, twice the same
            for one in client_of(stopping).chat.completions.create(**CHAT, stream=True):
                texts.append(one.choices[0].delta.content)
        return texts, repr(raised.value)

    first, second = recorded_and_replayed(stopping, cassette, program)

    assert second == first
    assert second[0] == ["", "Li", "ma"]


def test_raw_and_streamed_responses_have_the_recorded_bytes(stopping: Server, cassette: Path) -> None:
    indented = json.dumps(chat(), indent=2).encode()
    stopping.will(reply(indented), sse(*lima()))

    def program() -> Any:
        client = client_of(stopping)
        raw = client.chat.completions.with_raw_response.create(**CHAT)
        with client.chat.completions.with_streaming_response.create(**CHAT, stream=True) as streamed:
            lines = list(streamed.iter_lines())
        return raw.content, raw.headers["content-type"], lines

    first, second = recorded_and_replayed(stopping, cassette, program)

    assert second == first
    assert second[0] == indented


def test_a_compressed_reply_is_readable_in_the_cassette(stopping: Server, cassette: Path) -> None:
    packed = gzip.compress(json.dumps(chat()).encode())
    stopping.will(reply(packed, content_encoding="gzip"))

    first, second = recorded_and_replayed(
        stopping, cassette, lambda: client_of(stopping).chat.completions.create(**CHAT)
    )

    assert second == first
    assert json.loads(cassette.read_text())["response"]["json"] == chat()


def test_a_stream_helper_works_in_a_replay(stopping: Server, cassette: Path) -> None:
    stopping.will(sse(*lima()))

    def program() -> Any:
        with client_of(stopping).chat.completions.stream(**CHAT) as stream:
            return [event.type for event in stream], stream.get_final_completion().choices[0].message.content

    first, second = recorded_and_replayed(stopping, cassette, program)

    assert second == first
    assert second[1] == "Lima."


def test_embeddings_images_and_audio_are_replayed(stopping: Server, cassette: Path) -> None:
    vector = {"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}
    embedding = {"object": "list", "model": "e", "data": [vector], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    stopping.will(
        reply(embedding),
        reply({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}]}),
        reply(b"ID3\xff\xfb\x90", content_type="audio/mpeg"),
        reply({"text": "Lima."}),
    )

    def program() -> Any:
        client = client_of(stopping)
        return (
            client.embeddings.create(model="e", input="Lima", encoding_format="float"),
            client.images.generate(model="i", prompt="a hill"),
            client.audio.speech.create(model="s", voice="alloy", input="Lima").content,
            client.audio.transcriptions.create(model="t", file=("a.wav", b"RIFF\xff\x00")),
        )

    first, second = recorded_and_replayed(stopping, cassette, program)

    assert second == first
    assert second[2] == b"ID3\xff\xfb\x90"


def test_concurrent_calls_are_matched_by_their_content(stopping: Server, cassette: Path) -> None:
    def answer(asked: Asked) -> Scripted:
        return reply(chat({"role": "assistant", "content": asked.json["messages"][0]["content"].upper()}))

    stopping.will(answer)
    client = client_of(stopping)
    words = [f"word{index}" for index in range(12)]

    def ask(word: str) -> Any:
        asked: Any = [{"role": "user", "content": word}]
        return client.chat.completions.create(model="gpt-test", messages=asked).choices[0].message.content

    def program(order: list[str]) -> dict[str, Any]:
        with ThreadPoolExecutor(6) as pool:
            return dict(zip(order, pool.map(ask, order)))

    with tracer.record(cassette):
        first = program(words)
    stopping.close()
    with tracer.replay(cassette):
        second = program(words[::-1])

    assert second == first == {word: word.upper() for word in words}


def test_the_same_request_is_answered_as_often_as_it_was_recorded(stopping: Server, cassette: Path) -> None:
    stopping.will(*(reply(chat({"role": "assistant", "content": text})) for text in ("one", "two")))
    client = client_of(stopping)

    def ask() -> Any:
        return client.chat.completions.create(**CHAT).choices[0].message.content

    with tracer.record(cassette):
        ask(), ask()

    with (
        pytest.raises(ReplayMismatchError, match=r"has 2 times \(line 2\) was made once more"),
        tracer.replay(cassette) as replay,
    ):
        assert [ask(), ask(), replay.unused] == ["one", "two", 0]
        ask()


def test_ids_dates_and_white_space_do_not_count_unless_strict(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)

    def ask(text: str) -> Any:
        asked: Any = [{"role": "system", "content": text}]
        return client.chat.completions.create(model="gpt-test", messages=asked)

    with tracer.record(cassette):
        ask("Today is 2026-11-29, 17:08:41.  Ticket 6f1f9c1e-3f0c-4a63-9f43-0a2f8b1d9b11, call_8Zk2LmQ9xY.")
    changed = "Today is 2027-01-02, 09:00:00. Ticket 00000000-3f0c-4a63-9f43-0a2f8b1d9b11,\n call_1a2b3c4d5e."

    with tracer.replay(cassette):
        ask(changed)
    with pytest.raises(ReplayMismatchError), tracer.replay(cassette, match="strict"):
        ask(changed)


def test_fields_that_the_user_names_do_not_count(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)
    with tracer.record(cassette):
        client.chat.completions.create(**CHAT, seed=1, metadata={"run": "a"})

    with tracer.replay(cassette, ignore=["seed", "metadata.run"]):
        client.chat.completions.create(**CHAT, seed=2, metadata={"run": "b"})
    with (
        pytest.raises(ReplayMismatchError, match="seed: 1 was recorded, now it is 2"),
        tracer.replay(cassette, ignore="metadata"),
    ):
        client.chat.completions.create(**CHAT, seed=2, metadata={"run": "b"})


def test_ordered_takes_calls_in_the_order_of_the_file(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)
    with tracer.record(cassette):
        client.chat.completions.create(**CHAT, seed=1)
        client.chat.completions.create(**CHAT, seed=2)

    with tracer.replay(cassette, match="ordered"):
        client.chat.completions.create(**CHAT, seed=1)
        client.chat.completions.create(**CHAT, seed=2)
    with (
        pytest.raises(ReplayMismatchError, match="the next one is line 1; the first difference: seed"),
        tracer.replay(cassette, match="ordered"),
    ):
        client.chat.completions.create(**CHAT, seed=2)


def test_record_new_adds_what_is_missing(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)
    for seeds in ([1], [1, 2], [2, 1]):
        with tracer.replay(cassette, record="new"):
            for seed in seeds:
                client.chat.completions.create(**CHAT, seed=seed)

    assert len(stopping.asked) == 2
    assert [json.loads(line)["request"]["json"]["seed"] for line in cassette.read_text().splitlines()] == [1, 2]


def test_live_after_the_first_miss_sends_that_and_all_later_requests(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)
    with tracer.record(cassette):
        for seed in (1, 2, 3):
            client.chat.completions.create(**CHAT, seed=seed)
    before = cassette.read_text()
    stopping.asked.clear()

    with tracer.replay(cassette, live="after_first_miss"):
        for seed in (1, 20, 3):
            client.chat.completions.create(**CHAT, seed=seed)

    assert [asked.json["seed"] for asked in stopping.asked] == [20, 3]
    assert cassette.read_text() == before


def test_recording_again_keeps_lines_that_differ_in_ids_and_times_only(stopping: Server, cassette: Path) -> None:
    def script(number: int) -> None:
        stream = [{**one, "id": f"chatcmpl-{number}abcdefgh1"} for one in lima()]
        stopping.will(
            reply(chat(id=f"chatcmpl-{number}abcdefgh1", created=1_760_000_000 + number), x_request_id=f"req_{number}"),
            sse(*stream),
            reply(chat({"role": "assistant", "content": f"answer {number}"})),
        )

    def program() -> None:
        client = client_of(stopping)
        client.chat.completions.create(**CHAT)
        list(client.chat.completions.create(**CHAT, stream=True))
        client.chat.completions.create(**CHAT, seed=1)

    lines = []
    for number in (1, 2):
        script(number)
        with tracer.record(cassette):
            program()
        lines.append(cassette.read_text().splitlines())

    assert [one == other for one, other in zip(*lines)] == [True, True, False]


def test_a_line_has_sorted_keys_and_the_whole_call(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(json.dumps({"z": 1, "a": 2}, separators=(",", ":")).encode()))
    with tracer.record(cassette):
        client_of(stopping).post("/any", cast_to=object, body={"b": 1, "a": "ä"})

    (line,) = cassette.read_text(encoding="utf-8").splitlines()
    call = json.loads(line)
    del call["response"]["begins_ms"]
    headers = dict(call["response"].pop("headers"))
    assert call == {
        "request": {"json": {"a": "ä", "b": 1}, "method": "POST", "url": f"{stopping.url}/v1/any"},
        "response": {"json": {"z": 1, "a": 2}, "status": 200},
    }
    assert line.startswith('{"request":{"json":{"a":"ä","b":1},"method":"POST",')
    assert '"json":{"z":1,"a":2}' in line
    assert headers["content-type"] == "application/json"


def test_no_secret_is_in_a_cassette(stopping: Server, cassette: Path) -> None:
    halves = [chunk(delta(content=part)) for part in (SECRET[:20], SECRET[20:])]
    stopping.will(
        reply(chat(), set_cookie=f"session={SECRET}"),
        reply(chat({"role": "assistant", "content": SECRET})),
        sse(*halves),
    )
    client = client_of(stopping, api_key=SECRET)
    asked: Any = [{"role": "user", "content": f"My key is {SECRET}, keep it."}]
    with tracer.record(cassette):
        client.chat.completions.create(model="gpt-test", messages=asked)
        client.chat.completions.create(**CHAT)
        list(client.chat.completions.create(**CHAT, stream=True))

    written = cassette.read_text()
    assert SECRET[8:20] not in written
    assert "cookie" not in written.lower()
    assert "authorization" not in written.lower()


def test_redacted_parts_of_a_request_are_equal_to_anything(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    client = client_of(stopping)

    def ask(secret: str) -> None:
        asked: Any = [{"role": "user", "content": f"My key is {secret}, keep it."}]
        client.chat.completions.create(model="gpt-test", messages=asked)

    with tracer.record(cassette):
        ask(SECRET)

    with tracer.replay(cassette):
        ask("another")


def test_a_redacted_reply_is_refused_before_anything_runs_unless_allowed(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat({"role": "assistant", "content": f"It is {SECRET}."})))
    client = client_of(stopping)
    with tracer.record(cassette):
        client.chat.completions.create(**CHAT)

    with pytest.raises(CassetteError, match=r"line 1: the reply had a secret.*allow_redacted=True"):
        tracer.replay(cassette).__enter__()
    with tracer.replay(cassette, allow_redacted=True):
        answer = client.chat.completions.create(**CHAT)
    assert answer.choices[0].message.content == "It is [REDACTED]."


def test_a_missing_cassette_and_a_broken_one_are_refused_at_once(cassette: Path) -> None:
    with pytest.raises(CassetteError, match=r"there is no cassette .*tracer\.record\("):
        tracer.replay(cassette).__enter__()
    cassette.parent.mkdir()
    cassette.write_text('{"request": {"method": "POST"}}\n')
    with pytest.raises(CassetteError, match="line 1: no call of a cassette"):
        tracer.replay(cassette).__enter__()


def test_no_key_is_needed_in_a_replay(stopping: Server, cassette: Path) -> None:
    stopping.will(reply(chat()))
    with tracer.record(cassette):
        client_of(stopping).chat.completions.create(**CHAT)

    with tracer.replay(cassette), openai.OpenAI() as client:
        answer = client.chat.completions.create(**CHAT)

    assert answer.choices[0].message.content == "Lima."
    assert "OPENAI_API_KEY" not in os.environ


def test_the_recorded_pace_waits_as_the_provider_did(
    stopping: Server, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping.will(sse(*lima()))
    client = client_of(stopping)
    with tracer.record(cassette):
        list(client.chat.completions.create(**CHAT, stream=True))
    call = json.loads(cassette.read_text())
    call["response"].update(begins_ms=40, chunk_times_ms=[50, 50, 70, 90, 90, 100, 100])
    cassette.write_text(json.dumps(call) + "\n")
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)

    with tracer.replay(cassette, pace="recorded"):
        list(client.chat.completions.create(**CHAT, stream=True))

    assert [round(wait, 3) for wait in waits] == [0.04, 0.01, 0.02, 0.02, 0.01]


def test_a_stream_that_was_left_early_is_replayed_up_to_there(stopping: Server, cassette: Path) -> None:
    held = threading.Event()
    stopping.will(sse(*lima()[:2], held, *lima()[2:]))
    client = client_of(stopping)

    def first_two() -> list[Any]:
        with client.chat.completions.create(**CHAT, stream=True) as stream:
            return [next(stream), next(stream)]

    with tracer.record(cassette):
        first = first_two()
        held.set()

    with tracer.replay(cassette):
        assert first_two() == first
    with pytest.raises(ReplayMismatchError, match="not read to its end when it was recorded"), tracer.replay(cassette):
        list(client.chat.completions.create(**CHAT, stream=True))


def test_a_stream_is_whole_with_its_last_event_however_it_is_read(stopping: Server, cassette: Path) -> None:
    stopping.will(sse(*lima()))
    client = client_of(stopping)
    with tracer.record(cassette):
        events = list(client.chat.completions.create(**CHAT, stream=True))  # the SDK leaves at [DONE]

    with (
        tracer.replay(cassette),
        client.chat.completions.with_streaming_response.create(**CHAT, stream=True) as response,
    ):
        lines = [line for line in response.iter_lines() if line]  # … and here it reads on
    assert len(lines) == len(events) + 1


def test_a_stream_that_is_read_further_when_it_is_recorded_again_has_its_end(stopping: Server, cassette: Path) -> None:
    stopping.will(sse(*lima(), done=False))
    client = client_of(stopping)
    with tracer.record(cassette), client.chat.completions.create(**CHAT, stream=True) as stream:
        early = [next(stream) for _ in lima()]

    with tracer.record(cassette):
        whole = list(client.chat.completions.create(**CHAT, stream=True))

    with tracer.replay(cassette):
        assert list(client.chat.completions.create(**CHAT, stream=True)) == whole == early


def test_a_stream_that_is_open_when_the_recording_ends_is_kept_up_to_there(stopping: Server, cassette: Path) -> None:
    held = threading.Event()
    stopping.will(sse(*lima()[:2], held, *lima()[2:]))
    with tracer.record(cassette):
        stream = client_of(stopping).chat.completions.create(**CHAT, stream=True)
        first = next(stream)
    held.set()
    stream.close()

    with tracer.replay(cassette), client_of(stopping).chat.completions.create(**CHAT, stream=True) as replayed:
        assert next(replayed) == first


def test_a_cassette_that_cannot_be_written_is_an_error(stopping: Server, tmp_path: Path) -> None:
    stopping.will(reply(chat()))
    (tmp_path / "file").write_text("")

    with pytest.raises(CassetteError, match="cannot be written"), tracer.record(tmp_path / "file" / "a.jsonl"):
        client_of(stopping).chat.completions.create(**CHAT)


@pytest.mark.parametrize("use", [tracer.record, tracer.replay])
def test_a_cassette_that_cannot_be_read_is_an_error(use: Callable[[Path], Any], tmp_path: Path) -> None:
    (binary := tmp_path / "picture.png").write_bytes(b"\x89PNG")

    for path in (tmp_path, binary):
        with pytest.raises(CassetteError, match=re.escape(f"the cassette {path} cannot be read: ")), use(path):
            pass


def test_a_replayed_call_is_a_trace_like_any_other(stopping: Server, cassette: Path, stored: Any) -> None:
    stopping.will(sse(*lima()))
    client = client_of(stopping)
    with tracer.record(cassette):
        list(client.chat.completions.create(**CHAT, stream=True))
    tracer.openai.autolog()

    with tracer.replay(cassette):
        list(client.chat.completions.create(**CHAT, stream=True))
    tracer.openai.autolog(disable=True)

    assert stored.span.outputs["choices"][0]["message"]["content"] == "Lima."


def test_clients_are_as_they_were_after_the_block(stopping: Server, cassette: Path) -> None:
    import httpx2 as httpx

    before = httpx.Client._transport_for_url.__code__
    stopping.will(reply(chat()))
    with tracer.record(cassette):
        client_of(stopping).chat.completions.create(**CHAT)
        assert httpx.Client._transport_for_url.__code__ is not before

    assert httpx.Client._transport_for_url.__code__ is before


def test_a_server_of_the_tests_own_is_reached_in_a_replay(stopping: Server, cassette: Path) -> None:
    import httpx

    stopping.will(reply(chat()))
    with tracer.record(cassette):
        client_of(stopping).chat.completions.create(**CHAT)
    stopping.will(reply({"is": "healthy"}))

    with tracer.replay(cassette), httpx.Client(verify=False) as client:
        assert client.get(f"{stopping.url}/health").json() == {"is": "healthy"}


def test_an_app_in_this_process_is_reached_in_a_replay(stopping: Server, cassette: Path) -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    stopping.will(reply(chat()))

    def answer(request: Any) -> Any:
        return PlainTextResponse(client_of(stopping).chat.completions.create(**CHAT).choices[0].message.content)

    app = Starlette(routes=[Route("/ask", answer)])
    first, second = recorded_and_replayed(stopping, cassette, lambda: TestClient(app).get("/ask").text)

    assert second == first == "Lima."
    assert len(cassette.read_text().splitlines()) == 1


@pytest.mark.parametrize("given", [{"match": "loose"}, {"pace": "slow"}, {"record": "once"}, {"live": "always"}])
def test_an_unknown_word_is_refused_with_the_known_ones(given: dict[str, Any], cassette: Path) -> None:
    with pytest.raises(tracer.errors.InvalidArgumentError, match="expected one of"):
        tracer.replay(cassette, **given)


def test_events_are_one_chunk_each_wherever_the_network_cut_them(stopping: Server, cassette: Path) -> None:
    whole = b"".join(data(one) for one in lima())
    stopping.will(Scripted([whole[:70], whole[70:300], whole[300:]], 200, {}, "text/event-stream", is_stream=True))

    first, second = recorded_and_replayed(
        stopping, cassette, lambda: list(client_of(stopping).chat.completions.create(**CHAT, stream=True))
    )

    assert second == first
    assert len(json.loads(cassette.read_text())["response"]["chunks"]) == 6


def test_reasoning_that_only_the_provider_reads_is_answered_whole(stopping: Server, cassette: Path) -> None:
    token = "gAAAAABqYk6FCQPaGIVpnvBjoann3I3xWKzSghA9HLOCfLcaAxLRHL5REEsDrFELQyp6-1ggJsJAPEOrU"
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": token}
    stopping.will(
        sse(
            {"type": "response.output_item.added", "output_index": 0, "item": thought},
            {"type": "response.output_item.done", "output_index": 0, "item": thought},
            done=False,
        )
    )

    def ask() -> list[Any]:
        http = openai.DefaultHttpxClient(verify=False)
        with openai.OpenAI(api_key="k", base_url=f"{stopping.url}/v1", max_retries=0, http_client=http) as client:
            return list(client.responses.create(model="o4-mini", input="?", stream=True))

    with tracer.record(cassette):
        first = ask()
    stopping.close()

    with tracer.replay(cassette):
        assert ask() == first
    assert token in repr(first)


def test_outside_of_a_replay_nothing_of_it_runs(server: Server, cassette: Path) -> None:
    server.will(lambda asked: reply(chat()))
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:

        def ask() -> None:
            client.chat.completions.create(model="m", messages=QUESTION)

        def ran() -> Counter[str]:
            found: Counter[str] = Counter()

            def note(frame: Any, event: str, argument: object) -> None:
                if event == "call" and "tracer" in frame.f_code.co_filename:
                    found[f"{frame.f_code.co_filename}:{frame.f_code.co_name}"] += 1

            sys.setprofile(note)
            try:
                ask()
            finally:
                sys.setprofile(None)
            return Counter({name: count for name, count in found.items() if "tests" not in name})

        ask()
        before = ran()
        with tracer.record(cassette):
            ask()
        with tracer.replay(cassette):
            ask()

        assert ran() == before
        assert not [name for name in before if "_replay" in name]
