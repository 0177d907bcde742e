"""Lint, types, the whole suite, and each provider's tests with the oldest and newest SDK: ``python3 tests/run.py``.

Makes the environments that it needs. With arguments, which go to pytest, the last step is left out.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.environment import make_environment  # noqa: E402

OLDEST = (3, 10)


def main(pytest_arguments: list[str]) -> int:
    """Run everything, say how each step ended, and return the number of steps that failed."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {sys.version.split()[0]} is too old: run this with Python {OLDEST[0]}.{OLDEST[1]} or newer")
    python = make_environment("test-env", "-e", ".[dev]")
    steps = {
        "lint": [python, "-m", "ruff", "check", "."],
        "types": [python, "-m", "mypy"],
        "web": [python, "web/bundle.py", "check"],
        "browser": [python, "tests/web/chromium.py"],
    }
    if pytest_arguments:
        steps["tests"] = [python, "-m", "pytest", *pytest_arguments]
    else:
        # two files at a time; the browser's event loop is not for the other tests
        steps["tests"] = [python, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--ignore", "tests/web"]
        steps["page"] = [python, "-m", "pytest", "tests/web"]
        steps["versions"] = [sys.executable, "tests/provider/versions.py"]
    results = {name: run(name, command) for name, command in steps.items()}
    for name, (code, seconds) in results.items():
        print(f"{name:<8} {'passed' if code == 0 else f'FAILED ({code})'} in {seconds:.0f} s", flush=True)
    return sum(code != 0 for code, _ in results.values())


def run(name: str, command: list[str]) -> tuple[int, float]:
    """Run one step with its output shown; its exit code and seconds."""
    print(f"\n== {name}: {' '.join(command[1:])}", flush=True)
    started = time.monotonic()
    return subprocess.run(command, cwd=ROOT).returncode, time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
