"""Values that break recorders: the program goes on, its result is untouched, and the span is there."""

from __future__ import annotations

import array
import asyncio
import base64
import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import pathlib
import threading
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Optional

import numpy
import pandas
import pydantic.v1
import pytest

import tracer
from tests.programs import Stored
from tracer.models import ChatMessage


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class BrokenText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class BrokenDict:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no dict")


class BrokenMapping(collections.UserDict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class ModelOfV1(pydantic.v1.BaseModel):
    a: int
    b: float = 1.5
    c: Optional[str] = None  # noqa: UP045  # pydantic v1 evaluates it


Pair = collections.namedtuple("Pair", "a b")


def circular() -> list[Any]:
    value: list[Any] = [1]
    value.append({"self": value})
    return value


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    return value


@tracer.trace
def echo(value: Any) -> Any:
    return value


HOSTILE: dict[str, Callable[[], Any]] = {
    "broken repr": Broken,
    "broken repr nested": lambda: {"a": [Broken()]},
    "broken dict": BrokenDict,
    "broken mapping": lambda: BrokenMapping(a=1),
    "circular": circular,
    "deep": deep,
    "lone surrogate": lambda: "a\udc80b",
    "lone surrogate in key": lambda: {"a\udc80": 1},
    "tuple key": lambda: {(1, 2): "x"},
    "object key": lambda: {Broken(): "x"},
    "big int": lambda: {"n": 2**200},
    "huge int": lambda: 10**5000,
    "nan": lambda: [float("nan"), float("inf")],
    "bytes": lambda: b"\x00\xff" * 10,
    "set": lambda: {1, "a"},
    "endless range": lambda: range(10**12),
    "lambda": lambda: lambda: 1,
    "class": lambda: Broken,
    "exception": lambda: BrokenText(),
    "lock": lambda: __import__("threading").Lock(),
    "coroutine function": lambda: asyncio.sleep,
    "null character": lambda: "a\x00b",
    "str subclass": lambda: type("S", (str,), {})("text"),
    "empty": dict,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_value_is_passed_on_and_recorded(make: Callable[[], Any]) -> None:
    value = make()

    assert echo(value) is value

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.status == "UNSET"
    assert span.inputs is not None
    assert span.get_attribute("tracer.outputs") is not None


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_attribute_event_and_name_do_no_harm(make: Callable[[], Any]) -> None:
    with tracer.start_span("s") as span:
        span.set_attribute("k", make())
        span.add_event("e", {"k": make()})
        span.set_attribute("after", 1)

    (kept,) = tracer.get_trace(span.trace_id).data.spans
    assert kept.attributes["after"] == 1


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (Point(1, [Point(2, None)]), {"x": 1, "y": [{"x": 2, "y": None}]}),
        (Pair(1, "b"), {"a": 1, "b": "b"}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.deque([1, 2]), [1, 2]),
        (range(10**12), "range(0, 1000000000000)"),
        (b"plain text", "b'plain text'"),
        (Colour.RED, "red"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), "2026-01-02T00:00:00+00:00"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.timedelta(minutes=5), "0:05:00"),
        (float("nan"), "NaN"),
        ([float("inf"), float("-inf"), 1.5], ["Infinity", "-Infinity", 1.5]),
        ({"a": None, "b": float("nan")}, {"a": None, "b": "NaN"}),
        ([Point(1, float("nan"))], [{"x": 1, "y": "NaN"}]),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (functools.partial(print, 1), {"function": "<built-in function print>", "args": [1], "keywords": {}}),
        (array.array("d", [1, 2]), [1.0, 2.0]),
        (collections.ChainMap({"a": 1}), {"a": 1}),
        ({"a": 1}.values(), [1]),
        (numpy.arange(6).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
        (numpy.array(["a", "b"]), ["a", "b"]),
        (numpy.array([1, "a", None], dtype=object), [1, "a", None]),
        (numpy.array([1, numpy.nan]), [1.0, "NaN"]),
        (numpy.array(["2026-01-02", "NaT"], dtype="datetime64[s]"), ["2026-01-02T00:00:00", "NaT"]),
        (numpy.float32("inf"), "Infinity"),
        (numpy.float64("nan"), "NaN"),
        (pandas.Timestamp("2026-01-02T10:00"), "2026-01-02T10:00:00"),
        (pandas.NaT, "NaT"),
        (pandas.Timedelta("1D"), "1 days 00:00:00"),
        (pandas.NA, None),
        (pandas.Series([1.5, None]), [1.5, "NaN"]),
        (pandas.date_range("2026-01-02", periods=1), ["2026-01-02T00:00:00"]),
        (pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        (ChatMessage(role="user", content="Hello"), {"role": "user", "content": "Hello"}),
        ([ModelOfV1(a=1)], [{"a": 1, "b": 1.5}]),
        ((1, 2), [1, 2]),
        ("a\udc80b", "a\\udc80b"),
        ({1: "int key"}, {"1": "int key"}),
        (ValueError("x"), {"type": "ValueError", "message": "x"}),
    ],
    ids=repr,
)
def test_common_values_are_recorded_as_their_users_think_of_them(value: Any, recorded: Any) -> None:
    echo(value)

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs == recorded


def test_pydantic_models_are_recorded_by_their_fields() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        model_config = {"extra": "allow"}
        a: int
        b: list[int] = [1]
        pin: pydantic.SecretStr = pydantic.SecretStr("hidden")

    echo(Model(a=1, other="x"))

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs == {"a": 1, "b": [1], "pin": "SecretStr('**********')", "other": "x"}


def test_an_iterator_argument_is_not_consumed() -> None:
    @tracer.trace
    def total(numbers: Iterator[int]) -> int:
        return sum(numbers)

    assert total(iter([1, 2, 3])) == 6


def test_an_argument_of_50_mb_is_cut_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    text = "x" * 50_000_000

    assert echo(text) is text

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert len(span.inputs["value"]) < 1 << 20
    assert "more characters" in span.inputs["value"]
    assert span.get_attribute("tracer.truncated")["tracer.inputs"] >= 50_000_000
    assert "tracer cut tracer." in caplog.text


def test_cutting_keeps_what_is_short(caplog: pytest.LogCaptureFixture) -> None:
    tracer.configure(max_value_bytes=10_000)
    messages = [{"role": "user", "content": "y" * 20_000}, *({"role": "user", "content": f"n{i}"} for i in range(20))]

    echo(messages)

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs[0]["content"].startswith("yyy")
    assert span.outputs[1:] == messages[1:]


def test_base64_content_becomes_an_attachment_kept_once() -> None:
    import os

    content = os.urandom(200_000)
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    for _ in range(2):
        echo([{"type": "image_url", "image_url": {"url": url}}])

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    reference = span.outputs[0]["image_url"]["url"]
    scheme, rest = reference.split(":", 1)
    digest, mime, size = rest.split(";")
    assert (scheme, mime, int(size)) == ("tracer-attachment", "image/png", 200_000)
    assert tracer._engine.runtime.runtime().store().attachment(digest) == ("image/png", content)


@pytest.mark.parametrize("by", ["this process", "another"])
def test_an_attachment_that_was_deleted_is_written_anew(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"data:image/png;base64,{base64.b64encode(bytes(range(256)) * 100).decode()}"
    store = tracer._engine.runtime.runtime().store()
    for _ in range(2):
        echo(url)
        (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
        digest = span.outputs.split(":")[1].split(";")[0]
        assert store.attachment(digest) is not None
        if by == "this process":
            tracer.delete_traces(span.trace_id)
        else:
            store.delete_traces(trace_ids=[span.trace_id])
            monkeypatch.setattr("tracer._engine.pipeline._REMEMBERED_SECONDS", 0.0)  # they have passed
        assert store.attachment(digest) is None


@pytest.mark.swallow_faults
def test_a_recorder_that_is_broken_inside_never_reaches_the_program(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = tracer._engine.runtime.runtime().recorder
    monkeypatch.setattr(recorder, "_append_line", lambda line: 1 / 0)

    assert echo(1) == 1
    assert echo(2) == 2

    assert caplog.text.count("writing a span down") == 1


@pytest.mark.swallow_faults
def test_at_the_end_of_the_stack_the_programs_own_error_comes_through() -> None:
    @tracer.trace
    def down(n: int) -> int:
        return down(n + 1)

    with pytest.raises(RecursionError):
        down(0)

    assert tracer.get_current_active_span() is None
    assert echo(1) == 1


_ENDLESS = {
    "function": """
    @tracer.trace
    def down():
        return down()
    go = down
    """,
    "coroutine": """
    @tracer.trace
    async def down():
        return await down()
    go = lambda: asyncio.run(down())
    """,
    "generator": """
    @tracer.trace
    def down():
        yield from down()
    go = lambda: list(down())
    """,
    "block": """
    def down():
        with tracer.start_span("down") as span:
            span.set_inputs({"a": 1})
            return down()
    go = down
    """,
}
_EACH_DEPTH = """
    def from_depth(n):
        return go() if n == 0 else from_depth(n - 1)
    sys.setrecursionlimit(200)
    for n in range(6):
        try:
            from_depth(n)
        except RecursionError:
            say("RecursionError")
"""


@pytest.mark.parametrize("kind", _ENDLESS)
def test_a_recursion_without_end_is_an_error_in_each_of_its_steps(
    run: Callable[..., str], stored: Stored, kind: str
) -> None:
    assert run(_ENDLESS[kind] + _EACH_DEPTH).split() == ["RecursionError"] * 6

    assert stored.states() == {"ERROR": 6}
    assert stored.query("SELECT DISTINCT status FROM spans") == [("ERROR",)]


@pytest.mark.swallow_faults
def test_a_redaction_that_recurses_without_end_costs_the_payload_and_not_the_span(own_store: str) -> None:
    def redact(text: str) -> str:
        return redact(text)

    tracer.configure(store=own_store, redact=[redact])
    for _ in range(3):
        with tracer.start_span("step") as span:
            span.set_inputs({"question": "Where?"})

    traces = tracer.search_traces()

    assert [trace.info.state for trace in traces] == ["OK"] * 3
    assert [trace.data.spans[0].inputs for trace in traces] == [None] * 3


@pytest.mark.swallow_faults
def test_an_end_that_another_thread_is_writing_is_waited_for(own_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    is_writing, goes_on = threading.Event(), threading.Event()

    def redact(text: str) -> str:
        if threading.current_thread() is threading.main_thread():
            raise RecursionError("no room")
        is_writing.set()
        goes_on.wait(30)
        return text

    tracer.configure(store=own_store, redact=[redact])
    with tracer.start_span("step") as span:
        span.set_inputs({"question": "Where?"})
    threading.Thread(target=tracer.flush, daemon=True).start()
    assert is_writing.wait(30)
    recorder = tracer._engine.runtime.runtime().recorder
    lock = recorder._writing_ends

    class Lock:
        """Lets the other thread go on when this one waits."""

        def acquire(self, timeout: float) -> bool:
            goes_on.set()
            return lock.acquire(timeout=30)

        def release(self) -> None:
            lock.release()

    monkeypatch.setattr(recorder, "_writing_ends", Lock())

    [trace] = tracer.search_traces()

    assert trace.info.state == "OK"


def test_at_each_depth_of_the_stack_a_step_keeps_its_own_error(run: Callable[..., str], stored: Stored) -> None:
    said = run("""
    @tracer.trace
    def leaf():
        raise KeyError("own")
    def from_depth(n):
        return leaf() if n == 0 else from_depth(n - 1)
    for n in range(900, 1000):
        before = tracer.get_last_active_trace_id()
        try:
            from_depth(n)
        except (KeyError, RecursionError) as error:
            if tracer.get_last_active_trace_id() != before:  # the step was reached
                say(type(error).__name__)
    """)

    assert set(said.split()) == {"KeyError"}
    assert stored.states() == {"ERROR": said.count("KeyError")}


class BrokenName:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "misuse",
    [
        lambda span: span.set_attributes(None),
        lambda span: span.set_attributes([1]),
        lambda span: span.add_link("x"),
        lambda span: span.add_event("e", [("a", 1)]),
        lambda span: span.add_event("e", timestamp="yesterday"),
        lambda span: span.record_exception(ValueError("x"), [1]),
        lambda span: span.set_status("GREAT"),
        lambda span: span.set_status("ERROR", BrokenName()),
        lambda span: span.update_name(BrokenName()),
        lambda span: span.set_span_type(BrokenName()),
        lambda span: span.end(end_time="soon"),
        lambda span: span.end(end_time=5),
        lambda span: span.set_attribute(BrokenName(), 1),
        lambda span: span.set_attribute(None, {"a": 1}),
        lambda span: tracer.update_current_trace(tags={"a": BrokenName()}, user=BrokenName()),
    ],
)
def test_a_span_leaves_out_what_it_cannot_take_and_is_written(misuse: Callable[[Any], None]) -> None:
    with tracer.start_span("s") as span:
        misuse(span)
        span.set_attribute("after", 1)

    (kept,) = tracer.get_trace(span.trace_id).data.spans
    assert 0 <= kept.duration_ms < 60_000
    assert tracer.get_trace(span.trace_id).info.state in ("OK", "ERROR")


def test_times_may_be_datetimes() -> None:
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
    with tracer.start_span("s") as span:
        span.add_event("e", timestamp=when)
        span.end(end_time=when)

    (kept,) = tracer.get_trace(span.trace_id).data.spans
    assert kept.end_time_ns == kept.events[0].timestamp
    assert kept.duration_ms > 4_000


def test_a_trace_may_be_told_ids_of_any_kind() -> None:
    with tracer.start_span("s") as span:
        tracer.update_current_trace(session_id=uuid.UUID(int=1), user=42, tags={"colour": Colour.RED})

    info = tracer.get_trace(span.trace_id).info
    assert (info.session_id, info.user) == (str(uuid.UUID(int=1)), "42")


@pytest.mark.parametrize(
    ("name", "tell"),
    [
        ("set_attribute", lambda span: span.set_attribute("late", 1)),
        ("set_attribute", lambda span: span.set_attributes({"late": 1})),
        ("set_inputs", lambda span: span.set_inputs("late")),
        ("set_outputs", lambda span: span.set_outputs("late")),
        ("add_event", lambda span: span.add_event("late")),
        ("set_status", lambda span: span.set_status("ERROR", "late")),
    ],
)
def test_what_is_told_of_a_span_that_has_ended_is_not_recorded_and_the_log_says_so(
    name: str, tell: Callable[[Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    with tracer.start_span("the step") as span:
        pass

    tell(span)

    trace = tracer.get_trace(span.trace_id)
    assert trace is not None
    assert "late" not in str(trace.to_dict())
    assert f"tracer ignored {name}: the span 'the step' has ended" in caplog.text
