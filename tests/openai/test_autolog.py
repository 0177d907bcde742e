"""Switching on and off: before and after the import, twice, from many threads, with others' wrappers in between."""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
import threading
from typing import Any

import openai
import pytest
from openai._base_client import AsyncAPIClient, SyncAPIClient

import tracer
from tests.openai.replies import QUESTION, chat
from tests.openai.server import Server, reply
from tests.originals import contents_of

DOORS = [(SyncAPIClient, "request"), (AsyncAPIClient, "request")]
TAPS = [(SyncAPIClient, "_process_response"), (AsyncAPIClient, "_process_response")]


def slots() -> list[Any]:
    return [vars(owner)[name].__code__ for owner, name in DOORS + TAPS]


def ask(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="m", messages=QUESTION)


def test_disable_puts_back_the_very_originals_and_leaves_nothing_behind() -> None:
    tracer.openai.autolog(disable=True)
    kinds = (openai.OpenAI, openai.AsyncOpenAI, openai.AzureOpenAI, SyncAPIClient, AsyncAPIClient)
    originals, contents = slots(), contents_of(*kinds)

    tracer.openai.autolog()
    patched = slots()
    tracer.openai.autolog(disable=True)

    assert all(ours is not original for ours, original in zip(patched, originals))
    assert contents_of(*kinds) == contents


def test_twice_is_once(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))
    before = slots()

    tracer.openai.autolog()
    tracer.autolog()
    ask(client)

    assert len(stored.spans) == 1
    assert all(now is then for now, then in zip(slots(), before))


def test_from_many_threads_at_once_is_once(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))
    tracer.openai.autolog(disable=True)
    barrier = threading.Barrier(8)

    def switch() -> None:
        barrier.wait(60)
        tracer.openai.autolog()

    threads = [threading.Thread(target=switch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ask(client)

    assert len(stored.spans) == 1


def test_after_disable_nothing_is_recorded_whatever_was_kept(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(reply(chat()))
    bound, raw = client.chat.completions.create, client.chat.completions.with_raw_response

    tracer.autolog(disable=True)
    bound(model="m", messages=QUESTION)
    raw.create(model="m", messages=QUESTION)
    client.chat.completions.create(model="m", messages=QUESTION)

    assert stored.spans == []


def test_under_somebody_elses_wrapper_we_become_transparent(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))
    ours = vars(SyncAPIClient)["request"]

    @functools.wraps(ours)
    def theirs(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    SyncAPIClient.request = theirs  # type: ignore[method-assign]
    try:
        tracer.openai.autolog(disable=True)
        ask(client)
        assert vars(SyncAPIClient)["request"] is theirs
        assert stored.spans == []

        tracer.openai.autolog()
        ask(client)
        assert vars(SyncAPIClient)["request"] is theirs
        assert len(stored.spans) == 1
    finally:
        SyncAPIClient.request = ours  # type: ignore[method-assign]


def test_a_wrapper_that_stands_twice_in_the_way_records_once(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(reply(chat()))
    ours = vars(SyncAPIClient)["request"]

    def opaque(*args: Any, **kwargs: Any) -> Any:  # hides what it wraps
        return ours(*args, **kwargs)

    SyncAPIClient.request = opaque  # type: ignore[method-assign]
    try:
        tracer.openai.autolog()
        ask(client)
        assert len(stored.spans) == 1
    finally:
        SyncAPIClient.request = ours  # type: ignore[method-assign]


def test_azure_copied_and_configured_clients_are_recorded(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(chat()))
    azure = openai.AzureOpenAI(
        azure_endpoint=server.url,
        api_version="2024-10-21",
        api_key="k",
        http_client=openai.DefaultHttpxClient(verify=False),
    )

    ask(client)
    ask(client.copy())
    ask(client.with_options(timeout=60))
    ask(azure)

    providers = sorted(span.attributes["gen_ai.provider.name"] for span in stored.spans)
    assert providers == ["azure.ai.openai", "openai", "openai", "openai"]
    assert server.asked[-1].path.startswith("/openai/deployments/m/chat/completions")
    azure.close()


def test_azure_with_a_deployment_and_a_custom_path(server: Server, stored: Any) -> None:
    server.will(reply(chat()))
    http = openai.DefaultHttpxClient(verify=False)
    settings: dict[str, Any] = {"api_version": "2024-10-21", "api_key": "k", "http_client": http}

    with openai.AzureOpenAI(azure_endpoint=server.url, azure_deployment="mine", **settings) as azure:
        ask(azure)  # type: ignore[arg-type]

    assert stored.span.name == "chat m"
    assert server.asked[0].path.startswith("/openai/deployments/mine/chat/completions")


def test_the_module_level_client(server: Server, stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server.will(reply(chat()))
    monkeypatch.setattr(openai, "api_key", "k")
    monkeypatch.setattr(openai, "base_url", f"{server.url}/v1")
    http = openai.DefaultHttpxClient(verify=False)
    monkeypatch.setattr(openai, "http_client", http)
    openai._reset_client()  # type: ignore[attr-defined]

    openai.chat.completions.create(model="m", messages=QUESTION)  # type: ignore[arg-type]
    openai._reset_client()  # type: ignore[attr-defined]
    http.close()

    assert stored.span.name == "chat m"


@pytest.mark.swallow_faults
def test_a_door_that_has_moved_is_told_once_and_left_alone(
    server: Server,
    client: openai.OpenAI,
    stored: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.will(reply(chat()))
    tracer.openai.autolog(disable=True)
    original = vars(AsyncAPIClient)["request"]
    monkeypatch.setattr(AsyncAPIClient, "request", lambda self, moved: None)
    sync = vars(SyncAPIClient)["request"]

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.openai.autolog()
        tracer.openai.autolog()
    monkeypatch.setattr(AsyncAPIClient, "request", original)

    assert vars(SyncAPIClient)["request"] is sync
    [warning] = [record.getMessage() for record in caplog.records]
    assert openai.__version__ in warning
    assert "takes no options, since tests.openai.test_autolog.test_a_door" in warning
    assert "supported: " in warning


def run_program(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("first", ["tracer.openai.autolog()", "import openai"])
def test_before_and_after_the_import_of_the_sdk(first: str, server: Server, stored: Any, store_url: str) -> None:
    server.will(reply(chat()))
    second = "import openai" if first != "import openai" else "tracer.openai.autolog()"
    program = f"""
import sys, tracer
tracer.configure(store=sys.argv[1])
{first}
print("openai" in sys.modules)
{second}
client = openai.OpenAI(api_key="k", base_url=sys.argv[2] + "/v1")
client.chat.completions.create(model="m", messages=[])
"""

    printed = run_program(program, store_url, server.url)

    assert printed.strip() == str(first == "import openai")
    assert stored.span.name == "chat m"


def test_autolog_taken_back_before_the_import_records_nothing(server: Server, stored: Any, store_url: str) -> None:
    server.will(reply(chat()))
    program = """
import sys, tracer
tracer.configure(store=sys.argv[1])
tracer.autolog()
tracer.autolog(disable=True)
import openai
from openai._base_client import SyncAPIClient
client = openai.OpenAI(api_key="k", base_url=sys.argv[2] + "/v1")
client.chat.completions.create(model="m", messages=[])
print(vars(SyncAPIClient)["request"].__module__)
"""

    printed = run_program(program, store_url, server.url)

    assert printed.strip() == "openai._base_client"
    assert stored.spans == []


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_a_forked_child_records_its_own_calls(server: Server, stored: Any, store_url: str) -> None:
    server.will(reply(chat()))
    program = """
import os, sys, openai, tracer
tracer.configure(store=sys.argv[1])
tracer.openai.autolog()
def ask(model):
    client = openai.OpenAI(api_key="k", base_url=sys.argv[2] + "/v1")
    client.chat.completions.create(model=model, messages=[])
ask("parent")
child = os.fork()
if child == 0:
    ask("child")
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
ask("parent again")
"""

    run_program(program, store_url, server.url)

    assert sorted(span.name for span in stored.spans) == ["chat child", "chat parent", "chat parent again"]
