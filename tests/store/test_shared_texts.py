"""The turns of a conversation share their texts on disk, without a difference to their readers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.store.conversations import (
    Inputs,
    anthropic_messages,
    gemini_contents,
    openai_chat,
    plain_history,
    prose,
    text_attribute,
    turn,
    turns,
)
from tests.store.first_schema import WITHOUT_LATER_TABLES
from tests.store.records import assessment, found, new_store, span
from tracer.errors import StoreError
from tracer.store import Store
from tracer.store.filter import parse_filter

pytestmark = pytest.mark.no_store
_SPAWN = multiprocessing.get_context("spawn")
SHAPES = (openai_chat, anthropic_messages, gemini_contents, plain_history, text_attribute)


def ask(folder: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "traces.db")) as database:
        rows = database.execute(sql).fetchall()
        database.commit()
        return rows


def bases(folder: Path) -> int:
    return len(ask(folder, "SELECT DISTINCT base FROM chunks WHERE base IS NOT NULL"))


def sharing(folder: Path) -> int:
    return len(ask(folder, "SELECT 1 FROM chunks WHERE base IS NOT NULL"))


def append_each(store: Store, lines: list[bytes]) -> None:
    for line in lines:
        store.append([line])


def assert_reads(store: Store, lines: list[bytes]) -> None:
    for line in lines:
        record = orjson.loads(line)
        assert store.spans(record["trace_id"]) == [record]
        assert store.payload(record["trace_id"], record["span_id"]) == record


@pytest.mark.parametrize("inputs", SHAPES)
@pytest.mark.parametrize("together", [1, 7])
def test_a_conversation_takes_a_fraction_of_what_its_turns_say(
    store: Store, tmp_path: Path, inputs: Inputs, together: int
) -> None:
    lines = turns("c", 30, inputs)

    for first in range(0, len(lines), together):
        store.append(lines[first : first + together])

    ((room,),) = ask(tmp_path, "SELECT sum(length(content)) FROM chunks")
    assert room < 0.09 * sum(map(len, lines))
    assert 1 <= bases(tmp_path) <= 7
    assert_reads(store, lines)


def test_a_long_conversation_grows_far_slower_than_its_history(store: Store, tmp_path: Path) -> None:
    lines = turns("c", 120, plain_history)
    append_each(store, lines)

    rooms = [room for (room,) in ask(tmp_path, "SELECT sum(length(content)) FROM chunks GROUP BY trace > 40")]

    # three times the turns: nine times the history
    assert sum(rooms) < 6 * rooms[0]
    assert_reads(store, lines[-3:])


def test_conversations_that_take_turns_share_each_with_itself(store: Store, tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(12)]
    lines = list(chain.from_iterable(zip(*(turns(name, 12) for name in names))))

    append_each(store, lines)

    ((room,),) = ask(tmp_path, "SELECT sum(length(content)) FROM chunks")
    assert room < 0.15 * sum(map(len, lines))
    assert_reads(store, lines)


def test_short_records_and_those_that_have_nothing_in_common_share_nothing(store: Store, tmp_path: Path) -> None:
    append_each(store, [span(f"t{n}", "s", json={"tracer.inputs": "the same question" * 9}) for n in range(20)])
    append_each(store, [span(f"l{n}", "s", json={"tracer.inputs": prose(f"{n}", 900)}) for n in range(20)])
    numbers = [[chance / 7 + number for chance in range(3000)] for number in range(20)]
    append_each(store, [span(f"v{n}", "s", json={"tracer.inputs": [prose("q", 20), numbers[n]]}) for n in range(20)])

    assert sharing(tmp_path) == 0


def test_the_calls_of_a_long_trace_share_with_those_that_were_written_before(store: Store, tmp_path: Path) -> None:
    steps = [orjson.loads(line) for line in turns("c", 12)]
    for number, record in enumerate(steps):
        record.update(trace_id="agent", span_id=f"{number:02}", parent_id="root")
        store.append([span("agent", f"tool{number:02}", "root", start=record["start"]), orjson.dumps(record)])

    assert sharing(tmp_path) > 5
    assert [store.payload("agent", record["span_id"]) for record in steps] == steps
    assert found(store, "text = 'cq9'") == ["agent"]
    assert store.delete_traces(trace_ids=["agent"]) == 1
    assert ask(tmp_path, "SELECT (SELECT count(*) FROM chunks), (SELECT count(*) FROM words)") == [(0, 0)]


@pytest.fixture
def alike(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two stores with the same: in one turns share their texts, the other was opened anew for each."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    lines = [*turns("c", 12), *turns("d", 8, plain_history), assessment("c-3", "good", True)]
    one = new_store(tmp_path / "one")
    append_each(one, lines)
    for line in lines:
        other = new_store(tmp_path / "other")
        other.append([line])
        other.close()
    assert (sharing(tmp_path / "one") > 10, sharing(tmp_path / "other")) == (True, 0)
    other = new_store(tmp_path / "other")
    yield one, other
    one.close()
    other.close()


def test_everything_reads_as_it_does_without_sharing(alike: tuple[Store, Store], tmp_path: Path) -> None:
    filters = [
        "text = 'cq5'", "text CONTAINS 'q7: '", "text LIKE '%a3: %'", "span.inputs LIKE '%patient assistant%'",
        "span.outputs LIKE 'da4%'", "request LIKE '%q6%'", "text = 'paper' AND NOT feedback.good = true",
    ]  # fmt: skip
    one, other = alike

    for filter_string in filters:
        assert found(one, filter_string) == found(other, filter_string) != [], filter_string
    assert [one.trace(trace_id) for trace_id in found(one)] == [other.trace(trace_id) for trace_id in found(other)]
    for question in ("SELECT * FROM words", "SELECT * FROM terms", "SELECT * FROM hours"):
        assert ask(tmp_path / "one", question) == ask(tmp_path / "other", question)


def test_deleting_leaves_the_same_index_as_without_sharing(alike: tuple[Store, Store], tmp_path: Path) -> None:
    for store in alike:
        found(store, "text = 'paper'")  # brings the index up to date
        store.delete_traces(trace_ids=["c-1", "c-2", "c-3", "d-5"])

    one, other = alike
    assert found(one, "text = 'paper'") == found(other, "text = 'paper'")
    assert ask(tmp_path / "one", "SELECT * FROM words") == ask(tmp_path / "other", "SELECT * FROM words")

    for store in alike:
        store.delete_traces(filter=parse_filter("name LIKE '%'"))
    for name in ("one", "other"):
        assert ask(tmp_path / name, "SELECT count(*) FROM words") == [(0,)]
        assert ask(tmp_path / name, "SELECT count(*) FROM chunks") == [(0,)]


@pytest.mark.parametrize("number", range(12))
def test_what_shared_with_a_deleted_turn_is_still_there(store: Store, tmp_path: Path, number: int) -> None:
    lines = turns("c", 12)
    append_each(store, lines)

    assert store.delete_traces(trace_ids=[f"c-{number}"]) == 1

    del lines[number]
    assert_reads(store, lines)
    assert ask(tmp_path, "SELECT 1 FROM chunks WHERE base NOT IN (SELECT id FROM chunks)") == []


def test_deleting_turn_by_turn_from_either_end_leaves_the_rest_readable(store: Store) -> None:
    lines = turns("c", 14)
    append_each(store, lines)

    while lines:
        for gone in (lines.pop(0), lines.pop()):
            assert store.delete_traces(trace_ids=[orjson.loads(gone)["trace_id"]]) == 1
        assert_reads(store, lines)


def test_many_blocks_get_rid_of_their_base_in_short_transactions(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.store.sqlite.delete._BLOCKS_AT_ONCE", 2)
    lines = turns("c", 12)
    append_each(store, lines)

    assert store.delete_traces(limit=5) == 5

    assert_reads(store, lines[5:])


def test_a_turn_after_somebody_else_deleted_what_it_would_share_is_written_whole(store: Store, tmp_path: Path) -> None:
    lines = turns("c", 10)
    append_each(store, lines[:6])
    other = new_store(tmp_path)
    other.delete_traces(trace_ids=[f"c-{number}" for number in range(6)])
    other.close()

    append_each(store, lines[6:])

    assert_reads(store, lines[6:])
    assert sharing(tmp_path) == 3  # with the first of them


def test_a_write_that_fails_is_nothing_to_share_with(store: Store, tmp_path: Path) -> None:
    lines = turns("c", 9)
    append_each(store, lines[:2])
    ask(tmp_path, "CREATE TRIGGER no BEFORE INSERT ON spans BEGIN SELECT RAISE(ABORT, 'not now'); END")
    for line in lines[2:5]:
        with pytest.raises(StoreError, match="not now"):
            store.append([line])
    ask(tmp_path, "DROP TRIGGER no")

    append_each(store, lines[5:])

    assert_reads(store, [*lines[:2], *lines[5:]])


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM chunks WHERE id IN (SELECT base FROM chunks)",
        "UPDATE chunks SET content = (SELECT content FROM chunks WHERE id = {0}) WHERE id IN (SELECT base FROM chunks)",
    ],
)
def test_a_base_that_is_missing_or_another_one_is_an_error_and_never_a_wrong_text(
    store: Store, tmp_path: Path, damage: str
) -> None:
    append_each(store, [*turns("d", 4), *turns("c", 6)])
    other = ask(tmp_path, "SELECT max(base) FROM chunks")[0][0]
    ((dependant,),) = ask(
        tmp_path, f"SELECT trace_id FROM traces WHERE num = (SELECT max(trace) FROM chunks WHERE base < {other})"
    )

    ask(tmp_path, damage.format(other))

    for read in (store.spans, lambda trace_id: store.payload(trace_id, "s")):
        with pytest.raises(StoreError, match="damaged"):
            read(dependant)
    with pytest.raises(StoreError, match="cannot read the store"):
        found(store, f"trace_id = '{dependant}' AND span.inputs LIKE '%x%'")


def converse(folder: str, process: int, begin: Any) -> None:
    begin.wait(60)
    store = new_store(Path(folder))
    for number in range(20):
        record = orjson.loads(turn("c", number))
        store.append([orjson.dumps({**record, "trace_id": f"p{process}-{number}"})])
        if number % 5 == 4:
            store.delete_traces(trace_ids=[f"p{1 - process}-{number - 4}"])
    store.close()


def test_two_processes_write_the_same_conversation_and_delete_from_each_other(tmp_path: Path) -> None:
    begin = _SPAWN.Barrier(2)
    processes = [_SPAWN.Process(target=converse, args=(str(tmp_path), number, begin)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0]
    store = new_store(tmp_path)
    for trace_id in found(store):
        record = orjson.loads(turn("c", int(trace_id.split("-")[1])))
        assert store.spans(trace_id) == [{**record, "trace_id": trace_id}]
    assert len(found(store)) >= 32
    store.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("written", [3, 8, 17])
def test_a_writer_that_is_killed_leaves_nothing_that_cannot_be_read(tmp_path: Path, written: int) -> None:
    script = f"""
import sys
sys.path.insert(0, {os.getcwd()!r})
from pathlib import Path
from tests.store.conversations import turns
from tests.store.records import new_store
store = new_store(Path({str(tmp_path)!r}))
lines = turns("c", 40)
for line in lines:
    store.append([line])
    print(flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(written):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)

    store = new_store(tmp_path)
    count = len(found(store))
    assert count >= written
    assert_reads(store, turns("c", count))
    store.append([turn("c", 40)])
    assert_reads(store, [turn("c", 40)])
    store.close()


def test_a_migration_brings_a_store_without_shared_texts_up_to_date(tmp_path: Path) -> None:
    lines = turns("c", 8)
    for line in lines[:4]:
        store = new_store(tmp_path)
        store.append([line])
        store.close()
    ask(tmp_path, "DROP INDEX chunks_base")
    ask(tmp_path, "ALTER TABLE chunks DROP COLUMN base")
    ask(tmp_path, "ALTER TABLE spans DROP COLUMN covered")
    ask(tmp_path, "DROP TABLE covered_hours")
    ask(tmp_path, "ALTER TABLE running DROP COLUMN record")
    ask(tmp_path, "ALTER TABLE hours DROP COLUMN unmeasured")
    for statement in WITHOUT_LATER_TABLES:
        ask(tmp_path, statement)
    ask(tmp_path, "PRAGMA user_version = 5")

    store = new_store(tmp_path)

    append_each(store, lines[4:])
    assert_reads(store, lines)
    assert sharing(tmp_path) == 3
    store.close()


def test_what_the_writer_remembers_is_bounded(store: Store) -> None:
    for number in range(60):
        store.append(
            [span(f"t{number}", "s", json={"tracer.inputs": [prose(f"{number}-{n}", 900) for n in range(30)]})]
        )
        store.append([span(f"h{number}", "s", json={"tracer.inputs": str(number) + "x" * 2_000_000})])

    remembered = store._bases  # type: ignore[attr-defined]
    assert remembered._bytes == sum(base.size for base in remembered._kept) <= 4 * 1024 * 1024
    assert set(remembered._owners.values()) <= set(remembered._kept)
