"""The hourly roll-up is what its spans sum to, whatever was written, repeated and deleted."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import MS, START, new_store, said, span
from tracer.store import StatisticsRow, Store, open_store
from tracer.store.sqlite import connection as store_connection
from tracer.store.sqlite import statistics
from tracer.store.sqlite.migrations import MIGRATIONS

pytestmark = pytest.mark.no_store
HOUR = 3_600_000 * MS
FIRST_HOUR = START - START % HOUR
GROUPS = ("model", "provider", "name", "type", "tool", "none")


@st.composite
def spans(draw: st.DrawFn) -> bytes:
    """A span of one of a few traces, somewhere in five hours."""
    start = FIRST_HOUR + draw(st.integers(0, 5 * HOUR // MS)) * MS
    return span(
        f"t{draw(st.integers(0, 5))}",
        f"s{draw(st.integers(0, 40))}",
        name=draw(st.sampled_from(["chat", "lookup", "é"])),
        type=draw(st.sampled_from(["CHAT_MODEL", "TOOL"])),
        status=draw(st.sampled_from(["UNSET", "ERROR"])),
        start=start,
        end=start + draw(st.sampled_from([0, 1, 999, 10**6, 10**9, 7 * 10**9, 10**13])),
        model=draw(st.sampled_from([None, "gpt-4o", "nobody's"])),
        usage=draw(st.sampled_from([None, (0, 1), (1000, 7), (3, 10**6)])),
        attributes=draw(st.sampled_from([{}, {"gen_ai.provider.name": "openai"}])),
    )


def rolled_and_exact(store: Store, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> tuple[Any, Any]:
    """The same question answered from the roll-up and from the spans."""
    with monkeypatch.context() as patched:
        patched.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)
        rolled = store.statistics(**asked)
    return [comparable(row) for row in rolled], [comparable(row) for row in store.statistics(**asked)]


def comparable(row: StatisticsRow) -> StatisticsRow:
    """Without what is only near."""
    cost = None if row.cost is None else round(row.cost, 9)
    return row._replace(cost=cost, exact=True, latency_p50_ms=0.0, latency_p95_ms=0.0, latency_p99_ms=0.0)


@given(
    batches=st.lists(st.lists(spans(), max_size=12), max_size=5),
    deleted=st.lists(st.integers(0, 5), max_size=4),
    since=st.none() | st.integers(-10, 400),
    minutes=st.none() | st.integers(1, 400),
    interval=st.sampled_from([None, HOUR, 3 * HOUR]),
)
@settings(max_examples=60, deadline=None)
def test_the_hourly_roll_up_equals_the_sums_of_the_spans(
    batches: list[list[bytes]], deleted: list[int], since: int | None, minutes: int | None, interval: int | None
) -> None:
    monkeypatch = pytest.MonkeyPatch()
    since_ms = None if since is None else FIRST_HOUR / MS + since * 60_000 + 0.5
    until_ms = None if minutes is None else FIRST_HOUR / MS + ((since or 0) + minutes) * 60_000
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        for number, batch in enumerate(batches):
            store.append(batch)
            store.append([said("t0", number, tags={"n": str(number)}), *batch[:3]])
            store.delete_traces(trace_ids=[f"t{trace}" for trace in deleted[number : number + 1]])

        for group_by in GROUPS:
            asked = {"group_by": group_by, "since_ms": since_ms, "until_ms": until_ms, "interval_ns": interval}
            rolled, exact = rolled_and_exact(store, monkeypatch, **asked)
            assert rolled == exact
        store.delete_traces(trace_ids=[f"t{number}" for number in range(6)])
        store.close()
        with sqlite3.connect(Path(folder) / "traces.db") as database:
            assert database.execute("SELECT * FROM hours").fetchall() == []
        database.close()


def test_percentiles_are_within_five_percent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    durations = [0, 900, 1001, 5_000, 10**6, 3 * 10**6, 10**9, 10**9 + 1, 36 * 10**11]
    store.append([span(f"t{n}", "s", name="x", end=START + ns) for n, ns in enumerate(durations * 7)])
    monkeypatch.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)

    [rolled] = store.statistics(group_by="name")

    assert rolled.exact is False
    assert rolled.latency_p50_ms == pytest.approx(1.0, rel=0.05)
    assert rolled.latency_p99_ms == pytest.approx(3_600_000, rel=0.05)


def test_a_migration_makes_the_roll_up_of_an_older_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store(tmp_path)
    store.append([span("t", str(n), model="gpt-4o", usage=(n, 1), start=START + n * HOUR // 3) for n in range(30)])
    store.append([span("t", "f", model="gpt-4o", status="ERROR", start=START), span("t", "s", model="m", start=START)])
    store.close()
    with sqlite3.connect(tmp_path / "traces.db") as database:
        expected = database.execute("SELECT * FROM hours").fetchall()
        assert sum(row[-1] for row in expected) == 2  # failed, or without token counts
        database.execute("DELETE FROM hours")
        database.execute("ALTER TABLE hours DROP COLUMN unmeasured")
        roll_up = next(statement for step in MIGRATIONS for statement in step if "INSERT INTO hours" in statement)
    database.close()
    unmeasured = next(step for step in MIGRATIONS if "unmeasured" in step[0])
    steps = (*MIGRATIONS, (roll_up,), unmeasured)
    monkeypatch.setattr(store_connection, "MIGRATIONS", steps)
    monkeypatch.setattr(store_connection, "VERSION", 1 + len(steps))

    open_store(store.url).close()

    with sqlite3.connect(tmp_path / "traces.db") as database:
        assert database.execute("SELECT * FROM hours").fetchall() == expected
    database.close()
