"""The tutorials that the public names were chosen for run as they stand, against local servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.openai.replies import chat, chunk, delta, response, response_events, tool_call
from tests.openai.sdk import needs_responses
from tests.openai.server import Asked, Scripted, Server, reply, sse

_TUTORIALS = Path(os.environ.get("TRACER_TUTORIALS") or Path(__file__).parents[3] / "shared" / "tutorials")
_CHECKOUT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(not _TUTORIALS.is_dir(), reason=f"no tutorials at {_TUTORIALS}"),
    pytest.mark.no_store,
]

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def answer_openai(asked: Asked) -> Scripted:
    body = asked.json
    if asked.path.endswith("/responses"):
        return sse(*response_events(), done=False) if body.get("stream") else reply(response())
    if body.get("stream"):
        pieces = [chunk(delta(content=text)) for text in ("A few ", "seconds", ".")]
        return sse(*pieces, chunk(delta(finish="stop")), chunk(usage=USAGE))
    if body.get("tools") and body["messages"][-1]["role"] == "user":
        calls = [tool_call("call_1", "get_weather", '{"city": "Paris"}')]
        return reply(
            chat({"role": "assistant", "content": None, "tool_calls": calls}, finish="tool_calls", usage=USAGE)
        )
    return reply(chat(usage=USAGE))


def answer_ollama(asked: Asked) -> Scripted:
    body = asked.json
    message: dict[str, Any] = {"role": "assistant", "content": "A model has weights."}
    if body.get("tools"):
        arguments = {"bill_amount": 235.32, "tip_percentage": 22}
        message = {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "calculate_tip", "arguments": arguments}}],
        }
    envelope = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": "stop"}
    return reply({**envelope, "message": message, "prompt_eval_count": 5, "eval_count": 6, "total_duration": 1000})


def run_tutorial(name: str, folder: Path, server: Server) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(_CHECKOUT),
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OLLAMA_HOST": server.url,
    }
    done = subprocess.run(
        [sys.executable, str(_TUTORIALS / name)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_responses
def test_t3_openai(server: Server, tmp_path: Path) -> None:
    server.will(answer_openai)

    assert run_tutorial("t3_openai.py", tmp_path, server).endswith("t3 ok\n")


def test_t1_ollama_by_hand(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("ollama", exc_type=ImportError)
    server.will(answer_ollama)

    assert run_tutorial("t1_trace_ollama_by_hand.py", tmp_path, server).endswith("t1 ok\n")
    assert json.loads(server.asked[0].body)["model"] == "llama3.2"
