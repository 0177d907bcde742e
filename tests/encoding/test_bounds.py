"""The bound before the work: however large a value is, recording it takes a bounded number of steps and bytes."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import sys
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import orjson
import pandas
import pydantic
import pytest

import tracer

STEPS = 100_000  # lines of tracer's code; a value of half the size of the bound takes half as many
MADE = 4 << 20  # bytes of JSON


class Model(pydantic.BaseModel):
    a: int = 1
    b: str = "x"


@dataclasses.dataclass
class Point:
    x: int
    y: int


@dataclasses.dataclass
class Note:
    text: str

    @property
    def words(self) -> list[str]:  # a property: orjson leaves the object to tracer
        return self.text.split()


def nested(levels: int, width: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] * width
    return value


def endless() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def table(rows: int, columns: int) -> pandas.DataFrame:
    return pandas.DataFrame(numpy.zeros((rows, columns)))


MATRIX = numpy.full((10_000, 1_024), 1.1)
LARGE: dict[str, Callable[[], Any]] = {
    "array": lambda: MATRIX,
    "array with NaN": lambda: numpy.where(MATRIX > 2, 1, numpy.nan),
    "non-contiguous array": lambda: MATRIX.T,
    "masked array": lambda: numpy.ma.masked_array(MATRIX, MATRIX > 1),
    "array of texts": lambda: numpy.array(["abc"] * 500_000),
    "array of objects": lambda: numpy.array([{"a": 1}] * 300_000, dtype=object),
    "array of times": lambda: numpy.arange(1_000_000).astype("datetime64[s]"),
    "arrays in a dict": lambda: dict.fromkeys(range(50), MATRIX),
    "arrays in a list": lambda: [numpy.zeros(1_000)] * 1_000,
    "small arrays in a list": lambda: [numpy.zeros(3)] * 3_000,
    "numbers of numpy's": lambda: list(numpy.arange(30_000.0)),
    "numbers of numpy's in a dict": lambda: dict(enumerate(numpy.arange(30_000.0))),
    "ids": lambda: [uuid.UUID(int=i) for i in range(30_000)],
    "long frame": lambda: table(1_000_000, 5),
    "wide frame": lambda: table(50, 20_000),
    "frames": lambda: [table(100, 50)] * 200,
    "series": lambda: pandas.Series(range(1_000_000)),
    "index": lambda: pandas.date_range("2026", periods=500_000, freq="s"),
    "dicts": lambda: [{"a": i, "b": "x"} for i in range(300_000)],
    "numbers": lambda: list(range(2_000_000)),
    "numbers below a dict": lambda: {"a": {"b": list(range(2_000_000)), "c": "x"}},
    "NaNs": lambda: [float("nan")] * 300_000,
    "texts": lambda: ["word"] * 500_000,
    "long texts": lambda: [{"text": "word " * 200_000}] * 100,
    "long text with a NaN": lambda: {"a": float("nan"), "b": "x" * 50_000_000},
    "text of other letters": lambda: "中文" * 1_000_000,
    "text of control characters": lambda: "\x01" * 1_000_000,
    "text of quotes": lambda: '"\\' * 500_000,
    "text of quotes after prose": lambda: "word " * 50_000 + '"' * 700_000,
    "texts of control characters in a list": lambda: ["\x01" * 4_000] * 250,
    "texts of control characters in a dict": lambda: {str(i): "\x01" * 50_000 for i in range(20)},
    "texts of quotes in dataclasses": lambda: [Note('"' * 3_000) for _ in range(300)],
    "lone surrogates": lambda: "\udc80" * 1_000_000,
    "dict": lambda: dict.fromkeys(range(2_000_000)),
    "dict of texts": lambda: {str(i): i for i in range(300_000)},
    "set": lambda: set(range(2_000_000)),
    "keys": lambda: dict.fromkeys(range(1_000_000)).keys(),
    "tuple": lambda: tuple(range(1_000_000)),
    "deque": lambda: collections.deque(range(1_000_000)),
    "array.array": lambda: array.array("d", range(2_000_000)),
    "UserDict": lambda: collections.UserDict.fromkeys(range(300_000)),
    "namespace": lambda: types.SimpleNamespace(a=list(range(1_000_000))),
    "list that doubles at each level": lambda: nested(90, 2),
    "tree": lambda: nested(6, 10),
    "circle": endless,
    "bytes": lambda: b"\x00" * 40_000_000,
    "memoryview": lambda: memoryview(bytes(20_000_000)),
    "large integers": lambda: [2**100] * 20_000,
    "dataclasses": lambda: [Point(1, 2)] * 50_000,
    "pydantic models": lambda: [Model()] * 20_000,
    "decimals": lambda: [decimal.Decimal(1)] * 100_000,
    "datetimes": lambda: [datetime.datetime(2026, 1, 1)] * 100_000,
    "exceptions": lambda: [ValueError("x" * 5_000)] * 5_000,
    "range": lambda: range(10**12),
}


@tracer.trace
def take(value: Any) -> None:
    pass


class Effort:
    """Lines of tracer's that this thread has run, and bytes of JSON that were made."""

    def __init__(self) -> None:
        self.steps = 0
        self.made = 0

    def trace(self, frame: types.FrameType, event: str, argument: object) -> Any:
        if "tracer" not in frame.f_code.co_filename:
            return None
        self.steps += event == "line"
        return self.trace

    def dumps(self, dumps: Callable[..., bytes]) -> Callable[..., bytes]:
        def count(*arguments: Any) -> bytes:
            encoded = dumps(*arguments)
            self.made += len(encoded)
            return encoded

        return count


@pytest.fixture
def effort(monkeypatch: pytest.MonkeyPatch) -> Effort:
    counted = Effort()
    monkeypatch.setattr(orjson, "dumps", counted.dumps(orjson.dumps))
    return counted


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE.keys())
def test_recording_a_large_value_takes_a_bounded_number_of_steps_and_bytes(
    make: Callable[[], Any], effort: Effort
) -> None:
    value = make()
    before = sys.gettrace()
    sys.settrace(effort.trace)
    try:
        take(value)
    finally:
        sys.settrace(before)

    assert effort.steps < STEPS
    assert effort.made < MADE
    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert "value" in span.inputs
    assert len(orjson.dumps(span.inputs)) <= 1 << 20


def test_of_many_arrays_no_more_are_converted_than_are_kept() -> None:
    class Counted(numpy.ndarray[Any, Any]):
        converted = 0

        def tolist(self) -> Any:
            Counted.converted += 1
            return super().tolist()

    take([numpy.zeros(3).view(Counted) for _ in range(3_000)])

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    kept = span.inputs["value"]
    assert kept[:100] == [[0.0, 0.0, 0.0]] * 100
    assert kept[-1] == f"[cut: {3_000 - len(kept) + 1} more items]"
    assert Counted.converted < 300


@pytest.mark.parametrize("text", ['"' * 400_000, '{"a": "b", "c": [1, 2]},' * 20_000, "word\n" * 150_000])
def test_a_text_whose_json_is_within_the_bound_is_whole(text: str) -> None:
    take(text)

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.inputs["value"] == text


def test_a_generator_of_many_items_is_recorded_up_to_the_bound() -> None:
    @tracer.trace
    def count() -> Iterator[int]:
        yield from range(100_000)

    assert sum(count()) == sum(range(100_000))

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs == list(range(len(span.outputs)))
    assert len(span.outputs) + span.get_attribute("tracer.generator.items_left_out") == 100_000


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (list(range(100_000)), [0, 1, 2]),
        ({str(i): i for i in range(100_000)}, {"0": 0, "1": 1}),
        (numpy.arange(200_000).reshape(2, 100_000), [[0, 1]]),
    ],
    ids=["list", "dict", "array"],
)
def test_a_value_that_is_cut_begins_as_it_was_and_says_what_is_missing(value: Any, recorded: Any) -> None:
    take(value)

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    kept = span.inputs["value"]
    if isinstance(recorded, dict):
        assert {key: kept[key] for key in recorded} == recorded
        assert kept["[cut]"] == f"{100_000 - len(kept) + 1} more entries"
    else:
        rows = [kept, recorded] if not isinstance(recorded[0], list) else [kept[0], recorded[0]]
        assert rows[0][: len(rows[1])] == rows[1]
        assert "more items" in rows[0][-1]
    assert span.get_attribute("tracer.truncated")["tracer.inputs"] >= 200_000


def test_a_large_part_leaves_room_for_those_after_it() -> None:
    take({"large": list(range(2_000_000)), "question": "What is it?", "options": {"k": 4}})

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.inputs["value"]["question"] == "What is it?"
    assert span.inputs["value"]["options"] == {"k": 4}


def test_event_attributes_are_bounded_too() -> None:
    with tracer.start_span("s") as span:
        span.add_event("text", {"key": "x" * 5_000_000})
        span.add_event("array", {"key": MATRIX})
        span.set_attribute("list", ["x" * 1_000_000] * 100)

    (kept,) = tracer.get_trace(span.trace_id).data.spans
    assert all(len(str(event.attributes["key"])) < (1 << 20) + 100 for event in kept.events)
    assert len(orjson.dumps(kept.attributes["list"])) <= 1 << 20


def test_media_is_an_attachment_beside_a_text_that_is_cut() -> None:
    import base64
    import os

    content = os.urandom(2_000_000)
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    take({"image": {"url": url}, "text": "x" * 3_000_000, "number": float("nan")})

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.inputs["value"]["image"]["url"].startswith("tracer-attachment:")
    assert span.inputs["value"]["number"] == "NaN"
    assert "more characters" in span.inputs["value"]["text"]


def test_the_dict_of_an_object_is_bounded_like_any_other() -> None:
    class Holder:
        def __init__(self) -> None:
            self.numbers = list(range(2_000_000))
            self.more = {"nan": [float("nan")]}

    few = Holder()
    few.numbers = [1]
    with tracer.start_span("objects") as span:
        span.set_inputs([vars(Holder())])
        span.set_outputs([vars(few)])

    (inputs,), (outputs,) = span.inputs, span.outputs
    assert len(inputs["numbers"]) < 1_000_000
    assert outputs == {"numbers": [1], "more": {"nan": ["NaN"]}}
