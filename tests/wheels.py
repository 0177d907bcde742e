"""Wheels of distributions that exist in tests alone, built and installed by hand: no index, no installer."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path


def build_by_hand(name: str, version: str, files: Mapping[str, str], folder: Path) -> Path:
    """A wheel with these files, and the metadata that installers and `importlib.metadata` read."""
    about = f"{name.replace('-', '_')}-{version}.dist-info"
    content = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,", ""])
    wheel = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return wheel


def install_by_hand(name: str, version: str, files: Mapping[str, str], site_packages: Path) -> None:
    """Unpack such a wheel as an installer does, over what is there."""
    wheel = build_by_hand(name, version, files, site_packages)
    zipfile.ZipFile(wheel).extractall(site_packages)
    wheel.unlink()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def install_from_source(files: Mapping[str, str], folder: Path) -> Path:
    """The folder in which the package of these files is installed: its wheel, built for real and unpacked."""
    package, site = folder / "package", folder / "site"
    package.mkdir()
    site.mkdir()
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=package, check=True, capture_output=True, timeout=120)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)  # what installing a wheel comes to
    return site
