"""Lint, types and the whole test suite, in an environment made for it: ``python3 tests/run.py [pytest arguments]``."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 10)


def main(pytest_arguments: list[str]) -> int:
    """Run everything, say how each step ended, and return the number of steps that failed."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {sys.version.split()[0]} is too old: run this with Python {OLDEST[0]}.{OLDEST[1]} or newer")
    python = environment()
    steps = {
        "lint": [python, "-m", "ruff", "check", "."],
        "types": [python, "-m", "mypy"],
        "tests": [python, "-m", "pytest", *pytest_arguments],
    }
    results = {name: run(name, command) for name, command in steps.items()}
    for name, (code, seconds) in results.items():
        print(f"{name:<6} {'passed' if code == 0 else f'FAILED ({code})'} in {seconds:.0f} s", flush=True)
    return sum(code != 0 for code, _ in results.values())


def environment() -> str:
    """The Python of a virtual environment with the package (editable) and what its tests need."""
    needs = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    place = ROOT / "build" / f"test-env-{sys.version_info.major}.{sys.version_info.minor}"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = place / "installed"
    if installed.is_file() and installed.read_text() == needs:
        return str(python)
    shutil.rmtree(place, ignore_errors=True)
    print(f"making {place.relative_to(ROOT)}", flush=True)
    # Debian packages Python without ensurepip: then the pip that is there installs into the environment
    has_own_pip = importlib.util.find_spec("ensurepip") is not None
    venv.create(place, with_pip=has_own_pip)
    pip = [python, "-m", "pip"] if has_own_pip else [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "-e", ".[dev]"], cwd=ROOT, check=True)
    installed.write_text(needs)
    return str(python)


def run(name: str, command: list[str]) -> tuple[int, float]:
    """Run one step with its output shown; its exit code and seconds."""
    print(f"\n== {name}: {' '.join(command[1:])}", flush=True)
    started = time.monotonic()
    return subprocess.run(command, cwd=ROOT).returncode, time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
