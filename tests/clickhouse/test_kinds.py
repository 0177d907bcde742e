"""Tables that do not fit the address of their store are refused, with the setting that fits."""

from __future__ import annotations

import contextlib

import pytest

from tracer.cli import run
from tracer.errors import StoreError
from tracer.store import open_store
from tracer.store.clickhouse import migrate_clickhouse
from tracer.store.clickhouse.address import parse_address
from tracer.store.clickhouse.layout import COPIED, check_kind
from tracer.store.clickhouse.migrations import STORE

pytestmark = pytest.mark.no_store

ONE, CLUSTER, SHARDS, SHARED = "", "?cluster=main", "?cluster=main&sharded=1", "?shared=1"
PLAIN, REPLICATED, IN_CLOUD = "ReplacingMergeTree", "ReplicatedReplacingMergeTree", "SharedReplacingMergeTree"


@pytest.mark.parametrize(
    ("options", "made_as", "comment"),
    [
        (ONE, PLAIN, ""),
        (CLUSTER, REPLICATED, ""),
        (SHARDS, "Distributed", ""),
        (SHARDS, REPLICATED, COPIED),
        (SHARED, IN_CLOUD, ""),
        (SHARED, REPLICATED, ""),
        (SHARED, PLAIN, ""),
        *((options, "", "") for options in (ONE, CLUSTER, SHARDS, SHARED)),
    ],
)
def test_tables_that_fit_are_taken(options: str, made_as: str, comment: str) -> None:
    check_kind(parse_address(f"clickhouse://db/traces{options}"), made_as, comment)


@pytest.mark.parametrize(
    ("options", "made_as", "comment", "there", "named", "fits"),
    [
        (ONE, REPLICATED, "", "replicated tables", "tables of a single server", "cluster=NAME without sharded"),
        (ONE, "Distributed", "", "tables on shards", "tables of a single server", "cluster=NAME&sharded=1"),
        (ONE, IN_CLOUD, "", "tables that servers share", "tables of a single server", "shared=1"),
        (CLUSTER, PLAIN, "", "tables of a single server", "replicated tables", "no cluster, sharded or shared"),
        (CLUSTER, "Distributed", "", "tables on shards", "replicated tables", "cluster=NAME&sharded=1"),
        (CLUSTER, REPLICATED, COPIED, "tables on shards", "replicated tables", "cluster=NAME&sharded=1"),
        (SHARDS, PLAIN, "", "tables of a single server", "tables on shards", "no cluster, sharded or shared"),
        (SHARDS, REPLICATED, "", "replicated tables", "tables on shards", "cluster=NAME without sharded"),
        (SHARED, "Distributed", "", "tables on shards", "tables that servers share", "cluster=NAME&sharded=1"),
    ],
)
def test_others_are_refused(options: str, made_as: str, comment: str, there: str, named: str, fits: str) -> None:
    with pytest.raises(StoreError) as refused:
        check_kind(parse_address(f"clickhouse://ann:secret@db/traces{options}"), made_as, comment)

    text = str(refused.value)
    assert f"has {there}, and its address here is one of {named} (" in text
    assert f"what fits is {fits};" in text
    assert "secret" not in text


def test_a_store_of_a_single_server_is_not_opened_by_an_address_that_names_a_cluster(url: str) -> None:
    with contextlib.closing(open_store(url)) as store:
        store.count_traces()

    for options in (CLUSTER, SHARDS):
        refused = pytest.raises(StoreError, match="has tables of a single server")
        with contextlib.closing(open_store(f"{url}{options}")) as store, refused:
            store.count_traces()
        with pytest.raises(StoreError, match="has tables of a single server"):
            migrate_clickhouse(f"{url}{options}")


def test_replicated_tables_are_not_made_on_a_cluster_of_several_shards(url: str) -> None:
    with pytest.raises(StoreError, match=r"the cluster 'two' has 2 shards, .*: add sharded=1 to the address"):
        migrate_clickhouse(f"{url}?cluster=two")
    with pytest.raises(StoreError, match="knows no cluster 'main'"):
        migrate_clickhouse(f"{url}{SHARDS}")

    assert migrate_clickhouse(f"{url}?cluster=two&sharded=1") == (0, STORE.version)


def test_projects_of_a_single_server_are_not_opened_by_an_address_that_names_a_cluster(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["migrate", "--projects", "--store", url]) == 0
    assert run(["migrate", "--projects", "--store", f"{url}{CLUSTER}"]) != 0
    assert "has tables of a single server" in capfd.readouterr().err
