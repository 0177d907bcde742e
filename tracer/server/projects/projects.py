"""The stores of a server's projects: a request gets the store of its key's project.

A store is opened at its first request, and one with policies of retention when the server starts. A store without
requests and policies is closed after a while.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

from starlette.types import Message, Receive

from tracer._catalog.catalog import Catalog
from tracer._catalog.rows import Caller, Project
from tracer._fault import log_once
from tracer._threads import start_thread
from tracer.errors import StoreError
from tracer.server.projects.callers import Callers
from tracer.server.projects.quota import Quota
from tracer.server.served import Served
from tracer.server.settings import ServerSettings
from tracer.server.stores import Credentials
from tracer.store import Store

_EVERY_SECONDS = 30.0  # between two checks, which write down the last uses of keys and let go of projects
_IDLE_SECONDS = 900.0  # without a request, after which a store is closed; programs that run send more often
_REQUEST_SECONDS = 120.0  # no request takes longer: body and query have limits


class Projects:
    """One store for each project, opened at its first request."""

    wants_keys = True

    def __init__(self, catalog: Catalog, settings: ServerSettings) -> None:
        self.catalog = catalog
        self._callers = Callers(catalog)
        self._settings = settings
        self._open: dict[str, _OpenProject] = {}
        self._let_go: list[_OpenProject] = []
        self._used: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    async def caller(self, credentials: Credentials) -> Caller | None:
        """The caller with the key, or with the cookie of its sign-in. Raises StoreError."""
        caller = await self._callers.find(credentials)
        if caller is not None:
            self._used[caller.key_id] = time.time_ns()
        return caller

    def sign_out(self, cookie: str) -> None:
        """End the sign-in of a person."""
        if cookie:
            self.catalog.sign_out(cookie)

    def served(self, caller: Caller | None) -> Served:
        """The store of the caller's project."""
        assert caller is not None
        return self._of(caller.project).served

    def admitted(self, caller: Caller, receive: Receive) -> Receive:
        """``receive``, counting the body for its project. Raises AnswerError if the project has sent too much."""
        quota = self._of(caller.project).quota
        quota.admit(caller.project, time.monotonic())

        async def counted() -> Message:
            message = await receive()
            quota.received(len(message.get("body", b"")))
            return message

        return counted

    def delete(self, name: str, *, by: str) -> None:
        """Delete a project with its keys and its store; requests that are under way may fail.

        From any thread but the event loop's. Raises NotInCatalogError and ConflictError.
        """
        project = self.catalog.delete_project(name, by=by)
        self._let_go_of(project.id, is_deleted=True)
        self.catalog.remove_store(project)

    def check(self) -> None:
        """Raise StoreError where projects and keys cannot be read."""
        self.catalog.projects()

    def open(self) -> list[Served]:
        """The stores that are open now."""
        return [project.served for project in list(self._open.values())]

    @contextmanager
    def borrowed(self, name: str) -> Iterator[Store]:
        """The store of a project for a moment, from any thread. Raises NotInCatalogError, StoreError."""
        project = self.catalog.project(name)
        found = self._open.get(project.id)
        if found is not None:
            yield found.store.open()
            return
        with closing(self.catalog.open_store(project)) as store:
            yield store

    def start(self) -> None:
        """Start the background work."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = start_thread(self._run, "tracer-projects")

    def end_streams(self) -> None:
        """End the streams of all listeners."""
        for project in self._open.values():
            project.served.live.close()

    def stop(self) -> None:
        """End the background work, and close the stores."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5.0)
        for project in self._open.values():
            project.served.stop()
        for project in (*self._open.values(), *self._let_go):
            project.store.close()
        self._write_uses()

    def _of(self, project: Project) -> _OpenProject:
        found = self._open.get(project.id)
        if found is None:
            store = _StoreOfProject(partial(self.catalog.open_store, project))
            served = Served(store.open, self._settings, place=project.name)
            found = self._open[project.id] = _OpenProject(project, store, served)
            served.start()
        found.asked_at = time.monotonic()
        return found

    def _let_go_of(self, project_id: str, *, is_deleted: bool) -> None:
        """End a project's background work; its store is closed after the requests that use it."""
        found = self._open.pop(project_id, None)
        if found is None:
            return
        found.is_deleted, found.let_go_at = is_deleted, time.monotonic()
        if is_deleted:
            found.store.refuse()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(found.served.live.close)
        found.served.stop_threads()
        self._let_go.append(found)

    def _run(self) -> None:
        look = self._open_those_with_policies
        while True:
            try:
                look()
            except Exception as error:
                log_once("projects", "tracer server cannot look after its projects: %s", error)
            look = self._tidy
            if self._ended.wait(_EVERY_SECONDS):
                return

    def _open_those_with_policies(self) -> None:
        for project in self.catalog.projects():
            if self._ended.is_set() or not self.catalog.has_store(project):
                continue
            try:
                with closing(self.catalog.open_store(project)) as store:
                    has_policies = bool(store.policies())
            except StoreError as error:
                log_once(f"policies of {project.id}", "tracer server cannot open %s: %s", project.name, error)
                continue
            if has_policies and self._loop is not None:
                self._loop.call_soon_threadsafe(self._of, project)

    def _tidy(self) -> None:
        self._write_uses()
        there = {project.id for project in self.catalog.projects()}
        idle_since = time.monotonic() - _IDLE_SECONDS
        for project_id, found in list(self._open.items()):
            if project_id not in there:  # another process has deleted it
                self._let_go_of(project_id, is_deleted=True)
            elif found.asked_at < idle_since and not found.served.live.listeners and not found.store.open().policies():
                self._let_go_of(project_id, is_deleted=False)
        for found in list(self._let_go):
            if found.let_go_at < time.monotonic() - _REQUEST_SECONDS:
                self._let_go.remove(found)
                found.store.close()
                if found.is_deleted:
                    self.catalog.remove_store(found.project)  # a late request may have made files anew
        self.catalog.remove_leftovers()  # last: one that cannot be removed keeps nothing else from being done

    def _write_uses(self) -> None:
        used, self._used = self._used, {}
        try:
            if used:
                self.catalog.note_used(dict(used))
        except StoreError as error:
            log_once("uses of keys", "tracer server cannot write down when keys were used: %s", error)


class _OpenProject:
    def __init__(self, project: Project, store: _StoreOfProject, served: Served) -> None:
        self.project = project
        self.store = store
        self.served = served
        self.quota = Quota()
        self.asked_at = time.monotonic()
        self.let_go_at = 0.0
        self.is_deleted = False


class _StoreOfProject:
    """A store that is opened when it is first needed, by a thread that may wait."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._opening = threading.Lock()
        self._store: Store | None = None
        self._is_refused = False

    def open(self) -> Store:
        """The open store. Raises StoreError."""
        with self._opening:
            if self._is_refused:
                raise StoreError("the project is deleted, or the server ends")
            if self._store is None:
                self._store = self._open_store()
            return self._store

    def refuse(self) -> None:
        """Refuse the store to new requests; those that have it may go on."""
        with self._opening:
            self._is_refused = True

    def close(self) -> None:
        """Close the store if it was opened."""
        self.refuse()
        if self._store is not None:
            self._store.close()
