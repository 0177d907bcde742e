"""The examples of docs/bedrock.md run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

from tests.bedrock.event_stream import stream
from tests.bedrock.replies import converse, lima
from tests.bedrock.test_invoke_model import ANTHROPIC
from tests.openai.server import Server, reply

ROOT = Path(__file__).resolve().parents[2]


def test_the_examples_of_the_page_run(server: Server, tmp_path: Path) -> None:
    server.will(reply(converse()), reply(ANTHROPIC), stream(*lima()))
    page = (ROOT / "docs" / "bedrock.md").read_text(encoding="utf-8")
    program = tmp_path / "page.py"
    program.write_text("\n\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)))
    credentials = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": server.url}

    ran = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=tmp_path, env={**os.environ, **credentials, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(server.asked) == 3
