"""Payloads come out of their blocks as they went in, and a conversation that is sent again takes little room."""

from __future__ import annotations

import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import span
from tracer.store import Store
from tracer.store.sqlite import blocks
from tracer.store.sqlite.bases import RecentBases

pytestmark = pytest.mark.no_store
TEXTS = st.text(max_size=80) | st.sampled_from(
    ['say "hi" \\ ' * 9, "\x01 7 \x01\n" * 12, "é🙂" * 40, "\\" * 61, "[]" * 30]
)


def words(seed: int, count: int) -> str:
    chosen = random.Random(seed)
    return " ".join(f"{chosen.getrandbits(40):x}" for _ in range(count))


def unpacked(packed: list[blocks.Block]) -> list[dict[str, Any]]:
    return [record for block in packed for record in blocks.unpack(block.codec, block.content)]


@given(
    records=st.lists(st.dictionaries(TEXTS, st.lists(TEXTS, max_size=5)), min_size=1, max_size=8),
    copies=st.integers(1, 4),
)
@settings(max_examples=80, deadline=None)
def test_records_come_out_of_a_block_as_they_went_in(records: list[dict[str, Any]], copies: int) -> None:
    padded = [{**record, "padding": "x" * 12_000} for record in records * copies]
    lines = [orjson.dumps(record) for record in padded]

    packed = list(blocks.pack(lines))

    assert unpacked(packed) == padded
    assert [(block.first, block.count) for block in packed] == _places(packed)


SPELLINGS = (
    orjson.dumps,
    lambda record: json.dumps(record).encode(),
    lambda record: json.dumps(record, indent=1).encode(),
)


@given(
    appends=st.lists(
        st.lists(
            st.tuples(st.lists(TEXTS, max_size=4), st.booleans(), st.sampled_from(SPELLINGS)), min_size=1, max_size=3
        ),
        min_size=1,
        max_size=8,
    ),
    padding=st.sampled_from([0, 5_000, 150_000]),
)
@settings(max_examples=80, deadline=None)
def test_records_come_out_as_they_went_in_whatever_they_share_with_those_before(appends: Any, padding: int) -> None:
    history = ["the same for all " * 400]
    bases = RecentBases()
    contents: dict[int, bytes] = {}
    for append in appends:
        records, lines = [], []
        for texts, is_padded, dumps in append:
            history += texts
            records.append({"messages": list(history), "padding": "é" * padding if is_padded else None})
            lines.append(dumps(records[-1]))

        found = []
        for block in blocks.pack(lines, bases):
            number = len(contents)
            contents[number] = block.content
            if block.as_base:
                block.as_base.block = number
            base = contents[block.base.block] if block.base and block.base.block is not None else None
            found += blocks.unpack(block.codec, block.content, base)
            if block.base:
                alone = blocks.unpack(*blocks.without_base(block.codec, block.content, base))
                assert alone == found[-block.count :]
        bases.commit()

        assert found == records


def _places(packed: list[blocks.Block]) -> list[tuple[int, int]]:
    firsts = [0]
    for block in packed:
        firsts.append(firsts[-1] + block.count)
    return [(first, block.count) for first, block in zip(firsts, packed)]


def test_lines_with_what_marks_a_place_are_kept_as_they_are() -> None:
    lines = [b'{\n"a": "' + b"x" * 40_000 + b'"}', b'{"b": 1}']

    assert unpacked(list(blocks.pack(lines))) == [{"a": "x" * 40_000}, {"b": 1}]


def test_a_conversation_that_is_sent_with_every_call_is_stored_about_once() -> None:
    turns = [words(number, 60) for number in range(40)]
    lines = [orjson.dumps({"messages": turns[: number + 1]}) for number in range(40)]

    packed = list(blocks.pack(lines))

    assert sum(len(block.content) for block in packed) < 1.2 * len(" ".join(turns))
    assert unpacked(packed) == [orjson.loads(line) for line in lines]


def test_a_block_unpacks_to_a_bounded_size() -> None:
    lines = [orjson.dumps({"messages": ["x" * 100_000, number]}) for number in range(60)]

    packed = list(blocks.pack(lines))

    assert max(block.count for block in packed) <= 10
    assert unpacked(packed) == [orjson.loads(line) for line in lines]


def test_a_store_reads_searches_and_deletes_what_stands_once(store: Store) -> None:
    turns = [words(number, 60) for number in range(60)]
    store.append([span("t", f"s{number:02}", json={"tracer.inputs": turns[: number + 1]}) for number in range(60)])

    assert [record["json"]["tracer.inputs"][-1] for record in store.spans("t")] == turns
    payload = store.payload("t", "s59")
    assert payload is not None
    assert payload["json"]["tracer.inputs"] == turns
    assert store.delete_traces(trace_ids=["t"]) == 1
