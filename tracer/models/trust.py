"""Trust in models: to load one runs its code."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from tracer.errors import UntrustedModelError, check_flags
from tracer.models.manifest import MANIFEST
from tracer.models.signing import is_signed

VARIABLE = "TRACER_TRUSTED_MODELS"


def check_trust(folder: Path, *, trust: bool) -> None:
    """Raise UntrustedModelError unless the user trusts the folder, or logged its content on this machine."""
    check_flags(trust=trust)
    if trust or _is_listed(folder):
        return
    problems = (_problem(path) for path in (folder, *folder.rglob("*")))
    problem = next(filter(None, problems), None)
    if problem is None and not is_signed(folder, MANIFEST):
        problem = "you have not logged it on this machine: it was downloaded, or logged by somebody else or elsewhere"
    if problem is not None:
        place = str(folder.resolve().parent)
        setting = f"set {VARIABLE}={place}" if os.name == "nt" else f"export {VARIABLE}={shlex.quote(place)}"
        raise UntrustedModelError(
            f"loading the model in {folder} would run its code, and {problem}. If you trust who made it, say so for it "
            f"alone with load_model(…, trust=True) (`--trust` in the command line), or for all models beside it with "
            f"{setting}"
        )


def _problem(path: Path) -> str | None:
    if not hasattr(os, "getuid"):  # Windows: access lists are not read
        return None
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return f"{path.name} is a link to somewhere else"
    if status.st_uid not in (os.getuid(), 0):
        return f"{path.name} belongs to another user"
    if status.st_mode & stat.S_IWOTH:
        return f"{path.name} can be written by everybody"
    if status.st_mode & stat.S_IWGRP and not _is_own_group(status.st_gid):
        return f"{path.name} can be written by a group of users"
    return None


def _is_own_group(group: int) -> bool:
    """Whether a group is root's, or the one that systems make for this user alone, with the name of the user."""
    import grp
    import pwd

    try:
        user = pwd.getpwuid(os.getuid())
        return group == 0 or (group == user.pw_gid and grp.getgrgid(group).gr_name == user.pw_name)
    except KeyError:  # neither has a name, as in a container
        return group == os.getuid()


def _is_listed(folder: Path) -> bool:
    listed = [Path(entry).resolve() for entry in os.environ.get(VARIABLE, "").split(os.pathsep) if entry.strip()]
    place = folder.resolve()
    return any(place == entry or entry in place.parents for entry in listed)
