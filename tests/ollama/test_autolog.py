"""Switching on and off: before and after the import, names bound before, other libraries' wrappers in between."""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
import threading
from importlib import metadata
from typing import Any

import ollama
import pytest
from ollama._client import AsyncClient, Client

import tracer
from tests.ollama.replies import QUESTION, chat, lima, ndjson
from tests.openai.server import Server, reply
from tests.originals import contents_of

SLOTS = [(Client, "_request"), (AsyncClient, "_request"), (Client, "_request_raw"), (AsyncClient, "_request_raw")]


def slots() -> list[Any]:
    return [vars(owner)[name].__code__ for owner, name in SLOTS]


def ask(client: ollama.Client) -> None:
    client.chat(model="m", messages=QUESTION)


def test_disable_puts_back_the_very_originals_and_leaves_nothing_behind() -> None:
    tracer.ollama.autolog(disable=True)
    kinds = (Client, AsyncClient, ollama.Client.__mro__[1])
    originals, contents = slots(), contents_of(*kinds)

    tracer.ollama.autolog()
    patched = slots()
    tracer.ollama.autolog(disable=True)

    assert all(ours is not original for ours, original in zip(patched, originals))
    assert contents_of(*kinds) == contents


def test_twice_is_once(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(reply(chat()))
    before = slots()

    tracer.ollama.autolog()
    tracer.autolog()
    ask(client)

    assert len(stored.spans) == 1
    assert all(now is then for now, then in zip(slots(), before))
    tracer.openai.autolog(disable=True)


def test_from_many_threads_at_once_is_once(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(reply(chat()))
    tracer.ollama.autolog(disable=True)
    barrier = threading.Barrier(8)

    def switch() -> None:
        barrier.wait(60)
        tracer.ollama.autolog()

    threads = [threading.Thread(target=switch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ask(client)

    assert len(stored.spans) == 1


def test_module_functions_are_recorded_whenever_they_were_imported(
    server: Server, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer.ollama.autolog(disable=True)
    from ollama import chat as chat_imported_before

    module_client: Any = ollama.chat.__self__  # type: ignore[attr-defined]
    monkeypatch.setattr(module_client._client, "base_url", server.url)
    server.will(reply(chat()), ndjson(*lima()))

    tracer.ollama.autolog()
    chat_imported_before(model="m", messages=QUESTION)
    list(ollama.chat(model="m", messages=QUESTION, stream=True))
    module_client._client.close()

    assert [span.name for span in stored.spans] == ["chat m", "chat m"]
    assert len(server.asked) == 2


def test_clients_and_methods_that_existed_before_autolog_are_recorded(
    server: Server, connect: Any, stored: Any
) -> None:
    tracer.ollama.autolog(disable=True)
    server.will(reply(chat()))
    client = connect()
    bound = client.chat

    tracer.ollama.autolog()
    bound("m", QUESTION)
    client.chat("m", QUESTION)

    assert len(stored.spans) == len(server.asked) == 2


def test_a_subclass_is_recorded_once(server: Server, stored: Any) -> None:
    class Mine(ollama.Client):
        def _request(self, *args: Any, **kwargs: Any) -> Any:
            return super()._request(*args, **kwargs)

    server.will(reply(chat()))
    client = Mine(host=server.url, verify=False)
    ask(client)
    client._client.close()

    assert len(stored.spans) == 1


def test_disabled_nothing_is_recorded_whatever_was_kept(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(reply(chat()))
    bound, request = client.chat, client._request

    tracer.autolog(disable=True)
    bound("m", QUESTION)
    request(ollama.ChatResponse, "POST", "/api/chat", json={"model": "m", "messages": QUESTION})

    assert stored.spans == []


def test_a_stream_that_is_open_when_it_is_disabled_is_recorded(
    server: Server, client: ollama.Client, stored: Any
) -> None:
    server.will(ndjson(*lima()))
    stream = client.chat(model="m", messages=QUESTION, stream=True)

    tracer.ollama.autolog(disable=True)

    assert len(list(stream)) == 4
    assert stored.span.outputs["message"]["content"] == "Lima."


def test_under_somebody_elses_wrapper_we_become_transparent(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(reply(chat()))
    ours: Any = vars(Client)["_request"]

    @functools.wraps(ours)
    def theirs(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    Client._request = theirs  # type: ignore[method-assign]
    try:
        tracer.ollama.autolog(disable=True)
        ask(client)
        assert vars(Client)["_request"] is theirs
        assert stored.spans == []

        tracer.ollama.autolog()
        ask(client)
        assert vars(Client)["_request"] is theirs
        assert len(stored.spans) == 1
    finally:
        Client._request = ours  # type: ignore[method-assign]


@pytest.mark.swallow_faults
def test_a_door_that_has_moved_is_told_once_and_left_alone(
    server: Server,
    client: ollama.Client,
    stored: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.will(reply(chat()))
    tracer.ollama.autolog(disable=True)
    original = vars(AsyncClient)["_request"]
    monkeypatch.setattr(AsyncClient, "_request", lambda self, method, url: None)
    sync = vars(Client)["_request"]

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.ollama.autolog()
        tracer.ollama.autolog()
    monkeypatch.setattr(AsyncClient, "_request", original)
    ask(client)

    assert vars(Client)["_request"] is sync
    assert stored.spans == []
    [warning] = [record.getMessage() for record in caplog.records]
    assert f"ollama {metadata.version('ollama')}" in warning
    assert "takes no cls" in warning
    assert "supported: " in warning


def run_program(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("first", ["tracer.ollama.autolog()", "from ollama import chat"])
def test_before_and_after_the_import_of_the_sdk(
    first: str, server: Server, stored: Any, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will(reply(chat()))
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    second = "from ollama import chat" if first != "from ollama import chat" else "tracer.ollama.autolog()"
    program = f"""
import sys, tracer
tracer.configure(store=sys.argv[1])
{first}
print("ollama" in sys.modules)
{second}
chat(model="m", messages=[])
"""

    printed = run_program(program, store_url)

    assert printed.strip() == str(first == "from ollama import chat")
    assert stored.span.name == "chat m"
