"""Virtual environments for tests, with nothing but Python and pip; kept under build/ for the next time."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_environment(name: str, *packages: str) -> str:
    """The Python of an environment with these packages, made anew when they or pyproject.toml have changed."""
    place = ROOT / "build" / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = place / "installed"
    needs = hashlib.sha256("\n".join(packages).encode() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if installed.is_file() and installed.read_text() == needs:
        return str(python)
    shutil.rmtree(place, ignore_errors=True)
    print(f"making {place.relative_to(ROOT)}", flush=True)
    # Debian packages Python without ensurepip: then the pip that is there installs into the environment
    has_own_pip = importlib.util.find_spec("ensurepip") is not None
    venv.create(place, with_pip=has_own_pip)
    pip = [str(python), "-m", "pip"] if has_own_pip else [sys.executable, "-m", "pip", "--python", str(python)]
    # most modules are never imported, so none is compiled yet; the tests of the page build the page
    options = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    without_page = {**os.environ, "TRACER_SKIP_UI": "1"}
    subprocess.run([*pip, "install", *options, *packages], cwd=ROOT, env=without_page, check=True)
    installed.write_text(needs)
    return str(python)
