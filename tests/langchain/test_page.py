"""The example of docs/langchain.md runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("langchain.agents", reason="tests/run.py makes an environment with it")

from tracer.demo.server import DemoServer

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "langchain.md").read_text(encoding="utf-8")


def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    program = tmp_path / "page.py"
    program.write_text("\n\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)))

    with DemoServer() as server:
        ran = subprocess.run(
            [sys.executable, "-W", "error", str(program)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert ran.returncode == 0, ran.stderr
    assert "tracer failed" not in ran.stderr
