"""Locations of a store, which is a local file or a server, and of its journals."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

_PROJECT_KEY = re.compile(r"tracer-([0-9a-f]{8})-[\w-]{43}")
_REMOTE = ("http://", "https://", "clickhouse://")


def is_remote(url: str) -> bool:
    """Whether a store's URL names a server: one of tracer, or ClickHouse."""
    return url.startswith(_REMOTE)


def without_password(url: str) -> str:
    """A store's URL as it is shown, and written down."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0]
    return f"{scheme}://{rest[host.rfind('@') + 1 :]}" if "@" in host else url


def store_path(url: str) -> Path:
    """The file behind an SQLite store's URL, as an absolute path."""
    return Path(url.removeprefix("sqlite:///")).absolute()


def absolute_url(url: str) -> str:
    """The store's URL, independent of the working directory."""
    if is_remote(url):
        return url.rstrip("/")
    return f"sqlite:////{str(store_path(url)).lstrip('/')}"


def with_project(url: str, token: str | None) -> str:
    """A server's URL, as of a server of its own for each project, so that no project gets the records of another.

    The key contains the project: all keys of one begin alike.
    """
    key = _PROJECT_KEY.fullmatch(token or "")
    return f"{url}/{key[1]}" if key and is_remote(url) else url


def journal_folder(url: str) -> Path:
    """The folder of the store's journals: beside its file, or for a server in the user's state folder."""
    if is_remote(url):
        return state_folder() / _name_of(url)
    path = store_path(url)
    return path.with_name(path.name + ".journal")


def models_folder_of(url: str) -> Path:
    """The folder of a store's logged models: beside its file, or for a server in the user's state folder."""
    return _beside(url, ".models")


def alerts_file_of(url: str) -> Path:
    """The file beside a store's with what its server's alerts have told."""
    return _beside(url, ".alerts")


def _beside(url: str, ending: str) -> Path:
    journal = journal_folder(url)
    return journal.with_name(journal.name.removesuffix(".journal") + ending)


def attachments_folder_of(file: Path) -> Path:
    """The folder beside a store's file for the content of its attachments; without it that lies in the file."""
    return file.with_name(f"{file.name}.attachments")


def folders_with_locks(url: str) -> Iterator[Path]:
    """Folders for journals where the file system of the usual one knows no locks: of this machine and user alone."""
    yield _usual_state_folder() / _name_of(url)
    yield _private_folder(_temporary_folder()) / _name_of(url)


def journal_folders(url: str) -> list[Path]:
    """All folders in which there may be journals for a store."""
    folders = [journal_folder(url), _usual_state_folder() / _name_of(url)]
    if _is_private(_temporary_folder()):  # in a shared place another user may have made it
        folders.append(_temporary_folder() / _name_of(url))
    return list(dict.fromkeys(folders))


def _name_of(url: str) -> str:
    if is_remote(url):
        name = re.sub(r"[^\w.-]+", "_", without_password(url).partition("://")[2])
        return f"{name}.journal"
    path = store_path(url)
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
    return f"{path.name}-{digest}.journal"


def state_folder() -> Path:
    """The user's state folder; if it is not writable, a temporary folder that lasts until the next boot."""
    folder = _usual_state_folder()
    if folder.parent == _given_state_folder() or _is_writable(folder.parent):
        return folder
    return _private_folder(_temporary_folder())


def _usual_state_folder() -> Path:
    given = _given_state_folder()
    if given is not None:
        return given / "tracer"
    try:
        home = Path.home()
    except RuntimeError:  # no such user, as in containers
        home = Path("/nonexistent")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "tracer"
    return home / ".local" / "state" / "tracer"


def _given_state_folder() -> Path | None:
    given = os.environ.get("XDG_STATE_HOME")
    return Path(given) if given and os.path.isabs(given) else None


def _temporary_folder() -> Path:
    place = os.environ.get("TMPDIR") or os.environ.get("TEMP") or "/tmp"
    return Path(place) / f"tracer-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def file_size(path: Path) -> int:
    """The size of a file in bytes; 0 where there is none, also if another process deletes it at this moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _private_folder(folder: Path) -> Path:
    """This folder, if it is private to this user, else a new one: in a shared folder another user may have made it."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if _is_private(folder):
            return folder
    except OSError:
        pass
    import tempfile  # rarely needed, and slow to import

    return Path(tempfile.mkdtemp(prefix="tracer-"))


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    is_ours = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
    return is_ours and stat.S_ISDIR(status.st_mode)


def _is_writable(folder: Path) -> bool:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return os.access(existing, os.W_OK | os.X_OK)
