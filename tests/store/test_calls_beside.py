"""A call that two instrumentations make spans of, beside each other: it counts once, in any order of arrival."""

from __future__ import annotations

import tempfile
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import MS, START, new_store, span
from tests.store.test_nested_usage import OUTER_COST, table, totals
from tracer.store import Store
from tracer.store.sqlite import statistics

pytestmark = pytest.mark.no_store


def call(span_id: str, scope: str, start: int, end: int, **fields: Any) -> bytes:
    """A call below the agent, from and to a millisecond."""
    times = {"start": START + start * MS, "end": START + end * MS}
    given = {"model": "gpt-4o", "usage": (100, 20), "parent_id": "agent", "type": "LLM", **times, **fields}
    return span("t", span_id, given.pop("parent_id"), name=scope, scope=scope, **given)


AGENT = span("t", "agent", name="agent", type="AGENT")
ONE_CALL = [AGENT, call("a", "openinference", 1, 9), call("b", "sdk", 2, 8), span("t", "http", "b", name="POST")]
TWO_CALLS = [call("a1", "a", 0, 100), call("b1", "b", 1, 90), call("a2", "a", 2, 95), call("b2", "b", 3, 90)]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_call_of_two_instrumentations_counts_once_whatever_arrives_first(
    store: Store, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in order:
        store.append([ONE_CALL[number]])
    exact = [totals(store, group_by) for group_by in ("model", "name")]
    monkeypatch.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)
    trace = store.trace("t")

    assert trace is not None
    assert trace.row.usage == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    assert trace.row.cost is not None
    assert trace.row.cost["total_cost"] == pytest.approx(OUTER_COST)
    assert {each["span_id"]: each.get("parent_id") for each in trace.spans} == {
        "agent": None, "a": "agent", "b": "a", "http": "b"
    }  # fmt: skip
    below = store.payload("t", "b")
    assert below is not None
    assert below["parent_id"] == "a"
    assert exact == [
        {"gpt-4o": (2, 100, 20)},
        {"agent": (1, 0, 0), "openinference": (1, 100, 20), "sdk": (1, 0, 0), "POST": (1, 0, 0)},
    ]
    assert [totals(store, group_by) for group_by in ("model", "name")] == exact


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_calls_side_by_side_of_two_instrumentations_are_as_many_as_were_made(
    store: Store, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in order:
        store.append([TWO_CALLS[number]])
    store.append([AGENT])
    exact = totals(store, "name")
    monkeypatch.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)

    trace = store.trace("t")
    assert trace is not None
    assert trace.row.usage == {"input_tokens": 200, "output_tokens": 40, "total_tokens": 240}
    assert exact == totals(store, "name") == {"agent": (1, 0, 0), "a": (2, 200, 40), "b": (2, 0, 0)}


@pytest.mark.parametrize(
    "other",
    [
        call("b", "openinference", 2, 8),  # the same instrumentation
        call("b", "sdk", 10, 20),  # later
        call("b", "sdk", 2, 8, model="gpt-4o-mini"),
        call("b", "sdk", 2, 8, usage=(100, 21)),
        call("b", "sdk", 2, 8, parent_id="elsewhere"),
        call("b", "tracer", 2, 8),
    ],
)
def test_another_call_counts_beside_it(store: Store, other: bytes) -> None:
    store.append([AGENT, call("a", "openinference", 1, 9)])
    store.append([other])

    assert sum(row[1] for row in totals(store, "name").values()) == 200


def test_models_with_a_provider_in_front_or_a_date_behind_are_the_same(store: Store) -> None:
    store.append([AGENT, call("a", "x", 1, 9), call("b", "y", 2, 8, model="gpt-4o-2024-08-06")])
    store.append([call("c", "z", 3, 7, model="openai/gpt-4o")])

    assert totals(store, "name") == {"agent": (1, 0, 0), "x": (1, 100, 20), "y": (1, 0, 0), "z": (1, 0, 0)}


CALLS = st.tuples(st.sampled_from("abc"), st.integers(0, 6), st.integers(0, 6), st.sampled_from([None, "agent", "s0"]))


@settings(max_examples=60, deadline=None)
@given(calls=st.lists(CALLS, min_size=2, max_size=7), data=st.data())
def test_calls_beside_each_other_in_any_order_and_any_batches(
    calls: list[tuple[str, int, int, str | None]], data: st.DataObject
) -> None:
    lines = [
        call(f"s{number}", scope, start, start + length, parent_id=parent if parent != f"s{number}" else None)
        for number, (scope, start, length, parent) in enumerate(calls)
    ]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for order in (lines, data.draw(st.permutations(lines))):
            cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4))) if found else []
            (Path(folder) / str(len(found))).mkdir()
            store = new_store(Path(folder) / str(len(found)))
            for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
                store.append(order[begin:end])
            trace = store.trace("t")
            assert trace is not None
            exact = totals(store, "name")
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(statistics, "_EXACT_UP_TO_SPANS", -1)
                assert totals(store, "name") == exact
            found.append((trace.row.usage, exact, {each["span_id"]: each.get("parent_id") for each in trace.spans}))
            store.delete_traces(trace_ids=["t"])
            assert [table(store, name) for name in ("hours", "covered_hours")] == [[], []]
            store.close()

    assert found[0] == found[1]
