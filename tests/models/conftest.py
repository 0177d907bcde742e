"""Local servers that speak OpenAI's and Ollama's wire formats, and files with models in them."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.openai.replies import chat, chunk, delta, tool_call
from tests.openai.server import Asked, Scripted, Server, reply, sse

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = Path(os.environ.get("TRACER_TUTORIALS") or ROOT.parent / "shared" / "tutorials")
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
WriteModel = Callable[..., Path]


def answer(asked: Asked) -> Scripted:
    """A reply of Ollama's or of OpenAI's, by the path."""
    body = asked.json
    if asked.path == "/api/chat":
        message: dict[str, Any] = {"role": "assistant", "content": "A model has weights."}
        head = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": "stop"}
        return reply({**head, "message": message, "prompt_eval_count": 5, "eval_count": 6, "total_duration": 1000})
    if body.get("stream"):
        pieces = [chunk(delta(content=text)) for text in ("A few ", "seconds", ".")]
        return sse(*pieces, chunk(delta(finish="stop")), chunk(usage=USAGE))
    if body.get("tools") and body["messages"][-1]["role"] == "user":
        calls = [tool_call("call_1", "get_weather", '{"city": "Paris"}')]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        return reply(chat(message, finish="tool_calls", usage=USAGE))
    return reply(chat(usage=USAGE))


@pytest.fixture
def provider() -> Iterator[Server]:
    """A server that answers as OpenAI (below /v1) and as Ollama."""
    running = Server()
    running.will(answer)
    yield running
    running.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    place = tmp_path / "app"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def write_model(folder: Path) -> WriteModel:
    """Writes a model's file: ``write_model(body)``, or with a file name first."""

    def write(body: str, name: str = "model_file.py") -> Path:
        path = folder / name
        path.write_text("from tracer.models import *\n" + textwrap.dedent(body), encoding="utf-8")
        return path

    return write


ECHO = '''
class Echo(ChatModel):
    """Replies with the last message."""

    def predict(self, context, messages, params):
        said = f"{messages[-1].content}{context.model_config.get('mark', '')}"
        return ChatCompletionResponse(
            choices=[{"message": {"role": "assistant", "content": said}}],
            model="echo",
            usage={"prompt_tokens": 3, "completion_tokens": 2},
            custom_outputs={"seen": params.to_dict()},
        )

    def predict_stream(self, context, messages, params):
        for word in messages[-1].content.split():
            yield ChatCompletionChunk(choices=[{"delta": {"content": word + " "}}], model="echo")
        yield ChatCompletionChunk(choices=[{"delta": {}, "finish_reason": "stop"}], model="echo")


set_model(Echo())
'''


@pytest.fixture
def echo(write_model: WriteModel) -> Path:
    """The file of a model that replies with the last message."""
    return write_model(ECHO, "echo.py")
