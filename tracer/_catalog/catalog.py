"""The catalogue of a server of several projects: what any of them does, and the rules that all follow."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from tracer._catalog.keys import Role, new_key
from tracer._catalog.rows import Act, Caller, Key, Project
from tracer.errors import ConflictError, InvalidArgumentError, TracerError
from tracer.store import Store

FIRST_PROJECT: Final = "default"
FIRST_KEY: Final = "first administrator"
MOST: Final = 2**53
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_KEY_NAME_LIMIT = 100


class NotInCatalogError(TracerError):
    """There is no such project, or no such key."""


class Catalog(Protocol):
    """Projects, keys and acts of administrators; safe to use from any thread and process.

    Raises StoreError where it cannot be read or written, in each of the calls.
    """

    @property
    def url(self) -> str:
        """The folder or address that opens it again."""
        ...

    @property
    def place(self) -> str:
        """The folder or address as it is shown: without a password."""
        ...

    @property
    def keeps_copy(self) -> bool:
        """Whether callers are looked up in a copy, which ``refresh`` brings up to date."""
        ...

    def refresh(self) -> None:
        """Read what other processes have changed."""
        ...

    def close(self) -> None:
        """Close the files or connections."""
        ...

    # ---- requests

    def caller(self, key: str) -> Caller | None:
        """The caller with this key; None if the key does not exist, or is revoked or expired. Never waits for long."""
        ...

    def caller_of_cookie(self, cookie: str) -> Caller | None:
        """The caller with the key that a cookie was derived from. Never waits for long."""
        ...

    def note_used(self, times: Mapping[str, int]) -> None:
        """Write down when keys, by id, were used last, in ns."""
        ...

    # ---- projects

    def start(self) -> str | None:
        """The key of the first administrator, made with a first project where there is no key; else None."""
        ...

    def projects(self) -> list[Project]:
        """All projects by name."""
        ...

    def project(self, name: str) -> Project:
        """The project with a name. Raises NotInCatalogError."""
        ...

    def create_project(
        self, name: str, *, by: str, requests_a_minute: int | None = None, bytes_a_minute: int | None = None
    ) -> Project:
        """Make a project. Raises InvalidArgumentError, and ConflictError if there is one of the name."""
        ...

    def change_project(self, name: str, limits: Mapping[str, int | None], *, by: str) -> Project:
        """Give a project these limits; None is none, and one that is not given stays.

        Raises InvalidArgumentError and NotInCatalogError.
        """
        ...

    def delete_project(self, name: str, *, by: str) -> Project:
        """Forget a project with its keys; ``remove_store`` deletes its traces, at once or when it is called again.

        Raises NotInCatalogError, and ConflictError if no administrator would be left.
        """
        ...

    # ---- stores of projects

    def open_store(self, project: Project) -> Store:
        """The store of a project. Raises StoreError."""
        ...

    def has_store(self, project: Project) -> bool:
        """Whether a project has a store yet."""
        ...

    def remove_store(self, project: Project) -> None:
        """Delete the store of a project that is deleted, with everything that it keeps."""
        ...

    def remove_leftovers(self) -> None:
        """Delete the stores that are left of projects whose deleting, or making, broke off."""
        ...

    # ---- keys

    def keys(self, project: str | None = None) -> list[Key]:
        """The keys of all projects, or of one, by project and age; revoked ones too. Raises NotInCatalogError."""
        ...

    def create_key(self, name: str, project: str, roles: Sequence[str], *, by: str) -> tuple[Key, str]:
        """Make a key; also its secret, which cannot be found out later.

        Raises InvalidArgumentError, and NotInCatalogError.
        """
        ...

    def revoke_key(self, key_id: str, *, by: str) -> Key:
        """Revoke a key for good.

        Raises NotInCatalogError, and ConflictError if no administrator would be left.
        """
        ...

    # ---- sign-ins by an identity provider

    def sign_in(self, person: str, project: str, roles: Sequence[Role], *, seconds: int, admitted_by: str) -> str:
        """Let a person in for some time; the cookie, which opens a listed key whose secret is never given out.

        ``admitted_by`` identifies the rules that let the person in. Raises NotInCatalogError.
        """
        ...

    def sign_out(self, cookie: str) -> None:
        """End the sign-in of a person; keys stay."""
        ...

    def end_sign_ins(self, admitted_by: str | None) -> None:
        """End all sign-ins but those that these rules have let in."""
        ...

    # ---- acts of administrators

    def acts(self, *, limit: int = 100, before: int | None = None) -> list[Act]:
        """Acts of administrators, the newest first; with ``before`` only those with smaller numbers."""
        ...


def made_project(name: str, requests_a_minute: int | None, bytes_a_minute: int | None) -> Project:
    """A new project, which no catalogue has yet. Raises InvalidArgumentError."""
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"name: got {name!r:.80}, expected 1 to 63 small letters, digits, - and _, a letter or digit first"
        )
    check_limits({"requests_a_minute": requests_a_minute, "bytes_a_minute": bytes_a_minute})
    return Project(secrets.token_hex(4), name, time.time_ns(), requests_a_minute, bytes_a_minute)


def made_key(name: str, project: Project, roles: tuple[Role, ...], *, expires: int | None = None) -> tuple[Key, str]:
    """A new key with its secret, which no catalogue has yet."""
    key = Key(f"k-{secrets.token_hex(6)}", name, project.name, roles, time.time_ns(), None, None, expires)
    return key, new_key(project.id)


def check_key_name(name: str) -> None:
    """Raise InvalidArgumentError for a name that a key cannot have."""
    if not 0 < len(name) <= _KEY_NAME_LIMIT or not name.isprintable():
        raise InvalidArgumentError(f"name: got {name!r:.80}, expected 1 to {_KEY_NAME_LIMIT} characters of a line")


def check_limits(limits: Mapping[str, int | None]) -> None:
    """Raise InvalidArgumentError for limits that a project cannot have."""
    for name, limit in limits.items():
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit < MOST):
            raise InvalidArgumentError(
                f"{name}: got {limit!r:.40}, expected a whole number from 1 to {MOST - 1}, or none"
            )


def taken(name: str) -> ConflictError:
    """The error for a second project of one name."""
    return ConflictError(f"there is a project {name} already")


def no_project(name: str) -> NotInCatalogError:
    """The error for a project that is not there."""
    return NotInCatalogError(f"there is no project {name!r:.80}")


def no_key(key_id: str) -> NotInCatalogError:
    """The error for a key that is not there."""
    return NotInCatalogError(f"no key has the id {key_id!r:.40}")


def nobody_left() -> ConflictError:
    """The error for a change after which there is no administrator."""
    return ConflictError("nobody would be administrator any more: make another administrator's key first")


def described(key: Key) -> str:
    """A key in the log of acts."""
    return f"{key.id} {key.name!r}, {' and '.join(key.roles)} of {key.project}"


def with_limits(project: Project) -> str:
    """A project with its limits, in the log of acts."""
    limits = [
        f"{limit} {what} a minute"
        for limit, what in ((project.requests_a_minute, "requests"), (project.bytes_a_minute, "bytes"))
        if limit is not None
    ]
    return f"{project.name}, {' and '.join(limits) or 'without limits'}"
