"""Calls of the Groq SDK are replayed from a cassette and from a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("groq", reason="tests/run.py makes an environment with it")

from tests.groq.conftest import chunks
from tests.openai.replies import chat
from tests.openai.server import Server, reply, sse
from tests.replay.check import gives_the_same_again


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_is_replayed(call: Callable[..., Any], server: Server, tmp_path: Path, stream: bool) -> None:
    server.will(sse(*chunks()) if stream else reply(chat()))

    gives_the_same_again(lambda: call(stream=stream), server, tmp_path)
