"""Where tables lie: on one server, replicated on a cluster, divided among its shards, or shared by servers.

On shards each large table is two: ``NAME_local`` with the rows of one shard, and ``NAME``, which passes inserts and
queries on, so that both name the same table everywhere. Everything of a trace is on one shard: what a query compares by
``IN`` meets there. The rows of ``changes`` are placed by their number, since a reader must see all of one number or
none, and only an insert into one shard is all or nothing. Small tables are a whole copy on every server.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tracer.errors import StoreError
from tracer.store.clickhouse.address import Address

# of tables that are divided
SHARD_KEYS: Final = {
    "spans": "cityHash64(trace_id)",
    "places": "cityHash64(trace_id)",
    "facts": "cityHash64(trace_id)",
    "traces": "cityHash64(trace_id)",
    "changes": "cityHash64(seq)",
    "attachments": "cityHash64(digest)",
}
COPIED: Final = "a whole copy on every server of all shards"  # comment of a table, by which it is recognized
_LOCAL = "_local"


def on_cluster(address: Address) -> str:
    """The clause that runs a statement on every server of a cluster; empty for a single server."""
    return f"ON CLUSTER {address.cluster}" if address.cluster else ""


def on_each_shard(address: Address) -> str:
    """The clause that runs a statement once on each shard; replicas of one shard pass it on by themselves."""
    return on_cluster(address) if address.is_sharded else ""


def local_table(table: str, address: Address) -> str:
    """The table with the rows of a server itself."""
    return f"{table}{_LOCAL}" if address.is_sharded else table


def plain_name(table: str) -> str:
    """The name that queries use, of a table with the rows of a server itself."""
    return table.removesuffix(_LOCAL)


def divided_table(table: str, address: Address) -> str:
    """The statement that makes the table over all shards."""
    database, local = address.database, local_table(table, address)
    return (
        f"CREATE TABLE IF NOT EXISTS {table} {on_cluster(address)} AS {database}.{local}"
        f" ENGINE = Distributed('{address.cluster}', '{database}', '{local}', {SHARD_KEYS[table]})"
    )


def replicated(engine: str, address: Address, *, is_copied: bool) -> str:
    """The engine of a table, such as ``MergeTree()``: on a cluster its replicated kind."""
    if not address.cluster:
        return engine
    if not (is_copied and address.is_sharded):
        return f"Replicated{engine}"
    name, _, arguments = engine.removesuffix(")").partition("(")
    # one group of replicas over all shards
    given = ["'/clickhouse/tables/{uuid}/all'", "'{shard}-{replica}'", *([arguments] if arguments else [])]
    return f"Replicated{name}({', '.join(given)})"


def parts(address: Address) -> str:
    """The parts of tables: those of one replica of each shard."""
    return f"cluster('{address.cluster}', system.parts)" if address.is_sharded else "system.parts"


def check_cluster(address: Address, shards: int) -> None:
    """Raise StoreError where an address names a cluster with a number of shards that its tables would not fill."""
    if not shards:
        raise StoreError(f"the ClickHouse of {address} knows no cluster {address.cluster!r}: see its system.clusters")
    if shards > 1 and not address.is_sharded:
        raise StoreError(
            f"the cluster {address.cluster!r} has {shards} shards, and replicated tables would have other traces on"
            f" each of them: add sharded=1 to the address of {address}, or name a cluster of one shard"
        )


# ---- whether the tables of a database are those that an address names


class _Kind(NamedTuple):
    tables: str
    option: str


_ONE = _Kind("tables of a single server", "no cluster, sharded or shared")
_REPLICATED = _Kind("replicated tables", "cluster=NAME without sharded")
_SHARDED = _Kind("tables on shards", "cluster=NAME&sharded=1")
_SHARED = _Kind("tables that servers share", "shared=1")


def check_kind(address: Address, engine: str, comment: str) -> None:
    """Raise StoreError where a table's engine and comment are not of the kind that the address names.

    Nothing is known of a table without an engine. Where servers share tables, their engine may have any name but that
    of tables on shards.
    """
    there, named = _kind_of_table(engine, comment), _kind_of(address)
    if there in (None, named) or (named is _SHARED and there is not _SHARDED):
        return
    assert there is not None
    raise StoreError(
        f"the store {address} has {there.tables}, and its address here is one of {named.tables} ({named.option}): "
        f"what fits is {there.option}; `tracer copy` brings traces to tables of another kind in a new database"
    )


def _kind_of(address: Address) -> _Kind:
    if address.is_sharded:
        return _SHARDED
    if address.is_shared:
        return _SHARED
    return _REPLICATED if address.cluster else _ONE


def _kind_of_table(engine: str, comment: str) -> _Kind | None:
    if engine == "Distributed" or comment == COPIED:
        return _SHARDED
    if engine.startswith("Replicated"):
        return _REPLICATED
    if engine.startswith("Shared"):
        return _SHARED
    return _ONE if engine else None
