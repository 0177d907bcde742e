"""The examples of docs/cohere.md run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

from tests.cohere.replies import chat, lima
from tests.openai.server import Server, reply, sse

ROOT = Path(__file__).resolve().parents[2]


def test_the_examples_of_the_page_run(server: Server, tmp_path: Path) -> None:
    server.will(reply(chat()), sse(*lima(), done=False))
    page = (ROOT / "docs" / "cohere.md").read_text(encoding="utf-8")
    program = tmp_path / "page.py"
    program.write_text("\n\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)))
    settings = {"CO_API_KEY": "k", "CO_API_URL": server.url, "PYTHONPATH": str(ROOT)}

    ran = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert "tracer failed" not in ran.stderr
    assert len(server.asked) == 2
