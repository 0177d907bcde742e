"""Calls of the package huggingface_hub are replayed from a cassette and from a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="tests/run.py makes an environment with it")

from tests.openai.replies import QUESTION, chat, lima
from tests.openai.server import Server, reply, sse
from tests.replay.check import gives_the_same_again


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_is_replayed(call: Callable[..., Any], server: Server, tmp_path: Path, stream: bool) -> None:
    server.will(sse(*lima()) if stream else reply(chat()))

    gives_the_same_again(lambda: call("chat_completion", QUESTION, stream=stream), server, tmp_path)
