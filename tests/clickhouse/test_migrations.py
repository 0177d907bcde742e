"""The schema of a ClickHouse store: made, brought up to date, refused; on a cluster only as a text that is parsed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.store.records import found, span
from tracer.cli import run
from tracer.errors import NewerStoreError, StoreError
from tracer.store import open_store
from tracer.store.clickhouse.address import parse_address
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.layout import SHARD_KEYS
from tracer.store.clickhouse.migrations import CATALOG, STORE, migrate, schema_version, statements

pytestmark = pytest.mark.no_store


def test_a_store_on_a_single_server_makes_its_tables_when_it_is_used_first(url: str) -> None:
    connection = Connection(parse_address(url))
    assert schema_version(connection) == 0

    store = open_store(url)
    store.append([span("t", "r")])

    assert schema_version(connection) == STORE.version
    assert found(store) == ["t"]


def test_a_store_of_an_older_schema_is_brought_up_to_date_with_what_is_in_it(url: str) -> None:
    connection = Connection(parse_address(url))
    assert migrate(connection, STORE._replace(migrations=STORE.migrations[:1])) == (0, 1)

    store = open_store(url)
    store.append([span("t", "r")])

    assert schema_version(connection) == STORE.version
    assert found(store) == ["t"]


def test_a_newer_schema_is_refused_and_not_touched(url: str) -> None:
    open_store(url).count_traces()
    Connection(parse_address(url)).insert("migrations", [{"number": STORE.version + 1}])

    store = open_store(url)
    with pytest.raises(NewerStoreError, match="upgrade tracer"):
        store.append([span("t", "r")])
    with pytest.raises(NewerStoreError, match="upgrade tracer"):
        store.count_traces()


def test_a_store_on_a_cluster_waits_for_the_command(url: str) -> None:
    store = open_store(f"{url}?cluster=main")

    with pytest.raises(StoreError, match="run `tracer migrate`") as refused:
        store.append([span("t", "r")])
    assert schema_version(Connection(parse_address(url))) == 0
    assert "ss%2Fword" not in str(refused.value)


def test_the_command_brings_a_store_up_to_date_and_can_be_called_again(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["migrate", "--store", url]) == 0
    first = capfd.readouterr().out
    assert run(["migrate", "--store", url]) == 0
    again = capfd.readouterr().out

    assert f"brought up to date, schema {STORE.version}" in first
    assert "is up to date" in again
    assert "word" not in first
    assert schema_version(Connection(parse_address(url))) == STORE.version


def test_the_command_refuses_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate", "--store", f"sqlite:///{tmp_path}/a.db"]) != 0
    assert "is no ClickHouse store" in capfd.readouterr().err


def test_each_statement_for_a_cluster_is_one_that_the_engine_parses(server: str) -> None:
    connection = Connection(parse_address(f"clickhouse://{server}/default"))
    of_cluster = list(statements(parse_address("clickhouse://db/traces?cluster=main")))

    for text in of_cluster:
        assert "ON CLUSTER main" in text
        assert "ENGINE = Replicated" in text or not text.startswith("CREATE TABLE")
        assert connection.rows(f"EXPLAIN AST {text}")


def test_each_statement_for_shards_is_one_that_the_engine_parses(server: str) -> None:
    connection = Connection(parse_address(f"clickhouse://{server}/default"))
    address = parse_address("clickhouse://db/traces?cluster=main&sharded=1")
    texts = [text for schema in (STORE, CATALOG) for text in statements(address, schema)]
    made = {text.partition(" IF NOT EXISTS ")[2].split()[0]: text for text in texts if text.startswith("CREATE")}

    for text in texts:
        assert "ON CLUSTER main" in text
        assert connection.rows(f"EXPLAIN AST {text}")
    changed = [text.split()[2] for text in texts if text.startswith("ALTER TABLE")]
    assert changed == ["spans_local", "facts_local", "traces_local"]
    for name, text in made.items():
        if name in SHARD_KEYS:
            assert f"ENGINE = Distributed('main', 'traces', '{name}_local', {SHARD_KEYS[name]})" in text
            assert re.search(r"ENGINE = Replicated\w*MergeTree\((version)?\)", made[f"{name}_local"])
    assert "TO places_local\nAS SELECT DISTINCT trace_id, hour FROM spans_local" in made["places_of_spans"]
    copies = made.keys() - {"places_of_spans", *SHARD_KEYS, *(f"{name}_local" for name in SHARD_KEYS)}
    assert copies == {"deletions", "documents", "processes", "heartbeats"}
    assert all("MergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}'" in made[name] for name in copies)


def test_statements_for_servers_that_share_tables_are_those_of_one_server_but_for_what_is_inserted_twice() -> None:
    of_one = list(statements(parse_address("clickhouse://db/traces")))
    of_shared = list(statements(parse_address("clickhouse://db/traces?shared=1")))

    assert [text.replace("non_replicated_ded", "replicated_ded") for text in of_one] == of_shared


def test_shared_tables_wait_for_the_command_and_are_used_after_it(url: str) -> None:
    shared = f"{url}?shared=1"
    store = open_store(shared)
    with pytest.raises(StoreError, match="run `tracer migrate`"):
        store.append([span("t", "r")])

    assert run(["migrate", "--store", shared]) == 0

    store.append([span("t", "r")])
    assert found(store) == ["t"]
    store.close()


def test_statements_for_a_single_server_name_no_cluster() -> None:
    of_one = list(statements(parse_address("clickhouse://db/traces")))

    assert len(of_one) == sum(map(len, STORE.migrations))
    assert not any("CLUSTER" in text or "Replicated" in text or "{" in text for text in of_one)
