"""The example of docs/claude_agent_sdk.md runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("claude_agent_sdk", reason="tests/run.py makes an environment with it")

from tests.claude_agent_sdk.script import LIMA

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.no_store
def test_the_example_of_the_page_runs(program: Path, tmp_path: Path) -> None:
    source = "\n\n".join(
        re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/claude_agent_sdk.md").read_text(), re.MULTILINE | re.DOTALL)
    )
    # in place of the program that comes with the SDK
    source = source.replace("import tracer\n", f"import tracer\n\nOPTIONS = {{'cli_path': {str(program)!r}}}\n", 1)
    source = source.replace('Peru?")', 'Peru?", options=claude_agent_sdk.ClaudeAgentOptions(**OPTIONS))', 1)
    (tmp_path / "page.py").write_text(source)
    (tmp_path / "script.json").write_text(json.dumps(LIMA))
    settings = {"CLAUDE_SCRIPT": str(tmp_path / "script.json"), "PYTHONPATH": str(ROOT)}

    ran = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert "tracer failed" not in ran.stderr
