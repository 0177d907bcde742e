"""Tables on two shards (two_shards.py): each answer is the one of the same store on a single server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import orjson
import pytest

from tests.engines import ON_SHARDS
from tests.store.records import MS, SECOND, START, assessment, found, restore, said, span, start
from tracer._catalog.opening import open_catalog
from tracer.cli import run
from tracer.errors import StoreError
from tracer.store import Store, open_store
from tracer.store.clickhouse import migrate_clickhouse, owners
from tracer.store.clickhouse.address import parse_address
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.layout import SHARD_KEYS
from tracer.store.clickhouse.migrations import schema_version
from tracer.store.datasets import dataset_id_of
from tracer.store.filter import Expression, parse_filter

pytestmark = [pytest.mark.no_store, pytest.mark.before_a_release]

T = TypeVar("T")
HOUR = 3600 * SECOND
WEEK = 7 * 24 * HOUR
TRACES = 12
PICTURES = [b"one", b"two", b"three", b"four"]
DIGESTS = [hashlib.sha256(content).hexdigest() for content in PICTURES]


class Pair(NamedTuple):
    """A store on a single server, and one on shards."""

    plain: Store
    sharded: Store
    tables: Connection  # of the one on shards

    def append(self, lines: list[bytes], *, owner: str | None = None) -> None:
        """Append to both."""
        for store in self[:2]:
            store.append(lines, owner=owner)

    def same(self, ask: Callable[[Store], T]) -> T:
        """The answer, which both give."""
        plain, sharded = map(ask, self[:2])
        assert sharded == plain
        return sharded


@contextlib.contextmanager
def opened_pair(server: str) -> Iterator[Pair]:
    """Two empty stores."""
    name = f"clickhouse://{server}/t{uuid.uuid4().hex[:12]}"
    with contextlib.ExitStack() as stack:
        sharded = f"{name}_s{ON_SHARDS}"
        migrate_clickhouse(sharded)
        stores = [stack.enter_context(contextlib.closing(open_store(url))) for url in (name, sharded)]
        yield Pair(*stores, stack.enter_context(contextlib.closing(Connection(parse_address(sharded)))))


@pytest.fixture
def pair(server: str) -> Iterator[Pair]:
    with opened_pair(server) as pair:
        yield pair


@pytest.fixture(scope="module")
def filled(server: str) -> Iterator[Pair]:
    """Two stores with the same traces, for tests that only read."""
    with opened_pair(server) as pair:
        version = {"kind": "model", "model_id": "m-1", "name": "shop", "experiment": "e", "time": 1}
        pair.append([orjson.dumps(version), *records()], owner="1-test")
        pair.append(LATE)
        yield pair


def records() -> list[bytes]:
    """Traces of two spans with what may be said of a trace."""
    lines: list[bytes] = []
    for n in range(TRACES):
        begun = START + n * HOUR
        text = {"tracer.inputs": orjson.dumps(f"the {'red' if n % 3 else 'green'} apple {n}").decode()}
        called: dict[str, Any] = {"type": "CHAT_MODEL", "model": f"m{n % 4}", "usage": (n, 2)}
        lines += [
            span(f"t{n}", "c", "r", start=begun + MS, end=begun + (n + 2) * MS, json=text, **called),
            span(
                f"t{n}", "r", start=begun, end=begun + SECOND, name=f"n{n % 5}", status="ERROR" if n % 6 == 0 else "OK"
            ),
            said(f"t{n}", tags={"env": f"e{n % 2}"}, session_id=f"s{n % 7}", user=f"u{n % 3}", model_id="m-1"),
        ]
        lines += [assessment(f"t{n}", "good", n % 2 == 0)] if n % 4 == 0 else []
    return lines


def late(n: int) -> bytes:
    """A span that started in another hour than what was there of its trace."""
    return span(f"t{n}", "late", "r", start=START + (n - 3) * HOUR, attributes={"color": f"c{n}"})


LATE = [*map(late, range(0, TRACES, 5)), start("t1", "runs", start=START + HOUR)]


def test_a_shard_has_every_row_of_its_traces_and_none_of_others(filled: Pair) -> None:
    for table in SHARD_KEYS:
        key = "seq" if table == "changes" else "digest" if table == "attachments" else "trace_id"
        rows = filled.tables.rows(f"SELECT {key}, groupUniqArray(shardNum()) FROM {table} GROUP BY 1")
        assert all(len(shards) == 1 for _, shards in rows), table
    shards = filled.tables.rows("SELECT shardNum(), count() FROM spans GROUP BY 1 ORDER BY 1")
    assert [shard for shard, _ in shards] == [1, 2]
    assert sum(count for _, count in shards) == 2 * TRACES + len(LATE)


def test_traces_are_read_whole(filled: Pair) -> None:
    ids = [f"t{n}" for n in range(TRACES)]

    def whole(store: Store) -> list[Any]:
        return [(stored.row._replace(seq=0), stored.spans, stored.resource) for stored in store.traces(ids)]

    assert len(filled.same(whole)) == TRACES
    assert len(filled.same(lambda store: store.spans_of(ids, payload=False))) == TRACES
    assert filled.same(lambda store: store.payload("t7", "c"))
    assert filled.same(lambda store: store.payload("t1", "runs"))


@pytest.mark.parametrize(
    "filter_string",
    [
        None,
        "text = 'green'",
        "text != 'green'",
        "text CONTAINS 'pple 1' AND NOT text = 'red'",
        "span.type = 'CHAT_MODEL' AND span.model = 'm1'",
        "span.attribute.color = 'c5' OR span.attribute.color IS NULL",
        "NOT (span.attribute.color IS NOT NULL) AND tags.env = 'e1'",
        "span.inputs CONTAINS 'red' AND tokens > 10",
        "feedback.good IS NOT NULL AND status = 'ERROR'",
        "version = 'shop'",
        "version != 'shop'",
        "trace_id IN ('t1', 't2', 't3', 'none') AND session != 's2'",
    ],
)
def test_filters_select_the_same_traces(filled: Pair, filter_string: str | None) -> None:
    filled.same(lambda store: found(store, filter_string))


def test_a_page_of_any_order_and_the_number_of_traces_are_the_same(filled: Pair) -> None:
    assert len(filled.same(lambda store: found(store, order_by=["tokens DESC"], limit=5))) == 5
    filled.same(lambda store: found(store, "text = 'red'", order_by=["duration"], limit=3))
    assert filled.same(lambda store: store.count_traces(parse_filter("text = 'red'")))


CHOSEN = parse_filter("text = 'apple' AND NOT text = 'green'")


@pytest.mark.parametrize("group", ["model", "type", "session"])
def test_statistics_are_the_same(filled: Pair, group: str) -> None:
    time = {"since_ms": START / MS, "until_ms": (START + 9 * HOUR) / MS}

    assert filled.same(lambda store: store.statistics(group_by=group))
    filled.same(lambda store: store.statistics(group_by=group, filter=CHOSEN, interval_ns=HOUR, **time))


@pytest.mark.parametrize("chosen", [None, CHOSEN], ids=["all", "chosen"])
def test_summaries_are_the_same(filled: Pair, chosen: Expression | None) -> None:
    assert filled.same(lambda store: store.histogram(chosen))
    assert filled.same(lambda store: store.facets(chosen, ["model", "name", "tags.env", "session"]))
    assert filled.same(lambda store: store.find_sessions(chosen, limit=3, order_by="tokens"))
    assert filled.same(lambda store: store.versions(chosen))
    assert filled.same(lambda store: store.feedback(chosen))


def test_sums_of_an_experiment_of_a_session_and_places_of_a_text_are_the_same(filled: Pair) -> None:
    assert filled.same(lambda store: store.experiments())
    assert filled.same(lambda store: store.session("s3"))
    assert filled.same(lambda store: store.snippets([f"t{n}" for n in range(TRACES)], "apple 1"))


def test_changes_are_read_in_their_order_and_all_of_one_append_lie_on_one_shard(pair: Pair) -> None:
    pair.append(records()[:20])
    for n in range(3):
        pair.append([said(f"t{n}", 2, tags={"a": str(n)})])

    def followed(store: Store, limit: int = 2) -> list[str]:
        seen, since = list[str](), 0
        while True:
            changes = store.changes(since, limit=limit)
            seen, since = [*seen, *changes.trace_ids], changes.seq
            if not changes.has_more:
                assert since == store.change_number()
                return seen

    assert pair.same(followed)[-3:] == [f"t{n}" for n in range(3)]
    of_numbers = pair.tables.rows("SELECT seq, uniqExact(shardNum()) FROM changes GROUP BY seq")
    assert (len(of_numbers), {shards for _, shards in of_numbers}) == (4, {1})


def test_what_is_deleted_is_gone_and_comes_again_only_by_an_import(pair: Pair) -> None:
    pair.append(records())

    assert pair.same(lambda store: store.delete_traces(filter=parse_filter("text = 'green'"), limit=3)) == 3
    assert pair.same(lambda store: store.delete_traces(trace_ids=["t1", "t2", "none"])) == 2
    pair.append(records()[:9])
    pair.append(LATE)

    assert len(pair.same(found)) == TRACES - 5
    pair.append([restore("t1"), *records()[4:7]])
    assert "t1" in pair.same(found)


def test_whole_weeks_go_from_all_shards(pair: Pair) -> None:
    monday = 1_790_553_600_000 * MS
    old = [span(f"old{n}", "r", start=monday + n * HOUR, model="m", usage=(2, 1)) for n in range(12)]
    new = [span(f"new{n}", "r", start=monday + WEEK + n * HOUR, model="m", usage=(2, 1)) for n in range(5)]
    pair.append([*old, *new, span("old3", "c", "r", start=monday + HOUR)])

    assert pair.same(lambda store: store.delete_older(monday + WEEK)) == 12

    assert len(pair.same(found)) == 5
    pair.same(lambda store: store.statistics())
    pair.append([old[0], span("old3", "late", start=monday + WEEK)])
    assert pair.same(lambda store: store.count_traces()) == 5
    assert pair.tables.rows("SELECT count() FROM spans WHERE trace_id LIKE 'old%'") == [[0]]


def test_attachments_stay_until_no_trace_and_no_row_of_a_dataset_names_them(pair: Pair) -> None:
    for content, digest in zip(PICTURES, DIGESTS):
        record = {"kind": "attachment", "id": digest, "trace_id": "a", "mime": "image/png"}
        pair.append([orjson.dumps({**record, "content": base64.b64encode(content).decode()})])
    names = [f"tracer-attachment:{digest};image/png;3" for digest in DIGESTS]
    pair.append([span(f"a{n}", "r", json={"tracer.inputs": name}) for n, name in enumerate(names)])
    pair.append([span("b", "r", json={"tracer.inputs": names[1]})])
    for store in pair[:2]:
        store.write_dataset("d")
        store.write_rows(dataset_id_of("d"), [{"inputs": {"picture": names[2]}}])
    assert pair.same(lambda store: [store.attachment(digest) for digest in DIGESTS]) == [
        ("image/png", content) for content in PICTURES
    ]

    pair.same(lambda store: store.delete_traces(trace_ids=[f"a{n}" for n in range(len(names))]))

    there = pair.same(lambda store: [store.attachment(digest) is not None for digest in DIGESTS])
    assert there == [False, True, True, False]


def test_spans_of_a_dead_process_are_interrupted_on_every_shard(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.append([start(f"t{n}", "r") for n in range(8)], owner="1-test")
    pair.append([start("u", "r")], owner="2-test")
    assert pair.same(lambda store: store.running_owners()) == []
    monkeypatch.setattr(owners, "_ALIVE_SECONDS", 0)
    assert sorted(pair.same(lambda store: sorted(store.running_owners()))) == ["1-test", "2-test"]

    for store in pair[:2]:
        store.owner_gone("1-test")

    states = pair.same(lambda store: [each.row.state for each in store.traces([f"t{n}" for n in range(8)] + ["u"])])
    assert states == ["INTERRUPTED"] * 8 + ["IN_PROGRESS"]


def test_sizes_are_those_of_all_shards_by_the_names_of_tables(filled: Pair) -> None:
    plain, sharded = (store.sizes() for store in filled[:2])

    assert sharded.keys() == plain.keys()
    assert sharded["spans"] > 0


def test_a_project_has_tables_on_shards_and_goes_with_them(server: str) -> None:
    url = f"clickhouse://{server}/t{uuid.uuid4().hex[:12]}{ON_SHARDS}"
    assert run(["migrate", "--projects", "--store", url]) == 0
    with contextlib.closing(open_catalog(url)) as catalog:
        catalog.start()
        project = catalog.create_project("shop", by="a test")
        with contextlib.closing(catalog.open_store(project)) as store:
            store.append(records())
            assert store.count_traces(parse_filter("text = 'apple'")) == TRACES

        catalog.delete_project("shop", by="a test")
        catalog.remove_leftovers()
        assert not catalog.has_store(project)


def test_tables_of_another_kind_that_a_failed_migration_left_are_told(server: str) -> None:
    url = f"clickhouse://{server}/t{uuid.uuid4().hex[:12]}{ON_SHARDS}"
    address = parse_address(url)
    with contextlib.closing(Connection(address)) as connection:
        connection.command(f"CREATE DATABASE {address.database}", database="")
        connection.command("CREATE TABLE spans (trace_id String) ENGINE = MergeTree ORDER BY trace_id")

        with pytest.raises(StoreError, match="has tables of a single server"):
            migrate_clickhouse(url)
        assert schema_version(connection) == 0
