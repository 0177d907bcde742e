"""A model call inside a model call: the tokens and the cost of the topmost count once, in every figure."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracer
from tests.engines import ENGINE
from tests.store.first_schema import WITHOUT_LATER_TABLES
from tests.store.records import MS, START, new_store, said, span
from tracer import cli, semconv
from tracer.server import running_server
from tracer.store import Store, open_store
from tracer.store.sqlite import statistics

HOUR = 3_600_000 * MS
LLM_BELOW_LLM = [
    span("t", "root", name="agent", type="AGENT"),
    span("t", "outer", "root", name="outer", type="LLM", model="gpt-4o", usage=(100, 20)),
    span("t", "step", "outer", name="step"),
    span("t", "inner", "step", name="inner", type="LLM", model="gpt-4o-mini", usage=(100, 20)),
]
PRICED_BELOW_UNPRICED = [
    span("t", "agent", name="agent", type="AGENT", usage=(100, 20)),
    span("t", "outer", "agent", name="outer", type="LLM", model="nobody's", usage=(100, 20)),
    span("t", "step", "outer", name="step"),
    span("t", "inner", "step", name="inner", type="LLM", model="gpt-4o", usage=(100, 20)),
]
OUTER_COST = 100 * 2.5e-6 + 20 * 10e-6


def totals(store: Store, group_by: str, **asked: Any) -> dict[str, tuple[int, int, int]]:
    """Calls, input and output tokens by group."""
    rows = store.statistics(group_by=group_by, **asked)
    return {row.group: (row.calls, row.input_tokens, row.output_tokens) for row in rows}


def prices(store: Store, group_by: str) -> dict[str, Any]:
    """Calls with and without a known price, and the cost, by group."""
    return {row.group: (row.priced, row.unpriced, row.cost) for row in store.statistics(group_by=group_by)}


def table(store: Store, name: str) -> list[tuple[Any, ...]]:
    """The rows of a roll-up, which only SQLite has."""
    if ENGINE != "sqlite":
        return []
    database = sqlite3.connect(store.url.removeprefix("sqlite:///"))
    rows = database.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4, 5").fetchall()
    database.close()
    return rows


@pytest.mark.no_store
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_nested_usage_counts_once_whatever_arrives_first(store: Store, order: tuple[int, ...]) -> None:
    for number in order:
        store.append([LLM_BELOW_LLM[number]])
    store.append(LLM_BELOW_LLM[2:])  # and once more

    trace = store.trace("t")
    assert trace is not None
    assert trace.row.cost is not None
    assert trace.row.usage == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    assert trace.row.cost["total_cost"] == pytest.approx(OUTER_COST)
    assert totals(store, "model") == {"gpt-4o": (1, 100, 20), "gpt-4o-mini": (1, 0, 0)}
    assert totals(store, "type") == {"LLM": (2, 100, 20), "AGENT": (1, 0, 0), "CHAIN": (1, 0, 0)}
    assert totals(store, "none") == {"all": (2, 100, 20)}
    (all_calls,) = store.statistics(group_by="none")
    assert (all_calls.priced, all_calls.cost) == (2, pytest.approx(OUTER_COST))


@pytest.mark.no_store
@pytest.mark.parametrize("group_by", ["model", "provider", "name", "type", "none"])
def test_the_hourly_roll_up_counts_nested_usage_once(
    store: Store, group_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in reversed(LLM_BELOW_LLM):
        store.append([line])
    exact = totals(store, group_by)

    monkeypatch.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)

    assert totals(store, group_by) == exact
    assert totals(store, group_by, interval_ns=HOUR) == exact


@pytest.mark.no_store
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_tokens_that_are_priced_below_are_not_without_a_price(
    store: Store, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in order:
        store.append([PRICED_BELOW_UNPRICED[number]])
    exact = {group_by: prices(store, group_by) for group_by in ("model", "type", "none")}
    monkeypatch.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)
    rolled = {group_by: prices(store, group_by) for group_by in exact}
    store.delete_traces(trace_ids=["t"])

    cost = pytest.approx(OUTER_COST)
    assert exact == {
        "model": {"gpt-4o": (1, 0, cost), "nobody's": (1, 0, None)},
        "type": {"LLM": (2, 0, cost), "AGENT": (1, 0, None), "CHAIN": (0, 0, None)},
        "none": {"all": (2, 0, cost)},
    }
    assert rolled == exact
    assert table(store, "hours") == []


@pytest.mark.no_store
def test_a_cost_below_that_sums_of_calls_leave_out_prices_no_call(store: Store) -> None:
    store.append([span("t", "call", name="call", model="nobody's", usage=(3, 4))])
    store.append([span("t", "paid", "call", name="paid", attributes={semconv.COST_TOTAL: 0.5})])

    assert prices(store, "none") == {"all": (0, 1, None)}


def test_every_figure_of_a_nested_call_is_the_same(store_url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    expected = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    store = open_store(store_url)
    store.append([*reversed(LLM_BELOW_LLM), said("t", session_id="s", model_id="v1")])
    store.close()
    cli.run(["stats", "--json", "--store", store_url])
    lines = capfdbinary.readouterr().out.splitlines()
    with running_server(store_url) as url:

        def ask(path: str) -> Any:
            return httpx.get(f"{url}/api/v1{path}", timeout=30).json()

        answers = {
            "trace": ask("/traces/t")["trace"]["usage"],
            "traces": ask("/traces")["traces"][0]["usage"],
            "session": ask("/sessions")["sessions"][0]["usage"],
            "version": ask("/versions")["versions"][0]["usage"],
            "by model": summed(ask("/statistics")["groups"]),
            "all": summed(ask("/statistics?group_by=none")["groups"]),
            "by version": summed(ask("/statistics?group_by=version")["groups"]),
            "over time": summed(ask(f"/statistics?interval_ns={HOUR}")["series"]),
            "filtered": summed(ask("/statistics?filter=session%20%3D%20's'")["groups"]),
        }

    got = tracer.get_trace("t")
    assert got is not None
    (summary,) = tracer.compare_versions()
    answers |= {
        "get_trace": got.info.token_usage,
        "search_traces": tracer.search_traces()[0].info.token_usage,
        "tracer stats": summed([orjson.loads(line) for line in lines]),
        "compare_versions": {"input_tokens": 100, "output_tokens": 20, "total_tokens": summary.tokens},
    }
    assert [name for name, usage in answers.items() if usage != expected] == []
    assert summary.cost == pytest.approx(OUTER_COST)


def summed(groups: list[dict[str, Any]]) -> dict[str, int]:
    read, written = (sum(group[name] for group in groups) for name in ("input_tokens", "output_tokens"))
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


@pytest.mark.no_store
def test_an_agent_that_adds_up_its_calls_takes_nothing_from_their_models(store: Store) -> None:
    store.append([span("t", "call", "agent", name="chat", model="gpt-4o", usage=(3, 4), type="LLM")])
    store.append([span("t", "agent", name="agent", usage=(3, 4), type="AGENT")])

    assert totals(store, "model") == {"gpt-4o": (1, 3, 4)}
    assert totals(store, "none") == {"all": (1, 3, 4)}
    assert totals(store, "name") == {"agent": (1, 3, 4), "chat": (1, 0, 0)}


@pytest.mark.no_store
def test_a_call_above_thousands_of_stored_calls_covers_them_all(store: Store) -> None:
    for first in range(0, 3000, 500):
        store.append(
            [span("t", f"s{number}", "root", model="gpt-4o", usage=(1, 0)) for number in range(first, first + 500)]
        )
    store.append([span("t", "root", model="gpt-4o", usage=(3000, 0))])

    assert totals(store, "model") == {"gpt-4o": (3001, 3000, 0)}
    assert totals(store, "name")["span s7"] == (1, 0, 0)


@pytest.mark.no_store
def test_usage_that_has_no_total_is_still_known_when_a_parent_comes_late(store: Store) -> None:
    store.append([span("t", "call", "agent", attributes={semconv.USAGE_CACHE_READ: 5})])
    store.append([span("t", "agent", attributes={semconv.USAGE_CACHE_READ: 7})])

    trace = store.trace("t")
    assert trace is not None
    assert trace.row.usage == {"cache_read_input_tokens": 7}


@pytest.mark.sqlite_only("an older schema of it")
@pytest.mark.no_store
def test_a_migration_marks_the_nested_usage_of_an_older_store(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append(LLM_BELOW_LLM)
    store.append([span("u", "call", "agent", model="gpt-4o", usage=(3, 4)), span("u", "agent", usage=(9, 9))])
    store.append([span("v", "a", model="gpt-4o", usage=(3, 4)), span("v", "b", "a")])
    store.append([line.replace(b'"t"', b'"w"') for line in PRICED_BELOW_UNPRICED])
    expected = {group: store.statistics(group_by=group) for group in ("model", "name", "none", "type")}
    spans, hours = table(store, "spans"), table(store, "covered_hours")
    store.close()
    with sqlite3.connect(tmp_path / "traces.db") as database:
        database.execute("ALTER TABLE spans DROP COLUMN covered")
        database.execute("DROP TABLE covered_hours")
        database.execute("ALTER TABLE running DROP COLUMN record")
        database.execute("ALTER TABLE hours DROP COLUMN unmeasured")
        database.execute("UPDATE hours SET priced = 0 WHERE cost = 0")
        for statement in WITHOUT_LATER_TABLES:
            database.execute(statement)
        database.execute("PRAGMA user_version = 6")
    database.close()

    store = new_store(tmp_path)

    assert (table(store, "spans"), table(store, "covered_hours")) == (spans, hours)
    assert {group: store.statistics(group_by=group) for group in expected} == expected
    store.close()


@dataclass(frozen=True)
class Known:
    """A span as the naive count knows it."""

    parent_id: str | None
    name: str
    model: str | None
    usage: tuple[int, int] | None


@st.composite
def traces(draw: st.DrawFn) -> tuple[dict[str, Known], list[bytes]]:
    """A forest of spans in three hours, some of which carry tokens, and their lines in the order of their ends."""
    spans: dict[str, Known] = {}
    lines = []
    for number in range(draw(st.integers(1, 7))):
        parent = draw(st.sampled_from([None, "elsewhere", *spans]))
        model = draw(st.sampled_from([None, "gpt-4o", "nobody's"]))
        known = Known(parent, draw(st.sampled_from("xy")), model, draw(st.sampled_from([None, (1, 2), (30, 0)])))
        spans[f"s{number}"] = known
        begin = START + draw(st.integers(0, 2)) * HOUR
        lines.append(
            span("t", f"s{number}", parent, name=known.name, model=model, usage=known.usage, start=begin, end=begin + 1)
        )
    return spans, lines[::-1]


def naive(spans: dict[str, Known], *, of_calls: bool) -> dict[str, tuple[int, int, int]]:
    """Calls and tokens by name, counted by walking up from each span."""
    found: dict[str, tuple[int, int, int]] = {}

    def is_covered(known: Known) -> bool:
        above = spans.get(known.parent_id or "")
        if above is None:
            return False
        return (above.usage is not None and (above.model is not None or not of_calls)) or is_covered(above)

    for known in spans.values():
        if of_calls and known.model is None:
            continue
        key = known.model or "" if of_calls else known.name
        calls, read, written = found.get(key, (0, 0, 0))
        more = known.usage if known.usage and not is_covered(known) else (0, 0)
        found[key] = (calls + 1, read + more[0], written + more[1])
    return found


def naive_prices(spans: dict[str, Known]) -> dict[str, tuple[int, int]]:
    """Calls with and without a known price by name, counted by walking up from each cost."""
    above_a_cost: set[str | None] = set()
    for known in spans.values():
        parent = known.parent_id if known.usage and known.model == "gpt-4o" else None
        while parent in spans:
            above_a_cost.add(parent)
            parent = spans[parent].parent_id
    found = {known.name: (0, 0) for known in spans.values()}
    for span_id, known in spans.items():
        if known.usage:
            is_priced = known.model == "gpt-4o" or span_id in above_a_cost
            priced, unpriced = found[known.name]
            found[known.name] = (priced + is_priced, unpriced + (not is_priced))
    return found


@settings(max_examples=60, deadline=None)
@given(given_trace=traces(), data=st.data())
@pytest.mark.no_store
def test_nested_usage_in_any_order_and_any_batches(
    given_trace: tuple[dict[str, Known], list[bytes]], data: st.DataObject
) -> None:
    spans, lines = given_trace
    order = data.draw(st.permutations(lines)) + data.draw(st.lists(st.sampled_from(lines), max_size=4))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    monkeypatch = pytest.MonkeyPatch()
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
            store.append(order[begin:end])
        trace = store.trace("t")
        exact = [totals(store, group_by) for group_by in ("name", "model")]
        exact_prices = prices(store, "name")
        with monkeypatch.context() as patched:
            patched.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)
            rolled = [totals(store, group_by) for group_by in ("name", "model")]
            rolled_prices = prices(store, "name")
            costs = [row._replace(cost=round(row.cost or 0, 9)) for row in store.statistics(group_by="none")]
        exact_costs = [round(row.cost or 0, 9) for row in store.statistics(group_by="none")]
        store.delete_traces(trace_ids=["t"])
        left = [table(store, name) for name in ("hours", "covered_hours")]
        store.close()

    expected = [naive(spans, of_calls=of_calls) for of_calls in (False, True)]
    assert (exact, rolled) == (expected, expected)
    assert [row.cost for row in costs] == exact_costs
    for found in (exact_prices, rolled_prices):
        assert {name: counts[:2] for name, counts in found.items()} == naive_prices(spans)
    assert left == [[], []]
    assert trace is not None
    read, written = (sum(row[place] for row in expected[0].values()) for place in (1, 2))
    assert (read + written or None) == (trace.row.usage["total_tokens"] if trace.row.usage else None)


def test_amounts_look_the_same_in_every_store(store: Store) -> None:
    counts = {key: number for number, key in enumerate(reversed(semconv.TOKEN_USAGE.values()))}
    free = {semconv.COST_TOTAL: 0, semconv.COST_INPUT: 0}
    store.append([
        span("t", "a", attributes=counts | free, model="m", type="LLM"),
        said("t", 1, session_id="s", run_id="run", model_id="v"),
    ])  # fmt: skip

    (narrow,), (whole,), stored = store.spans("t", payload=False), store.spans("t"), store.trace("t")
    assert stored is not None
    (by_model,), (by_state,) = store.statistics(), store.statistics(group_by="state")
    (session,), (version,), (sums,) = store.find_sessions().sessions, store.versions(), store.run_sums(["run"])
    assert list(narrow["usage"]) == list(stored.row.usage or ()) == list(semconv.TOKEN_USAGE)
    assert repr([narrow["cost"], whole["cost"], stored.row.cost]) == repr([{"input_cost": 0.0, "total_cost": 0.0}] * 3)
    assert repr([row.cost for row in (by_model, by_state, session, version, sums)]) == repr([0.0] * 5)
