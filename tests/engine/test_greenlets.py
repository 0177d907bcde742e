"""Programs whose threads are greenlets: what takes long is not done in their only thread."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.environment import ROOT, make_environment


@pytest.mark.no_store
def test_the_parts_of_the_background_are_not_imported_in_the_only_thread(tmp_path: Path) -> None:
    python = make_environment("greenlets", "-e", str(ROOT), "gevent")
    program = str(Path(__file__).with_name("greenlets.py"))
    told = subprocess.run(
        [python, program, f"sqlite:///{tmp_path / 'tracer.db'}"], capture_output=True, text=True, check=True, cwd="/"
    )

    assert told.stdout.splitlines() == ["[]", "True True True 0.00021"]
