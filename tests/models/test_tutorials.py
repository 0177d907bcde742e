"""The tutorials on models run unchanged, from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.conftest import ROOT, TUTORIALS
from tests.models.serve import Served
from tests.openai.server import Server

pytestmark = [
    pytest.mark.skipif(not TUTORIALS.is_dir(), reason=f"no tutorials at {TUTORIALS}"),
    pytest.mark.no_store,
]


def run_tutorial(name: str, folder: Path, server: Server) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OLLAMA_HOST": server.url,
    }
    done = subprocess.run(
        [sys.executable, str(TUTORIALS / name)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_t4_chat_model(provider: Server, tmp_path: Path) -> None:
    pytest.importorskip("ollama", exc_type=ImportError)

    assert run_tutorial("t4_chat_model.py", tmp_path, provider).endswith("t4 ok\n")


def test_t5_agent(provider: Server, tmp_path: Path) -> None:
    pytest.importorskip("openai", exc_type=ImportError)

    assert run_tutorial("t5_agent.py", tmp_path, provider).endswith("t5 ok\n")


@pytest.mark.parametrize(
    ("tutorial", "name", "kind"),
    [
        ("t4_chat_model.py", "ollama_model", "ollama"),
        ("t4_chat_model.py", "ollama_pyfunc_model", "ollama"),
        ("t5_agent.py", "model", "openai"),
    ],
)
def test_the_tutorials_models_answer_the_openai_sdk(
    tutorial: str, name: str, kind: str, provider: Server, tmp_path: Path
) -> None:
    openai = pytest.importorskip("openai", exc_type=ImportError)
    pytest.importorskip(kind, exc_type=ImportError)
    run_tutorial(tutorial, tmp_path, provider)
    environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{provider.url}/v1", "OLLAMA_HOST": provider.url}

    served = Served(f"models:/{name}", f"sqlite:///{tmp_path / 'tracer.db'}", **environment)
    try:
        with openai.OpenAI(base_url=served.url, api_key="k", max_retries=0) as client:
            asked = {"model": name, "messages": [{"role": "user", "content": "What is a bat made of?"}]}
            extra = {"custom_inputs": {"seed": "3"}} if name == "ollama_model" else {}
            whole = client.chat.completions.create(**asked, max_tokens=25, extra_body=extra)
            chunks = list(client.chat.completions.create(**asked, stream=True))
    finally:
        assert served.close() == 0, served.errors

    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert whole.choices[0].message.content
    assert streamed == whole.choices[0].message.content
