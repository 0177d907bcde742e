"""The catalogue in ClickHouse: projects with a database each, for any number of servers.

Projects, keys and acts are documents of one owner (tracer/store/clickhouse/documents.py): a change sees all of them,
and of two changes at once one sees the other. So no name is given twice, and an administrator is always left. Requests
look their key up in a copy, which is read again when it is too old, or does not have the key.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from tracer._catalog.catalog import (
    FIRST_KEY,
    FIRST_PROJECT,
    MOST,
    check_key_name,
    check_limits,
    described,
    made_key,
    made_project,
    no_key,
    no_project,
    nobody_left,
    taken,
    with_limits,
)
from tracer._catalog.keys import Role, checked_roles, cookie_of, digest_of
from tracer._catalog.rows import Act, Caller, Key, Project
from tracer._journal.locations import journal_folders, models_folder_of
from tracer._json import JsonObject
from tracer.errors import ConflictError, StoreError
from tracer.store import Store
from tracer.store.clickhouse import checked_address, open_existing
from tracer.store.clickhouse.address import Address, url_of_project
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.documents import Contents, Document, change, row
from tracer.store.clickhouse.layout import on_cluster
from tracer.store.clickhouse.migrations import CATALOG, check_schema, migrate
from tracer.store.clickhouse.objects import Objects

_KIND, _OWNER = "catalog", ""
_NOW = "now/"  # of the documents that a change reads
_PROJECT, _KEY, _ENDED, _LEFTOVER = (f"{_NOW}{kind}/" for kind in ("project", "key", "ended", "leftover"))
_ACTS = f"{_NOW}acts"
_ACT = "act/"
_DIGITS: Final = len(str(MOST))
_SIGN_IN, _USED = "sign-in", "used"  # kinds of rows that no other row depends on
_CLEAN_SECONDS = 3600.0
_MAKING_SECONDS = 600  # after which the making of a project has broken off
_ANSWER_SECONDS = 10  # of ClickHouse, after which a connection is taken for dead


class ClickHouseCatalog:
    """Projects with a database each, named after the database of this URL."""

    keeps_copy = True

    def __init__(self, url: str) -> None:
        """Open the catalogue, which is made if the database has none and no traces. Raises StoreError."""
        self._url = url
        self._address = checked_address(url)
        self._connection = Connection(self._address, answer_seconds=_ANSWER_SECONDS)
        check_schema(self._connection, CATALOG)
        self._reading = threading.Lock()
        self._copy = _copied(-1, [])
        self._cleaned_at = -_CLEAN_SECONDS
        self.refresh()

    @property
    def url(self) -> str:
        """The address, with the password."""
        return self._url

    @property
    def place(self) -> str:
        """Server and database, without the password."""
        return str(self._address)

    def close(self) -> None:
        """Close the connections of this process."""
        self._connection.close()

    # ---- requests

    def refresh(self) -> None:
        """Read what other servers have changed."""
        with self._reading:
            mark = self._connection.rows(
                "SELECT sum(cityHash64(kind, owner, id, version)) FROM documents WHERE kind IN ?", [[_KIND, _SIGN_IN]]
            )[0][0]
            if mark == self._copy.mark:
                return
            stored = self._connection.rows(
                "SELECT kind, owner, id, content FROM documents FINAL WHERE NOT deleted"
                " AND ((kind = ? AND owner = ? AND startsWith(id, ?)) OR kind = ?)",
                [_KIND, _OWNER, _NOW, _SIGN_IN],
            )
            self._copy = _copied(mark, stored)

    def caller(self, key: str) -> Caller | None:
        """The caller with this key, as the copy has it."""
        copy = self._copy
        return _caller(copy, copy.by_key, key)

    def caller_of_cookie(self, cookie: str) -> Caller | None:
        """The caller with the key that a cookie was derived from, as the copy has it."""
        copy = self._copy
        return _caller(copy, copy.by_cookie, cookie)

    def note_used(self, times: Mapping[str, int]) -> None:
        """Write down when keys, by id, were used last, in ns."""
        rows = [row(_USED, key_id, used, {}) for key_id, used in times.items()]
        self._connection.insert("documents", rows)

    # ---- projects

    def start(self) -> str | None:
        """The key of the first administrator, made with a first project where there is no key; else None."""
        self.refresh()
        if self._copy.state.acts:
            return None
        project = made_project(FIRST_PROJECT, None, None)
        self._begin(project)
        key, secret = made_key(FIRST_KEY, project, ("admin",))

        def make(state: _State) -> None:
            if state.acts:
                return
            state.put_begun(project)
            state.note("first start", "made the project", project.name)
            state.put_key(_stored_key(key, project, secret))
            state.note("first start", "made the key", described(key))

        if not self._change(make):  # another server was faster
            self.remove_store(project)
            return None
        return secret

    def projects(self) -> list[Project]:
        """All projects by name."""
        self.refresh()
        return sorted(self._copy.state.projects.values(), key=lambda project: project.name)

    def project(self, name: str) -> Project:
        """The project with a name. Raises NotInCatalogError."""
        return _project_of(self.projects(), name)

    def create_project(
        self, name: str, *, by: str, requests_a_minute: int | None = None, bytes_a_minute: int | None = None
    ) -> Project:
        """Make a project. Raises InvalidArgumentError, and ConflictError if there is one of the name."""
        project = made_project(name, requests_a_minute, bytes_a_minute)

        def make(state: _State) -> None:
            if any(other.name == name for other in state.projects.values()):
                raise taken(name)
            state.put_begun(project)
            state.note(by, "made the project", with_limits(project))

        if any(other.name == name for other in self.projects()):
            raise taken(name)
        self._begin(project)
        try:
            self._change(make)
        except ConflictError:
            self.remove_store(project)
            raise
        return project

    def _begin(self, project: Project) -> None:
        """Make the tables of a project before it is there: its first request finds them.

        If that breaks off, or the project is not made, they are left over.
        """
        self._change(lambda state: state.put_leftover(project, time.time_ns() + _MAKING_SECONDS * 10**9))
        self._make_store(project)

    def change_project(self, name: str, limits: Mapping[str, int | None], *, by: str) -> Project:
        """Give a project these limits; None is none, and one that is not given stays.

        Raises InvalidArgumentError and NotInCatalogError.
        """
        check_limits(limits)

        def make(state: _State) -> None:
            found = _project_of(state.projects.values(), name)
            project = found.limited(limits)
            state.put_project(project)
            state.note(by, "changed the project", with_limits(project))

        self._change(make)
        return self.project(name)

    def delete_project(self, name: str, *, by: str) -> Project:
        """Forget a project with its keys; ``remove_store`` deletes its traces, at once or when it is called again.

        Raises NotInCatalogError, and ConflictError if no administrator would be left.
        """
        deleted: list[Project] = []

        def make(state: _State) -> None:
            project = _project_of(state.projects.values(), name)
            state.remove_project(project)
            state.keep_an_administrator()
            state.note(by, "deleted the project", project.name)
            deleted[:] = [project]

        self._change(make)
        return deleted[0]

    # ---- stores of projects

    def open_store(self, project: Project) -> Store:
        """The store in a project's database, whose tables no request makes."""
        return open_existing(self._url_of(project))

    def has_store(self, project: Project) -> bool:
        """Whether a project has its database."""
        return bool(
            self._connection.rows("SELECT 1 FROM system.databases WHERE name = ?", [self._address_of(project).database])
        )

    def remove_store(self, project: Project) -> None:
        """Delete the database of a project, its attachments, and what this machine has of it."""
        address, url = self._address_of(project), self._url_of(project)
        with closing(Connection(self._address)) as connection:  # a large one takes its time
            connection.command(f"DROP DATABASE IF EXISTS {address.database} {on_cluster(address)} SYNC", database="")
        if address.attachments:
            Objects(address.attachments).clear()
        for folder in (models_folder_of(url), *journal_folders(url)):
            shutil.rmtree(folder, ignore_errors=True)
        self._change(lambda state: state.remove_leftover(project))

    def remove_leftovers(self) -> None:
        """Drop the databases that are left of projects whose deleting, or making, broke off."""
        self.refresh()
        for project, after in self._copy.state.leftovers.values():
            if after <= time.time_ns():
                self.remove_store(project)

    def migrate(self) -> dict[str, tuple[int, int]]:
        """Bring the tables of all projects up to date; the versions before and after, by project."""
        versions: dict[str, tuple[int, int]] = {}
        for project in self.projects():
            versions[project.name] = self._make_store(project)
            if project.id not in {each.id for each in self.projects()}:  # deleted meanwhile
                self.remove_store(project)
                del versions[project.name]
        return versions

    def _make_store(self, project: Project) -> tuple[int, int]:
        with closing(Connection(self._address_of(project))) as connection:
            return migrate(connection)

    def _address_of(self, project: Project) -> Address:
        return checked_address(self._url_of(project))

    def _url_of(self, project: Project) -> str:
        database = f"{self._address.database}_{project.name.replace('-', '_')}_{project.id}"
        return url_of_project(self._url, database, project.id)

    # ---- keys

    def keys(self, project: str | None = None) -> list[Key]:
        """The keys of all projects, or of one, by project and age; revoked ones too. Raises NotInCatalogError."""
        if project is not None:
            self.project(project)
        self.refresh()
        copy = self._copy
        rows = self._connection.rows("SELECT owner, max(version) FROM documents WHERE kind = ? GROUP BY owner", [_USED])
        used: dict[str, int] = dict(map(tuple, rows))
        now = time.time_ns()
        signed_in = (each for each in copy.sign_ins.values() if each.expires is None or each.expires > now)
        stored = (*copy.state.keys.values(), *signed_in)
        keys = [each.shown(copy.state, used.get(each.id)) for each in stored]
        chosen = [key for key in keys if project is None or key.project == project]
        return sorted(chosen, key=lambda key: (key.project, key.created, key.id))

    def create_key(self, name: str, project: str, roles: Sequence[str], *, by: str) -> tuple[Key, str]:
        """Make a key; also its secret, which cannot be found out later.

        Raises InvalidArgumentError, and NotInCatalogError.
        """
        check_key_name(name)
        checked = checked_roles(roles)
        made: list[tuple[Key, str]] = []

        def make(state: _State) -> None:
            found = _project_of(state.projects.values(), project)
            key, secret = made_key(name, found, checked)
            state.put_key(_stored_key(key, found, secret))
            state.note(by, "made the key", described(key))
            made[:] = [(key, secret)]

        self._change(make)
        return made[0]

    def revoke_key(self, key_id: str, *, by: str) -> Key:
        """Revoke a key for good.

        Raises NotInCatalogError, and ConflictError if no administrator would be left.
        """
        self.refresh()
        sign_in, revoked = self._copy.sign_ins.get(key_id), list[Key]()

        def make(state: _State) -> None:
            stored = state.keys.get(key_id, sign_in)
            if stored is None or stored.project_id not in state.projects:
                raise no_key(key_id)
            if stored.shown(state, None).revoked is None:
                state.end_key(stored)
                state.keep_an_administrator()
                state.note(by, "revoked the key", described(stored.shown(state, None)))
            revoked[:] = [stored.shown(state, None)]

        self._change(make)
        return revoked[0]

    # ---- sign-ins by an identity provider

    def sign_in(self, person: str, project: str, roles: Sequence[Role], *, seconds: int, admitted_by: str) -> str:
        """Let a person in for some time; the cookie, which opens a listed key whose secret is never given out.

        ``admitted_by`` identifies the rules that let the person in. Raises NotInCatalogError.
        """
        found = self.project(project)
        self._forget_expired()
        key, secret = made_key(person, found, checked_roles(roles), expires=time.time_ns() + seconds * 10**9)
        stored = _stored_key(key, found, secret, admitted_by)
        self._connection.insert("documents", [row(_SIGN_IN, stored.id, 1, stored._asdict())])
        self.refresh()
        return cookie_of(secret)

    def sign_out(self, cookie: str) -> None:
        """End the sign-in of a person; keys stay."""
        digest = digest_of(cookie).hex()
        self.refresh()
        self._end_sign_ins(each for each in self._copy.sign_ins.values() if each.cookie == digest)

    def end_sign_ins(self, admitted_by: str | None) -> None:
        """End all sign-ins but those that these rules have let in."""
        self.refresh()
        self._end_sign_ins(each for each in self._copy.sign_ins.values() if each.admitted_by != admitted_by)

    def _end_sign_ins(self, sign_ins: Iterable[_StoredKey]) -> None:
        self._connection.insert("documents", [row(_SIGN_IN, each.id, 2, None) for each in sign_ins])
        self.refresh()

    def _forget_expired(self) -> None:
        """Delete the rows of sign-ins that have expired, now and then."""
        if time.monotonic() - self._cleaned_at < _CLEAN_SECONDS:
            return
        self._cleaned_at = time.monotonic()
        rows = self._connection.rows(
            "SELECT owner FROM documents WHERE kind = ? GROUP BY owner"
            " HAVING max(JSONExtractInt(content, 'expires')) <= ?",
            [_SIGN_IN, time.time_ns()],
        )
        if rows:
            expired = [row[0] for row in rows]
            self._connection.command("DELETE FROM documents WHERE kind = ? AND owner IN ?", [_SIGN_IN, expired])
            self._change(lambda state: state.forget_ended(expired))

    # ---- acts of administrators

    def acts(self, *, limit: int = 100, before: int | None = None) -> list[Act]:
        """Acts of administrators, the newest first; with ``before`` only those with smaller numbers."""
        rows = self._connection.rows(
            "SELECT content FROM documents FINAL WHERE kind = ? AND owner = ? AND startsWith(id, ?) AND id < ?"
            " AND NOT deleted ORDER BY id DESC LIMIT ?",
            [_KIND, _OWNER, _ACT, _act_id(MOST if before is None else max(0, before)), limit],
        )
        return [Act(**orjson.loads(content)) for (content,) in rows]

    # ---- changes

    def _change(self, make: Callable[[_State], None]) -> bool:
        """Write what ``make`` does to the stored state, again if another was faster; whether it did anything."""
        written = change(self._connection, _KIND, _OWNER, partial(_documents, make), prefix=_NOW)
        self.refresh()
        return bool(written)


def migrate_projects(url: str) -> tuple[tuple[int, int], dict[str, tuple[int, int]]]:
    """Bring all tables of projects up to date: the versions before and after of the catalogue's, and by project."""
    with closing(Connection(checked_address(url))) as connection:
        own = migrate(connection, CATALOG)
    with closing(ClickHouseCatalog(url)) as catalog:
        return own, catalog.migrate()


class _StoredKey(NamedTuple):
    """A key as it is stored; digests in hexadecimal digits."""

    id: str
    name: str
    project_id: str
    roles: tuple[Role, ...]
    digest: str
    cookie: str
    created: int
    revoked: int | None = None
    expires: int | None = None
    admitted_by: str | None = None

    def is_administrator(self) -> bool:
        return "admin" in self.roles and self.revoked is None and self.expires is None

    def shown(self, state: _State, used: int | None) -> Key:
        project, revoked = state.projects[self.project_id].name, self.revoked or state.ended.get(self.id)
        return Key(self.id, self.name, project, self.roles, self.created, used, revoked, self.expires)


class _State:
    """Projects and keys as a change finds them, and the documents that it makes of them."""

    def __init__(self, found: Contents) -> None:
        self.projects = {id.removeprefix(_PROJECT): Project(**each) for id, each in found.items() if _PROJECT in id}
        self.keys = {id.removeprefix(_KEY): _read_key(each) for id, each in found.items() if _KEY in id}
        self.ended = {id.removeprefix(_ENDED): int(each) for id, each in found.items() if _ENDED in id}  # sign-ins
        self.leftovers = {  # projects that are not there, and when their stores may be removed
            id.removeprefix(_LEFTOVER): (Project(**each["project"]), int(each["after"]))
            for id, each in found.items()
            if _LEFTOVER in id
        }
        self.acts = int(found.get(_ACTS, 0))
        self.documents: list[Document] = []

    def put_project(self, project: Project) -> None:
        self.projects[project.id] = project
        self.documents.append(Document(_PROJECT + project.id, project._asdict()))

    def put_begun(self, project: Project) -> None:
        if project.id not in self.leftovers:
            raise StoreError(f"making the project {project.name} took so long that its tables were removed: try again")
        self.remove_leftover(project)
        self.put_project(project)

    def remove_project(self, project: Project) -> None:
        gone = [key_id for key_id, key in self.keys.items() if key.project_id == project.id]
        for key_id in gone:
            del self.keys[key_id]
        del self.projects[project.id]
        self.documents += [Document(_PROJECT + project.id, None), *(Document(_KEY + each, None) for each in gone)]
        self.put_leftover(project, time.time_ns())

    def put_leftover(self, project: Project, after: int) -> None:
        self.leftovers[project.id] = project, after
        self.documents.append(Document(_LEFTOVER + project.id, {"project": project._asdict(), "after": after}))

    def remove_leftover(self, project: Project) -> None:
        if self.leftovers.pop(project.id, None) is not None:
            self.documents.append(Document(_LEFTOVER + project.id, None))

    def end_key(self, key: _StoredKey) -> None:
        now = time.time_ns()
        if key.id in self.keys:
            self.put_key(key._replace(revoked=now))
        else:
            self.ended[key.id] = now
            self.documents.append(Document(_ENDED + key.id, now))

    def forget_ended(self, sign_ins: Iterable[str]) -> None:
        self.documents += [Document(_ENDED + each, None) for each in sign_ins if self.ended.pop(each, None)]

    def put_key(self, key: _StoredKey) -> None:
        self.keys[key.id] = key
        self.documents.append(Document(_KEY + key.id, key._asdict()))

    def keep_an_administrator(self) -> None:
        if not any(key.is_administrator() for key in self.keys.values()):
            raise nobody_left()

    def note(self, who: str, did: str, what: str) -> None:
        self.acts += 1
        act = Act(self.acts, time.time_ns(), who, did, what)
        self.documents.append(Document(_act_id(self.acts), act._asdict()))

    def written(self) -> list[Document]:
        return [*self.documents, Document(_ACTS, self.acts)] if self.documents else []


class _Copy(NamedTuple):
    """What requests are answered from; ``mark`` changes with what is stored."""

    mark: int
    state: _State
    sign_ins: dict[str, _StoredKey]
    by_key: dict[str, _StoredKey]  # those that are valid, by the digest of their secret
    by_cookie: dict[str, _StoredKey]


def _copied(mark: int, rows: Iterable[Sequence[Any]]) -> _Copy:
    found: Contents = {}
    sign_ins: dict[str, _StoredKey] = {}
    for kind, owner, id, content in rows:
        if kind == _SIGN_IN:
            sign_ins[owner] = _read_key(orjson.loads(content))
        else:
            found[id] = orjson.loads(content)
    state = _State(found)
    sign_ins = {key_id: each for key_id, each in sign_ins.items() if each.project_id in state.projects}
    valid = [
        each
        for each in (*state.keys.values(), *sign_ins.values())
        if each.revoked is None and each.id not in state.ended
    ]
    return _Copy(mark, state, sign_ins, {each.digest: each for each in valid}, {each.cookie: each for each in valid})


def _caller(copy: _Copy, found: Mapping[str, _StoredKey], secret: str) -> Caller | None:
    stored = found.get(digest_of(secret).hex())
    if stored is None or (stored.expires is not None and stored.expires <= time.time_ns()):
        return None
    return Caller(stored.id, stored.name, stored.roles, copy.state.projects[stored.project_id])


def _read_key(content: JsonObject) -> _StoredKey:
    return _StoredKey(**{**content, "roles": tuple(content["roles"])})


def _stored_key(key: Key, project: Project, secret: str, admitted_by: str | None = None) -> _StoredKey:
    digests = digest_of(secret).hex(), digest_of(cookie_of(secret)).hex()
    return _StoredKey(
        key.id, key.name, project.id, key.roles, *digests, key.created, key.revoked, key.expires, admitted_by
    )


def _documents(make: Callable[[_State], None], found: Contents) -> list[Document]:
    state = _State(found)
    make(state)
    return state.written()


def _act_id(number: int) -> str:
    return f"{_ACT}{number:0{_DIGITS}}"


def _project_of(projects: Iterable[Project], name: str) -> Project:
    for project in projects:
        if project.name == name:
            return project
    raise no_project(name)


if TYPE_CHECKING:
    from tracer._catalog.catalog import Catalog

    _is_a_catalog: type[Catalog] = ClickHouseCatalog
