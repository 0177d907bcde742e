"""Policies of retention, in a file and over a server: what goes, what stays, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import orjson
import pytest

from tests.server.conftest import span
from tests.waiting import until
from tracer.errors import InvalidArgumentError
from tracer.server import running_server
from tracer.server.retention import Retention
from tracer.store import Store, TraceQuery, open_store
from tracer.store.filter import parse_filter
from tracer.store.policies import checked_policy, expired, share_of

DAY = 86400
NOW = 4_000_000_000 * 1_000_000_000  # so far ahead that a server, which looks by the real time, keeps them all
REST = {"name": "rest", "keep_seconds": 90 * DAY, "sample": 0.05, "after_seconds": 7 * DAY}
ERRORS = {"name": "errors", "filter": "status = 'ERROR'"}
RATED = {"name": "rated", "filter": "feedbacks > 0"}


@pytest.fixture(params=["file", "server"])
def kept(request: pytest.FixtureRequest, store_url: str) -> Iterator[Store]:
    """A store, in a file or behind a server."""
    if request.param == "file":
        store = open_store(store_url)
        yield store
        store.close()
        return
    with running_server(store_url) as url:
        store = open_store(url)
        yield store
        store.close()


def trace(number: int, days: float, **fields: Any) -> bytes:
    """A trace of one span that began so many days ago."""
    start = NOW - round(days * DAY * 1_000_000_000)
    return orjson.dumps(span(trace_id=f"{number:032x}", start=start, end=start + 5, **fields))


def feedback(number: int) -> bytes:
    """Feedback on a trace."""
    about = {"kind": "assessment", "id": f"a{number}", "trace_id": f"{number:032x}", "type": "feedback"}
    return orjson.dumps({**about, "name": "good", "value": True, "time": 1})


def gone(store: Store, *policies: Mapping[str, object]) -> set[int]:
    """The numbers of the traces whose time is over."""
    for policy in policies:
        store.write_policy(checked_policy(policy))
    found = [int(each, 16) for part in expired(store, store.policies(), now_ns=NOW) for each in part.trace_ids]
    assert len(found) == len(set(found))
    return set(found)


def in_sample(number: int) -> bool:
    return share_of(f"{number:032x}") < 0.05


def test_a_trace_stays_as_long_as_the_longest_of_its_policies_says(kept: Store) -> None:
    numbers = range(1, 201)
    kept.append([trace(number, 8) for number in numbers])
    kept.append([trace(number + 1000, 91) for number in numbers])
    kept.append([trace(5000, 400, status="ERROR"), trace(5001, 400), feedback(5001), trace(5002, 6)])

    found = gone(kept, REST, ERRORS, RATED)

    sampled = {number for number in numbers if in_sample(number)}
    assert 0 < len(sampled) < 30
    assert found == (set(numbers) - sampled) | {number + 1000 for number in numbers}


def test_without_a_policy_for_it_a_trace_stays(kept: Store) -> None:
    kept.append([trace(1, 400), trace(2, 400, name="other")])

    assert gone(kept) == set()
    assert gone(kept, {"name": "one", "filter": "name = 'other'", "keep_seconds": DAY}) == {2}


def test_a_running_trace_stays(kept: Store) -> None:
    running = {"kind": "start", "trace_id": f"{1:032x}", "span_id": "1" * 16, "name": "agent", "start": NOW - 10**18}
    kept.append([orjson.dumps(running), trace(2, 400)], owner="1-test")

    assert gone(kept, {"name": "all", "keep_seconds": 0}) == {2}


def test_feedback_that_comes_before_the_deletion_keeps_a_trace(kept: Store) -> None:
    kept.append([trace(1, 8), trace(2, 8)])
    kept.write_policy(checked_policy({"name": "all", "keep_seconds": DAY}))
    kept.write_policy(checked_policy(RATED))
    (part,) = expired(kept, kept.policies(), now_ns=NOW)

    kept.append([feedback(1)])
    deleted = kept.delete_traces(trace_ids=part.trace_ids, filter=part.condition)

    left = kept.find_traces(TraceQuery(parse_filter("spans > 0"))).traces
    assert (deleted, [row.trace_id for row in left]) == (1, [f"{1:032x}"])


def test_a_policy_is_made_changed_read_and_deleted(kept: Store) -> None:
    made = kept.write_policy(checked_policy(REST))
    changed = kept.write_policy(checked_policy({"name": "rest", "keep_seconds": DAY}))
    kept.write_policy(checked_policy(ERRORS))

    assert (made.keep_seconds, made.sample, made.after_seconds) == (90 * DAY, 0.05, 7 * DAY)
    assert (changed.created, changed.keep_seconds, changed.sample) == (made.created, DAY, 1.0)
    assert [policy.name for policy in kept.policies()] == ["errors", "rest"]
    kept.delete_policy("rest")
    kept.delete_policy("rest")
    assert [policy.name for policy in kept.policies()] == ["errors"]


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"name": ""}, {"name": "x", "filter": "nothing ="}, {"name": "x", "sample": 0.5},
        {"name": "x", "after_seconds": 5}, {"name": "x", "sample": 2, "after_seconds": 5}, {"name": "x", "days": 3},
        {"name": "x", "keep_seconds": 5, "sample": 0.5, "after_seconds": 6}, {"name": "x", "keep_seconds": -1},
    ],
)  # fmt: skip
def test_a_policy_that_says_nothing_sensible_is_refused(client: httpx.Client, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        checked_policy(wrong)

    assert client.post("/policies", json=wrong).status_code == 400


def test_the_server_keeps_the_policies_in_the_background(store: Store) -> None:
    old, new = time.time_ns() - 8 * DAY * 1_000_000_000, time.time_ns()
    store.append([orjson.dumps(span(trace_id=f"{number:032x}", start=old, end=old + 5)) for number in range(1, 40)])
    store.append([orjson.dumps(span(trace_id="f" * 32, start=new, end=new + 5))])
    store.write_policy(checked_policy({"name": "all", "keep_seconds": DAY}))
    retention = Retention(lambda: store, every_seconds=0.01)

    retention.start()
    went = until(lambda: store.count_traces() == 1)
    retention.stop()
    store.append([orjson.dumps(span(trace_id=f"{1:032x}", span_id="2" * 16))])

    assert (went, store.count_traces(), store.trace(f"{1:032x}")) == (True, 1, None)
