"""Damaged, foreign and empty files among the journals: said once, left out, and everything else is read."""

from __future__ import annotations

import logging
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import tracer
from tracer._journal.head import HEAD_SIZE, MAGIC
from tracer._journal.journal import Journal
from tracer._journal.recovery import dropped
from tracer._journal.sink import sink_key
from tracer._records import line
from tracer._records.derive import record_of

FRAME = struct.Struct("<II")


class Named:
    name = "store"


STORE_KEY = sink_key(Named())  # type: ignore[arg-type]


def span(number: int) -> bytes:
    return (
        b'{"kind":"span","trace_id":"%032x","span_id":"%016x","start":1700000000000000000,"end":1700000001000000000,'
        b'"name":"span %d","type":"CHAIN","status":"OK","scope":"test"}' % (number + 1, number + 1, number)
    )


@pytest.fixture
def folder(own_store: str) -> Path:
    return Path(own_store.removeprefix("sqlite:///") + ".journal")


@pytest.fixture
def dead(folder: Path) -> Path:
    """The journal that a dead process left: ten spans."""
    journal = Journal(folder, max_bytes=1 << 30, process_fields={})
    journal.add_sink(STORE_KEY, lambda: None)
    for number in range(10):
        journal.append(span(number))
    assert not journal.close()
    return folder / f"{journal.owner}.000001.journal"


def positions(content: bytes) -> list[int]:
    """Where each record's frame starts."""
    found, position = [], HEAD_SIZE
    while position + FRAME.size <= len(content):
        length, _ = FRAME.unpack_from(content, position)
        found.append(position)
        position += FRAME.size + length
    return found


def names() -> list[str]:
    return sorted(trace.info.name or "" for trace in tracer.search_traces())


def all_but(*left_out: int) -> list[str]:
    return [f"span {number}" for number in range(10) if number not in left_out]


def half_written_without_length(content: bytearray) -> None:
    at = positions(bytes(content))[-1]
    content[at : at + FRAME.size] = bytes(FRAME.size)
    content[-20:] = bytes(20)


def half_written_body(content: bytearray) -> None:
    content[-20:] = bytes(20)


def cut_short(content: bytearray) -> None:
    del content[-20:]


def cut_in_a_frame(content: bytearray) -> None:
    del content[positions(bytes(content))[-1] + 3 :]


def flipped_bytes(content: bytearray) -> None:
    at = positions(bytes(content))[4] + 50
    content[at : at + 4] = b"\xff\x00\xff\x00"


def broken_length(content: bytearray) -> None:
    at = positions(bytes(content))[4]
    content[at : at + 4] = b"\xff\xff\xff\xff"


def zeroed(content: bytearray) -> None:
    first, last = positions(bytes(content))[4], positions(bytes(content))[6]
    content[first:last] = bytes(last - first)


DAMAGES: dict[Callable[[bytearray], None], tuple[int, ...]] = {
    half_written_without_length: (9,),
    half_written_body: (9,),
    cut_short: (9,),
    cut_in_a_frame: (9,),
    flipped_bytes: (3,),
    broken_length: (3,),
    zeroed: (3, 4),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_whole_in_a_damaged_journal_is_read(
    damage: Callable[[bytearray], None], dead: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = bytearray(dead.read_bytes())
    damage(content)
    dead.write_bytes(bytes(content))

    assert names() == all_but(*DAMAGES[damage])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no whole record" in caplog.text
    assert not dead.exists()


def test_damage_of_every_single_byte_never_raises_and_spares_the_other_records(dead: Path) -> None:
    from tracer._journal.dead_segment import DeadSegment

    whole = dead.read_bytes()
    frames = positions(whole)
    for at in range(HEAD_SIZE, len(whole)):
        content = bytearray(whole)
        content[at] ^= 0xFF
        dead.write_bytes(bytes(content))
        (records, _), *_ = DeadSegment(dead).batches(HEAD_SIZE, 1 << 20)
        assert len(records) >= len(frames) - 1


def test_a_whole_journal_says_nothing(dead: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert names() == all_but()
    assert (dead.exists(), caplog.text) == (False, "")


@pytest.mark.parametrize("content", [b"", bytes(HEAD_SIZE), bytes(1 << 18)], ids=["no byte", "zeros", "only allocated"])
def test_a_segment_to_which_nothing_was_written_is_deleted(
    content: bytes, dead: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = folder / "123-abc-000000.000001.journal"
    empty.write_bytes(content)

    assert names() == all_but()
    assert (empty.exists(), caplog.text) == (False, "")


@pytest.mark.parametrize("name", ["notes.journal", "1-2-3.000001.journal", "1-2-3.notanumber.journal"])
def test_a_foreign_file_is_left_alone(name: str, dead: Path, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    foreign = folder / name
    foreign.write_bytes(b"my own notes\n" * 100)
    (folder / "README").write_text("what is this?")
    (folder / "a folder").mkdir()
    (folder / "9-9-9.000001.journal").mkdir()

    assert names() == all_but()
    assert foreign.read_bytes() == b"my own notes\n" * 100
    assert caplog.text.count(str(foreign)) == 1
    assert names() == all_but()
    assert len(caplog.records) == 2  # the file and the folder


def test_a_journal_of_another_version_is_kept_for_that_version(
    dead: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = folder / "1-2-3.000001.journal"
    other.write_bytes(MAGIC[:-1] + b"1" + bytes(1000))

    assert names() == all_but()
    assert other.exists()
    assert [record.getMessage() for record in caplog.records] == [
        f"tracer leaves a file alone that it cannot read: {other} was written by another version of tracer"
    ]


def test_a_head_that_is_damaged_costs_no_record(dead: Path) -> None:
    content = bytearray(dead.read_bytes())
    content[len(MAGIC) : HEAD_SIZE] = os.urandom(HEAD_SIZE - len(MAGIC))
    dead.write_bytes(bytes(content))

    assert names() == all_but()


@pytest.mark.parametrize("damaged", [slice(0, HEAD_SIZE), slice(0, 3), slice(7, 8)], ids=["head", "magic", "version"])
def test_a_journal_whose_mark_is_damaged_is_read(damaged: slice, dead: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = bytearray(dead.read_bytes())
    content[damaged] = bytes(len(content[damaged]))
    dead.write_bytes(bytes(content))

    assert names() == all_but()
    assert not dead.exists()
    assert ("head" in caplog.text) == (damaged.stop == HEAD_SIZE)


def test_damaged_records_are_counted(dead: Path, folder: Path) -> None:
    content = bytearray(dead.read_bytes())
    for number in (3, 4, 8):
        content[positions(bytes(content))[number] + 20] ^= 0xFF
    dead.write_bytes(bytes(content))

    assert names() == all_but(2, 3, 7)
    assert dropped(folder) == 3


def test_records_that_no_exporter_has_fetched_for_a_week_are_counted(folder: Path) -> None:
    journal = Journal(folder, max_bytes=1 << 30, process_fields={})
    for key in (STORE_KEY, 12345):
        journal.add_sink(key, lambda: None)
    for number in range(10):
        journal.append(span(number))
    journal.acknowledge(STORE_KEY, journal.position())
    journal.acknowledge(12345, journal.read((0, 0), 1)[1])
    journal.close()
    week_old = folder / f"{journal.owner}.000001.journal"
    os.utime(week_old, (time.time() - 8 * 24 * 3600,) * 2)

    assert names() == []
    assert not week_old.exists()
    assert dropped(folder) == 10


def test_a_damaged_count_of_dropped_records_is_none(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "1-2-3.alive").write_bytes(b'{"dropped":null}')
    damaged = [b'{"dropped":1e999}', b'{"dropped":-5}', b"[]", b'{"dropped":"x"}', b"\xff"]
    (folder / "dropped.jsonl").write_bytes(b"\n".join([*damaged, b'{"dropped":7}']))

    assert dropped(folder) == 7


def test_a_process_that_died_while_it_was_born_leaves_nothing(dead: Path, folder: Path) -> None:
    born = folder / "1-2-3.new"
    born.write_bytes(b"")
    os.utime(born, (time.time() - 1000,) * 2)
    just_born = folder / "4-5-6.new"
    just_born.write_bytes(b"")

    assert names() == all_but()
    assert (born.exists(), just_born.exists()) == (False, True)


@pytest.mark.swallow_faults
def test_a_record_that_cannot_be_read_does_not_keep_the_others_from_the_store(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder, max_bytes=1 << 30, process_fields={})
    journal.add_sink(STORE_KEY, lambda: None)
    for number in range(10):
        journal.append(span(number))
        journal.append(b'{"kind":"span","trace_id":' + b"\xff" * 10)
    journal.close()
    with caplog.at_level(logging.WARNING):
        assert names() == all_but()
    assert len(caplog.records) == 1


def started_span(journal: Journal, number: int) -> None:
    """A call's start, and its end, which refers to it."""
    trace_id, span_id = f"{number + 1:032x}", f"{number + 1:016x}"
    fields: line.StartFields = (f"span {number}", "CHAIN", "test", None, {"n": 1}, {"tracer.inputs": b'{"q":"hi"}'})
    body = line.start_body(*fields)[1:]
    written = journal.append(line.start_head(trace_id, span_id, None, False, 1, "") + body)
    assert written is not None
    started = line.Started(*written, len(body), fields, None)
    rest = b'"status":"OK","json":{"tracer.outputs":1}}'
    journal.append(line.span_head(trace_id, span_id, None, "", 1, 2, started) + rest, started)


@pytest.fixture
def dead_calls(folder: Path) -> Path:
    """The journal that a dead process left: ten calls."""
    journal = Journal(folder, max_bytes=1 << 30, process_fields={})
    journal.add_sink(STORE_KEY, lambda: None)
    for number in range(10):
        started_span(journal, number)
    assert not journal.close()
    return folder / f"{journal.owner}.000001.journal"


def calls() -> dict[str, tuple[object, object]]:
    spans = [span for trace in tracer.search_traces() for span in trace.data.spans]
    return {span.name: (span.inputs, span.outputs) for span in spans}


def test_a_call_of_a_dead_process_has_its_request_which_is_written_once(dead_calls: Path) -> None:
    assert dead_calls.read_bytes().count(b'{"q":"hi"}') == 10
    assert calls() == {f"span {number}": ({"q": "hi"}, 1) for number in range(10)}


def test_a_call_whose_start_is_damaged_keeps_its_reply(dead_calls: Path) -> None:
    content = bytearray(dead_calls.read_bytes())
    at = positions(bytes(content))[1] + 30
    content[at : at + 4] = b"\xff\x00\xff\x00"
    dead_calls.write_bytes(bytes(content))

    assert calls() == {"": (None, 1), **{f"span {number}": ({"q": "hi"}, 1) for number in range(1, 10)}}


def test_a_call_whose_start_is_in_another_segment_has_its_request_itself(folder: Path) -> None:
    journal = Journal(folder, max_bytes=1 << 30, process_fields={})
    journal.add_sink(STORE_KEY, lambda: None)
    for number in range(20_000):
        started_span(journal, number)
    assert len(list(folder.glob("*.journal"))) > 4  # the first is read from its file
    read, cursor = journal.read((0, 0), 1 << 20)
    records = read
    while read:
        read, cursor = journal.read(cursor, 1 << 20)
        records += read

    spans = [record_of(each) for each in records if each.startswith(b'{"kind":"span"')]
    assert [(span["name"], span["json"]) for span in spans] == [
        (f"span {number}", {"tracer.inputs": {"q": "hi"}, "tracer.outputs": 1}) for number in range(20_000)
    ]
    for file in folder.glob("*.journal"):
        file.unlink()
