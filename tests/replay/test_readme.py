"""The README's test of the demo's agent: recorded once, and replayed without a server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.forked import Forking
from tests.replay.in_pytest import run_pytest
from tracer.demo.server import DemoServer

ROOT = Path(__file__).resolve().parents[2]
TEST = re.compile(r'^```python title="test_trip.py"\n(.*?)^```', re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.no_store


def test_the_readme_s_test_is_recorded_and_replayed(forking: Forking, tmp_path: Path) -> None:
    [source] = TEST.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    file = tmp_path / "test_trip.py"
    file.write_text(source)

    with DemoServer() as server:
        url = server.base_url
        first = run_pytest(forking, tmp_path, url, file.name)
        assert first.returncode == 0, first.stdout
    second = run_pytest(forking, tmp_path, url, file.name, CI="1")
    assert second.returncode == 0, second.stdout

    file.write_text(source.replace("answer(QUESTION)", 'answer(QUESTION.replace("Oslo", "Rome"))'))
    changed = run_pytest(forking, tmp_path, url, file.name, CI="1")
    assert changed.returncode == 1
    assert (
        'messages[1].content, word 7: "Oslo or Atlantis?" was recorded, now it is "Rome or Atlantis?"' in changed.stdout
    )
