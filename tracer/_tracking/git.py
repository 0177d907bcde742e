"""State of the code in git, for the folder that the program runs in."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tracer._encoding.text import cut_text

_SECONDS = 10.0
_PASSWORD = re.compile(r"(?<=://)[^/\s]+@")  # up to the last @: a password may have one
_WHOLE = ("--no-ext-diff", "--no-textconv", "--no-relative", "--no-color")  # all of it, no configured command
_TAG_LIMIT = 64 * 1024


class GitError(Exception):
    """Git is not installed, or the folder is no repository."""


@dataclass(frozen=True)
class GitInfo:
    """State of the code: ``diff`` has the changes since the commit, None if there are none."""

    branch: str
    commit: str
    dirty: bool
    diff: str | None = None
    repository: str | None = None

    def to_tags(self) -> dict[str, str]:
        """As tags of a version."""
        tags = {"git.branch": self.branch, "git.commit": self.commit, "git.dirty": str(self.dirty).lower()}
        if self.diff is not None:
            tags["git.diff"] = cut_text(self.diff, _TAG_LIMIT)
        if self.repository is not None:
            tags["git.repository"] = self.repository
        return tags


def git_info(remote_name: str = "origin") -> GitInfo:
    """The state of the code in the current folder. Raises GitError."""
    commit = git("rev-parse", "HEAD")
    branch = git("rev-parse", "--abbrev-ref", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no")
    diff = git("diff", *_WHOLE, "HEAD") if changed else None
    try:
        repository: str | None = _PASSWORD.sub("", git("remote", "get-url", remote_name))
    except GitError:
        repository = None
    return GitInfo(branch, commit, bool(changed), diff, repository)


def git(*arguments: str, folder: Path | None = None, seconds: float | None = _SECONDS) -> str:
    """Output of a git command, in the current folder or another one. Raises GitError with git's message."""
    import subprocess

    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        ran = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, timeout=seconds, env=environment, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(str(error)) from error
    if ran.returncode != 0:
        raise GitError(ran.stderr.decode("utf-8", "replace").strip() or f"git {arguments[0]} failed")
    return ran.stdout.decode("utf-8", "replace").strip()
