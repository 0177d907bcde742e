"""A store behind a server answers as the same store does when its file is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

import tracer
from tests.server.conftest import ROOT_ID, SECOND, START, TRACE_ID, chat, span
from tracer.errors import InvalidArgumentError, StoreError
from tracer.export.copying import Copying
from tracer.server import running_server
from tracer.server.operations import OPERATIONS
from tracer.store import Store, TraceQuery, open_store
from tracer.store.filter import parse_filter, parse_order
from tracer.store.remote.connection import Answer, Connection

pytestmark = pytest.mark.no_store
DIGEST = hashlib.sha256(b"\0\0\0").hexdigest()


@pytest.fixture
def remote(server_url: str) -> Iterator[Store]:
    """The same store, through the server."""
    opened = open_store(server_url)
    yield opened
    opened.close()


@pytest.fixture
def filled(store: Store) -> Store:
    """A bit of everything."""
    records = [
        span(),
        chat(),
        chat(2, status="ERROR", message="no"),
        {"kind": "start", "trace_id": "b" * 32, "span_id": "b" * 16, "name": "runs", "start": START + 5},
        {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "session_id": "s/1", "model_id": "v1", "tags": {"env": "x"}},
        {
            "kind": "assessment",
            "id": "a1",
            "trace_id": TRACE_ID,
            "name": "good",
            "type": "feedback",
            "value": 1,
            "time": 9,
        },
        {"kind": "attachment", "id": DIGEST, "mime": "image/png", "content": "AAAA"},
        {"kind": "process", "owner": "1-x", "resource": {"service.name": "shop"}},
        {"kind": "model", "model_id": "v1", "time": 1, "name": "v/1", "status": "FAILED", "status_message": "no"},
        {"kind": "model", "model_id": "v2", "time": 1, "name": "gone", "deleted": True},
        {"kind": "registered", "of": "prompt", "name": "q a", "id": "1", "content": {"template": "x"}},
        {"kind": "registered", "of": "prompt", "name": "q a", "id": "2", "tags": {"a": "b"}, "time": 5},
        {"kind": "alias", "of": "prompt", "name": "q a", "alias": "p/1", "id": "1", "time": 7},
        {"kind": "registered", "of": "model", "name": "m", "id": "1", "content": {"model_id": "v1"}},
        {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "run_id": "r1"},
        {
            "kind": "assessment",
            "id": "a2",
            "trace_id": TRACE_ID,
            "name": "tone",
            "type": "feedback",
            "value": 0.5,
            "metadata": {"tracer.evaluation.run": "r1"},
            "time": 9,
        },
        {"kind": "trace", "trace_id": TRACE_ID, "time": 2, "metadata": {"tracer.prompt.q a/1": "q a@p/1"}},
    ]
    store.append([orjson.dumps(record) for record in records], owner="1-x")
    return store


QUESTIONS: dict[str, Callable[[Store], object]] = {
    "traces": lambda store: store.find_traces(TraceQuery()),
    "some": lambda store: store.find_traces(
        TraceQuery(parse_filter("tags.env = 'x' AND cost > 0"), parse_order("name"))
    ),
    "count": lambda store: store.count_traces(parse_filter("state = 'IN_PROGRESS'")),
    "trace": lambda store: store.trace(TRACE_ID),
    "light trace": lambda store: store.trace(TRACE_ID, payload=False, after=1),
    "running": lambda store: store.trace("b" * 32),
    "no trace": lambda store: store.trace("c" * 32),
    "spans": lambda store: store.spans(TRACE_ID, payload=False),
    "spans of": lambda store: store.spans_of([TRACE_ID, "c" * 32, "b" * 32, TRACE_ID]),
    "light spans of": lambda store: store.spans_of([TRACE_ID], payload=False),
    "spans of none": lambda store: store.spans_of([]),
    "whole traces": lambda store: store.traces(["b" * 32, "c" * 32, TRACE_ID]),
    "no whole traces": lambda store: store.traces([]),
    "payload": lambda store: store.payload(TRACE_ID, ROOT_ID),
    "no payload": lambda store: store.payload(TRACE_ID, "b" * 16),
    "statistics": lambda store: store.statistics(group_by="name", since_ms=START / 1e6 - 1, until_ms=START / 1e6 + 9),
    "series": lambda store: store.statistics(interval_ns=60 * SECOND),
    "tools": lambda store: store.statistics(group_by="tool"),
    "all traces": lambda store: store.statistics(group_by="all_traces"),
    "feedback": lambda store: store.feedback(),
    "no feedback": lambda store: store.feedback(parse_filter("name = 'nothing'")),
    "histogram": lambda store: store.histogram(parse_filter("name = 'agent'"), buckets=7),
    "no histogram": lambda store: store.histogram(parse_filter("name = 'nothing'")),
    "facets": lambda store: store.facets(None, ["state", "failed_step", "model", "tags.env"], limit=3),
    "snippets": lambda store: store.snippets([TRACE_ID, "c" * 32], "no"),
    "no facets": lambda store: store.facets(None, []),
    "sessions": lambda store: store.find_sessions(limit=1),
    "dear sessions": lambda store: store.find_sessions(order_by="cost"),
    "session": lambda store: store.session("s/1"),
    "no session": lambda store: store.session("s/2"),
    "versions": lambda store: store.versions(),
    "models": lambda store: store.models(),
    "model": lambda store: store.models(model_id="v1", name=None),
    "prompts": lambda store: store.registered("prompt"),
    "prompt": lambda store: store.registered("prompt", name="q a"),
    "prompt by number": lambda store: store.registered("prompt", name="q a", number=2),
    "prompt by alias": lambda store: store.registered("prompt", name="q a", alias="p/1"),
    "newest prompt": lambda store: store.registered("prompt", name="q a", alias="latest"),
    "prompt by id": lambda store: store.registered("prompt", name="q a", id="2"),
    "no prompt": lambda store: store.registered("prompt", name="none"),
    "registered models": lambda store: store.registered("model"),
    "traces of a prompt": lambda store: store.count_traces(parse_filter("prompt = 'q a/1'")),
    "run sums": lambda store: store.run_sums(["r1", "r2"]),
    "experiments": lambda store: store.experiments(),
    "changes": lambda store: store.changes(0),
    "change number": lambda store: store.change_number(),
    "attachment": lambda store: store.attachment(DIGEST),
    "no attachment": lambda store: store.attachment("b" * 64),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_it_answers_as_the_file_does(name: str, filled: Store, remote: Store) -> None:
    assert QUESTIONS[name](remote) == QUESTIONS[name](filled)


def test_long_lists_come_in_parts(store: Store, remote: Store) -> None:
    store.append([orjson.dumps(span(trace_id=f"{number:032x}", start=START + number)) for number in range(2100)])

    page = remote.find_traces(TraceQuery(limit=2050))
    rest = remote.find_traces(TraceQuery(limit=2050, page_token=page.next_page_token))

    found = [int(row.trace_id, 16) for row in (*page.traces, *rest.traces)]
    assert found == list(reversed(range(2100)))
    assert rest.next_page_token is None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were asked of the server."""
    paths: list[str] = []
    request = Connection.request

    def noted(self: Connection, method: str, path: str, *rest: Any, **named: Any) -> Answer:
        paths.append(f"{method} {path}")
        return request(self, method, path, *rest, **named)

    monkeypatch.setattr(Connection, "request", noted)
    return paths


def test_search_traces_asks_a_server_twice_however_many_traces_it_finds(
    store: Store, server_url: str, asked: list[str]
) -> None:
    for number in range(100):
        store.append(
            [orjson.dumps(record) for record in (span(trace_id=f"{number:032x}"), chat(trace_id=f"{number:032x}"))]
        )
    tracer.configure(store=server_url)
    try:
        traces = tracer.search_traces(max_results=100)
    finally:
        tracer.reset()

    assert [len(trace.data.spans) for trace in traces] == [2] * 100
    assert asked == ["GET /traces", "POST /traces/records"]


def test_records_of_many_large_traces_come_in_several_answers(store: Store, remote: Store, asked: list[str]) -> None:
    ids = [f"{number:032x}" for number in range(5)]
    store.append([orjson.dumps(span(trace_id=id, json={"tracer.inputs": "x" * 3_000_000})) for id in ids])

    found, whole = remote.spans_of(ids), remote.traces(ids)

    assert found == store.spans_of(ids)
    assert whole == store.traces(ids)
    assert asked == ["POST /traces/records"] * 6


def test_a_copy_asks_a_server_once_for_a_hundred_traces(
    store: Store, remote: Store, asked: list[str], tmp_path: Path
) -> None:
    store.append([orjson.dumps(span(trace_id=f"{number:032x}", start=START + number)) for number in range(100)])
    copying = Copying(remote, open_store(f"sqlite:///{tmp_path / 'copy.db'}"))

    assert list(copying.traces(None)) == [100]
    assert (copying.done.traces, copying.done.spans) == (100, 100)
    assert asked == ["GET /traces", "POST /traces/records"]


def test_the_records_of_too_many_traces_are_refused(client: httpx.Client) -> None:
    for body in (
        {"trace_ids": ["a"] * 1001},
        {"trace_ids": "a"},
        {},
        {"trace_ids": ["a"], "payload": 7},
        {"trace_ids": ["a"], "about": 7},
    ):
        assert client.post("/traces/records", json=body).status_code == 400


def test_writing_and_deleting(store: Store, remote: Store) -> None:
    remote.append([orjson.dumps(span()), orjson.dumps(chat())], owner="7-far")
    remote.append([b'{"kind":"start","trace_id":"b","span_id":"b","name":"runs","start":5}'], owner="7-far")
    remote.owner_gone("7-far")

    assert {row.trace_id: row.state for row in store.find_traces(TraceQuery()).traces} == {
        TRACE_ID: "OK",
        "b": "INTERRUPTED",
    }
    assert remote.delete_traces(trace_ids=["b", "nothing"]) == 1
    assert remote.delete_traces(filter=parse_filter("name = 'agent'"), limit=1) == 1
    assert store.count_traces() == 0


def test_what_the_server_refuses_is_raised(remote: Store) -> None:
    with pytest.raises(InvalidArgumentError, match="none of ours"):
        remote.find_traces(TraceQuery(page_token="made up"))
    with pytest.raises(InvalidArgumentError, match="expected one of"):
        remote.statistics(group_by="mood")


def test_a_url_without_a_tracer_server_is_reported() -> None:
    store = open_store("http://127.0.0.1:1")

    with pytest.raises(StoreError, match=r"cannot reach the tracer server http://127\.0\.0\.1:1"):
        store.count_traces()


def test_a_connection_that_the_server_closed_is_opened_again(store_url: str) -> None:
    from tracer.server import ServerSettings, running_server

    with running_server(store_url) as url:
        port = int(url.rpartition(":")[2])
        store = open_store(url)
        assert store.count_traces() == 0
    with running_server(store_url, ServerSettings(port=port)):
        assert store.count_traces() == 0
    store.close()


def test_spans_of_an_older_server_are_asked_for_once_a_trace(
    monkeypatch: pytest.MonkeyPatch, store_url: str, store: Store, filled: Store
) -> None:
    older = tuple(operation for operation in OPERATIONS if operation.path != "/traces/records")
    monkeypatch.setattr("tracer.server.app.OPERATIONS", older)
    with running_server(store_url) as url:
        remote = open_store(url)
        found, whole = remote.spans_of([TRACE_ID, "c" * 32]), remote.traces([TRACE_ID, "c" * 32])
        remote.close()

    assert len(older) == len(OPERATIONS) - 1
    assert found == store.spans_of([TRACE_ID, "c" * 32])
    assert whole == store.traces([TRACE_ID, "c" * 32])
