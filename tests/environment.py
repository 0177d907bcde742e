"""Virtual environments for tests, made with uv where pip can bring it, else with pip; kept under build/ for later."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / "build" / "uv"
# most modules are never imported, so none is compiled yet; the tests of the page build the page
PIP_OPTIONS = ("--quiet", "--disable-pip-version-check", "--no-compile")
WITHOUT_PAGE = {**os.environ, "TRACER_SKIP_UI": "1"}
_getting_uv = Lock()


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
    if not make_with_uv(place, python, packages):
        make_with_pip(place, python, packages)
    installed.write_text(needs)
    return str(python)


def make_with_uv(place: Path, python: Path, packages: tuple[str, ...]) -> bool:
    """Whether uv could do it, in a tenth of pip's time; it does not read pip's settings, such as an index."""
    uv = find_uv()
    if uv is None:
        return False
    venv.create(place)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "pip", *packages]
    return subprocess.run(install, cwd=ROOT, env=WITHOUT_PAGE, check=False).returncode == 0


def find_uv() -> str | None:
    """The uv of this machine, or one that pip brings under build/; None where there is neither."""
    if found := shutil.which("uv"):
        return found
    program = UV / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    with _getting_uv:
        if not program.is_file():
            get = [sys.executable, "-m", "pip", "install", *PIP_OPTIONS, "--target", str(UV), "uv"]
            subprocess.run(get, cwd=ROOT, check=False)
    return str(program) if program.is_file() else None


def make_with_pip(place: Path, python: Path, packages: tuple[str, ...]) -> None:
    """The same with pip. Raises CalledProcessError."""
    # Debian packages Python without ensurepip: then the pip that is there installs into the environment
    has_own_pip = importlib.util.find_spec("ensurepip") is not None
    venv.create(place, with_pip=has_own_pip, clear=True)
    pip = [str(python), "-m", "pip"] if has_own_pip else [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", *PIP_OPTIONS, *packages], cwd=ROOT, env=WITHOUT_PAGE, check=True)
