"""The tutorial on versions runs as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_TUTORIALS = Path(os.environ.get("TRACER_TUTORIALS") or Path(__file__).parents[3] / "shared" / "tutorials")

pytestmark = [
    pytest.mark.skipif(not _TUTORIALS.is_dir(), reason=f"no tutorials at {_TUTORIALS}"),
    pytest.mark.no_store,
]


def test_t2_versions(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(_TUTORIALS / "t2_versions.py")],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("t2 ok\n")
