"""The tutorials on models run as they stand, from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.conftest import ROOT, TUTORIALS
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
