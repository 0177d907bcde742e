"""A scripted server and clients of the real SDK that wait for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.garbage import collect_garbage
from tests.openai.server import Server


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    """Where a cassette goes; nothing is there yet."""
    return tmp_path / "cassettes" / "test.jsonl"


@pytest.fixture
def stopping() -> Iterator[Server]:
    """A server that a test may stop, so that nothing answers but a cassette."""
    server = Server()
    yield server
    server.close()
    collect_garbage()
