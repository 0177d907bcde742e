"""A server within a program, such as a notebook or a test."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tracer._catalog.catalog import Catalog
from tracer._catalog.opening import open_catalog
from tracer._journal.locations import without_password
from tracer._threads import start_thread
from tracer.server.app import create_app
from tracer.server.projects.app import create_app_of_projects
from tracer.server.serve import listen, make_server
from tracer.server.settings import ServerSettings
from tracer.store import Store, open_store

_START_SECONDS = 30.0


@contextmanager
def running_server(store: str | os.PathLike[str], settings: ServerSettings | None = None) -> Iterator[str]:
    """Serve a store from a thread while the ``with`` block runs; yields the server's URL. Port 0 takes any free one.

    With ``ServerSettings(projects=True)`` the store is a folder of projects, or a database of ClickHouse for them.

    Raises CannotListenError, and StoreError if the store cannot be opened.
    """
    settings = settings or ServerSettings(port=0)
    text = os.fspath(store)
    opened: Catalog | Store
    if settings.projects:
        opened = open_catalog(text)
        app = create_app_of_projects(opened, settings)
    else:
        opened = open_store(text if "://" in text else f"sqlite:////{os.path.abspath(text).lstrip('/')}")
        app = create_app(partial(_same, opened), settings, place=without_password(opened.url))
    listening = listen(settings)
    is_ready = threading.Event()
    server = make_server(app, is_ready.set)
    thread = start_thread(partial(server.run, [listening]), "tracer-server")
    try:
        if not is_ready.wait(_START_SECONDS):
            raise RuntimeError("the server did not start in time")
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        opened.close()


def _same(store: Store) -> Store:
    return store
