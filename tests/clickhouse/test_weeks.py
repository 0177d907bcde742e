"""Weeks of which nothing is kept go as a whole: at once for all who read, with what arrives late, and off the disk."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import orjson
import pytest

from tests.store.records import MS, assessment, found, restore, said, span, start
from tests.waiting import until
from tracer.server.retention import Retention
from tracer.store import Store
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.layout import local_table
from tracer.store.policies import all_over_before, checked_policy, stored_policy

pytestmark = pytest.mark.no_store

DAY = 86_400_000 * MS
WEEK = 7 * DAY
MONDAY = 1_790_553_600_000 * MS  # 2026-09-28
ALTERED = "min_age_to_force_merge_seconds = 604800"
CALLED: dict[str, Any] = {"type": "CHAT_MODEL", "model": "m", "usage": (2, 1)}


def weeks_of_spans(tables: Connection) -> list[str]:
    return [
        week
        for (week,) in tables.rows(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND table IN ('spans', 'spans_local')"
            " AND database = currentDatabase() ORDER BY partition"
        )
    ]


def test_a_week_goes_at_once_for_all_and_stays_gone(stores: tuple[Store, Store], tables: Connection) -> None:
    one, other = stores
    old = [span(f"old{number}", "r", start=MONDAY + number * DAY, **CALLED) for number in range(7)]
    new = [span(f"new{number}", "r", start=MONDAY + WEEK + number * DAY, **CALLED) for number in range(3)]
    one.append([*old, *new, said("old1", 1, tags={"a": "b"}, session_id="s")])
    before = other.change_number()

    gone = one.delete_older(MONDAY + WEEK)

    assert gone == 7
    for store in stores:
        assert sorted(found(store)) == ["new0", "new1", "new2"]
        assert (store.count_traces(), store.trace("old1")) == (3, None)
        (model,) = store.statistics()
        assert (model.calls, model.input_tokens) == (3, 6)
        assert store.find_sessions().sessions == []
        assert found(store, "tags.a = 'b'") == []
    assert other.change_number() > before
    assert weeks_of_spans(tables) == ["2026-10-05"]
    assert tables.rows("SELECT countIf(deleted = 0), countIf(deleted = 1) FROM traces") == [[3, 7]]

    other.append([span("old1", "late", "r", start=MONDAY + DAY, **CALLED), old[0]])
    assert (one.count_traces(), one.delete_older(MONDAY + WEEK)) == (3, 0)


def test_a_week_that_is_not_over_or_has_a_running_trace_stays(stores: tuple[Store, Store], tables: Connection) -> None:
    store = stores[0]
    store.append([span("a", "r", start=MONDAY), span("b", "r", start=MONDAY + WEEK)])
    store.append([start("c", "r", start=MONDAY + WEEK)], owner="1-test")

    assert store.delete_older(MONDAY + WEEK - 1) == 0
    assert store.delete_older(MONDAY + 2 * WEEK) == 1
    assert (sorted(found(store)), weeks_of_spans(tables)) == (["b", "c"], ["2026-10-05"])


def test_a_trace_over_two_weeks_is_in_that_of_its_start_and_keeps_its_spans_while_it_is_there(
    stores: tuple[Store, Store], tables: Connection
) -> None:
    store = stores[0]
    later = MONDAY + WEEK + DAY
    running = start("run", "r", start=MONDAY)
    store.append([running, span("run", "c", "r", start=later)], owner="1-test")
    store.append([span("long", "r", start=MONDAY + WEEK), span("long", "c", "r", start=MONDAY + 2 * WEEK + DAY)])

    # the second week has spans of a trace that began before it, and runs
    assert store.delete_older(MONDAY + 2 * WEEK) == 0
    stored = store.trace("run")
    assert stored is not None
    assert stored.row.span_count == 2

    store.append([span("run", "r", start=MONDAY)], owner="1-test")
    assert store.delete_older(MONDAY + 2 * WEEK) == 2
    assert (found(store), weeks_of_spans(tables)) == ([], ["2026-10-12"])
    store.append([span("long", "d", "r", start=MONDAY + 2 * WEEK + DAY)])
    assert (found(store), store.statistics(group_by="type")) == ([], [])


def test_attachments_go_with_the_last_trace_that_names_them(stores: tuple[Store, Store]) -> None:
    store = stores[0]
    digests = [hashlib.sha256(content).hexdigest() for content in (b"one", b"two")]
    for digest, content in zip(digests, (b"one", b"two")):
        record = {"kind": "attachment", "id": digest, "trace_id": "a", "mime": "text/plain"}
        store.append([orjson.dumps({**record, "content": base64.b64encode(content).decode()})])
    names: list[dict[str, Any]] = [
        {"json": {"tracer.inputs": f"tracer-attachment:{digest};text/plain;3"}} for digest in digests
    ]
    store.append([span("a", "r", start=MONDAY, **names[0]), span("a", "c", "r", start=MONDAY, **names[1])])
    store.append([span("b", "r", start=MONDAY + WEEK, **names[1])])

    store.delete_older(MONDAY + WEEK)

    assert [store.attachment(digest) is not None for digest in digests] == [False, True]


def test_attachments_go_with_a_trace_that_comes_while_its_week_is_deleted(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stores
    digest, content = hashlib.sha256(b"one").hexdigest(), base64.b64encode(b"one").decode()
    named: dict[str, Any] = {"json": {"tracer.inputs": f"tracer-attachment:{digest};text/plain;3"}}
    late = [
        orjson.dumps({"kind": "attachment", "id": digest, "mime": "text/plain", "content": content}),
        span("late", "r", start=MONDAY, **named),
    ]
    one.append([span("a", "r", start=MONDAY)])
    command = Connection.command

    def slow(self: Connection, sql: str, *arguments: Any, **more: Any) -> None:
        if "DROP PARTITION" in sql:
            other.append(late)
        command(self, sql, *arguments, **more)

    monkeypatch.setattr(Connection, "command", slow)

    assert one.delete_older(MONDAY + WEEK) == 2
    assert (found(other), other.attachment(digest)) == ([], None)


def test_a_server_drops_weeks_by_a_policy_without_a_filter(stores: tuple[Store, Store], tables: Connection) -> None:
    store = stores[0]
    now = time.time_ns()
    store.append([span("a", "r", start=now - 5 * WEEK), span("b", "r", start=now)])
    store.write_policy(checked_policy({"name": "all", "keep_seconds": 2 * WEEK // 10**9}))
    retention = Retention(lambda: stores[1], every_seconds=0.01)

    retention.start()
    went = until(lambda: store.count_traces() == 1 and len(weeks_of_spans(tables)) == 1)
    retention.stop()

    assert (went, found(store)) == (True, ["b"])


def test_everything_is_over_only_after_the_longest_time_of_all_policies() -> None:
    def border(*policies: tuple[str, int | None]) -> int | None:
        stored = [
            stored_policy(checked_policy({"name": "a", "filter": filter, "keep_seconds": seconds}), 0, 0)
            for filter, seconds in policies
        ]
        return all_over_before(stored, now_ns=100 * 10**9)

    assert border(("", 30)) == 70 * 10**9
    assert border(("", 30), ("status = 'ERROR'", 60)) == 40 * 10**9
    assert border(("", 30), ("status = 'ERROR'", None)) is None
    assert border(("status = 'ERROR'", 30)) is None
    assert border() is None


def test_nothing_of_deleted_traces_stays_on_disk(stores: tuple[Store, Store], tables: Connection) -> None:
    store = stores[0]
    for name, began in (("one", MONDAY), ("old", MONDAY - 3 * WEEK), ("kept", MONDAY)):
        store.append(
            [
                span(name, "r", start=began, json={"tracer.inputs": f"confidential {name}"}),
                span(name, "later", "r", start=began + 5 * DAY, json={"tracer.inputs": f"confidential {name}"}),
                assessment(name, "good", True, rationale=f"confidential {name}"),
            ]
        )

    store.delete_traces(trace_ids=["one"])
    store.delete_older(MONDAY - 2 * WEEK)
    for table in ("spans", "facts", "traces"):
        tables.command(f"OPTIMIZE TABLE {local_table(table, tables.address)} FINAL")

    for table in ("spans", "facts"):
        left = tables.rows(f"SELECT DISTINCT trace_id FROM {table} WHERE position(record, 'confidential') > 0")
        assert left == [["kept"]], table
    assert found(stores[1], "text = 'confidential'") == ["kept"]
    store.append([span("one", "r", start=MONDAY), span("one", "last", "r", start=MONDAY)])
    store.append([restore("one"), span("one", "r", start=MONDAY)])
    assert [each["span_id"] for each in store.spans("one")] == ["r"]
    for table in ("spans", "facts", "traces"):
        ((made,),) = tables.rows(
            "SELECT any(create_table_query) FROM system.tables WHERE database = currentDatabase() AND name = ?",
            [local_table(table, tables.address)],
        )
        assert ALTERED in made


def test_a_trace_whose_spans_went_with_their_week_is_deleted_by_the_next_run(
    stores: tuple[Store, Store], tables: Connection
) -> None:
    store = stores[0]
    store.append([span("t", "r", start=MONDAY), span("t", "later", "r", start=MONDAY + WEEK)])
    spans, first = local_table("spans", tables.address), weeks_of_spans(tables)[0]
    tables.command(f"ALTER TABLE {spans} DROP PARTITION '{first}'")  # as it was between the statements of a run

    assert store.delete_older(MONDAY + 2 * WEEK) == 1
    assert found(store) == []
    assert weeks_of_spans(tables) == []
