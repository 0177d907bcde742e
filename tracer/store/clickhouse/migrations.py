"""The schema as numbered migrations: append-only, each can be run again, none is ever changed.

``{engine:…}`` becomes the engine of a table, which on a cluster is its replicated kind, and ``{on_cluster}`` the clause
that runs a statement on every server of it; where servers share their tables, both happen by themselves. On shards a
table that is made as ``{local:…}`` is divided among them, and one with ``{copied_engine:…}`` is on all servers as a
whole: layout.py. On a single server a store migrates itself when it is opened first; elsewhere only ``tracer migrate``
does. A ClickHouse statement cannot be undone, so a migration that failed is run again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tracer.errors import NewerStoreError, StoreError
from tracer.store.clickhouse.address import Address
from tracer.store.clickhouse.connection import Connection, UnknownTableError
from tracer.store.clickhouse.layout import (
    COPIED,
    check_cluster,
    check_kind,
    divided_table,
    local_table,
    on_cluster,
    replicated,
)
from tracer.store.clickhouse.places import HOUR_OF_START, WEEK

# spans; `rank` grows with the completeness of a record, and of two records of one rank the first counts;
# the records of a conversation repeat each other, so many are compressed together
_SPANS = """CREATE TABLE IF NOT EXISTS {local:spans} {on_cluster} (
    hour UInt32 DEFAULT {hour_of_start}, trace_id String, life UInt32, span_id String, rank UInt32,
    at UInt64 DEFAULT toUnixTimestamp64Micro(now64(6)), place UInt32,
    version UInt64 DEFAULT bitShiftLeft(toUInt64(rank), 52) + (4503599627370495 - at),
    parent_id Nullable(String), remote UInt8, name String, type LowCardinality(String), status LowCardinality(String),
    message Nullable(String), start Int64 CODEC(Delta, ZSTD(1)), duration Int64 CODEC(T64, ZSTD(1)),
    model LowCardinality(Nullable(String)), request_model LowCardinality(Nullable(String)),
    provider LowCardinality(Nullable(String)),
    usage String, input_cost Nullable(Float64), output_cost Nullable(Float64), cost Nullable(Float64),
    first_chunk Nullable(Int64), scope LowCardinality(Nullable(String)), exception LowCardinality(Nullable(String)),
    owner LowCardinality(Nullable(String)), known_as Array(String), digests Array(String), long_keys Array(String),
    attributes Map(String, String) CODEC(ZSTD(3)),
    record String CODEC(ZSTD(3, 24)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
    said String CODEC(ZSTD(3)), low String CODEC(ZSTD(3)), words String CODEC(ZSTD(3)),
    INDEX low_index low TYPE text(tokenizer = splitByNonAlpha),
    INDEX words_index words TYPE text(tokenizer = splitByString([' ']))
) ENGINE = {engine:ReplacingMergeTree(version)} PARTITION BY {week} ORDER BY (hour, trace_id, life, span_id)
SETTINGS index_granularity = 256, index_granularity_bytes = 2097152"""

# the hours in which spans of a trace started
_PLACES = """CREATE TABLE IF NOT EXISTS {local:places} {on_cluster} (
    trace_id String, hour UInt32
) ENGINE = {engine:ReplacingMergeTree} PARTITION BY toStartOfMonth(toDateTime(hour * 3600, 'UTC'))
ORDER BY (trace_id, hour) SETTINGS index_granularity = 1024"""

_PLACES_OF_SPANS = """CREATE MATERIALIZED VIEW IF NOT EXISTS places_of_spans {on_cluster} TO {local:places}
AS SELECT DISTINCT trace_id, hour FROM {local:spans}"""

# facts of a trace from records other than spans; the first with a key counts
_FACTS = """CREATE TABLE IF NOT EXISTS {local:facts} {on_cluster} (
    trace_id String, life UInt32, kind LowCardinality(String), key String,
    at UInt64 DEFAULT toUnixTimestamp64Micro(now64(6)), place UInt32,
    version UInt64 DEFAULT 9223372036854775807 - at,
    record String CODEC(ZSTD(3))
) ENGINE = {engine:ReplacingMergeTree(version)} PARTITION BY toStartOfMonth(toDateTime(intDiv(at, 1000000), 'UTC'))
ORDER BY (trace_id, life, kind, key)
TTL toDateTime(intDiv(at, 1000000)) + INTERVAL 1 DAY DELETE WHERE kind = 'log'
SETTINGS index_granularity = 1024"""

# a row for each trace, made of spans and facts; `s` are its spans, the ended ones first, in the order of their ends;
# `deleted` is 1 for a trace that was, and 2 in the hours of spans that are not the trace's own, which is `own`
_TRACES = """CREATE TABLE IF NOT EXISTS {local:traces} {on_cluster} (
    hour UInt32, own UInt32, trace_id String, life UInt32, deleted UInt8, seq UInt64, version UInt64, digest String,
    experiment Int64, experiment_name LowCardinality(String), state LowCardinality(String), name Nullable(String),
    root_span Nullable(String), start Nullable(Int64), born UInt64, duration Nullable(Int64),
    spans UInt32, errors UInt32, input_tokens Nullable(Int64), output_tokens Nullable(Int64),
    total_tokens Nullable(Int64), usage String,
    input_cost Nullable(Float64), output_cost Nullable(Float64), cost Nullable(Float64),
    request_preview Nullable(String) CODEC(ZSTD(3)), response_preview Nullable(String) CODEC(ZSTD(3)),
    session Nullable(String), user Nullable(String), model_id Nullable(String), run_id Nullable(String),
    client_request_id Nullable(String), owner LowCardinality(Nullable(String)),
    models Array(LowCardinality(String)), providers Array(LowCardinality(String)), failed_steps Array(String),
    exceptions Array(String), prompts Array(String), tags Map(String, String), metadata Map(String, String),
    assessments String CODEC(ZSTD(3)),
    a Nested(type LowCardinality(String), name LowCardinality(String), text Nullable(String),
        reviewer String),
    digests Array(String), owners Array(String),
    s Nested(id String, ended UInt8, name LowCardinality(String), type LowCardinality(String),
        status LowCardinality(String), model LowCardinality(Nullable(String)),
        request_model LowCardinality(Nullable(String)), provider LowCardinality(Nullable(String)), start Int64,
        duration Nullable(Int64), input_tokens Nullable(Int64), output_tokens Nullable(Int64),
        total_tokens Nullable(Int64), cost Nullable(Float64), first_chunk Nullable(Int64),
        message Nullable(String), covered UInt8, beside Nullable(String)),
    INDEX seq_index seq TYPE minmax, INDEX session_index session TYPE bloom_filter(0.01),
    INDEX digests_index digests TYPE bloom_filter(0.01)
) ENGINE = {engine:ReplacingMergeTree(version)} PARTITION BY {week} ORDER BY (hour, trace_id)
SETTINGS index_granularity = 256"""

_CHANGES = """CREATE TABLE IF NOT EXISTS {local:changes} {on_cluster} (
    seq UInt64 CODEC(Delta, ZSTD(1)), place UInt32, trace_id String
) ENGINE = {engine:MergeTree} ORDER BY seq"""

# small documents that several servers change at once: documents.py
_DOCUMENTS = """CREATE TABLE IF NOT EXISTS documents {on_cluster} (
    kind LowCardinality(String), owner String, id String, version UInt64, deleted UInt8, writer String,
    content String CODEC(ZSTD(3))
) ENGINE = {copied_engine:ReplacingMergeTree(version)} ORDER BY (kind, owner, id)
SETTINGS {deduplication_window} = 10000{copied}"""

_ATTACHMENTS = """CREATE TABLE IF NOT EXISTS {local:attachments} {on_cluster} (
    digest String, version UInt64, deleted UInt8, mime String, base64 String EPHEMERAL,
    content String DEFAULT base64Decode(base64) CODEC(ZSTD(1))
) ENGINE = {engine:ReplacingMergeTree(version)} ORDER BY digest
SETTINGS index_granularity = 64"""

_PROCESSES = """CREATE TABLE IF NOT EXISTS processes {on_cluster} (
    owner String, pid Nullable(Int64), time Int64, resource String CODEC(ZSTD(3))
) ENGINE = {copied_engine:ReplacingMergeTree} ORDER BY owner"""

_HEARTBEATS = """CREATE TABLE IF NOT EXISTS heartbeats {on_cluster} (
    owner String, at DateTime64(3) DEFAULT now64(3)
) ENGINE = {copied_engine:ReplacingMergeTree(at)} ORDER BY owner TTL toDateTime(at) + INTERVAL 7 DAY"""

_NUMBERS = """CREATE TABLE IF NOT EXISTS {numbers} {on_cluster} (
    number UInt32, at DateTime DEFAULT now()
) ENGINE = {copied_engine:ReplacingMergeTree} ORDER BY number"""


# what was deleted leaves the disk a week after the last row of its partition came
_MERGED_WHEN_OLD = """ALTER TABLE {local:NAME} {on_cluster}
MODIFY SETTING min_age_to_force_merge_seconds = 604800, min_age_to_force_merge_on_partition_only = 1"""


def _merged_when_old(table: str) -> str:
    return _MERGED_WHEN_OLD.replace("NAME", table)


# deletions that have begun: deletions.py
_DELETIONS = """CREATE TABLE IF NOT EXISTS deletions {on_cluster} (
    id String, done UInt8, at DateTime64(3) DEFAULT now64(3), content String CODEC(ZSTD(3))
) ENGINE = {copied_engine:ReplacingMergeTree(done)} ORDER BY id TTL toDateTime(at) + INTERVAL 90 DAY"""


class Schema(NamedTuple):
    """The migrations of one kind of database, and the table with the numbers of those that were run."""

    numbers: str
    first: str  # the table by which the kind of all is recognized
    migrations: tuple[tuple[str, ...], ...]

    @property
    def version(self) -> int:
        """The version that this version of tracer needs."""
        return len(self.migrations)


STORE: Final = Schema(
    "migrations",
    "spans",
    (
        (
            _SPANS, _PLACES, _PLACES_OF_SPANS, _FACTS, _TRACES, _CHANGES, _DOCUMENTS, _ATTACHMENTS, _PROCESSES,
            _HEARTBEATS,
        ),
        (_DELETIONS, *map(_merged_when_old, ("spans", "facts", "traces"))),
    ),
)  # fmt: skip
# of projects: tracer/_catalog/clickhouse.py
CATALOG: Final = Schema("catalog_migrations", "documents", ((_DOCUMENTS,),))
_ENGINE = re.compile(r"\{(copied_)?engine:(\w+)(?:\((.*?)\))?\}")
_LOCAL = re.compile(r"\{local:(\w+)\}")
_DIVIDED = re.compile(r"CREATE TABLE IF NOT EXISTS \{local:(\w+)\}")


def statement(template: str, address: Address) -> str:
    """A statement for a single server, for a cluster, for its shards, or for servers that share their tables."""
    text = _ENGINE.sub(
        lambda found: replicated(f"{found[2]}({found[3] or ''})", address, is_copied=bool(found[1])), template
    )
    text = _LOCAL.sub(lambda found: local_table(found[1], address), text)
    text = text.replace("{hour_of_start}", HOUR_OF_START).replace("{week}", WEEK)
    text = text.replace("{on_cluster}", on_cluster(address))
    text = text.replace("{copied}", f" COMMENT '{COPIED}'" if address.is_sharded else "")
    window = "non_replicated_deduplication_window" if address.has_one_server else "replicated_deduplication_window"
    return text.replace("{deduplication_window}", window)


def statements(address: Address, schema: Schema = STORE, after: int = 0) -> Iterator[str]:
    """The statements of the migrations after a version."""
    for templates in schema.migrations[after:]:
        for template in templates:
            yield statement(template, address)
            if address.is_sharded and (divided := _DIVIDED.match(template)):
                yield divided_table(divided[1], address)


def schema_version(connection: Connection, schema: Schema = STORE) -> int:
    """The version of the stored schema; 0 if there is none. Raises StoreError for tables of another kind."""
    try:
        ((number, kind),) = connection.rows(f"SELECT max(number), ({_kind_in(schema)}) FROM {schema.numbers}")
    except UnknownTableError:
        return 0
    if number:
        check_kind(connection.address, *kind)
    return int(number)


def _kind_in(schema: Schema) -> str:
    return (
        "SELECT any((engine, comment)) FROM system.tables"
        f" WHERE database = currentDatabase() AND name = '{schema.first}'"
    )


def migrate(connection: Connection, schema: Schema = STORE) -> tuple[int, int]:
    """Bring the schema up to date; the versions before and after. Raises NewerStoreError, StoreError."""
    before = schema_version(connection, schema)
    _refuse(before, connection, schema)
    if before == schema.version:
        return before, before
    address = connection.address
    if not before:  # else it is there, unless it was deleted meanwhile
        connection.command(f"CREATE DATABASE IF NOT EXISTS {address.database} {on_cluster(address)}", database="")
    if address.cluster:
        ((shards,),) = connection.rows(
            "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = ?", [address.cluster]
        )
        check_cluster(address, int(shards))
    connection.command(statement(_NUMBERS.replace("{numbers}", schema.numbers), address))
    for text in statements(address, schema, before):
        connection.command(text)
    check_kind(address, *connection.rows(_kind_in(schema))[0][0])  # a migration that failed may have left other tables
    connection.insert(schema.numbers, [{"number": number} for number in range(before + 1, schema.version + 1)])
    return before, schema.version


def check_schema(connection: Connection, schema: Schema = STORE, *, may_be_made: bool = True) -> None:
    """Raise NewerStoreError or StoreError where the schema is not this version's; a single server is brought to it.

    Without ``may_be_made`` also where there is no schema yet.
    """
    found = schema_version(connection, schema)
    _refuse(found, connection, schema)
    if found == schema.version:
        return
    if not found and not may_be_made:
        raise StoreError(
            f"{connection.address} has no tables, or none any more: `tracer migrate` makes those of projects"
        )
    if not connection.address.has_one_server:
        command = "tracer migrate --projects" if schema is CATALOG else "tracer migrate"
        raise StoreError(
            f"the store {connection.address} has schema {found}, this version of tracer needs {schema.version}: "
            f"run `{command}` once, when no older server writes to it any more"
        )
    migrate(connection, schema)


def _refuse(found: int, connection: Connection, schema: Schema) -> None:
    if found > schema.version:
        raise NewerStoreError(
            f"the store {connection.address} has schema {found}, which a newer version of tracer made; this one knows "
            f"{schema.version}: upgrade tracer"
        )
    if found == 0 and schema is STORE and schema_version(connection, CATALOG):
        raise StoreError(
            f"{connection.address} has projects, each with a database of its own: `tracer server --projects` serves "
            "them, and programs and commands use that server with a key of theirs"
        )
    if found == 0 and schema is CATALOG and schema_version(connection, STORE):
        raise StoreError(
            f"{connection.address} is a store of traces already: name another database for projects; `tracer copy` "
            "brings the traces to a project of its server"
        )
