"""The engine that a run of the tests keeps its stores in: SQLite, or the one that the variable TESTS_ENGINE names.

That is ``sqlite``, ``clickhouse``, or ``clickhouse-sharded``: two shards (tests/clickhouse/two_shards.py).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import httpx

ENGINE = os.environ.get("TESTS_ENGINE", "sqlite")
SERVER = "TESTS_ENGINE_SERVER"  # user, password, host and port of the engine that this run has started


IS_SHARDED = ENGINE == "clickhouse-sharded"
ON_SHARDS = "?cluster=two&sharded=1"


def projects_url(path: Path) -> str:
    """The folder of projects that a path names, or the URL of their database."""
    if ENGINE == "sqlite":
        return str(path)
    from tracer._catalog.clickhouse import migrate_projects

    return _engine_url(path, migrate_projects)


def url_of(path: Path) -> str:
    """The URL of the store that a path names."""
    if ENGINE == "sqlite":
        return f"sqlite:////{str(path).lstrip('/')}"
    from tracer.store.clickhouse import migrate_clickhouse

    return _engine_url(path, migrate_clickhouse)


@cache
def _engine_url(path: Path, migrate: Callable[[str], object]) -> str:
    """The URL of the database for a path; on shards its tables are made, which no store does by itself."""
    database = "t" + hashlib.blake2b(str(path).encode(), digest_size=8).hexdigest()
    url = f"clickhouse://{os.environ[SERVER]}/{database}"
    if IS_SHARDED:
        url += ON_SHARDS
        migrate(url)
    return url


@contextmanager
def databases_of_one_test() -> Iterator[None]:
    """Drop the databases that were made meanwhile: the engine looks through all tables for work, again and again."""
    if SERVER not in os.environ:
        yield
        return
    before = set(_ask("SHOW DATABASES"))
    yield
    for name in set(_ask("SHOW DATABASES")) - before:
        _ask(f"DROP DATABASE `{name}` SYNC")


def _ask(sql: str) -> list[str]:
    signed, _, host = os.environ[SERVER].rpartition("@")
    user, password = map(unquote, signed.split(":"))
    answer = httpx.post(f"http://{host}", content=sql, auth=(user, password), timeout=60)
    return answer.raise_for_status().text.split()
