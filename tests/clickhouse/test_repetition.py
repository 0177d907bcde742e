"""What is sent twice, by two servers, late, or after a crash in the middle counts once, in lists as in sums."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import orjson
import pytest

from tests.store.records import MS, START, assessment, found, restore, said, span, start
from tracer.errors import StoreError
from tracer.store import Store, open_store
from tracer.store.clickhouse import append as appending
from tracer.store.clickhouse import documents
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.documents import Document
from tracer.store.clickhouse.gathering import Gathering, together
from tracer.store.decode import DecodedBatch, decode

pytestmark = pytest.mark.no_store

HOUR = 3_600_000 * MS

LINES = [
    start("t", "r"),
    said("t", 5, tags={"a": "1", "b": None}, session_id="s"),
    span("t", "c", "r", start=START + MS, model="gpt-4o", usage=(10, 5)),
    span("t", "r", status="ERROR"),
    assessment("t", "good", True),
    span("u", "r", model="gpt-4o", usage=(1, 1)),
]


def figures(store: Store) -> dict[str, Any]:
    """Lists and sums."""
    rows = {trace_id: store.trace(trace_id) for trace_id in found(store)}
    return {
        "traces": {key: (stored.row._replace(seq=0), stored.spans) for key, stored in rows.items() if stored},
        "statistics": [store.statistics(group_by=group) for group in ("model", "type", "none", "session", "state")],
        "sessions": store.find_sessions().sessions,
        "count": store.count_traces(),
    }


def test_the_same_records_again_change_nothing(stores: tuple[Store, Store]) -> None:
    one, other = stores
    one.append(LINES, owner="o")
    before, changed = figures(one), one.changes(0).seq

    one.append(LINES, owner="o")
    other.append(LINES[:3], owner="o")
    other.append(LINES * 3)
    for line in reversed(LINES):
        one.append([line])

    assert figures(one) == figures(other) == before
    assert one.changes(changed).trace_ids == []


def test_servers_that_write_the_same_traces_at_once_count_each_span_once(stores: tuple[Store, Store]) -> None:
    spans = [span("t", f"s{n}", "r" if n else None, usage=(1, 1), model="m", start=START + n) for n in range(40)]
    together = threading.Barrier(4)

    def write(number: int) -> None:
        together.wait()
        for at in range(0, 40, 8):
            stores[number % 2].append([*spans[at + number : at + 8], *spans[:2]])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    stored = stores[1].trace("t")
    assert stored is not None
    assert stored.row.span_count == len(stored.spans) == 40
    assert [(row.calls, row.input_tokens) for row in stores[0].statistics()] == [(40, stored.row.usage["input_tokens"])]  # type: ignore[index]


@pytest.mark.parametrize("table", ["facts", "traces", "changes"])
def test_a_crash_in_the_middle_of_an_append_is_made_good_when_the_records_come_again(
    table: str, stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stores
    insert = Connection._insert_block

    def crash(self: Connection, into: str, *arguments: Any, **named: Any) -> None:
        if into == table:
            raise StoreError("killed")
        insert(self, into, *arguments, **named)

    monkeypatch.setattr(Connection, "_insert_block", crash)
    with pytest.raises(StoreError, match="killed"):
        one.append(LINES)
    monkeypatch.undo()
    if table == "facts":
        assert found(other) == []
    other.append(LINES)

    fresh = figures(other)
    assert fresh["count"] == 2
    assert other.changes(0).trace_ids == ["t", "u"]
    assert [(row.calls, row.input_tokens) for row in other.statistics()] == [(2, 11)]


def after_reading(monkeypatch: pytest.MonkeyPatch, reader: str, action: Callable[[], object]) -> None:
    """Do something once, between the reading and the writing of an append."""
    read = getattr(appending, reader)

    def read_and_wait(*arguments: Any) -> Any:
        known = read(*arguments)
        monkeypatch.undo()
        action()
        return known

    monkeypatch.setattr(appending, reader, read_and_wait)


@pytest.mark.parametrize("start_of_other", [START, START - HOUR, START + HOUR])
@pytest.mark.parametrize(("before", "reader"), [([], "_known_at_hand"), ([span("t", "z")], "_read_known")])
def test_a_row_that_was_made_of_less_never_replaces_one_that_was_made_of_more(
    before: list[bytes],
    reader: str,
    start_of_other: int,
    stores: tuple[Store, Store],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = stores
    one.append(before)

    after_reading(monkeypatch, reader, lambda: other.append([span("t", "b", start=start_of_other)]))
    one.append([span("t", "a")])

    stored = one.trace("t")
    assert stored is not None
    assert stored.row.span_count == len(stored.spans) == len(before) + 2
    assert found(one) == ["t"]
    assert [(row.calls, row.errors) for row in one.statistics(group_by="all_traces")] == [(1, 0)]
    assert sum(row.calls for row in one.statistics(group_by="name")) == len(before) + 2


def test_a_trace_whose_first_span_comes_late_is_in_its_own_hour_alone(stores: tuple[Store, Store]) -> None:
    one, other = stores
    one.append([span("t", "b", "a", start=START + HOUR, model="m", usage=(1, 1)), span("u", "r", start=START + MS)])
    other.append([span("t", "c", "a", start=START + 5 * HOUR, model="m", usage=(1, 1))])
    one.append([span("t", "a", start=START)])
    hour: dict[str, Any] = {"since_ms": (START + HOUR) / MS, "until_ms": (START + 2 * HOUR) / MS}

    assert found(other) == ["u", "t"]
    assert found(other, f"timestamp >= {(START + HOUR) / MS:.0f}") == []
    assert [(row.group, row.calls) for row in other.statistics(**hour)] == [("m", 1)]
    assert one.statistics(group_by="all_traces", **hour) == []
    histogram = one.histogram()
    assert histogram is not None
    assert sum(count for _, count, _ in histogram.buckets) == 2


def test_a_span_that_started_in_another_hour_than_it_said_counts_once(stores: tuple[Store, Store]) -> None:
    one, other = stores
    one.append([start("t", "a", start=START - HOUR)])
    other.append([span("t", "a", start=START, json={"tracer.inputs": "omega"})])
    one.append([span("t", "a", start=START + HOUR, json={"tracer.inputs": "sigma"})])

    stored = one.trace("t")
    assert stored is not None
    assert [each["start"] for each in stored.spans] == [START]
    assert (stored.row.span_count, stored.row.start) == (1, START)
    assert (found(one, "text = 'omega'"), found(one, "text = 'sigma'")) == (["t"], [])


def test_times_that_nothing_real_has_make_no_partitions(stores: tuple[Store, Store]) -> None:
    one, _ = stores
    starts = [0, 1, 10**9, 2**62, *(number * 700 * HOUR for number in range(20))]
    one.append([span(f"t{number}", "a", start=at) for number, at in enumerate(starts)])

    assert one.count_traces() == len(found(one)) == len(starts)
    connection = one._checked()  # type: ignore[attr-defined]
    assert connection.rows("SELECT uniqExact(toStartOfWeek(toDateTime(hour * 3600))) FROM traces")[0][0] <= 2


def test_a_deletion_hides_the_rows_of_hours_that_come_meanwhile(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stores
    one.append([span("t", "b", "a")])

    after_reading(monkeypatch, "_read_known", lambda: other.delete_traces(trace_ids=["t"]))
    one.append([span("t", "a", start=START - HOUR, model="m", usage=(1, 1))])

    assert (found(one), one.count_traces(), one.statistics()) == ([], 0, [])
    day: dict[str, Any] = {"since_ms": (START - 24 * HOUR) / MS, "until_ms": (START + 24 * HOUR) / MS}
    assert one.statistics(group_by="all_traces", **day) == []


def test_appends_that_come_at_once_are_written_together(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = stores
    one.append([span("first", "a")])
    inserted: list[str] = []
    insert = Connection._insert_block
    is_waiting = threading.Event()

    def slow(self: Connection, into: str, *arguments: Any, **named: Any) -> None:
        inserted.append(into)
        is_waiting.wait(0.5)
        insert(self, into, *arguments, **named)

    monkeypatch.setattr(Connection, "_insert_block", slow)
    threads = [threading.Thread(target=one.append, args=([span(f"t{n}", "a")],)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert one.count_traces() == 13
    assert inserted.count("spans") <= 4


def test_a_batch_that_is_written_with_others_keeps_all_that_it_has() -> None:
    one = decode([span("t", "a")], "o")
    digest = hashlib.sha256(b"hi").hexdigest()
    other = decode(
        [
            span("u", "b"), restore("u"), orjson.dumps({"kind": "process", "owner": "p"}),
            orjson.dumps({"kind": "experiment", "name": "e"}), orjson.dumps({"kind": "run", "run_id": "r"}),
            orjson.dumps({"kind": "model", "model_id": "m"}),
            orjson.dumps({"kind": "registered", "of": "prompt", "name": "n", "id": "i"}),
            orjson.dumps({"kind": "attachment", "id": digest, "content": "aGk="}),
        ],
        None,
    )  # fmt: skip

    whole = together([one, other])

    assert whole.traces == {**one.traces, **other.traces}
    alone = [each.name for each in fields(DecodedBatch) if each.name != "traces"]
    assert all(getattr(other, name) for name in alone)
    assert [getattr(whole, name) for name in alone] == [getattr(other, name) for name in alone]


@pytest.mark.parametrize("fault", [StoreError("broken"), KeyError("a fault of ours")])
def test_of_appends_that_are_written_together_only_the_broken_one_fails(fault: Exception) -> None:
    written: list[list[str]] = []
    is_first, may_go = threading.Event(), threading.Event()

    def write(batch: DecodedBatch) -> None:
        is_first.set()
        may_go.wait(60)
        if "broken" in batch.traces:
            raise fault
        written.append(sorted(batch.traces))

    gathering = Gathering(write)
    errors: list[str] = []

    def append(name: str) -> None:
        try:
            gathering.append(decode([span(name, "a")], None))
        except type(fault):
            errors.append(name)

    threads = [threading.Thread(target=append, args=(name,)) for name in ("1", "2", "3", "broken", "4", "4")]
    for thread in threads:
        thread.start()
    is_first.wait(60)
    may_go.set()
    for thread in threads:
        thread.join(60)

    assert errors == ["broken"]
    assert sorted(name for names in written for name in names) == ["1", "2", "3", "4", "4"]


def test_what_arrives_late_does_not_bring_a_deleted_trace_back(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stores
    one.append([span("t", "a"), span("t", "b")])
    read = appending.stored_rows

    def read_and_wait(connection: Connection, trace_ids: list[str], restored: set[str]) -> Any:
        found = read(connection, trace_ids, restored)
        monkeypatch.undo()
        other.delete_traces(trace_ids=["t"])  # while the append is under way
        return found

    monkeypatch.setattr(appending, "stored_rows", read_and_wait)
    one.append([span("t", "c")])

    assert (found(one), one.trace("t"), one.statistics(group_by="type")) == ([], None, [])


def test_a_deleted_trace_that_is_restored_has_only_what_comes_then(stores: tuple[Store, Store]) -> None:
    one, other = stores
    one.append([span("t", "a"), said("t", tags={"k": "v"})])
    assert other.delete_traces(trace_ids=["t"]) == 1
    assert (found(one), one.count_traces(), one.payload("t", "a")) == ([], 0, None)
    one.append([span("t", "x")])
    assert (found(one), one.trace("t")) == ([], None)
    one.append([restore("t"), span("t", "b", json={"tracer.inputs": "omega"})])

    stored = other.trace("t")
    assert stored is not None
    assert ([each["span_id"] for each in stored.spans], stored.row.tags) == (["b"], {})
    assert found(other, "text = 'omega'") == ["t"]


def test_no_reader_passes_a_change_that_was_drawn_earlier_and_seen_later(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stores
    seen: list[int] = []

    def append_and_look() -> None:
        other.append([span("u", "r")])
        seen.append(other.changes(0).seq)

    after_reading(monkeypatch, "_known_at_hand", append_and_look)
    one.append([span("t", "r")])

    assert other.changes(seen[0]).trace_ids == ["t"]


def test_of_changes_at_once_to_one_document_none_is_lost(url: str) -> None:
    open_store(url).count_traces()
    together = threading.Barrier(4)

    def count() -> None:
        from tracer.store.clickhouse.address import parse_address

        connection = Connection(parse_address(url))
        together.wait()
        for _ in range(3):
            documents.change(
                connection, "test", "o", lambda found: [Document("n", {"n": found.get("n", {"n": 0})["n"] + 1})]
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    from tracer.store.clickhouse.address import parse_address

    assert documents.read(Connection(parse_address(url)), "test", "o") == {"n": {"n": 12}}


def test_a_process_that_another_server_has_heard_of_counts_as_alive(stores: tuple[Store, Store]) -> None:
    one, other = stores
    one.append([start("t", "r")])
    one.append([start("u", "r")], owner="alive")
    one.append([], owner="alive")

    assert other.running_owners() == []
    other.append([start("v", "r", owner="x")])
    assert other.running_owners() == []
