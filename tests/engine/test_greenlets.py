"""Programs whose threads are greenlets: what takes long is not done in their only thread."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.environment import ROOT, make_environment


@pytest.mark.no_store
def test_the_background_neither_imports_nor_writes_in_the_only_thread(tmp_path: Path) -> None:
    python = make_environment("greenlets", "-e", str(ROOT), "gevent")
    program = str(Path(__file__).with_name("greenlets.py"))
    told = subprocess.run(
        [python, program, f"sqlite:///{tmp_path / 'tracer.db'}"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        timeout=100,
    )

    assert told.stdout.splitlines() == [
        "False True",  # the store was not opened in the only thread
        "[]",
        "True True True 0.00021",
        "True",  # greenlets that record and read meanwhile
        "0",  # a child after a fork
        "False True 1",  # nothing was written in the only thread
    ]
