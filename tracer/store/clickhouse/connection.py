"""The connection of a process to ClickHouse: queries whose values are bound parameters, and inserts of rows."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from tracer._late import load
from tracer.errors import StoreError
from tracer.store.clickhouse.address import Address
from tracer.store.clickhouse.objects import Objects
from tracer.store.limits import deadline, took_too_long

Row = dict[str, Any]

UNKNOWN_TABLE = 60
UNKNOWN_DATABASE = 81
_TOO_SLOW = (159, 160)
# of replicated tables: another insert waits for its quorum, or the asked replica does not have the last one yet
_SOON = (286, 289)
_SOON_SECONDS = 30
_WAIT_SECONDS = 0.1
_SETTINGS = {
    "output_format_json_quote_64bit_integers": 0,
    "input_format_null_as_default": 0,
    "async_insert": 0,  # an append has been written when it returns
    "insert_deduplicate": 1,
    "max_partitions_per_insert_block": 0,  # one batch may have traces of many weeks
}
_SHARED_SETTINGS = {"select_sequential_consistency": 1}  # every read sees what was written by way of another server
# another replica's rows are there when a write returns
_CLUSTER_SETTINGS = {**_SHARED_SETTINGS, "insert_quorum": "auto", "insert_quorum_parallel": 0}
_SHARDED_SETTINGS = {
    "distributed_foreground_insert": 1,  # rows are on their shards when a write returns
    "distributed_product_mode": "local",  # rows that meet are on one shard: a subquery asks the shard that it runs on
    "parallel_distributed_insert_select": 0,
    "skip_unavailable_shards": 0,  # a shard that does not answer is an error, and not a list without its traces
}
_ANSWER_SECONDS = 300
_INT64 = 2**63
_AT_ONCE_BYTES = 64 << 20
_TURNS = 16
_LITERAL_CHARACTERS = 100_000  # of a query, which may have 128 KiB


class UnknownTableError(StoreError):
    """The database has none of tracer's tables, or does not exist."""


class Connection:
    """Queries one database, in any thread and after a fork."""

    def __init__(self, address: Address, *, answer_seconds: int = _ANSWER_SECONDS) -> None:
        self.address = address
        self._answer_seconds = answer_seconds  # for which an answer is waited for
        self.objects = Objects(address.attachments) if address.attachments else None  # with the content of attachments
        self._client: Any = None  # of clickhouse-connect
        self._process = 0
        self._connecting = threading.Lock()
        self.experiments: dict[str, int] = {}  # known numbers, which never change
        # threads of one process take turns at a document: else most of their tries would come too late
        self.turns = [threading.Lock() for _ in range(_TURNS)]

    def rows(self, sql: str, parameters: Iterable[object] = ()) -> list[list[Any]]:
        """The rows of a query, in whose text each question mark is a value. Raises StoreError."""
        text, bound = _bound(sql, parameters)
        settings: dict[str, Any] = {}
        ends = deadline()
        if ends is not None:
            left = ends.time - time.monotonic()
            if left <= 0:
                raise took_too_long()
            settings["max_execution_time"] = max(0.01, round(left, 3))
        answer = self._ask(lambda client: client.raw_query(text, bound, settings, fmt="JSONCompactEachRow"))
        return [orjson.loads(line) for line in answer.splitlines()] if answer else []

    def command(self, sql: str, parameters: Iterable[object] = (), *, database: str | None = None) -> None:
        """Run a statement that gives no rows; each question mark in it is a parameter."""
        text, bound = _bound(sql, parameters)
        self._ask(lambda client: client.command(text, bound, use_database=database is None))

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]], *, token: str | None = None) -> None:
        """Insert rows, all or none of them; nothing where a block with this token was inserted before."""
        if rows:
            self._insert_block(table, list(rows[0]), list(map(orjson.dumps, rows)), token=token)

    def insert_in_parts(
        self, table: str, rows: Iterable[Mapping[str, Any] | Sequence[Any]], columns: Sequence[str] = ()
    ) -> None:
        """Insert rows in as many requests as their sizes ask for: mappings, or cells in the order of ``columns``."""
        part: list[bytes] = []
        size, format = 0, "JSONCompactEachRow" if columns else "JSONEachRow"
        for row in rows:
            columns = columns or list(row)
            part.append(orjson.dumps(row))
            size += len(part[-1])
            if size >= _AT_ONCE_BYTES:
                self._insert_block(table, columns, part, format=format)
                part, size = [], 0
        if part:
            self._insert_block(table, columns, part, format=format)

    def _insert_block(
        self,
        table: str,
        columns: Sequence[str],
        lines: list[bytes],
        *,
        token: str | None = None,
        format: str = "JSONEachRow",
    ) -> None:
        block = b"\n".join(lines)
        settings: dict[str, Any] = {} if token is None else {"insert_deduplication_token": token}
        self._ask(lambda client: client.raw_insert(table, columns, block, settings, fmt=format))

    def number(self) -> int:
        """Microseconds since the epoch by the engine's clock, which all servers share."""
        return int(self.rows("SELECT toUnixTimestamp64Micro(now64(6))")[0][0])

    def close(self) -> None:
        """Close the connections of this process."""
        with self._connecting:
            client, self._client = self._client, None
            if client is not None and self._process == os.getpid():
                client.close()

    def _ask(self, action: Any) -> Any:
        error_of_driver = load("clickhouse_connect.driver.exceptions", "ClickHouseError")
        ends = time.monotonic() + _SOON_SECONDS
        while True:
            try:
                return action(self._get())
            except error_of_driver as error:
                if getattr(error, "code", None) not in _SOON or time.monotonic() > ends:
                    raise self._store_error(error) from error
            time.sleep(random.uniform(0, _WAIT_SECONDS))

    def _get(self) -> Any:
        if self._client is not None and self._process == os.getpid():
            return self._client
        with self._connecting:
            if self._client is None or self._process != os.getpid():
                self._client, self._process = self._connected(), os.getpid()
            return self._client

    def _connected(self) -> Any:
        to = self.address
        client = load("clickhouse_connect", "get_client")(
            host=to.host,
            port=to.port,
            username=to.user,
            password=to.password,
            secure=to.is_secure,
            settings={
                **_SETTINGS,
                **(_CLUSTER_SETTINGS if to.cluster else {}),
                **(_SHARDED_SETTINGS if to.is_sharded else {}),
                **(_SHARED_SETTINGS if to.is_shared else {}),
            },
            autogenerate_session_id=False,
            send_receive_timeout=self._answer_seconds,
            form_encode_query_params=True,
            client_name="tracer",
        )
        client.database = to.database  # not before: a missing database is no reason to fail
        return client

    def _store_error(self, error: Exception) -> StoreError:
        code = getattr(error, "code", None)
        if code in _TOO_SLOW:
            return took_too_long()
        text = str(error).partition(" (for url")[0]
        if code in (UNKNOWN_TABLE, UNKNOWN_DATABASE):
            return UnknownTableError(f"the ClickHouse store {self.address}: {text:.400}")
        return StoreError(f"the ClickHouse store {self.address} refused or did not answer: {text:.1000}")


def _bound(sql: str, parameters: Iterable[object]) -> tuple[str, dict[str, object]]:
    first, *others = sql.split("?")
    bound: dict[str, object] = {}
    text, room = [first], _LITERAL_CHARACTERS
    for number, (rest, value) in enumerate(zip(others, parameters, strict=True)):
        literal = _literal(value, room)
        if literal:
            room -= len(literal)
            text += [literal, rest]
        else:
            text += [f"{{p{number}:{_type(value)}}}", rest]
            bound[f"p{number}"] = int(value) if isinstance(value, bool) else value
    return "".join(text), bound


def _literal(value: object, room: int) -> str:
    """A list of ids as SQL, since the driver looks at each character of a parameter; empty if that is not safe."""
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        return ""
    joined = "".join(value)
    if not (joined.isascii() and joined.isalnum()) or len(joined) + len("'',") * len(value) > room:
        return ""
    return "['" + "','".join(value) + "']"


def _type(value: object) -> str:
    if isinstance(value, str):
        return "String"
    if isinstance(value, int):
        return "Int64" if -_INT64 <= value < _INT64 else "Float64"
    if isinstance(value, float):
        return "Float64"
    if value is None:
        return "Nullable(String)"
    if isinstance(value, list):
        return f"Array({_type(value[0]) if value else 'String'})"
    raise TypeError(f"a parameter is {value!r:.80}")
