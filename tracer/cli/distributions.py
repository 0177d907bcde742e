"""The installed distributions that own the folder ``tracer``, and which of them the imported files belong to."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tracer._distribution import NAME

_FOLDER = "tracer"
_FIRST_FILE = f"{_FOLDER}/__init__.py"


@dataclass(frozen=True)
class Owner:
    """A distribution that installed files into a folder ``tracer``."""

    name: str
    version: str
    folder: Path
    digest: str | None  # of its tracer/__init__.py as installed: url-safe base64 of SHA-256

    @property
    def is_ours(self) -> bool:
        return re.sub(r"[-_.]+", "-", self.name).lower() == NAME

    def has_installed(self, folder: Path) -> bool:
        """Whether ``__init__.py`` of the folder is the file that this distribution installed."""
        return self.folder == folder and self.digest == _digest(folder / "__init__.py")


def owners() -> list[Owner]:
    """Distributions with a folder ``tracer``; an editable installation has none."""
    found = {(owner.name, owner.folder): owner for owner in _owners()}
    return sorted(found.values(), key=lambda owner: (not owner.is_ours, owner.name))


def _owners() -> Iterator[Owner]:
    for distribution in metadata.distributions():
        digests = dict(_digests(distribution.read_text("RECORD") or ""))
        top_level = (distribution.read_text("top_level.txt") or "").split()
        if digests or _FOLDER in top_level:
            folder = Path(str(distribution.locate_file(_FOLDER))).resolve()
            name = distribution.metadata["Name"] or "a distribution without a name"
            yield Owner(name, distribution.version, folder, digests.get(_FIRST_FILE))


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
