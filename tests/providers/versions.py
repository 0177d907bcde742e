"""The tests of a provider, run with the oldest and the newest supported versions of its SDK.

    python tests/providers/versions.py openai [version ...]

Makes a virtual environment for each version (in a temporary folder, or in ``--folder`` for the next time), installs
tracer with that version, runs the provider's tests there and prints a table. Exits with 1 if any of them failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# the ends of every line of releases that is supported
SUPPORTED = {
    "ollama": ("0.4.0", "0.4.9", "0.5.0", "0.5.4", "0.6.0", "0.6.3"),
    "openai": ("1.55.3", "1.66.0", "1.109.1", "2.0.0", "2.54.0", "3.0.0", "3.52.0"),
}
TEST_PACKAGES = ("pytest>=8.2", "hypothesis>=6.100", "numpy")  # old versions decode embeddings with numpy


@dataclass(frozen=True)
class Outcome:
    version: str
    passed: bool
    summary: str


def run(command: list[str], **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)  # type: ignore[call-overload, no-any-return]


def try_version(sdk: str, version: str, folder: Path, pytest_arguments: list[str]) -> Outcome:
    environment = folder / f"{sdk}-{version}"
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
    packages = ["-e", str(CHECKOUT), f"{sdk}=={version}", *TEST_PACKAGES]
    installed = run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    if installed.returncode != 0:
        return Outcome(version, False, f"cannot be installed: {installed.stderr.strip()[-200:]}")
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *pytest_arguments]
    tested = run([*command, f"tests/{sdk}"], cwd=CHECKOUT)
    lines = tested.stdout.strip().splitlines() or [tested.stderr.strip()]
    for line in lines:
        if re.match(r"FAILED|ERROR|SKIPPED", line):
            print(f"  {version}: {line}")
    return Outcome(version, tested.returncode == 0, lines[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdk", choices=sorted(SUPPORTED))
    parser.add_argument("versions", nargs="*", help="default: all that are supported at the ends of their lines")
    parser.add_argument("--folder", type=Path, help="keep the environments here")
    parser.add_argument("-k", help="only the tests that pytest's -k selects")
    given = parser.parse_args()
    pytest_arguments = ["-k", given.k] if given.k else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        outcomes = [
            try_version(given.sdk, version, folder, pytest_arguments)
            for version in given.versions or SUPPORTED[given.sdk]
        ]
    for outcome in outcomes:
        print(f"{given.sdk} {outcome.version:10} {'passed' if outcome.passed else 'FAILED'}  {outcome.summary}")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
