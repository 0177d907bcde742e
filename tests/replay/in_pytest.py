"""Runs pytest with tracer's plugin in a process that has it loaded, against a server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.forked import Forking

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(
    forking: Forking, folder: Path, url: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder; the SDK of OpenAI asks ``url``."""
    given = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    settings = {
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "k",
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # those of other packages take half of a run
    }
    return forking.run(
        *("-m", "pytest", "-p", "tracer._replay.pytest_plugin", "-q", *arguments),
        cwd=folder,
        env={**given, **settings, **environment},
    )
