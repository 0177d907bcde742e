"""A server on a loopback port with a store of its own, and a client that speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from tracer.server import ServerSettings, running_server
from tracer.store import Store, open_store

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
TRACE_ID = "4f2a1b3c4d5e6f708192a3b4c5d6e7f8"
ROOT_ID = "00f067aa0ba902b7"
TOKEN = "a-token-of-enough-letters"


def client_of(url: str) -> httpx.Client:
    """A client without certificates, whose loading takes longer than most of these tests."""
    return httpx.Client(base_url=url, timeout=30, verify=False)


@pytest.fixture
def server_url(store_url: str) -> Iterator[str]:
    """The URL of a running server without a token."""
    with running_server(store_url) as url:
        yield url


@pytest.fixture
def client(server_url: str) -> Iterator[httpx.Client]:
    """Calls the API of that server."""
    with client_of(f"{server_url}/api/v1") as found:
        yield found


@pytest.fixture
def guarded(store_url: str) -> Iterator[httpx.Client]:
    """Calls a server that wants a token, without giving it."""
    with (
        running_server(store_url, ServerSettings(port=0, token=TOKEN)) as url,
        client_of(url) as found,
    ):
        yield found


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """The store that the server serves, opened beside it."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def write(store: Store) -> Callable[..., None]:
    """Puts records into the store as another process would."""

    def append(*records: dict[str, Any], owner: str = "1-test") -> None:
        store.append([orjson.dumps(record) for record in records], owner=owner)

    return append


def span(**fields: Any) -> dict[str, Any]:
    """The record of a root span; fields replace its own."""
    record = {
        "kind": "span",
        "trace_id": TRACE_ID,
        "span_id": ROOT_ID,
        "name": "agent",
        "type": "AGENT",
        "start": START,
        "end": START + SECOND,
        "status": "UNSET",
        "json": {"tracer.inputs": {"question": "Where to?"}, "tracer.outputs": "Lisbon"},
    }
    return {**record, **fields}


def chat(number: int = 1, **fields: Any) -> dict[str, Any]:
    """The record of a call of a model below the root."""
    record = span(
        span_id=f"{number:016x}",
        parent_id=ROOT_ID,
        name="chat gpt-4o-mini",
        type="CHAT_MODEL",
        start=START + number * 1000,
        end=START + SECOND // 2,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.response.time_to_first_chunk": 0.25,
        },
        json={
            "tracer.inputs": {"model": "gpt-4o-mini"},
            "gen_ai.input.messages": [
                {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
                {"role": "user", "parts": [{"type": "text", "content": "Where to?"}]},
            ],
            "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Lisbon"}]}],
        },
    )
    return {**record, **fields}
