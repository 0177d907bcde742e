"""`trace.snapshot()` with the packages that keep snapshots."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("inline_snapshot", reason="tests/run.py makes an environment with it")
pytest.importorskip("syrupy", reason="tests/run.py makes an environment with it")

pytestmark = pytest.mark.no_store

PROGRAM = """
import datetime
import uuid

import tracer
from inline_snapshot import snapshot as inline


@tracer.trace(span_type="TOOL")
def refund(order):
    return {"order": order, "receipt": str(uuid.uuid4()), "at": datetime.datetime.now().isoformat()}


@tracer.trace
def answer(question):
    return refund(7)["order"]


def test_inline(trace):
    answer("Can I send it back?")
    assert trace.snapshot() == inline()


def test_file(trace, snapshot):
    answer("Can I send it back?")
    assert trace.snapshot() == snapshot
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with both packages."""
    plugins = ("tracer._replay.pytest_plugin", "inline_snapshot.pytest_plugin", "syrupy")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"-p{plugin}" for plugin in plugins), *options, "test_it.py"],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_tree_is_kept_by_inline_snapshot_and_by_syrupy(tmp_path: Path) -> None:
    program = tmp_path / "test_it.py"
    program.write_text(PROGRAM)

    made = run(tmp_path, "--inline-snapshot=create", "--snapshot-update")
    assert "2 passed" in made.stdout, made.stdout
    kept = program.read_text()
    (file,) = (tmp_path / "__snapshots__").iterdir()
    assert '"receipt": "<id>"' in kept.replace("'", '"')
    assert "'receipt': '<id>'" in file.read_text()

    again = run(tmp_path)
    assert "2 passed" in again.stdout, again.stdout
    assert program.read_text() == kept

    program.write_text(kept.replace("refund(7)", "refund(8)"))
    changed = run(tmp_path)
    assert "2 failed" in changed.stdout, changed.stdout
    assert "7" in changed.stdout
