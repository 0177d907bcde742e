"""Many large bodies at once: what does not fit into the budget is asked to come later, and others are served."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tracer.server import ServerSettings, budget, create_app, otlp
from tracer.store import open_store

pytestmark = pytest.mark.no_store
MIB = 1 << 20
JSON = "application/json"
NDJSON = "application/x-ndjson"
SETTINGS = ServerSettings(max_body_bytes=4 * MIB)  # a budget of 16 MiB, 4 of them for small bodies


@asynccontextmanager
async def client_of(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """A client of an app within this event loop, and the app's state."""
    store = open_store(f"sqlite:///{tmp_path}/tracer.db")
    app = create_app(lambda: store, SETTINGS)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
    ):
        yield client, app.state
    store.close()


class Crowd:
    """Four requests of 3 MiB each, which are all that there is room for; their last bytes are missing."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._may_end = asyncio.Event()
        self._sent: list[asyncio.Task[httpx.Response]] = []

    async def gather(self) -> None:
        for _ in range(4):
            is_read = asyncio.Event()
            size = {"Content-Length": str(3 * MIB)}
            self._sent.append(asyncio.create_task(post(self._client, self._parts(is_read), **size)))
            await asyncio.wait_for(is_read.wait(), 30)

    async def _parts(self, is_read: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"{}".ljust(3 * MIB - 1)
        is_read.set()
        await self._may_end.wait()
        yield b" "

    async def end(self) -> list[int]:
        """Let all of them end; their statuses."""
        self._may_end.set()
        return [(await each).status_code for each in self._sent]


async def post(
    client: httpx.AsyncClient,
    content: bytes | AsyncIterator[bytes],
    path: str = "/v1/traces",
    media_type: str = JSON,
    **headers: str,
) -> httpx.Response:
    return await client.post(path, content=content, headers={"Content-Type": media_type, **headers})


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    for _ in range(0, size, 1 << 16):
        yield b" " * (1 << 16)


def among_a_crowd(tmp_path: Path, ask: Callable[[httpx.AsyncClient, Crowd], Awaitable[list[int]]]) -> list[int]:
    """The statuses that are answered while there is a crowd, and then its own."""

    async def asking() -> list[int]:
        async with client_of(tmp_path) as (client, _):
            crowd = Crowd(client)
            await crowd.gather()
            found = await ask(client, crowd)
            return [*found, *await crowd.end()]

    return asyncio.run(asking())


@pytest.mark.parametrize(("path", "media_type"), [("/v1/traces", JSON), ("/api/v1/records", NDJSON)])
def test_a_large_body_is_asked_to_come_later_while_others_take_the_room(
    path: str, media_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "_WAIT_SECONDS", 0.05)

    async def ask(client: httpx.AsyncClient, _: Crowd) -> list[int]:
        answer = await post(client, b"{}".ljust(2 * MIB), path, media_type)
        assert answer.headers["retry-after"] == "2"
        assert "many large bodies" in answer.text
        return [answer.status_code, (await post(client, in_chunks(2 * MIB), path, media_type)).status_code]

    assert among_a_crowd(tmp_path, ask) == [503, 503, 200, 200, 200, 200]


def test_small_and_compressed_bodies_are_taken_while_large_ones_take_the_room(tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient, _: Crowd) -> list[int]:
        packed = gzip.compress(b"{}".ljust(3 * MIB))
        answers = [
            await post(client, b"{}".ljust(MIB)),
            await post(client, packed, **{"Content-Encoding": "gzip"}),
            await client.post("/api/v1/traces/delete", json={"trace_ids": []}),
        ]
        return [answer.status_code for answer in answers]

    assert among_a_crowd(tmp_path, ask) == [200] * 7


def test_a_large_body_waits_until_others_are_done_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_WAIT_SECONDS", 60.0)

    async def ask(client: httpx.AsyncClient, crowd: Crowd) -> list[int]:
        waiting = asyncio.create_task(post(client, b"{}".ljust(4 * MIB)))
        await asyncio.sleep(0)
        return [*await crowd.end(), (await waiting).status_code]

    assert among_a_crowd(tmp_path, ask) == [200] * 9


def test_no_more_bodies_are_decoded_than_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "n"}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    decoded: list[None] = []
    read = otlp.check_values

    def counting(*texts: bytes) -> None:
        decoded.append(None)
        read(*texts)

    async def six() -> tuple[int, list[int]]:
        async with client_of(tmp_path) as (client, state):
            await client.post("/v1/traces", json=request)
            monkeypatch.setattr(otlp, "check_values", counting)
            other = sqlite3.connect(tmp_path / "tracer.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            sent = [asyncio.create_task(client.post("/v1/traces", json=request)) for _ in range(6)]
            await until_waiting(state.stores.served(None).writers, 4)
            while_locked = len(decoded)
            other.execute("ROLLBACK")
            other.close()
            return while_locked, [(await answer).status_code for answer in sent]

    while_locked, statuses = asyncio.run(six())

    assert while_locked <= 2
    assert statuses == [200] * 6


async def until_waiting(limiter: Any, tasks: int) -> None:
    deadline = time.monotonic() + 30
    while limiter.statistics().tasks_waiting < tasks and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
