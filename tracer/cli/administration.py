"""Access of ``tracer keys`` and ``tracer projects`` to a server: by its folder on its machine, else over its API."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import click

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError, TracerError

if TYPE_CHECKING:
    from tracer._catalog.catalog import Catalog
    from tracer.store.remote.connection import Connection

Function = TypeVar("Function", bound=Callable[..., object])
_MOST_AT_ONCE = 1000
_STORE_HELP = (
    "The folder of a server of projects, on its machine, or its URL, with an administrator's key in TRACER_TOKEN."
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
    from tracer._catalog.catalog import Catalog, has_catalog
    from tracer._journal.locations import without_password

    if store_url.startswith("clickhouse://"):
        raise InvalidArgumentError(
            f"{without_password(store_url)} has no projects and keys: a server over ClickHouse has one store and one "
            "token, TRACER_TOKEN. Projects are those of a folder: --store FOLDER/"
        )
    folder = Path(store_url.removeprefix("sqlite:///"))
    if not has_catalog(folder):
        raise TracerError(f"{folder} has no projects; `tracer server --store {folder}{os.sep}` makes a server of some")
    with closing(Catalog(folder)) as catalog:
        yield _Folder(catalog)


def folder_of_projects(store_url: str | None) -> Path | None:
    """The folder, there already or to be made, that is named instead of a file."""
    if store_url is None or "://" in store_url.removeprefix("sqlite:///"):
        return None
    path = store_url.removeprefix("sqlite:///")
    return Path(path) if path.endswith(("/", os.sep)) or os.path.isdir(path) else None


class _Folder:
    """The catalogue in a folder of this machine; a running server sees changes at once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._who = f"{_user()} on the server's machine"

    def projects(self) -> list[JsonObject]:
        return [project.to_dict() for project in self._catalog.projects()]

    def create_project(self, name: str, limits: JsonObject) -> JsonObject:
        return self._catalog.create_project(name, by=self._who, **limits).to_dict()

    def change_project(self, name: str, limits: JsonObject) -> JsonObject:
        found = self._catalog.project(name)._asdict()
        given = {limit: limits.get(limit, found[limit]) for limit in ("requests_a_minute", "bytes_a_minute")}
        return self._catalog.change_project(name, by=self._who, **given).to_dict()

    def delete_project(self, name: str) -> None:
        self._catalog.remove_files(self._catalog.delete_project(name, by=self._who))

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

    return path_part(text)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user, as in containers
        return "somebody"
