"""The README's test of the demo's agent: recorded once, and replayed without a server."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.forked import Forking
from tracer.demo.server import DemoServer

ROOT = Path(__file__).resolve().parents[2]
TEST = re.compile(r'^```python title="test_trip.py"\n(.*?)^```', re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.no_store


def test_the_readme_s_test_is_recorded_and_replayed(forking: Forking, tmp_path: Path) -> None:
    [source] = TEST.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    file = tmp_path / "test_trip.py"
    file.write_text(source)

    def run(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
        settings = {
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "k",
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # those of other packages take half of a run
        }
        return forking.run(
            *("-m", "pytest", "-p", "tracer._replay.pytest_plugin", "-q", file.name),
            cwd=tmp_path,
            env={**given, **settings, **environment},
        )

    with DemoServer() as server:
        url = server.base_url
        first = run(url)
        assert first.returncode == 0, first.stdout
    second = run(url, CI="1")
    assert second.returncode == 0, second.stdout

    file.write_text(source.replace("answer(QUESTION)", 'answer(QUESTION.replace("Oslo", "Rome"))'))
    changed = run(url, CI="1")
    assert changed.returncode == 1
    assert (
        'messages[1].content, word 7: "Oslo or Atlantis?" was recorded, now it is "Rome or Atlantis?"' in changed.stdout
    )
