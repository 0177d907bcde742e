"""An engine for these tests, and a database of it for each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.engines import IS_SHARDED, ON_SHARDS, SERVER
from tracer.store import Store, open_store
from tracer.store.clickhouse import migrate_clickhouse
from tracer.store.clickhouse.address import parse_address
from tracer.store.clickhouse.connection import Connection


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """User, password, host and port of an engine: that of the run, or one for these tests."""
    pytest.importorskip("chdb", reason="tests/run.py makes an environment with it")
    if SERVER in os.environ:
        yield os.environ[SERVER]
        return
    from tests.clickhouse.engine import running_engine

    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[Callable[[str], Store]]:
    """Opens stores, which are closed when the test ends."""
    with ExitStack() as stack:

        def open_one(url: str) -> Store:
            return stack.enter_context(closing(open_store(url)))

        yield open_one


@pytest.fixture
def url(server: str) -> str:
    """The URL of a store that is not there yet; on shards, where no store makes its tables, of an empty one."""
    made = f"clickhouse://{server}/t{uuid.uuid4().hex[:12]}{ON_SHARDS if IS_SHARDED else ''}"
    if IS_SHARDED:
        migrate_clickhouse(made)
    return made


@pytest.fixture
def stores(url: str) -> Iterator[tuple[Store, Store]]:
    """Two servers' stores on one database."""
    both = open_store(url), open_store(url)
    yield both
    for store in both:
        store.close()


@pytest.fixture
def tables(url: str, stores: tuple[Store, Store]) -> Iterator[Connection]:
    """The tables themselves."""
    stores[0].count_traces()
    connection = Connection(parse_address(url))
    yield connection
    connection.close()
