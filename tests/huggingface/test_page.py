"""The example of docs/huggingface.md runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="tests/run.py makes an environment with it")

from tests.openai.replies import chat
from tests.openai.server import Server, reply

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.no_store
def test_the_example_of_the_page_runs(server: Server, tmp_path: Path) -> None:
    server.will(reply(chat()))
    page = (ROOT / "docs/huggingface.md").read_text(encoding="utf-8")
    source = "\n\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    # in place of Hugging Face's own service
    source = source.replace("InferenceClient()", f'InferenceClient("{server.url}", token="k")')
    (tmp_path / "page.py").write_text(source)

    ran = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert "tracer failed" not in ran.stderr
    assert len(server.asked) == 1
