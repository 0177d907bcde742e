"""A virtual environment for each contender, kept under build/ until its requirements change."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

from benchmarks.contenders import Contender

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "benchmarks"
# what the measurements need besides; the newest that the contender's own requirements allow
DRIVEN = ("openai", "opentelemetry-sdk")
MAX_REASON = 300


@dataclass(frozen=True)
class Environment:
    """Where a contender runs, and what its installation alone put there."""

    python: str
    packages: int
    megabytes: float
    versions: dict[str, str]


class CannotBeInstalled(Exception):
    """With the reason that pip gave."""


def environment_of(contender: Contender) -> Environment:
    """The environment of a contender, made now if it isn't there. Raises CannotBeInstalled."""
    folder = PLACE / f"{contender.module}-py{sys.version_info.major}.{sys.version_info.minor}"
    described = folder / "environment.json"
    needs = _fingerprint(contender)
    if described.is_file() and (known := json.loads(described.read_text())).pop("needs") == needs:
        return Environment(**known)
    print(f"installing {contender.title}", flush=True)
    rmtree(folder, ignore_errors=True)
    venv.create(folder)
    python = str(folder / "bin" / "python")
    if contender.requires:
        _install(python, contender.requires)
    packages, size = _measure(folder)
    _install(python, (*contender.requires, *DRIVEN))
    environment = Environment(python, packages, round(size / 1e6, 1), _versions(python))
    described.write_text(json.dumps({**asdict(environment), "needs": needs}))
    return environment


def _fingerprint(contender: Contender) -> str:
    """What the environment depends on; of a checkout also how large its files are, since an installation is weighed."""
    parts = [*contender.requires, *DRIVEN]
    if "." in contender.requires:
        files = sorted(path for path in (ROOT / "tracer").rglob("*") if path.is_file() and path.suffix != ".pyc")
        parts += [(ROOT / "pyproject.toml").read_text(), *(f"{path} {path.stat().st_size}" for path in files)]
    return sha256("\n".join(parts).encode()).hexdigest()


def _install(python: str, packages: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    ran = subprocess.run([*command, *packages], cwd=ROOT, capture_output=True, text=True)
    if ran.returncode:
        lines = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")] or [ran.stderr[-MAX_REASON:]]
        raise CannotBeInstalled(" ".join(lines)[:MAX_REASON])


def _measure(folder: Path) -> tuple[int, int]:
    """Distributions, and bytes with the byte code that pip compiled; the environment itself has no pip."""
    packages = list(folder.glob("lib/python*/site-packages/*.dist-info"))
    files = [path for path in folder.glob("lib/python*/site-packages/**/*") if path.is_file()]
    return len(packages), sum(path.stat().st_size for path in files)


def _versions(python: str) -> dict[str, str]:
    program = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    return dict(json.loads(subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout))
