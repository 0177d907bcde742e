"""Calls of the Cohere SDK are replayed from a cassette and from a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

from tests.cohere.conftest import ASKED
from tests.cohere.replies import chat, lima
from tests.openai.server import Server, reply, sse
from tests.replay.check import gives_the_same_again


def test_a_chat_is_replayed(client: Any, arun: Any, server: Server, tmp_path: Path) -> None:
    server.will(reply(chat()))

    gives_the_same_again(lambda: client.chat(**ASKED), server, tmp_path)
    gives_the_same_again(lambda: arun(lambda client: client.chat(**ASKED)), server, tmp_path)


def test_a_streamed_chat_is_replayed(client: Any, server: Server, tmp_path: Path) -> None:
    server.will(sse(*lima(), done=False))

    gives_the_same_again(lambda: list(client.chat_stream(**ASKED)), server, tmp_path)
