"""Where a store is, a local file or a server, and where its journals are."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

_REMOTE = ("http://", "https://")


def is_remote(url: str) -> bool:
    """Whether a store's URL names a tracer server."""
    return url.startswith(_REMOTE)


def store_path(url: str) -> Path:
    """The file behind an SQLite store's URL, as an absolute path."""
    return Path(url.removeprefix("sqlite:///")).absolute()


def absolute_url(url: str) -> str:
    """The store's URL, independent of the working directory."""
    if is_remote(url):
        return url.rstrip("/")
    return f"sqlite:////{str(store_path(url)).lstrip('/')}"


def journal_folder(url: str) -> Path:
    """The folder of the store's journals: beside its file, or for a server in the user's state folder."""
    if is_remote(url):
        name = re.sub(r"[^\w.-]+", "_", url.partition("://")[2])
        return state_folder() / f"{name}.journal"
    path = store_path(url)
    return path.with_name(path.name + ".journal")


def state_folder() -> Path:
    """The user's state folder; if it is not writable, a temporary folder that lasts until the next boot."""
    given = os.environ.get("XDG_STATE_HOME")
    if given and os.path.isabs(given):
        return Path(given) / "tracer"
    try:
        home = Path.home()
    except RuntimeError:  # no such user, as in containers
        home = Path("/nonexistent")
    if sys.platform == "darwin":
        state = home / "Library" / "Application Support"
    else:
        state = home / ".local" / "state"
    if _is_writable(state):
        return state / "tracer"
    import tempfile  # rarely needed, and slow to import

    return _private_folder(Path(tempfile.gettempdir()) / f"tracer-{os.getuid() if hasattr(os, 'getuid') else 'user'}")


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
        status = folder.lstat()
        is_ours = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
        if is_ours and stat.S_ISDIR(status.st_mode):
            return folder
    except OSError:
        pass
    import tempfile

    return Path(tempfile.mkdtemp(prefix="tracer-"))


def _is_writable(folder: Path) -> bool:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return os.access(existing, os.W_OK | os.X_OK)
