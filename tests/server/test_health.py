"""Whether the server lives and is ready is answered without a token, and says why not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import httpx
import pytest

from tests.server.conftest import client_of
from tracer.errors import StoreError
from tracer.server import ServerSettings, create_app, health
from tracer.server.serve import listen, make_server
from tracer.store import Store

pytestmark = pytest.mark.no_store


class Broken:
    """A store that cannot be read, until it is mended."""

    appends_at_once = 2

    def __init__(self, change_number: Callable[[], int]) -> None:
        self.appends_at_once = 1
        self.url = "sqlite:////nowhere/secret.db"
        self.appends_at_once = 1
        self.change_number = change_number

    def running_owners(self) -> list[str]:
        return []


@contextmanager
def served(store: object) -> Iterator[httpx.Client]:
    """A client of a server on a store of a test's own."""
    listening = listen(settings := ServerSettings(port=0))
    is_up = threading.Event()
    server = make_server(create_app(lambda: cast("Store", store), settings), is_up.set)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    assert is_up.wait(30)
    try:
        with client_of(f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_server_that_wants_a_token_says_without_one_that_it_is_up(path: str, guarded: httpx.Client) -> None:
    assert guarded.get(path).status_code == 200
    assert guarded.head(path).status_code == 200
    assert guarded.get(path, headers={"Host": "elsewhere.example.org"}).status_code == 403


def test_a_store_that_cannot_be_read_makes_the_server_unready_but_not_dead(caplog: pytest.LogCaptureFixture) -> None:
    is_gone = threading.Event()

    def change_number() -> int:
        if is_gone.is_set():
            raise StoreError("secret.db is gone")
        return 1

    with served(Broken(change_number)) as client:
        first = client.get("/ready")
        is_gone.set()
        answers = [client.get("/ready") for _ in range(3)]
        assert client.get("/health").status_code == 200

    assert first.status_code == 200
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].json()["error"]["message"] == "the store cannot be read"
    assert caplog.text.count("tracer server is not ready") == 1  # once for each time that it begins
    assert "secret.db is gone" in caplog.text


def test_a_store_that_hangs_takes_one_thread_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_STORE_SECONDS", 0.05)
    goes_on, asked = threading.Event(), []

    def change_number() -> int:
        if threading.current_thread().name == "tracer-index":
            return 1
        asked.append(1)
        goes_on.wait(30)
        return 1

    with served(Broken(change_number)) as client:
        answers = [client.get("/ready") for _ in range(4)]
        assert len(asked) == 1
        goes_on.set()
        while client.get("/ready").status_code != 200:
            pass

    assert {answer.json()["error"]["message"] for answer in answers} == {"the store does not answer within 0.05 s"}
