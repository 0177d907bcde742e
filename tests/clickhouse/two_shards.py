"""Two shards in one engine: queries are divided as on a cluster, and each shard sees its own rows alone.

Both shards of the cluster ``two`` are the engine itself, so there is one table ``NAME_local``. A query that a
Distributed table passes on sees of it only the rows that the sharding key places on the asked shard, in subqueries too:
a query whose rows do not meet on one shard has the wrong answer here as on a cluster.

Emulated: the division of queries, the merging of answers, placement by key, ``distributed_product_mode``. Not emulated:
Keeper, replicas and quorums, the network between servers, and inserts that reach one shard only. Statements are run
without ``ON CLUSTER``, Replicated engines as their plain kind, and ``cluster('two', system.…)`` has each row twice.
"""

from __future__ import annotations

import re
from pathlib import Path

CLUSTER = "two"
_PORT = 9000  # nothing listens there: a shard with the port of the engine itself is not connected to
_SHARD = f"<shard><replica><host>127.0.0.1</host><port>{_PORT}</port></replica></shard>"
_CONFIGURATION = f"""<clickhouse><tcp_port>{_PORT}</tcp_port>
<remote_servers><{CLUSTER}>{_SHARD * 2}</{CLUSTER}></remote_servers></clickhouse>"""
_DEFINES = re.compile(r"\s*(CREATE|ALTER|OPTIMIZE|DROP)\b", re.IGNORECASE)
_ON_CLUSTER = re.compile(r"\bON CLUSTER \w+")
_REPLICATED = re.compile(r"\bReplicated(\w*MergeTree)\((?:'[^']*', '[^']*'(?:, )?)?")
_DISTRIBUTED = re.compile(r"\bDistributed\('\w+', '\w+', '(\w+)', (.*)\)$")


class TwoShards:
    """What an engine needs to be two shards."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.configuration = folder / "two_shards.xml"
        self.configuration.write_text(_CONFIGURATION)
        self._keys: dict[str, str] = {}  # of tables, by their local names

    def read_statement(self, sql: str) -> str:
        """A statement as one engine runs it; the key of a Distributed table is kept."""
        if not _DEFINES.match(sql):
            return sql
        distributed = _DISTRIBUTED.search(sql)
        if distributed:
            self._keys[distributed[1]] = distributed[2]
        text = _REPLICATED.sub(r"\1(", _ON_CLUSTER.sub("", sql))
        return re.sub(r"\breplicated_deduplication_window", "non_replicated_deduplication_window", text)

    @property
    def settings(self) -> dict[str, str]:
        """Settings of each query: which rows a shard sees. ``shardNum()`` is 0 for a query that was not passed on."""
        if not self._keys:
            return {}
        filters = ", ".join(
            f"'{table}': 'shardNum() = 0 OR shardNum() = {key} % 2 + 1'" for table, key in dict(self._keys).items()
        )
        return {"additional_table_filters": f"{{{filters}}}"}
