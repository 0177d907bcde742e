"""Access of ``tracer keys`` and ``tracer projects`` to a server: by what it keeps its projects in, or over its API."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import click

from tracer._journal.locations import without_password
from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError, StoreError, TracerError

if TYPE_CHECKING:
    from tracer._catalog.catalog import Catalog
    from tracer.store.remote.connection import Connection

Function = TypeVar("Function", bound=Callable[..., object])
_MOST_AT_ONCE = 1000
_STORE_HELP = (
    "The folder or ClickHouse address of a server of projects, or its URL, with an administrator's key in TRACER_TOKEN."
)


def server_option(function: Function) -> Function:
    """``--store``, a folder of projects or the URL of their server, else TRACER_STORE."""
    return click.option(
        "--store", "store_url", metavar="FOLDER|URL", envvar="TRACER_STORE", show_envvar=True, help=_STORE_HELP
    )(function)


class Administration(Protocol):
    """Operations for administrators; the results are those of the API."""

    def projects(self) -> list[JsonObject]: ...
    def create_project(self, name: str, limits: JsonObject) -> JsonObject: ...
    def change_project(self, name: str, limits: JsonObject) -> JsonObject: ...
    def delete_project(self, name: str) -> None: ...
    def keys(self, project: str | None) -> list[JsonObject]: ...
    def create_key(self, name: str, project: str, roles: Sequence[str]) -> JsonObject: ...
    def revoke_key(self, key_id: str) -> None: ...
    def acts(self, limit: int) -> list[JsonObject]: ...


@contextmanager
def administration(store_url: str | None) -> Iterator[Administration]:
    """The server that an option names, for a while. Raises InvalidArgumentError where it names none."""
    if store_url is None:
        raise InvalidArgumentError("--store is missing: the folder of a server of projects, or its URL")
    if store_url.startswith(("http://", "https://")):
        from tracer._engine.runtime import runtime
        from tracer.cli.reading import store_place
        from tracer.store.remote.connection import Connection

        place = store_place(store_url)
        with closing(Connection(place.url, runtime().settings.token)) as connection:
            yield _Server(connection)
        return
    from tracer._catalog.opening import folder_of, has_projects, open_catalog

    if not has_projects(store_url):
        is_remote = store_url.startswith("clickhouse://")
        named = without_password(store_url) if is_remote else str(folder_of(store_url))
        if os.path.isfile(named):
            raise TracerError(f"{named} is a file, one store; name the folder of a server of projects, or its URL")
        makes = f"--projects --store {named}" if is_remote else f"--store {named}{os.sep}"
        raise TracerError(f"{named} has no projects; `tracer server {makes}` makes a server of some")
    with closing(open_catalog(store_url)) as catalog:
        yield _Catalog(catalog)


def folder_of_projects(store_url: str | None) -> Path | None:
    """The folder, there already or to be made, that is named instead of a file."""
    if store_url is None or "://" in store_url.removeprefix("sqlite:///"):
        return None
    path = store_url.removeprefix("sqlite:///")
    return Path(path) if path.endswith(("/", os.sep)) or os.path.isdir(path) else None


def projects_of(store_url: str | None) -> str | None:
    """The folder or ClickHouse database of projects that is named; None where a store is. Raises StoreError."""
    from tracer._catalog.opening import has_projects

    if store_url is not None and store_url.startswith("clickhouse://"):
        return store_url if has_projects(store_url) else None
    folder = folder_of_projects(store_url)
    return None if folder is None else str(folder)


def place_for_projects(store_url: str | None) -> str:
    """The folder or database that ``--projects`` is about. Raises InvalidArgumentError where none is named."""
    path = (store_url or "").removeprefix("sqlite:///")
    if not path:
        raise InvalidArgumentError("--projects: name a folder, or a database of ClickHouse, with --store")
    if os.path.isfile(path) or ("://" in path and not path.startswith("clickhouse://")):
        raise InvalidArgumentError(
            f"--projects: got {without_password(path)}, expected a folder, or clickhouse://user:password@host/database"
        )
    return path


def refuse_projects(store_url: str | None) -> None:
    """Refuse a ClickHouse database of projects where a store is to be served; an engine that is away may have one."""
    from tracer._catalog.opening import has_projects

    if store_url is None or not store_url.startswith("clickhouse://"):
        return
    try:
        is_of_projects = has_projects(store_url)
    except StoreError:
        return
    if is_of_projects:
        raise InvalidArgumentError(
            f"{without_password(store_url)} has projects, each with a database of its own: add --projects"
        )


class _Catalog:
    """The catalogue in a folder of this machine, or in ClickHouse; a running server sees changes at once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._who = f"{_user()} on the server's machine"

    def projects(self) -> list[JsonObject]:
        return [project.to_dict() for project in self._catalog.projects()]

    def create_project(self, name: str, limits: JsonObject) -> JsonObject:
        return self._catalog.create_project(name, by=self._who, **limits).to_dict()

    def change_project(self, name: str, limits: JsonObject) -> JsonObject:
        return self._catalog.change_project(name, limits, by=self._who).to_dict()

    def delete_project(self, name: str) -> None:
        self._catalog.remove_store(self._catalog.delete_project(name, by=self._who))

    def keys(self, project: str | None) -> list[JsonObject]:
        return [key.to_dict() for key in self._catalog.keys(project)]

    def create_key(self, name: str, project: str, roles: Sequence[str]) -> JsonObject:
        key, secret = self._catalog.create_key(name, project, roles, by=self._who)
        return {**key.to_dict(), "secret": secret}

    def revoke_key(self, key_id: str) -> None:
        self._catalog.revoke_key(key_id, by=self._who)

    def acts(self, limit: int) -> list[JsonObject]:
        return [act.to_dict() for act in self._catalog.acts(limit=limit)]


class _Server:
    """A running server, which identifies the caller by the key."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def projects(self) -> list[JsonObject]:
        return self._list("/projects", "projects")

    def create_project(self, name: str, limits: JsonObject) -> JsonObject:
        return self._connection.send("/projects", {"name": name, **limits}).json()

    def change_project(self, name: str, limits: JsonObject) -> JsonObject:
        found = self._connection.change(f"/projects/{_part(name)}", limits)
        if found is None:
            raise TracerError(f"there is no project {name!r}")
        return found

    def delete_project(self, name: str) -> None:
        self._connection.deliver(f"/projects/{_part(name)}", method="DELETE")

    def keys(self, project: str | None) -> list[JsonObject]:
        return self._list("/keys", "keys", {"project": project})

    def create_key(self, name: str, project: str, roles: Sequence[str]) -> JsonObject:
        return self._connection.send("/keys", {"name": name, "project": project, "roles": list(roles)}).json()

    def revoke_key(self, key_id: str) -> None:
        self._connection.deliver(f"/keys/{_part(key_id)}", method="DELETE")

    def acts(self, limit: int) -> list[JsonObject]:
        return self._list("/audit-log", "acts", {"limit": min(limit, _MOST_AT_ONCE)})

    def _list(self, path: str, name: str, query: JsonObject | None = None) -> list[JsonObject]:
        return cast("list[JsonObject]", (self._connection.get(path, query) or {})[name])


def _part(text: str) -> str:
    from tracer.store.remote.connection import path_part

    if "/" in text:  # no name and no id has one, and a server would take it for another path
        raise TracerError(f"there is no {text!r:.80}")

    return path_part(text)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user, as in containers
        return "somebody"
