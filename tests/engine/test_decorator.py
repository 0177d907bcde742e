"""`@trace` on every kind of function keeps the function's kind and records its calls."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import pickle
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

import tracer
from tracer.errors import InvalidArgumentError


def last() -> tracer.Trace:
    trace = tracer.get_trace(tracer.get_last_active_trace_id())
    assert trace is not None
    return trace


def root() -> tracer.Span:
    return next(span for span in last().data.spans if span.parent_id is None)


@tracer.trace
def add(a: int, b: int = 2, *rest: int, flag: bool = False, **more: Any) -> int:
    """Add."""
    return a + b + sum(rest)


def test_a_call_is_recorded_with_its_bound_arguments_and_result() -> None:
    assert add(1, 2, 3, flag=True, extra="x") == 6

    span = root()
    assert (span.name, span.inputs, span.outputs) == (
        "add",
        {"a": 1, "b": 2, "rest": [3], "flag": True, "extra": "x"},
        6,
    )
    assert span.attributes["code.function.name"] == f"{__name__}.add"


def test_defaults_are_part_of_the_inputs() -> None:
    add(1)
    assert root().inputs == {"a": 1, "b": 2, "flag": False}

    @tracer.trace
    def ask(question: str, limit: int = 3, *, tags: tuple[str, ...] = ("a",), **more: object) -> None: ...

    ask("why", more=1, limit=4)
    assert root().inputs == {"question": "why", "tags": ["a"], "more": {"more": 1, "limit": 4}}


def test_the_function_keeps_its_name_signature_docstring_and_pickles() -> None:
    assert add.__name__ == "add"
    assert add.__doc__ == "Add."
    assert list(inspect.signature(add).parameters) == ["a", "b", "rest", "flag", "more"]
    assert pickle.loads(pickle.dumps(add)) is add


class Shop:
    """All kinds of methods."""

    @tracer.trace
    def method(self, x: int) -> int:
        return x

    @tracer.trace
    @staticmethod
    def static_outer(x: int) -> int:
        return x

    @staticmethod
    @tracer.trace
    def static_inner(x: int) -> int:
        return x

    @tracer.trace
    @classmethod
    def class_outer(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @classmethod
    @tracer.trace
    def class_inner(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @tracer.trace
    async def coroutine(self, x: int) -> int:
        return x

    @tracer.trace(name="asked", span_type="TOOL")
    def __call__(self, x: int) -> int:
        return x


@pytest.mark.parametrize("name", ["method", "static_outer", "static_inner"])
@pytest.mark.parametrize("of", [Shop, Shop()], ids=["class", "instance"])
def test_methods_record_their_arguments_without_self(name: str, of: Any) -> None:
    if of is Shop and name == "method":
        assert Shop.method(Shop(), 5) == 5
    else:
        assert getattr(of, name)(5) == 5

    assert root().inputs == {"x": 5}
    assert root().name == name


@pytest.mark.parametrize("name", ["class_outer", "class_inner"])
@pytest.mark.parametrize("of", [Shop, Shop()], ids=["class", "instance"])
def test_classmethods_get_their_class(name: str, of: Any) -> None:
    assert getattr(of, name)(x=5) == ("Shop", 5)

    assert root().inputs == {"x": 5}
    assert root().outputs == ["Shop", 5]


def test_a_subclass_is_what_a_classmethod_gets() -> None:
    class Sub(Shop):
        pass

    assert Sub.class_outer(1) == ("Sub", 1)
    assert Sub.class_inner(1) == ("Sub", 1)


def test_a_property_getter_is_recorded() -> None:
    class Thing:
        @tracer.trace
        @property
        def size(self) -> int:
            return 3

    assert Thing().size == 3

    assert root().name == "size"


def test_coroutines_stay_coroutines() -> None:
    assert inspect.iscoroutinefunction(Shop.coroutine)

    assert asyncio.run(Shop().coroutine(4)) == 4
    assert (root().inputs, root().outputs) == ({"x": 4}, 4)


def test_a_coroutine_that_is_never_awaited_leaves_no_span() -> None:
    coroutine = Shop().coroutine(4)
    coroutine.close()

    assert tracer.get_last_active_trace_id() is None


def test_partials_and_callable_objects_can_be_traced() -> None:
    partial = tracer.trace(functools.partial(add.__wrapped__, 1, flag=True))  # type: ignore[attr-defined]
    assert partial(5) == 6
    assert (root().name, root().inputs) == ("add", {"b": 5, "flag": True})

    assert Shop()(9) == 9
    assert (root().name, root().span_type) == ("asked", "TOOL")

    class Callable_:
        async def __call__(self, x: int) -> int:
            return x

    wrapped = tracer.trace(Callable_())
    assert inspect.iscoroutinefunction(wrapped.__call__)
    assert asyncio.run(wrapped(2)) == 2
    assert (root().name, root().inputs) == ("Callable_", {"x": 2})


def test_builtins_can_be_traced() -> None:
    assert tracer.trace(len)([1, 2]) == 2

    assert root().outputs == 2


def test_an_exception_is_recorded_and_is_the_same_object() -> None:
    error = ValueError("bad")

    @tracer.trace
    def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="bad") as caught:
        fail()

    assert caught.value is error
    span = root()
    assert span.status == "ERROR"
    assert span.attributes["error.type"] == "ValueError"
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.message"] == "bad"
    assert "raise error" in event.attributes["exception.stacktrace"]
    assert "_engine/decorator.py" not in event.attributes["exception.stacktrace"]
    assert last().info.state == "ERROR"


@pytest.mark.parametrize(
    ("error", "status", "incomplete"),
    [
        (KeyboardInterrupt(), "ERROR", "interrupted"),
        (SystemExit(0), "UNSET", "exit"),
        (SystemExit(3), "ERROR", "exit"),
        (asyncio.CancelledError(), "UNSET", "cancelled"),
        (GeneratorExit(), "UNSET", "closed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_exceptions_of_every_kind_end_the_span_as_what_they_are(
    error: BaseException, status: str, incomplete: str
) -> None:
    with pytest.raises(type(error)), tracer.start_span("work"):
        raise error

    assert (root().status, root().attributes["tracer.incomplete"]) == (status, incomplete)


def test_a_call_with_wrong_arguments_raises_the_functions_own_error() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        add()

    assert root().status == "ERROR"


@tracer.trace
def counter(n: int) -> Generator[int, str, str]:
    got = []
    for i in range(n):
        try:
            sent = yield i
        except KeyError:
            sent = "thrown"
        got.append(sent)
    return "/".join(map(str, got))


def test_generators_keep_their_protocol() -> None:
    assert inspect.isgeneratorfunction(counter)
    generator = counter(3)

    assert next(generator) == 0
    assert generator.send("a") == 1
    assert generator.throw(KeyError()) == 2
    with pytest.raises(StopIteration) as stop:
        generator.send("c")
    assert stop.value.value == "a/thrown/c"

    span = root()
    assert (span.inputs, span.outputs) == ({"n": 3}, [0, 1, 2])
    assert span.attributes["tracer.generator.return_value"] == '"a/thrown/c"'


def test_yield_from_passes_through() -> None:
    def outer() -> Iterator[Any]:
        result = yield from counter(2)
        yield result

    assert list(outer()) == [0, 1, "None/None"]


def test_a_generator_that_is_closed_ends_its_span_with_what_it_yielded() -> None:
    generator = counter(5)
    next(generator)
    next(generator)
    generator.close()

    assert (root().outputs, root().status, root().attributes["tracer.incomplete"]) == ([0, 1], "UNSET", "closed")


@pytest.mark.skipif(sys.version_info < (3, 13), reason="close() hands a value on from Python 3.13")
def test_close_hands_the_generators_value_on() -> None:
    @tracer.trace
    def closing() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            return "closed"  # type: ignore[return-value]

    generator = closing()
    next(generator)

    assert generator.close() == "closed"  # type: ignore[attr-defined]
    assert root().attributes["tracer.incomplete"] == "closed"


def test_an_abandoned_generator_ends_its_span() -> None:
    for item in counter(5):
        if item == 1:
            break
    gc.collect()

    assert root().outputs == [0, 1]


def test_a_generator_that_never_ran_leaves_no_span() -> None:
    counter(5)
    gc.collect()

    assert tracer.get_last_active_trace_id() is None


def test_a_generator_that_raises_records_it() -> None:
    @tracer.trace
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        list(failing())

    assert (root().status, root().outputs) == ("ERROR", [1])


def test_a_generators_span_is_current_in_its_body_and_never_between() -> None:
    @tracer.trace
    def body() -> Iterator[str | None]:
        yield tracer.get_active_trace_id()
        with tracer.start_span("child"):
            pass
        yield tracer.get_active_trace_id()

    generator = body()
    inside = next(generator)
    assert inside is not None
    assert tracer.get_current_active_span() is None
    with tracer.start_span("beside") as beside:
        assert beside.trace_id != inside
    assert next(generator) == inside
    generator.close()

    names = {span.name: span.parent_id for span in tracer.get_trace(inside).data.spans}
    assert set(names) == {"body", "child"}
    assert names["child"] is not None


def test_async_generators_keep_their_protocol() -> None:
    log: list[str] = []

    @tracer.trace
    async def agen(n: int) -> AsyncIterator[Any]:
        try:
            for i in range(n):
                try:
                    sent = yield i
                    log.append(f"sent {sent}")
                except KeyError:
                    yield "caught"
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    assert inspect.isasyncgenfunction(agen)

    async def use() -> None:
        generator: Any = agen(5)
        assert await generator.__anext__() == 0
        assert await generator.asend("x") == 1
        assert await generator.athrow(KeyError()) == "caught"
        await generator.aclose()

    asyncio.run(use())
    assert log == ["sent x", "closed"]
    assert (root().outputs, root().attributes["tracer.incomplete"]) == ([0, 1, "caught"], "closed")


def test_an_async_generator_left_early_ends_its_span_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    @tracer.trace
    async def agen() -> AsyncIterator[int]:
        for i in range(100):
            await asyncio.sleep(0)
            yield i

    async def use() -> None:
        async for item in agen():
            if item == 3:
                break

    asyncio.run(use())
    gc.collect()

    assert root().outputs == [0, 1, 2, 3]
    assert caplog.records == []


def test_an_async_generator_read_in_another_task_keeps_its_trace() -> None:
    @tracer.trace
    async def agen() -> AsyncIterator[int]:
        with tracer.start_span("first"):
            yield 1
        yield 2

    async def use() -> None:
        generator: Any = agen()
        assert await asyncio.ensure_future(generator.__anext__()) == 1
        assert await asyncio.ensure_future(generator.__anext__()) == 2
        await generator.aclose()

    asyncio.run(use())

    assert {span.name for span in last().data.spans} == {"agen", "first"}


def test_an_output_reducer_makes_the_output() -> None:
    @tracer.trace(output_reducer=lambda items: "".join(items))
    def words() -> Iterator[str]:
        yield "a"
        yield "b"

    assert list(words()) == ["a", "b"]
    assert root().outputs == "ab"


@pytest.mark.swallow_faults
def test_an_output_reducer_that_fails_leaves_the_items(caplog: pytest.LogCaptureFixture) -> None:
    @tracer.trace(output_reducer=lambda items: 1 / 0)
    def words() -> Iterator[str]:
        yield "a"

    assert list(words()) == ["a"]
    assert root().outputs == ["a"]
    assert "output_reducer" in caplog.text


def test_what_a_long_generator_yields_is_bounded() -> None:
    @tracer.trace
    def much() -> Iterator[str]:
        for _ in range(3000):
            yield "x" * 1000

    assert sum(1 for _ in much()) == 3000

    span = root()
    assert len(span.outputs) < 1100
    assert span.attributes["tracer.generator.items_left_out"] == 3000 - len(span.outputs)


def test_capture_can_be_turned_off_for_a_function() -> None:
    @tracer.trace(capture_inputs=False, capture_outputs=False)
    def secret(x: str) -> str:
        return x

    secret("s")

    assert (root().inputs, root().outputs) == (None, None)


def test_inputs_are_recorded_as_they_were_at_the_call() -> None:
    @tracer.trace
    def grow(items: list[int]) -> list[int]:
        items.append(2)
        return items

    grow([1])

    assert (root().inputs, root().outputs) == ({"items": [1]}, [1, 2])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tracer.trace("step"), "@trace(name='step')"),
        (lambda: tracer.trace(3), "expected a function"),
        (lambda: tracer.trace(type("T", (), {})), "decorate its methods"),
        (lambda: tracer.trace(name=3), "name: got 3"),
        (lambda: tracer.trace(attributes=[1]), "attributes: got [1]"),
        (lambda: tracer.trace(output_reducer=1), "output_reducer: got 1"),
        (lambda: tracer.start_span(3), "name: got 3"),
        (lambda: tracer.start_span("a", span_type=None), "span_type: got None"),
        (lambda: tracer.start_span_no_context("a", parent_span="x"), "parent_span: got 'x'"),
        (lambda: tracer.update_current_trace(state="GREAT"), "state: got 'GREAT'"),
        (lambda: tracer.update_current_trace(tags=["a"]), "tags: got ['a']"),
        (lambda: tracer.wrap_context(1), "wrap_context: got 1"),
    ],
)
def test_misuse_says_what_was_given_and_what_to_do(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        call()

    assert words in str(caught.value)
