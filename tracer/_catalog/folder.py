"""The catalogue in the folder of the projects' stores: a small SQLite file."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

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
from tracer._distribution import upgrade_advice
from tracer._journal.locations import attachments_folder_of
from tracer.errors import NewerStoreError, StoreError
from tracer.store import Store, open_store
from tracer.store.sqlite.connection import open_for_reading

FILE: Final = "catalog.db"
STORES: Final = "projects"
ALERTS: Final = "alerts.db"  # what the alerts of all projects have told
_READ_SECONDS = 1.0  # readers wait for a lock only while the file is created or closed
_WRITE_SECONDS = 30.0  # for another process to be done
_TRIES, _PAUSE_SECONDS = 5, 0.2
_VERSION = 3
_APPLICATION_ID = 0x54726331
_SCHEMA = (
    """CREATE TABLE projects(
      id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
      requests_a_minute INTEGER, bytes_a_minute INTEGER)""",
    """CREATE TABLE keys(
      id TEXT PRIMARY KEY, name TEXT NOT NULL, project_id TEXT NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
      roles TEXT NOT NULL, digest BLOB NOT NULL UNIQUE, cookie_digest BLOB NOT NULL UNIQUE,
      created INTEGER NOT NULL, last_used INTEGER, revoked INTEGER, expires INTEGER, admitted_by TEXT)""",
    "CREATE INDEX keys_by_project ON keys(project_id)",
    """CREATE TABLE acts(
      number INTEGER PRIMARY KEY, time INTEGER NOT NULL, who TEXT NOT NULL, did TEXT NOT NULL, what TEXT NOT NULL)""",
)
# projects that are deleted, whose files may still be there
_LEFTOVERS = "CREATE TABLE leftovers(id TEXT PRIMARY KEY, name TEXT NOT NULL)"
_PROJECT = "SELECT id, name, created, requests_a_minute, bytes_a_minute FROM projects"
_KEY = (
    "SELECT keys.id, keys.name, projects.name, roles, keys.created, last_used, revoked, expires"
    " FROM keys JOIN projects ON projects.id = keys.project_id"
)
_CALLER = (
    "SELECT keys.id, keys.name, roles, projects.id, projects.name, projects.created, requests_a_minute, bytes_a_minute"
    " FROM keys JOIN projects ON projects.id = keys.project_id"
    " WHERE revoked IS NULL AND (expires IS NULL OR expires > ?)"
)


def has_catalog(folder: Path) -> bool:
    """Whether a folder has projects."""
    return (folder / FILE).is_file()


def remove_unknown_stores(file: Path, folder: Path) -> None:
    """Delete the stores in a folder that a catalogue's file does not name, with all that belongs to them."""
    with closing(open_for_reading(file)) as connection:
        known = {_file_name(name, id) for name, id in connection.execute("SELECT name, id FROM projects")}
    for store in (folder / STORES).glob("*.db"):
        if store.name not in known:
            _remove(store)


def _file_name(name: str, id: str) -> str:
    return f"{name}-{id}.db"


def _remove(store: Path) -> None:
    """Delete a store's file, its log, its models and all else of it."""
    for path in store.parent.glob(f"{store.name}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class FolderCatalog:
    """Projects with their stores in a folder, read from its file at every call."""

    keeps_copy = False

    def __init__(self, folder: Path) -> None:
        """Open the catalogue of a folder, which is made if there is none in an empty or new folder."""
        self.folder = folder.absolute()
        file = self.folder / FILE
        try:
            _prepare(self.folder)
        except OSError as error:
            raise StoreError(f"cannot use the folder {self.folder}: {error.strerror or error}") from error
        # two connections: looking up a request's key does not wait for an administrator's change
        self._reading, self._writing = _Connection(file, _READ_SECONDS), _Connection(file, _WRITE_SECONDS)
        with self._writing.transaction() as connection:
            _create(connection, file)

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def refresh(self) -> None:
        """Do nothing: every call reads the file."""

    def close(self) -> None:
        """Close the file."""
        self._reading.close()
        self._writing.close()

    # ---- requests

    def caller(self, key: str) -> Caller | None:
        """The caller with this key; None if the key does not exist, or is revoked or expired."""
        return self._caller("digest", key)

    def caller_of_cookie(self, cookie: str) -> Caller | None:
        """The caller with the key that a cookie was derived from."""
        return self._caller("cookie_digest", cookie)

    def _caller(self, column: str, secret: str) -> Caller | None:
        rows = self._reading.rows(f"{_CALLER} AND {column} = ?", (time.time_ns(), digest_of(secret)))
        for key_id, key_name, roles, *project in rows:
            return Caller(key_id, key_name, _roles(roles), Project(*project))
        return None

    def note_used(self, times: Mapping[str, int]) -> None:
        """Write down when keys, by id, were used last, in ns."""
        with self._writing.transaction() as connection:
            connection.executemany(
                "UPDATE keys SET last_used = ?1 WHERE id = ?2 AND coalesce(last_used, 0) < ?1",
                [(used, key_id) for key_id, used in times.items()],
            )

    # ---- projects

    def start(self) -> str | None:
        """The key of the first administrator, made with a first project where there is no key; else None."""
        with self._writing.transaction() as connection:
            if connection.execute("SELECT 1 FROM acts LIMIT 1").fetchone():
                return None
            project = made_project(FIRST_PROJECT, None, None)
            _insert_project(connection, project)
            _note(connection, "first start", "made the project", project.name)
            key, secret = _insert_key(connection, FIRST_KEY, project, ("admin",))
            _note(connection, "first start", "made the key", described(key))
        return secret

    def projects(self) -> list[Project]:
        """All projects by name."""
        return [Project(*row) for row in self._reading.rows(f"{_PROJECT} ORDER BY name")]

    def project(self, name: str) -> Project:
        """The project with a name. Raises NotInCatalogError."""
        return _project(self._reading.rows(f"{_PROJECT} WHERE name = ?", (name,)), name)

    def create_project(
        self, name: str, *, by: str, requests_a_minute: int | None = None, bytes_a_minute: int | None = None
    ) -> Project:
        """Make a project. Raises InvalidArgumentError, and ConflictError if there is one of the name."""
        project = made_project(name, requests_a_minute, bytes_a_minute)
        with self._writing.transaction() as connection:
            if connection.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone():
                raise taken(name)
            _insert_project(connection, project)
            _note(connection, by, "made the project", with_limits(project))
        return project

    def change_project(self, name: str, limits: Mapping[str, int | None], *, by: str) -> Project:
        """Give a project these limits; None is none, and one that is not given stays.

        Raises InvalidArgumentError and NotInCatalogError.
        """
        check_limits(limits)
        with self._writing.transaction() as connection:
            found = _project(connection.execute(f"{_PROJECT} WHERE name = ?", (name,)), name)
            project = found.limited(limits)
            connection.execute(
                "UPDATE projects SET requests_a_minute = ?, bytes_a_minute = ? WHERE id = ?",
                (project.requests_a_minute, project.bytes_a_minute, project.id),
            )
            _note(connection, by, "changed the project", with_limits(project))
        return project

    def delete_project(self, name: str, *, by: str) -> Project:
        """Forget a project with its keys; ``remove_store`` deletes its traces, at once or when it is called again.

        Raises NotInCatalogError, and ConflictError if no administrator would be left.
        """
        with self._writing.transaction() as connection:
            project = _project(connection.execute(f"{_PROJECT} WHERE name = ?", (name,)), name)
            connection.execute("DELETE FROM projects WHERE id = ?", (project.id,))
            connection.execute("INSERT INTO leftovers(id, name) VALUES (?, ?)", (project.id, project.name))
            _keep_an_administrator(connection)
            _note(connection, by, "deleted the project", project.name)
        return project

    # ---- stores of projects

    def open_store(self, project: Project) -> Store:
        """The store in a project's file, which is made at its first use, with the folder of its attachments."""
        file = self._file(project)
        with suppress(OSError):  # which opening the store tells
            attachments_folder_of(file).mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_store(f"sqlite:////{str(file).lstrip('/')}")

    def has_store(self, project: Project) -> bool:
        """Whether the file is there."""
        return self._file(project).exists()

    def remove_store(self, project: Project) -> None:
        """Delete the files of a project."""
        file = self._file(project)
        for tries_left in reversed(range(_TRIES)):
            try:
                _remove(file)
                break
            except OSError as error:  # requests that are being answered write still
                if not tries_left:
                    raise StoreError(f"cannot delete {file}: {error.strerror or error}") from error
                time.sleep(_PAUSE_SECONDS)
        with self._writing.transaction() as connection:
            connection.execute("DELETE FROM leftovers WHERE id = ?", (project.id,))

    def remove_leftovers(self) -> None:
        """Delete the files that are left of deleted projects."""
        for id, name in self._reading.rows("SELECT id, name FROM leftovers"):
            self.remove_store(Project(id, name, 0, None, None))

    def _file(self, project: Project) -> Path:
        """The file of a project's store; a new project of an old name gets another one."""
        return self.folder / STORES / _file_name(project.name, project.id)

    # ---- keys

    def keys(self, project: str | None = None) -> list[Key]:
        """The keys of all projects, or of one, by project and age; revoked ones too. Raises NotInCatalogError."""
        if project is not None:
            self.project(project)
        rows = self._reading.rows(
            f"{_KEY} WHERE ?1 IS NULL OR projects.name = ?1 ORDER BY projects.name, keys.created, keys.id", (project,)
        )
        return [_key(row) for row in rows]

    def create_key(self, name: str, project: str, roles: Sequence[str], *, by: str) -> tuple[Key, str]:
        """Make a key; also its secret, which cannot be found out later.

        Raises InvalidArgumentError, and NotInCatalogError.
        """
        check_key_name(name)
        checked = checked_roles(roles)
        with self._writing.transaction() as connection:
            found = _project(connection.execute(f"{_PROJECT} WHERE name = ?", (project,)), project)
            key, secret = _insert_key(connection, name, found, checked)
            _note(connection, by, "made the key", described(key))
        return key, secret

    def revoke_key(self, key_id: str, *, by: str) -> Key:
        """Revoke a key for good.

        Raises NotInCatalogError, and ConflictError if no administrator would be left.
        """
        with self._writing.transaction() as connection:
            row = connection.execute(f"{_KEY} WHERE keys.id = ?", (key_id,)).fetchone()
            if row is None:
                raise no_key(key_id)
            key = _key(row)
            if key.revoked is not None:
                return key
            key = key._replace(revoked=time.time_ns())
            connection.execute("UPDATE keys SET revoked = ? WHERE id = ?", (key.revoked, key_id))
            _keep_an_administrator(connection)
            _note(connection, by, "revoked the key", described(key))
        return key

    # ---- sign-ins by an identity provider

    def sign_in(self, person: str, project: str, roles: Sequence[Role], *, seconds: int, admitted_by: str) -> str:
        """Let a person in for some time; the cookie, which opens a listed key whose secret is never given out.

        ``admitted_by`` identifies the rules that let the person in. Raises NotInCatalogError.
        """
        now = time.time_ns()
        with self._writing.transaction() as connection:
            found = _project(connection.execute(f"{_PROJECT} WHERE name = ?", (project,)), project)
            connection.execute("DELETE FROM keys WHERE expires <= ?", (now,))
            _, secret = _insert_key(
                connection, person, found, checked_roles(roles), expires=now + seconds * 10**9, admitted_by=admitted_by
            )
        return cookie_of(secret)

    def sign_out(self, cookie: str) -> None:
        """End the sign-in of a person; keys stay."""
        with self._writing.transaction() as connection:
            connection.execute("DELETE FROM keys WHERE expires IS NOT NULL AND cookie_digest = ?", (digest_of(cookie),))

    def end_sign_ins(self, admitted_by: str | None) -> None:
        """End all sign-ins but those that these rules have let in."""
        with self._writing.transaction() as connection:
            connection.execute("DELETE FROM keys WHERE expires IS NOT NULL AND admitted_by IS NOT ?", (admitted_by,))

    # ---- acts of administrators

    def acts(self, *, limit: int = 100, before: int | None = None) -> list[Act]:
        """Acts of administrators, the newest first; with ``before`` only those with smaller numbers."""
        rows = self._reading.rows(
            "SELECT number, time, who, did, what FROM acts WHERE number < ? ORDER BY number DESC LIMIT ?",
            (MOST if before is None else before, limit),
        )
        return [Act(*row) for row in rows]


class _Connection:
    """One connection, for one thread at a time."""

    def __init__(self, file: Path, wait_seconds: float) -> None:
        self._file = file
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(
                file, timeout=wait_seconds, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            raise self._error(error) from error

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise self._error(error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._error(error) from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _error(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"cannot use {self._file}: {error}")


def _prepare(folder: Path) -> None:
    """Make the folder. Raises StoreError where other programs keep files in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not has_catalog(folder) and any(path.name != "lost+found" for path in folder.iterdir()):
        raise StoreError(f"{folder} has other files, and no projects; name a new or an empty folder for projects")
    (folder / STORES).mkdir(mode=0o700, exist_ok=True)


def _create(connection: sqlite3.Connection, file: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    is_ours = connection.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION_ID
    if not is_ours and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(f"{file} is an SQLite database of something else")
    if version > _VERSION:
        raise NewerStoreError(f"{file} was written by a newer version of tracer; upgrade ({upgrade_advice()})")
    if not is_ours:
        for statement in (*_SCHEMA, _LEFTOVERS):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    elif version < _VERSION:
        if version < 2:
            connection.execute("ALTER TABLE keys ADD COLUMN expires INTEGER")
            connection.execute("ALTER TABLE keys ADD COLUMN admitted_by TEXT")
        connection.execute(_LEFTOVERS)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _insert_project(connection: sqlite3.Connection, project: Project) -> None:
    connection.execute(
        "INSERT INTO projects(id, name, created, requests_a_minute, bytes_a_minute) VALUES (?, ?, ?, ?, ?)", project
    )


def _insert_key(
    connection: sqlite3.Connection,
    name: str,
    project: Project,
    roles: tuple[Role, ...],
    *,
    expires: int | None = None,
    admitted_by: str | None = None,
) -> tuple[Key, str]:
    key, secret = made_key(name, project, roles, expires=expires)
    digests = digest_of(secret), digest_of(cookie_of(secret))
    connection.execute(
        "INSERT INTO keys(id, name, project_id, roles, digest, cookie_digest, created, expires, admitted_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key.id, name, project.id, " ".join(roles), *digests, key.created, expires, admitted_by),
    )
    return key, secret


def _keep_an_administrator(connection: sqlite3.Connection) -> None:
    if not connection.execute(
        "SELECT 1 FROM keys WHERE revoked IS NULL AND expires IS NULL AND roles LIKE '%admin%'"
    ).fetchone():
        raise nobody_left()


def _note(connection: sqlite3.Connection, who: str, did: str, what: str) -> None:
    connection.execute("INSERT INTO acts(time, who, did, what) VALUES (?, ?, ?, ?)", (time.time_ns(), who, did, what))


def _project(rows: Sequence[tuple[Any, ...]] | sqlite3.Cursor, name: str) -> Project:
    for row in rows:
        return Project(*row)
    raise no_project(name)


def _key(row: Sequence[Any]) -> Key:
    key_id, name, project, roles, *times = row
    return Key(key_id, name, project, _roles(roles), *times)


def _roles(text: object) -> tuple[Role, ...]:
    return cast("tuple[Role, ...]", tuple(str(text).split()))


if TYPE_CHECKING:
    from tracer._catalog.catalog import Catalog

    _is_a_catalog: type[Catalog] = FolderCatalog
