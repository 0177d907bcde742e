"""The state of the code in git as the version of traces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tracer._engine.runtime import runtime
from tracer._fault import logger
from tracer._tracking.git import GitError, GitInfo, git_info
from tracer._tracking.logged_model import LoggedModel
from tracer._tracking.versions import ActiveModel, clear_active_model, make_model_once, set_active_model

_SHORT = 8


@dataclass
class GitContext:
    """State of the code and the version made from it; both None outside of a repository."""

    info: GitInfo | None
    active_model: LoggedModel | None

    def __enter__(self) -> GitContext:
        if isinstance(self.active_model, ActiveModel):
            self.active_model.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self.active_model, ActiveModel):
            self.active_model.__exit__()


def enable_git_model_versioning(remote_name: str = "origin") -> GitContext:
    """Make the version of traces from this commit, and the changes since it if there are any.

    The same state of the code is the same version in every process, on whatever branch. The version has tags for the
    branch, the commit, whether there were changes, and the changes. Outside of a repository it only logs a warning.
    """
    try:
        info = git_info(remote_name)
    except GitError as error:
        logger.warning("tracer: no version from git: %s", error)
        return GitContext(None, None)
    change = hashlib.sha256(info.diff.encode()).hexdigest()[:6] if info.diff is not None else ""
    name = f"{info.branch}-{info.commit[:_SHORT]}" + (f"-changed-{change}" if change else "")
    key = "\0".join(("git", runtime().settings.experiment, info.commit, change))
    model = make_model_once(key, name, info.to_tags())
    return GitContext(info, set_active_model(model_id=model.model_id))


def disable_git_model_versioning() -> None:
    """Link traces that start from now on to no version."""
    clear_active_model()
