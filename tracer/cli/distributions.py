"""The installed distributions that own the folder ``tracer``, and which of them the imported files belong to."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tracer._distribution import FORMER_NAME, NAME

_FOLDER = "tracer"
_FIRST_FILE = f"{_FOLDER}/__init__.py"


@dataclass(frozen=True)
class Owner:
    """A distribution that installed files into a folder ``tracer``, or has Python import one (editable)."""

    name: str
    version: str
    folder: Path
    digest: str | None  # of its tracer/__init__.py as installed: url-safe base64 of SHA-256
    is_editable: bool = False

    @property
    def is_ours(self) -> bool:
        return _normal(self.name) == NAME

    def has_installed(self, folder: Path) -> bool:
        """Whether ``__init__.py`` of the folder is the file that this distribution installed."""
        return self.folder == folder and (self.is_editable or self.digest == _digest(folder / "__init__.py"))


def owners() -> list[Owner]:
    """Distributions with a folder ``tracer``, ours first."""
    found = {(owner.name, owner.folder): owner for owner in _owners()}
    return sorted(found.values(), key=lambda owner: (not owner.is_ours, owner.name))


def is_checkout(folder: Path) -> bool:
    """Whether a folder ``tracer`` is that of a clone of the project."""
    try:
        project = (folder.parent / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return f'name = "{NAME}"' in project and (folder.parent / "integrations").is_dir()


def _owners() -> Iterator[Owner]:
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] or "a distribution without a name"
        source = _editable_source(distribution)
        if source is not None:
            folder = _editable_folder(distribution, source)
            if (folder / "__init__.py").is_file() or _normal(name) in (NAME, FORMER_NAME):
                yield Owner(name, distribution.version, folder.resolve(), None, is_editable=True)
            continue
        digests = dict(_digests(distribution.read_text("RECORD") or ""))
        top_level = (distribution.read_text("top_level.txt") or "").split()
        if digests or _FOLDER in top_level:
            folder = Path(str(distribution.locate_file(_FOLDER))).resolve()
            yield Owner(name, distribution.version, folder, digests.get(_FIRST_FILE))


def _editable_source(distribution: metadata.Distribution) -> Path | None:
    """The folder of an editable installation (PEP 610, direct_url.json); RECORD has none of its files."""
    try:
        source = json.loads(distribution.read_text("direct_url.json") or "{}")
        is_editable = source.get("dir_info", {}).get("editable", False)
        return Path(url2pathname(urlsplit(source["url"]).path)) if is_editable else None
    except (ValueError, AttributeError, KeyError):
        return None


def _editable_folder(distribution: metadata.Distribution, source: Path) -> Path:
    """The folder ``tracer`` that an editable installation has Python import."""
    installed = [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    folders = [folder for file in installed for folder in _named_in(file)]
    if not folders:  # the loader of another build backend
        folders = [source / _FOLDER, source / "src" / _FOLDER]
    return next((folder for folder in folders if (folder / "__init__.py").is_file()), folders[0])


def _named_in(file: Path) -> Iterator[Path]:
    """Folders ``tracer`` in a .pth file, one folder of modules a line, or in the finder that setuptools installs."""
    if file.suffix == ".pth":
        paths = [line.strip() for line in _lines(file)]
        yield from (file.parent / path / _FOLDER for path in paths if path and not path.startswith(("import ", "#")))
    elif file.name.startswith("__editable__") and file.suffix == ".py":
        for line in _lines(file):
            if line.startswith("MAPPING"):  # MAPPING: dict[str, str] = {'tracer': '/srv/pacer/src/tracer'}
                with suppress(ValueError, SyntaxError, TypeError, KeyError):
                    yield Path(ast.literal_eval(line.partition("=")[2].strip())[_FOLDER])


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # as in PEP 503


def _digests(record: str) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of each file below ``tracer/``; a line of RECORD is ``path,sha256=digest,size``."""
    for line in record.splitlines():
        if line.startswith(f"{_FOLDER}/"):
            path, _, rest = line.partition(",")
            yield path, rest.partition(",")[0].removeprefix("sha256=")


def _digest(file: Path) -> str | None:
    try:
        content = file.read_bytes()
    except OSError:
        return None
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
