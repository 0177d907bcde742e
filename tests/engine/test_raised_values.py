"""Values in places that hold a text: exceptions' arguments, tags, metadata, messages and tools."""

from __future__ import annotations

import traceback
from collections import ChainMap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tracer

asked: list[str] = []


class Query:
    """Runs when it is shown, as a Django QuerySet does."""

    def __iter__(self) -> Iterator[int]:
        asked.append("iter")
        return iter([1])

    def __repr__(self) -> str:
        asked.append("repr")
        return "<QuerySet [1]>"


class Answer:
    """Fetches its text."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __str__(self) -> str:
        asked.append("str")
        return "fetched"


class Item:
    """Counts how many of its kind were shown."""

    def __repr__(self) -> str:
        asked.append("repr")
        return "item"


@pytest.fixture(autouse=True)
def nobody_asked() -> None:
    asked.clear()


def failed(error: BaseException, cause: BaseException | None = None) -> tracer.Span:
    with pytest.raises(type(error)), tracer.start_span("step") as span:
        raise error from cause
    return tracer.get_trace(span.trace_id).data.spans[0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError(Query()), "Query>"),
        (ValueError("no rows", Query()), "Query>)"),
        (KeyError(Query()), "Query>"),
        (LookupError({"rows": [Query()]}), "Query>']}"),
        (ValueError(Answer()), "Answer>"),
        (RuntimeError(ValueError(Query())), "Query>"),
    ],
)
def test_lazy_objects_in_an_exception_are_not_asked(error: Exception, message: str) -> None:
    span = failed(error)

    assert asked == []
    assert str(span.events[0].attributes["exception.message"]).endswith(message)
    assert (span.status.description or "").endswith(message)
    assert "raise error from cause" in span.events[0].attributes["exception.stacktrace"]


def test_lazy_objects_in_the_cause_of_an_exception_are_not_asked() -> None:
    span = failed(RuntimeError("it failed"), cause=LookupError("no rows", Query()))

    stack = span.events[0].attributes["exception.stacktrace"]
    assert asked == []
    assert f"LookupError: ('no rows', <{__name__}.Query>)" in stack
    assert "The above exception was the direct cause" in stack
    assert stack.endswith("RuntimeError: it failed\n")


@pytest.mark.parametrize("arguments", [([Item() for _ in range(100_000)],), ("bad", [Item() for _ in range(100_000)])])
def test_an_exception_with_a_large_argument_costs_a_part_of_it(arguments: tuple[object, ...]) -> None:
    span = failed(ValueError(*arguments))

    assert 0 < len(asked) < 5_000
    assert "item" in span.events[0].attributes["exception.message"]
    assert "more items" in span.events[0].attributes["exception.message"]


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        ValueError("bad"),
        ValueError("bad", 5),
        ValueError({"a": [1, None, 2.5]}),
        ValueError(Item()),
        KeyError("name"),
        FileNotFoundError(2, "No such file", "a.txt"),
        RuntimeError(ValueError("inner")),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
def test_other_exceptions_are_shown_as_python_shows_them(error: Exception) -> None:
    attributes = failed(error).events[0].attributes

    assert attributes["exception.message"] == str(error)
    assert attributes["exception.stacktrace"].endswith("".join(traceback.format_exception_only(type(error), error)))


@pytest.mark.parametrize("where", ["tags", "metadata"])
def test_tags_and_metadata_ask_no_lazy_object_and_take_a_part_of_a_large_one(where: str) -> None:
    with tracer.start_span("step") as span:
        given = {"query": Query(), "rows": [Item() for _ in range(300_000)], "number": 5, "small": {"a": 1}}
        tracer.update_current_trace(**{where: given})  # type: ignore[arg-type]

    info = tracer.get_trace(span.trace_id).info  # type: ignore[union-attr]
    stored = info.tags if where == "tags" else info.trace_metadata
    assert 0 < len(asked) < 50_000
    assert set(asked) == {"repr"}
    assert stored["query"] == f"<{__name__}.Query>"
    assert "more items" in stored["rows"]
    assert (stored["number"], stored["small"]) == ("5", "{'a': 1}")


@pytest.mark.parametrize("record", [tracer.set_span_chat_messages, tracer.set_span_chat_tools])
def test_messages_and_tools_that_are_too_large_cost_a_part_of_them(record: Callable[..., None]) -> None:
    with tracer.start_span("chat") as span:
        record(span, [{"role": "user", "content": Item()} for _ in range(200_000)])

    attributes = tracer.get_trace(span.trace_id).data.spans[0].attributes  # type: ignore[union-attr]
    assert 0 < len(asked) < 100_000
    assert "tracer.truncated" in attributes


def test_of_a_chain_of_large_dicts_the_first_entries_are_read() -> None:
    class Counted(dict[str, int]):
        def items(self) -> Any:
            for pair in super().items():
                asked.append("item")
                yield pair

        def __iter__(self) -> Iterator[str]:
            raise AssertionError("all of its keys were read")

    large = Counted({f"k{number}": number for number in range(10_000)})
    with tracer.start_span("step") as span:
        span.set_inputs(ChainMap({"k0": -1}, large))

    inputs = tracer.get_trace(span.trace_id).data.spans[0].inputs  # type: ignore[union-attr]
    assert (inputs["k0"], inputs["k1"]) == (-1, 1)
    assert inputs["[cut]"] == "9800 more entries"
    assert len(asked) < 1_000
