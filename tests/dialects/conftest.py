"""A server on a loopback port with a store of its own, and a client that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tracer.server import running_server


@pytest.fixture
def server_url(store_url: str) -> Iterator[str]:
    """The URL of a running server."""
    with running_server(store_url) as url:
        yield url


@pytest.fixture
def client(server_url: str) -> Iterator[httpx.Client]:
    """Calls the API of that server."""
    with httpx.Client(base_url=f"{server_url}/api/v1", timeout=30) as found:
        yield found
