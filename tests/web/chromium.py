"""Where this machine has Chromium; ``python tests/web/chromium.py`` installs Debian's where that is allowed."""

from __future__ import annotations

import os
import shutil
import subprocess

# the one without a user interface of its own takes half the time
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_PACKAGES = ("chromium-headless-shell", "chromium")  # older systems have the second alone


def find_chromium() -> str | None:
    """The program to run, or None; TRACER_TEST_CHROMIUM names another one."""
    named = os.environ.get("TRACER_TEST_CHROMIUM")
    return named or next((path for name in _NAMES if (path := shutil.which(name))), None)


def install_chromium() -> None:
    """Install it as a package of the system, where there is a package manager and the right to use it."""
    if find_chromium() or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False)
    for package in _PACKAGES:
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        if subprocess.run(install, env=quiet, check=False).returncode == 0:
            return


if __name__ == "__main__":
    install_chromium()
    print(find_chromium() or "no Chromium here: the tests of the UI will be skipped")
