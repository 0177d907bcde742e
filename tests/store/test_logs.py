"""Log records and spans in any order, in any batches, by any number of processes, come to the same."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import random
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines import ENGINE
from tests.store.records import MS, START, found, new_store, span
from tracer import semconv
from tracer.store import Store
from tracer.store.sqlite import append, logs

pytestmark = pytest.mark.no_store

DETAILS = "gen_ai.client.inference.operation.details"


def log(trace_id: str, span_id: str, time: int, name: str = DETAILS, **attributes: Any) -> bytes:
    """The line of a log record; ``said`` is a message of a user."""
    said = attributes.pop("said", None)
    if said is not None:
        name, attributes = "gen_ai.user.message", {"body": {"content": said}}
    event = {"name": name, "time": START + time, "attributes": attributes}
    record = {"kind": "log", "trace_id": trace_id, "span_id": span_id, "time": START + time, "event": event}
    return orjson.dumps(record)


def made(trace_id: str, span_id: str, time: int, *, parent_id: str = "root", **attributes: Any) -> bytes:
    """A log record that makes its span where none comes."""
    record = orjson.loads(log(trace_id, span_id, time, **attributes))
    part = {"kind": "span", "trace_id": trace_id, "span_id": span_id, "parent_id": parent_id, "name": "made"}
    record["span"] = {**part, "type": "CHAT_MODEL", "start": START + time - 5, "end": START + time, "status": "UNSET"}
    return orjson.dumps(record)


def state(store: Store) -> dict[str, Any]:
    """All that can be read of the store, without positions and change numbers."""
    traces = {}
    for trace_id in found(store):
        stored = store.trace(trace_id)
        assert stored is not None
        row = stored.row
        assert [each["span_id"] for each in store.spans(trace_id, payload=False)] == [
            each["span_id"] for each in stored.spans
        ]
        traces[trace_id] = (
            row._replace(seq=0, models=sorted(row.models)),
            stored.spans,
        )
    figures = {
        # sums of floats depend on the order of the spans
        group: [row._replace(cost=row.cost and round(row.cost, 15)) for row in store.statistics(group_by=group)]
        for group in ("model", "type", "name", "none", "session")
    }
    words = {word: sorted(found(store, f"text = '{word}'")) for word in ("alpha", "beta", "gamma", "delta")}
    return {"traces": traces, "statistics": figures, "words": words}


USAGE = {semconv.USAGE_INPUT: 10, semconv.USAGE_OUTPUT: 2}
MODEL = {semconv.REQUEST_MODEL: "gpt-4o-mini", semconv.PROVIDER: "openai"}
LINES = [
    span("t", "root", name="agent", type="AGENT", end=START + 9 * MS),
    span("t", "agent", "root", usage=(50, 9), model="gpt-4o-mini"),
    span("t", "call", "agent", name="chat", type="CHAT_MODEL", end=START + 5 * MS),
    log("t", "call", 1, said="alpha question"),
    log("t", "call", 2, said="beta question"),
    log("t", "call", 3, **USAGE, **MODEL, **{semconv.OUTPUT_MESSAGES: [{"role": "assistant", "content": "gamma"}]}),
    log("t", "root", 4, **{semconv.CONVERSATION_ID: "s"}),
    made("t", "step", 20, parent_id="agent", **USAGE, **MODEL),
    log("t", "step", 21, **{semconv.OUTPUT_MESSAGES: [{"role": "assistant", "content": "delta"}]}),
    made("t", "other", 30, **USAGE, **MODEL),
    span("t", "real", "root", type="CHAT_MODEL", known_as=["other"], usage=(10, 2), model="gpt-4o-mini"),
    log("t", "nobody", 5, said="of no span"),
    span("u", "alone", type="CHAT_MODEL"),
    log("u", "alone", 6, **USAGE, **MODEL),
    made("v", "first", 40, parent_id="turn", **USAGE, **MODEL),
    made("v", "second", 50, parent_id="turn", **USAGE, **MODEL),
]


def stored_state(lines: list[bytes], cuts: list[int], *, index: bool = False) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        for begin, end in zip([0, *cuts], [*cuts, len(lines)], strict=True):
            store.append(lines[begin:end], owner="o")
            if index:
                store.index_more()
        result = state(store)
        store.close()
        check(Path(folder) / "traces.db")
    return result


def check(path: Path) -> None:
    """No span is lost or twice in the tables, and each text is once in the index."""
    if ENGINE != "sqlite":
        return
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO texts(texts) VALUES ('integrity-check')")
        spans = database.execute("SELECT id >> 24, span_id FROM spans").fetchall()
        counted = database.execute("SELECT value FROM counters WHERE name = 'spans'").fetchone()[0]
        hours = database.execute("SELECT sum(spans), min(spans), min(input_tokens) FROM hours").fetchone()
        lost = database.execute("SELECT count(*) FROM spans WHERE chunk NOT IN (SELECT id FROM chunks)").fetchone()[0]
        unused = database.execute(
            "SELECT count(*) FROM chunks WHERE id NOT IN (SELECT chunk FROM spans) AND id NOT IN (SELECT chunk FROM"
            " replaced)"
        ).fetchone()[0]
        indexed = database.execute("SELECT rowid FROM texts WHERE texts MATCH 'alpha OR beta OR gamma'").fetchall()
        ids = {row[0] for row in database.execute("SELECT id FROM spans")}
    assert len(spans) == len(set(spans)) == counted == hours[0]
    assert min(hours[1:]) >= 0
    assert (lost, unused) == (0, 0)
    assert {row[0] for row in indexed} <= ids


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return stored_state(LINES, [])


def test_log_records_in_one_append_with_their_spans(expected: dict[str, Any]) -> None:
    rows = {trace_id: row for trace_id, (row, _) in expected["traces"].items()}

    assert (rows["t"].span_count, rows["u"].span_count, rows["v"].span_count) == (5, 1, 2)
    assert rows["t"].usage["input_tokens"] == 60  # the agent's, which has those below, and of "real"
    assert rows["v"].usage["input_tokens"] == 20
    assert rows["t"].session_id == "s"
    assert expected["words"] == {"alpha": ["t"], "beta": ["t"], "gamma": ["t"], "delta": ["t"]}


@settings(max_examples=40)
@given(data=st.data())
def test_any_order_and_any_repetition_come_to_the_same(data: st.DataObject, expected: dict[str, Any]) -> None:
    order = data.draw(st.permutations(LINES)) + data.draw(st.lists(st.sampled_from(LINES), max_size=6))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=12)))

    assert stored_state(order, cuts, index=data.draw(st.booleans())) == expected


SAID = log("t", "call", 1, said="alpha")
CALL = span("t", "call", type="CHAT_MODEL")
OTHER = span("t", "other")


@pytest.mark.sqlite_only("intercepts a transaction")
@pytest.mark.parametrize(
    ("before", "planned", "meanwhile"),
    [
        ([], [CALL], [SAID]),
        ([], [SAID], [CALL]),
        ([OTHER], [CALL], [SAID]),
        ([OTHER], [SAID], [CALL]),
        ([CALL], [SAID], [log("t", "call", 2, said="beta")]),
        ([SAID], [CALL], [log("t", "call", 2, said="beta")]),
        ([], [made("t", "step", 3)], [span("t", "real", known_as=["step"])]),
        ([], [span("t", "real", known_as=["step"])], [made("t", "step", 3)]),
        ([made("t", "step", 3)], [span("t", "real", known_as=["step"])], [log("t", "step", 4, said="alpha")]),
    ],
)
def test_what_comes_between_the_plan_of_an_append_and_its_lock_is_joined(
    before: list[bytes], planned: list[bytes], meanwhile: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = new_store(tmp_path), new_store(tmp_path)
    store.append(before)
    begin_write = append.begin_write
    calls = []

    def begin_after_another(connection: sqlite3.Connection) -> None:
        calls.append(connection)
        if len(calls) == 1:
            other.append(meanwhile)
        begin_write(connection)

    monkeypatch.setattr(append, "begin_write", begin_after_another)
    store.append(planned)
    result = state(store)
    for each in (store, other):
        each.close()
    check(tmp_path / "traces.db")
    assert result == stored_state([*before, *meanwhile, *planned], [])


def append_all(path: str, batches: list[list[bytes]], go: Any) -> None:
    store = new_store(Path(path))
    go.wait()
    for batch in batches:
        store.append(batch, owner="o")
        store.index_more()
    store.close()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_log_records_and_spans_that_race_are_joined_each_once(kind: str, tmp_path: Path) -> None:
    lines = [line.replace(b'"t"', b'"t%d"' % n).replace(b'"u"', b'"u%d"' % n) for n in range(6) for line in LINES[:14]]
    random.Random(7).shuffle(lines)
    batches = [lines[at : at + 3] for at in range(0, len(lines), 3)] + [[line] for line in lines[::5]]
    new_store(tmp_path).close()
    context: Any = multiprocessing.get_context("spawn") if kind == "processes" else threading
    go = context.Event()
    start = context.Process if kind == "processes" else threading.Thread
    workers = [start(target=append_all, args=(str(tmp_path), batches[at::3], go)) for at in range(3)]
    for worker in workers:
        worker.start()
    go.set()
    for worker in workers:
        worker.join(120)

    store = new_store(tmp_path)
    rows = {trace_id: store.trace(trace_id) for trace_id in found(store)}
    while store.index_more():
        pass
    totals = store.statistics(group_by="none")
    store.close()
    check(tmp_path / "traces.db")
    assert sorted(rows) == sorted(f"{name}{n}" for n in range(6) for name in "tu")
    for trace_id, stored in rows.items():
        assert stored is not None
        assert stored.row.span_count == (5 if trace_id[0] == "t" else 1), trace_id
        assert (stored.row.usage or {})["input_tokens"] == (60 if trace_id[0] == "t" else 10), trace_id
        if trace_id[0] == "t":
            [called] = [each for each in stored.spans if each["span_id"] == "call"]
            said = [message["parts"][0]["content"] for message in called["json"][semconv.INPUT_MESSAGES]]
            assert said == ["alpha question", "beta question"], trace_id
    assert sum(row.input_tokens for row in totals) == 6 * 70


@pytest.mark.sqlite_only("the table in which log records wait")
def test_log_records_that_wait_are_bounded_in_number_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "WAITING_BYTES", 20 * 1024)
    store = new_store(tmp_path)
    for number in range(50):
        store.append([log("t", f"span-{number}", number, said="alpha")])
    store.append([span("t", f"span-{number}") for number in range(50)])
    joined = {each["span_id"] for each in store.spans("t") if "json" in each}
    assert joined == {f"span-{number}" for number in range(30, 50)}

    store.append([log("u", "a", 1, said="alpha")])
    monkeypatch.setattr(logs, "WAIT_NS", -1)
    store.append([log("u", "b", 1, said="alpha")])
    store.append([span("u", "a"), span("u", "b")])

    assert [each.get("json") for each in store.spans("u")] == [None, None]
    store.close()


def test_a_span_takes_so_many_log_records_and_no_more(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append([span("t", "a"), *(log("t", "a", number, said=str(number)) for number in range(900))])
    store.append([log("t", "a", number, said=str(number)) for number in range(900, 1100)])
    store.append([span("u", "a"), *(log("u", "a", number, said=f"{number}" * 1_000_000) for number in range(10))])

    asked = {id: store.spans(id)[0]["json"][semconv.INPUT_MESSAGES] for id in "tu"}
    store.close()
    assert (len(asked["t"]), len(asked["u"])) == (1000, 8)


def test_a_span_replaces_under_another_name_what_log_records_made_and_nothing_else(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append([span("t", "a"), made("t", "b", 3)])
    store.append([span("t", "c", known_as=["a", "b"])])

    assert sorted(each["span_id"] for each in store.spans("t")) == ["a", "c"]
    store.close()


def test_a_log_record_that_no_dialect_can_read_costs_nothing_else(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    strange = [
        {"kind": "log", "trace_id": "t", "span_id": "a"},
        {"kind": "log", "trace_id": "t", "span_id": "a", "event": {"name": DETAILS, "attributes": 5}},
        {"kind": "log", "trace_id": "t", "span_id": "a", "span": {"kind": "span"}},
        {"kind": "log", "trace_id": "t", "span_id": "b", "span": {"kind": "span", "span_id": "b"}, "event": {}},
        {"kind": "log", "trace_id": "t", "event": {"name": DETAILS}},
        {"kind": "log", "trace_id": 5, "span_id": "a", "time": "x"},
    ]
    store.append([*(orjson.dumps(each) for each in strange), span("t", "a")])

    assert [each["span_id"] for each in store.spans("t")] == ["a"]
    store.close()
    check(tmp_path / "traces.db")


def test_a_picture_of_a_log_record_is_there_with_its_span_though_a_deletion_took_it_meanwhile(tmp_path: Path) -> None:
    picture = b"\x89PNG of a cat"
    digest, content = hashlib.sha256(picture).hexdigest(), base64.b64encode(picture).decode()
    attachment = {"kind": "attachment", "id": digest, "mime": "image/png", "content": content}
    named = f"tracer-attachment:{digest};image/png;13"
    with closing(new_store(tmp_path)) as store:
        store.append([orjson.dumps(attachment), span("t", "root", json={"tracer.inputs": named})])
        waiting = orjson.loads(log("u", "call", 1, said=named))
        store.append([orjson.dumps({**waiting, "attachments": [attachment]})])
        store.delete_traces(trace_ids=["t"])

        store.append([span("u", "call", type="CHAT_MODEL")])

        assert named in orjson.dumps(store.spans("u")).decode()
        assert store.attachment(digest) == ("image/png", picture)
        store.delete_traces()
        assert store.attachment(digest) is None
