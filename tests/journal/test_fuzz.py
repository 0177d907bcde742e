"""Random damage to a journal: every whole record arrives or its loss is logged; nothing raises, nothing hangs."""

from __future__ import annotations

import logging
import os
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tracer._fault import forget_logged
from tracer._journal.head import HEAD_SIZE, MAGIC
from tracer._journal.journal import Journal
from tracer._journal.recovery import Recovery, dropped
from tracer._journal.sink import sink_key

pytestmark = pytest.mark.no_store

MUTATIONS = int(os.environ.get("TRACER_TEST_MUTATIONS", "400"))
FRAME = struct.Struct("<II")
SLOT = struct.Struct("<QQ")
EXPORTERS_SLOT, EXPORTERS_COPY = (24, 40), (280, 296)


class Kept:
    """A sink that keeps what it gets."""

    may_block = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[bytes] = []

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        self.lines += lines


def record(number: int) -> bytes:
    value = b"x" * (number * 7 % 90)
    return b'{"kind":"span","name":"span %d","inputs":{"kind":"text","value":"%s"}}' % (number, value)


Sinks = tuple[Kept, Kept]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes, dict[str, int], list[tuple[int, int]]]:
    """What a dead process left: name, content, positions of the store and an exporter, where records start and end."""
    folder = tmp_path_factory.mktemp("left")
    journal = Journal(folder, max_bytes=1 << 30, process_fields={})
    for name in ("store", "exporter"):
        journal.add_sink(sink_key(Kept(name)), lambda: None)
    for number in range(30):
        journal.append(record(number))
    cursors = {"store": 25, "exporter": 10}
    positions = {}
    for name, count in cursors.items():
        cursor = (0, 0)
        for _ in range(count):
            _, cursor = journal.read(cursor, 1)
        journal.acknowledge(sink_key(Kept(name)), cursor)
        positions[name] = cursor[1]
    journal.close()
    path = folder / f"{journal.owner}.000001.journal"
    content = path.read_bytes()
    frames, position = [], HEAD_SIZE
    while position < len(content):
        length, _ = FRAME.unpack_from(content, position)
        frames.append((position, position + FRAME.size + length))
        position = frames[-1][1]
    return path.name, content, positions, frames


def single_byte_of_head(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(HEAD_SIZE)] ^= chance.randrange(1, 256)


def some_bytes_of_head(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randrange(2, 9)):
        single_byte_of_head(content, chance)


def run_in_head(content: bytearray, chance: random.Random) -> None:
    _overwrite(content, chance.randrange(HEAD_SIZE), chance)


def single_byte(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= chance.randrange(1, 256)


def some_bytes(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randrange(2, 9)):
        single_byte(content, chance)


def run_of_bytes(content: bytearray, chance: random.Random) -> None:
    _overwrite(content, chance.randrange(len(content)), chance)


def cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _overwrite(content: bytearray, start: int, chance: random.Random) -> None:
    end = min(len(content), start + chance.randrange(1, 600))
    zeros = chance.random() < 0.5
    content[start:end] = bytes(end - start) if zeros else chance.randbytes(end - start)


DAMAGES: list[Callable[[bytearray, random.Random], None]] = [
    single_byte_of_head,
    some_bytes_of_head,
    run_in_head,
    single_byte,
    some_bytes,
    run_of_bytes,
    cut,
]


def _boundaries_hit(content: bytes | bytearray, frames: list[tuple[int, int]]) -> list[int]:
    """Positions in the slots that are records' starts or ends."""
    positions = [position for _, position in SLOT.iter_unpack(content[8:40])]
    return [position for position in positions if position == HEAD_SIZE or any(position in frame for frame in frames)]


@pytest.mark.parametrize("layout", ["today's", "without copies"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_no_whole_record_of_a_damaged_journal_is_lost_without_a_word(
    damage: Callable[[bytearray, random.Random], None],
    layout: str,
    left: tuple[str, bytes, dict[str, int], list[tuple[int, int]]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name, whole, positions, frames = left
    if layout == "without copies":
        slots = b"".join(SLOT.pack(sink_key(Kept(sink)), position) for sink, position in positions.items())
        whole = (MAGIC + slots).ljust(HEAD_SIZE, b"\0") + whole[HEAD_SIZE:]
    chance = random.Random(f"{damage.__name__} {layout}")
    caplog.set_level(logging.WARNING)
    for number in range(MUTATIONS // len(DAMAGES)):
        folder = tmp_path / str(number)
        folder.mkdir()
        content = bytearray(whole)
        damage(content, chance)
        (folder / name).write_bytes(content)
        forget_logged()
        caplog.clear()

        sinks = [Kept("store"), Kept("exporter")]
        for sink in chance.sample(sinks, 2):
            Recovery(folder, sink, own="other", takes_all=sink.name == "store").run(10.0)

        is_told = str(folder) in caplog.text
        waits = (folder / name).exists()  # for a sink that cannot be told
        if not any(content[slice(*EXPORTERS_SLOT)] + content[slice(*EXPORTERS_COPY)]):
            continue  # cannot be told from a journal that no exporter reads
        if layout == "without copies" and _boundaries_hit(content, frames) != _boundaries_hit(whole, frames):
            continue  # cannot be told from other positions
        unharmed = [frame for frame in frames if content[slice(*frame)] == whole[slice(*frame)]]
        for sink in sinks:
            due = [whole[start + FRAME.size : end] for start, end in unharmed if start >= positions[sink.name]]
            assert is_told or waits or set(due) <= set(sink.lines), (number, sink.name)
            assert set(sink.lines) <= {whole[start + FRAME.size : end] for start, end in frames}
            if sink.name == "store" and content[:8] == whole[:8] and len(content) > HEAD_SIZE:
                assert set(due) <= set(sink.lines), number  # whatever is told of the rest
        harmed = len(unharmed) < len(frames)
        if harmed and not waits and damage is not cut:
            assert dropped(folder) >= 1


def test_one_damaged_byte_in_the_head_changes_nothing(
    left: tuple[str, bytes, dict[str, int], list[tuple[int, int]]], tmp_path: Path
) -> None:
    name, whole, positions, frames = left
    process = whole[frames[0][0] + FRAME.size : frames[0][1]]
    for at in range(HEAD_SIZE):
        folder = tmp_path / str(at)
        folder.mkdir()
        content = bytearray(whole)
        content[at] ^= 0xFF
        (folder / name).write_bytes(content)
        for sink in (Kept("exporter"), Kept("store")):
            Recovery(folder, sink, own="other", takes_all=sink.name == "store").run(10.0)

            due = [whole[start + FRAME.size : end] for start, end in frames if start >= positions[sink.name]]
            assert sink.lines == [process, *due], at
        assert list(folder.glob("*.journal")) == []


def test_an_earlier_version_reads_the_slots_of_a_head_with_copies(
    left: tuple[str, bytes, dict[str, int], list[tuple[int, int]]],
) -> None:
    _, whole, positions, _ = left

    assert whole.startswith(b"TRCRJNL2")
    slots = list(SLOT.iter_unpack(whole[8:504]))
    assert slots[:3] == [*((sink_key(Kept(sink)), position) for sink, position in positions.items()), (0, 0)]


def test_progress_of_an_earlier_version_costs_no_record(
    left: tuple[str, bytes, dict[str, int], list[tuple[int, int]]], tmp_path: Path
) -> None:
    name, whole, _, frames = left
    content = bytearray(whole)
    SLOT.pack_into(content, 24, sink_key(Kept("exporter")), frames[20][0])  # it knows no copy
    (tmp_path / name).write_bytes(content)
    exporter = Kept("exporter")

    Recovery(tmp_path, exporter, own="other").run(10.0)

    due = {whole[start + FRAME.size : end] for start, end in frames if start >= frames[20][0]}
    assert due <= set(exporter.lines)
