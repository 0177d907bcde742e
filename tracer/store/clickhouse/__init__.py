"""The store for what one machine cannot hold: ClickHouse, written and read by any number of servers at once."""

from __future__ import annotations

from importlib.util import find_spec

from tracer._distribution import install_advice
from tracer.errors import InvalidArgumentError
from tracer.store.clickhouse.address import Address, parse_address
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.migrations import migrate
from tracer.store.clickhouse.store import ClickHouseStore


def open_clickhouse(url: str) -> ClickHouseStore:
    """The store in the database that a ``clickhouse://`` URL names; nothing is asked of the server yet.

    Raises InvalidArgumentError for another address, and where a package for it is not installed.
    """
    return ClickHouseStore(url, checked_address(url))


def open_existing(url: str) -> ClickHouseStore:
    """The same, but its tables are not made where there are none."""
    return ClickHouseStore(url, checked_address(url), may_be_made=False)


def migrate_clickhouse(url: str) -> tuple[int, int]:
    """Bring the tables of a store up to date; the versions of the schema before and after. Raises StoreError."""
    return migrate(Connection(checked_address(url)))


def checked_address(url: str) -> Address:
    """The address in a URL. Raises InvalidArgumentError, also where a package for it is not installed."""
    if find_spec("clickhouse_connect") is None:
        raise InvalidArgumentError(
            f"a ClickHouse store needs the package clickhouse-connect: {install_advice('clickhouse')}"
        )
    address = parse_address(url)
    if address.attachments and find_spec("obstore") is None:
        raise InvalidArgumentError(
            f"attachments outside of ClickHouse need the package obstore: {install_advice('clickhouse', 's3')}"
        )
    return address
