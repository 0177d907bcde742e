"""The suite gives the same results however it was started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"])
def test_programs_that_tests_start_have_the_signals_default_in_a_background_job(name: str) -> None:
    program = f"""
import signal, subprocess, sys
signal.signal(signal.{name}, signal.SIG_IGN)
import tests.conftest
signal.raise_signal(signal.{name})  # this process goes on ignoring it
started = "import signal; signal.raise_signal(signal.{name})"
print(subprocess.run([sys.executable, "-c", started], stderr=subprocess.DEVNULL).returncode)
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert (ran.stdout, ran.stderr) == (f"{-getattr(signal, name)}\n", "")
