"""Objects that evaluate themselves are recorded by their class: the program's queries are its own."""

from __future__ import annotations

import collections
import collections.abc
import functools
import json
import subprocess
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

import tracer
from tests.environment import ROOT, make_environment


class Work:
    """Counts how often an object was made to work."""

    def __init__(self) -> None:
        self.done = 0

    def do(self) -> None:
        self.done += 1


work = Work()


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    work.done = 0


class Query:
    def __iter__(self) -> Iterator[int]:
        work.do()
        return iter([1])

    def __repr__(self) -> str:
        return f"<Query {list(self)}>"

    def first(self) -> int:
        return next(iter(self))


class Sized:
    def __len__(self) -> int:
        work.do()
        return 1

    def __repr__(self) -> str:
        return f"<Sized {len(self)}>"


class Proxy:
    def __getattr__(self, name: str) -> Any:
        work.do()
        raise AttributeError(name)

    def __repr__(self) -> str:
        work.do()
        return "rows"


class ProxyOfADict:
    """As werkzeug's and Django's: ``isinstance`` asks for the object behind it."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        work.do()
        return dict

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        work.do()
        return {}

    def __repr__(self) -> str:
        work.do()
        return "{}"

    def __len__(self) -> int:
        work.do()
        return 0


class Column:
    """A descriptor as an ORM's: reading the attribute asks the database."""

    def __get__(self, instance: object, owner: type) -> object:
        if instance is not None:
            work.do()
        return "value"


class Row:
    name = Column()

    def __repr__(self) -> str:
        return f"Row({self.name})"


class Table(collections.abc.Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        work.do()
        return 1

    def __iter__(self) -> Iterator[str]:
        work.do()
        return iter("a")

    def __len__(self) -> int:
        work.do()
        return 1

    def __repr__(self) -> str:
        return f"Table({dict(self)})"

    __hash__ = object.__hash__


@tracer.trace
def echo(value: Any) -> Any:
    return value


@pytest.mark.parametrize("kind", [Query, Sized, Proxy, ProxyOfADict, Row, Table])
@pytest.mark.parametrize(
    "place",
    [
        lambda value: value,
        lambda value: [value],
        lambda value: {"a": {1: value}},  # a key that is no text
        lambda value: {value: 1},
        lambda value: types.SimpleNamespace(a=value),
        lambda value: functools.partial(print, value),
        lambda value: collections.UserDict(a=value),
        lambda value: value.__repr__,
        lambda value: [float("nan"), value],
    ],
    ids=["alone", "list", "dict", "key", "namespace", "partial", "UserDict", "method", "beside NaN"],
)
def test_a_lazy_object_is_not_evaluated_by_being_recorded(kind: type, place: Callable[[Any], Any]) -> None:
    value = place(kind())
    work.done = 0

    echo(value)
    with tracer.start_span("s") as span:
        span.set_outputs(value)
        span.set_attribute("key", value)
        span.add_event("event", {"key": value})

    assert work.done == 0
    (kept,) = tracer.get_trace(span.trace_id).data.spans
    assert kind.__qualname__ in json.dumps(kept.outputs)


def test_a_lazy_object_is_recorded_by_its_class() -> None:
    echo(Query())

    (span,) = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans
    assert span.outputs == f"<{__name__}.Query>"


def test_a_mock_is_not_called_by_being_recorded() -> None:
    mock = MagicMock()

    echo(mock)
    with tracer.start_span("s") as span:
        span.set_attribute("key", mock)

    assert mock.mock_calls == []
    (kept,) = tracer.get_trace(span.trace_id).data.spans
    assert kept.get_attribute("key") == "<unittest.mock.MagicMock>"


def test_what_a_generator_yields_is_not_evaluated() -> None:
    @tracer.trace
    def queries() -> Iterator[Query]:
        yield Query()

    list(queries())

    assert work.done == 0


@pytest.mark.no_store
def test_lazy_objects_of_real_libraries_are_not_evaluated() -> None:
    packages = ("django", "sqlalchemy", "dask[array]", "polars", "werkzeug", "msgspec")
    python = make_environment("lazy-libraries", "-e", str(ROOT), *packages)
    program = Path(__file__).with_name("lazy_libraries.py")
    told = subprocess.run([python, "-W", "ignore", str(program)], capture_output=True, text=True, check=True, cwd="/")

    results = json.loads(told.stdout)
    assert {name: done for name, (done, _) in results.items() if done} == {}
    assert {name: recorded for name, (_, recorded) in results.items()} == {
        "queryset": "<django.db.models.query.QuerySet>",
        "method of a queryset": "<bound method QuerySet.filter>",
        "row with a lazy parent": "<__main__.with_django.<locals>.Book>",
        "row with a deferred field": "<__main__.with_django.<locals>.Author>",
        "lazy object": "<django.utils.functional.SimpleLazyObject>",
        "query": "<sqlalchemy.orm.query.Query>",
        "row with a deferred column": "<__main__.with_sqlalchemy.<locals>.Row>",
        "dataclass with a deferred column": {"id": 1},
        "selected row": {"one": 1},
        "dask array": "<dask.array.core.Array>",
        "polars lazy frame": "<polars.lazyframe.frame.LazyFrame>",
        "polars frame": [{"a": 1}, {"a": 2}],
        "local proxy": "<werkzeug.local.LocalProxy>",
        "struct": {"x": 1, "y": "Infinity"},
    }
