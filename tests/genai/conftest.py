"""A local server that gives verdicts as the providers' APIs do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.anthropic.replies import message
from tests.ollama.replies import chat as ollama_chat
from tests.ollama.replies import said
from tests.openai.replies import chat
from tests.openai.server import Asked, Scripted, Server, reply
from tracer.server import running_server

Verdicts = Callable[[str], Any]


@pytest.fixture
def judging(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Server]:
    """``judging(verdict)``: all three APIs answer with it, a dict, or a function of what is asked."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.setenv("OLLAMA_HOST", server.url)

    def answer(verdict: Any, *first: Scripted) -> Server:
        server.will(*first, lambda asked: _reply(asked, verdict(question_of(asked)) if callable(verdict) else verdict))
        return server

    return answer


def question_of(asked: Asked) -> str:
    """The text of the user's last message."""
    return str(asked.json["messages"][-1]["content"])


def _reply(asked: Asked, verdict: Any) -> Scripted:
    text = verdict if isinstance(verdict, str) else json.dumps(verdict)
    if asked.path == "/v1/messages":
        return reply(message({"type": "tool_use", "id": "toolu_1", "name": "verdict", "input": verdict}))
    if asked.path == "/api/chat":
        return reply(ollama_chat(said(text)))
    return reply(chat({"role": "assistant", "content": text}))


@pytest.fixture(params=["file", "server"])
def kept(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> Iterator[None]:
    """What a test makes is kept in a file, or by a server."""
    if request.param == "file":
        yield
        return
    with running_server(tmp_path / "shared.db") as url:
        tracer.set_tracking_uri(url)
        yield
        tracer.reset()
