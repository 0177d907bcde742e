"""The catalogue that a folder or an address names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tracer._catalog.folder import FolderCatalog, has_catalog

if TYPE_CHECKING:
    from tracer._catalog.catalog import Catalog


def open_catalog(url: str) -> Catalog:
    """The catalogue of a folder, or of a database of ClickHouse; it is made where there is nothing yet.

    Raises StoreError, and InvalidArgumentError for an address that cannot be one.
    """
    if url.startswith("clickhouse://"):
        from tracer._catalog.clickhouse import ClickHouseCatalog

        return ClickHouseCatalog(url)
    return FolderCatalog(folder_of(url))


def has_projects(url: str) -> bool:
    """Whether a folder or a database has projects already. Raises StoreError."""
    if not url.startswith("clickhouse://"):
        return has_catalog(folder_of(url))
    from tracer.store.clickhouse import checked_address
    from tracer.store.clickhouse.connection import Connection
    from tracer.store.clickhouse.migrations import CATALOG, schema_version

    with closing(Connection(checked_address(url))) as connection:
        return schema_version(connection, CATALOG) > 0


def folder_of(url: str) -> Path:
    """The folder that a path or a URL names."""
    return Path(url.removeprefix("sqlite:///"))
