"""Work that runs after its call stays inside the call's span: returned coroutines and generators, and `with` blocks."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import tracer

Tree = set[tuple[str, str | None]]


def tree() -> Tree:
    """Names of the spans of the only trace, each with its parent's."""
    (trace,) = tracer.search_traces()
    stored = tracer.get_trace(trace.info.trace_id)
    assert stored is not None
    names = {span.span_id: span.name for span in stored.data.spans}
    return {(span.name, names.get(span.parent_id or "")) for span in stored.data.spans}


def root() -> tracer.Span:
    (trace,) = tracer.search_traces()
    stored = tracer.get_trace(trace.info.trace_id)
    assert stored is not None
    return next(span for span in stored.data.spans if span.parent_id is None)


@tracer.trace
def step(value: object = None) -> object:
    return value


async def work(value: int) -> int:
    step()
    await asyncio.sleep(0)
    step()
    return value


def plain_decorator(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: object) -> object:
        return function(*args)

    return wrapper


# ---- what a function returns ----


def test_a_returned_coroutine_is_followed_to_its_end() -> None:
    @tracer.trace
    def call(value: int) -> Coroutine[Any, Any, int]:
        return work(value)

    assert asyncio.run(call(3)) == 3

    assert tree() == {("call", None), ("step", "call")}
    assert (root().outputs, root().status) == (3, "UNSET")


def test_a_plain_decorator_around_a_coroutine_function_is_followed_to_its_end() -> None:
    call = tracer.trace(plain_decorator(work))

    coroutine = call(3)

    assert inspect.iscoroutine(coroutine)
    assert (coroutine.__name__, coroutine.__qualname__) == ("work", "work")
    assert asyncio.run(coroutine) == 3
    assert tree() == {("work", None), ("step", "work")}


def test_an_error_of_a_returned_coroutine_is_the_calls() -> None:
    async def fail() -> None:
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        asyncio.run(tracer.trace(lambda: fail())())

    assert root().status == "ERROR"


def test_a_returned_coroutine_that_is_never_awaited_ends_the_span_with_pythons_own_warning() -> None:
    call = tracer.trace(plain_decorator(work))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(3)
        gc.collect()

    assert [str(warning.message) for warning in caught] == ["coroutine 'work' was never awaited"]
    assert root().attributes["tracer.incomplete"] == "closed"


def numbers() -> Iterator[int]:
    yield 1
    step()
    yield 2


async def numbers_later() -> AsyncIterator[int]:
    yield 1
    step()
    yield 2


async def collected(generator: Any) -> list[Any]:
    return [item async for item in generator]


async def close_later(generator: Any) -> None:
    await generator.aclose()


@pytest.mark.parametrize(
    ("function", "close"),
    [
        (work, lambda coroutine: coroutine.close()),
        (lambda value: numbers(), lambda generator: generator.close()),
        (lambda value: numbers_later(), lambda generator: asyncio.run(close_later(generator))),
    ],
    ids=["coroutine", "generator", "async generator"],
)
def test_what_a_call_returned_and_is_closed_before_its_first_step_ends_the_span_then(function: Any, close: Any) -> None:
    thing = tracer.trace(plain_decorator(function))(3)

    close(thing)

    assert root().attributes["tracer.incomplete"] == "closed"
    del thing  # held until here


def test_a_returned_generator_is_followed_to_its_end() -> None:
    @tracer.trace
    def call() -> Iterator[int]:
        return numbers()

    generator = call()

    assert inspect.isgenerator(generator)
    assert (generator.__name__, list(generator)) == ("numbers", [1, 2])
    assert tree() == {("call", None), ("step", "call")}
    assert root().outputs == [1, 2]


def test_a_returned_async_generator_is_followed_to_its_end() -> None:
    @tracer.trace
    async def call() -> AsyncIterator[int]:
        return numbers_later()

    async def use() -> list[int]:
        generator = await call()
        assert inspect.isasyncgen(generator)
        return await collected(generator)

    assert asyncio.run(use()) == [1, 2]
    assert tree() == {("call", None), ("step", "call")}
    assert root().outputs == [1, 2]


def test_a_returned_generator_has_its_functions_output_reducer() -> None:
    assert list(tracer.trace(lambda: numbers(), output_reducer=sum)()) == [1, 2]

    assert root().outputs == 3


def test_a_generator_with_more_beside_it_is_followed_to_its_end() -> None:
    @tracer.trace
    def call() -> tuple[Iterator[int], int]:
        return numbers(), 200

    body, status = call()

    assert (list(body), status) == ([1, 2], 200)
    assert tree() == {("call", None), ("step", "call")}


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a status"])
def test_a_generator_that_its_object_keeps_outlives_what_was_returned(beside: bool) -> None:
    class Pool:
        def __init__(self) -> None:
            self.numbers = numbers()

        @tracer.trace
        def get(self) -> Any:
            return (self.numbers, 200) if beside else self.numbers

    pool = Pool()
    taken = [next(pool.get()[0] if beside else pool.get()) for _ in range(2)]

    assert taken == [1, 2]


@pytest.mark.parametrize("end", ["closed", "dropped", "never begun"])
def test_a_returned_generator_that_is_left_ends_the_span(end: str) -> None:
    generator: Any = tracer.trace(lambda: numbers())()
    if end != "never begun":
        next(generator)
    if end == "closed":
        generator.close()
    del generator
    gc.collect()

    assert root().attributes["tracer.incomplete"] == "closed"


def test_what_is_returned_through_two_traced_functions_is_inside_both() -> None:
    inner = tracer.trace(lambda: numbers(), name="inner")
    outer = tracer.trace(lambda: inner(), name="outer")

    assert list(outer()) == [1, 2]
    assert tree() == {("outer", None), ("inner", "outer"), ("step", "inner")}


# ---- futures ----


@tracer.trace
def started(coroutine: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
    return asyncio.create_task(coroutine())


async def failed_work() -> None:
    await work(1)
    raise ValueError("no")


async def endless_work() -> None:
    await asyncio.sleep(3600)


def test_a_returned_task_is_followed_to_its_end() -> None:
    async def main() -> tuple[bool, int]:
        task = started(lambda: work(3))
        is_open = not root().end_time_ns
        return is_open, await task

    assert asyncio.run(main()) == (True, 3)
    assert tree() == {("started", None), ("step", "started")}
    assert (root().outputs, root().status, root().inputs.keys()) == (3, "UNSET", {"coroutine"})


def test_the_caller_has_the_task_that_the_function_made() -> None:
    made: list[asyncio.Task[int]] = []

    @tracer.trace
    def start() -> asyncio.Task[int]:
        made.append(asyncio.create_task(work(3)))
        return made[0]

    async def main() -> bool:
        task = start()
        await task
        return task is made[0]

    assert asyncio.run(main())
    assert root().outputs == 3


def test_an_error_of_a_returned_task_is_the_calls() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await started(failed_work)

    asyncio.run(main())

    assert (root().status, root().status.description) == ("ERROR", "ValueError: no")
    assert "in failed_work" in root().events[0].attributes["exception.stacktrace"]


@pytest.mark.parametrize("is_awaited", [True, False])
def test_python_says_of_a_returned_task_whose_error_nobody_took_what_it_says_without_tracer(is_awaited: bool) -> None:
    async def main() -> list[str]:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
        task = started(failed_work)
        if is_awaited:
            with pytest.raises(ValueError, match="no"):
                await task
        else:
            await asyncio.wait([task])
        del task
        gc.collect()
        return said

    assert asyncio.run(main()) == ([] if is_awaited else ["Task exception was never retrieved"])
    assert root().status == "ERROR"


def test_a_cancelled_task_is_no_error() -> None:
    async def main() -> None:
        task = started(endless_work)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert (root().status, root().get_attribute("tracer.incomplete")) == ("UNSET", "cancelled")


def test_tasks_that_are_gathered_are_followed_together() -> None:
    @tracer.trace
    def both() -> asyncio.Future[list[int]]:
        return asyncio.gather(work(1), work(2))

    async def main() -> list[int]:
        return await both()

    assert asyncio.run(main()) == [1, 2]
    assert (root().outputs, tree()) == ([1, 2], {("both", None), ("step", "both")})


@pytest.mark.parametrize("make", [asyncio.Future, asyncio.futures._PyFuture, Future])  # type: ignore[attr-defined]
@pytest.mark.parametrize("is_done", [True, False])
def test_a_returned_future_ends_the_span_with_its_result(make: Any, is_done: bool) -> None:
    async def main() -> None:
        future = make()
        if is_done:
            future.set_result("done")
        assert tracer.trace(lambda: future)() is future
        if not is_done:
            assert not root().end_time_ns
            future.set_result("done")
        await asyncio.sleep(0)

    asyncio.run(main())

    assert (root().outputs, root().status) == ("done", "UNSET")


def test_a_returned_future_of_an_executor_is_followed_to_its_end() -> None:
    with ThreadPoolExecutor(1) as executor:
        go_on = threading.Event()

        @tracer.trace
        def submitted() -> Future[object]:
            return executor.submit(tracer.wrap_context(lambda: go_on.wait() and step(5)))

        future = submitted()
        assert not root().end_time_ns
        go_on.set()
        assert future.result() == 5

    assert (root().outputs, tree()) == (5, {("submitted", None), ("step", "submitted")})


def test_a_future_that_is_dropped_before_it_is_done_ends_the_span_and_is_not_kept() -> None:
    def call() -> weakref.ref[Future[int]]:
        future: Future[int] = Future()
        tracer.trace(lambda: future)()
        return weakref.ref(future)

    seen = call()
    gc.collect()

    assert (seen(), root().get_attribute("tracer.incomplete")) == (None, "closed")


# ---- the context of the call ----


@tracer.trace
def traced_numbers() -> Iterator[object]:
    yield step()


@tracer.trace
async def traced_numbers_later() -> AsyncIterator[object]:
    yield step()


@tracer.trace
async def traced_work() -> object:
    return step()


def in_thread(function: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_a_traced_generator_is_below_the_span_that_it_was_called_in() -> None:
    with tracer.start_span("request"):
        generator = traced_numbers()
    list(generator)

    assert tree() == {("request", None), ("traced_numbers", "request"), ("step", "traced_numbers")}


def test_a_traced_async_generator_is_below_the_span_that_it_was_called_in() -> None:
    with tracer.start_span("request"):
        generator = traced_numbers_later()
    asyncio.run(collected(generator))

    assert tree() == {("request", None), ("traced_numbers_later", "request"), ("step", "traced_numbers_later")}


def test_a_traced_coroutine_is_below_the_span_that_it_was_called_in() -> None:
    with tracer.start_span("request"):
        coroutine: Any = traced_work()
    asyncio.run(coroutine)

    assert tree() == {("request", None), ("traced_work", "request"), ("step", "traced_work")}


def test_a_traced_coroutine_that_another_threads_loop_runs_is_below_the_span_that_it_was_called_in() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with tracer.start_span("request"):
            asyncio.run_coroutine_threadsafe(traced_work(), loop).result()  # type: ignore[arg-type]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    assert tree() == {("request", None), ("traced_work", "request"), ("step", "traced_work")}


def test_the_span_that_is_current_at_the_first_step_comes_first() -> None:
    with tracer.start_span("called in"):
        generator = traced_numbers()
    with tracer.start_span("read in"):
        list(generator)

    named = {trace.info.name: trace.info.span_count for trace in tracer.search_traces()}
    assert named == {"called in": 1, "read in": 3}


def test_a_method_keeps_the_span_that_it_was_called_in() -> None:
    class Shop:
        @tracer.trace
        def stream(self, /, **options: object) -> Iterator[object]:
            yield options

    with tracer.start_span("request"):
        generator = Shop().stream(self=1, limit=2)

    assert in_thread(lambda: list(generator)) == [{"self": 1, "limit": 2}]
    assert tree() == {("request", None), ("stream", "request")}


# ---- blocks ----


def test_a_task_that_outlives_the_block_it_was_started_in_is_below_its_span() -> None:
    async def use() -> None:
        begin = asyncio.Event()

        async def later() -> None:
            await begin.wait()
            step()

        with tracer.start_span("request"):
            task = asyncio.ensure_future(later())
            await asyncio.sleep(0)
        gc.collect()
        begin.set()
        await task

    asyncio.run(use())

    assert tree() == {("request", None), ("step", "request")}


@pytest.mark.parametrize("above", [True, False], ids=["above contextmanager", "below contextmanager"])
def test_steps_in_a_block_of_a_traced_context_manager_are_below_its_span(above: bool) -> None:
    def session() -> Iterator[str]:
        step("open")
        yield "session"
        step("close")

    manager: Any = (
        tracer.trace(contextlib.contextmanager(session)) if above else contextlib.contextmanager(tracer.trace(session))
    )

    with manager() as given:
        step("inside")
    assert tracer.get_current_active_span() is None

    assert given == "session"
    assert tree() == {("session", None), ("step", "session")}
    assert root().outputs == ["session"]


@pytest.mark.parametrize("above", [True, False], ids=["above contextmanager", "below contextmanager"])
def test_steps_in_a_block_of_a_traced_async_context_manager_are_below_its_span(above: bool) -> None:
    async def session() -> AsyncIterator[str]:
        step("open")
        yield "session"
        step("close")

    make: Any = contextlib.asynccontextmanager
    manager: Any = tracer.trace(make(session)) if above else make(tracer.trace(session))

    async def use() -> None:
        async with manager():
            step("inside")
        assert tracer.get_current_active_span() is None

    asyncio.run(use())

    assert tree() == {("session", None), ("step", "session")}


def test_a_function_that_returns_a_context_manager_lasts_until_the_block_ends() -> None:
    @contextlib.contextmanager
    def session() -> Iterator[None]:
        yield

    call = tracer.trace(lambda: session(), name="call")

    with call():
        step()

    assert tree() == {("call", None), ("step", "call")}


def test_a_traced_context_manager_can_decorate_functions() -> None:
    @tracer.trace
    @contextlib.contextmanager
    def session() -> Iterator[None]:
        yield

    decorated = session()(step)
    decorated()
    decorated()

    assert [trace.info.span_count for trace in tracer.search_traces()] == [2, 2]


def test_an_error_in_the_block_is_the_context_managers() -> None:
    @tracer.trace
    @contextlib.contextmanager
    def session() -> Iterator[None]:
        yield

    with pytest.raises(ValueError, match="inside"), session():
        raise ValueError("inside")

    assert root().status == "ERROR"
    assert tracer.get_current_active_span() is None


# ---- wrap_context ----


def test_wrap_context_carries_the_span_into_the_steps_of_a_coroutine() -> None:
    with tracer.start_span("request"):
        wrapped = tracer.wrap_context(work)

    assert inspect.iscoroutinefunction(wrapped)
    assert in_thread(lambda: asyncio.run(wrapped(3))) == 3
    assert tree() == {("request", None), ("step", "request")}


def test_wrap_context_carries_the_span_into_the_steps_of_a_generator() -> None:
    with tracer.start_span("request"):
        wrapped = tracer.wrap_context(numbers)

    assert inspect.isgeneratorfunction(wrapped)
    assert in_thread(lambda: list(wrapped())) == [1, 2]
    assert tree() == {("request", None), ("step", "request")}


def test_wrap_context_carries_the_span_into_the_steps_of_an_async_generator() -> None:
    with tracer.start_span("request"):
        wrapped = tracer.wrap_context(numbers_later)

    assert inspect.isasyncgenfunction(wrapped)
    assert in_thread(lambda: asyncio.run(collected(wrapped()))) == [1, 2]
    assert tree() == {("request", None), ("step", "request")}


def talk() -> Iterator[Any]:
    got: list[Any] = []
    for i in range(3):
        try:
            got.append((yield i))
        except KeyError:
            got.append("thrown")
    return got  # type: ignore[return-value]


async def talk_later() -> AsyncIterator[Any]:
    for i in range(3):
        try:
            yield i, (yield i)
        except KeyError:
            yield "thrown"


def test_a_generator_keeps_its_protocol_in_a_wrapped_context() -> None:
    generator: Any = tracer.wrap_context(talk)()

    assert [next(generator), generator.send("a"), generator.throw(KeyError())] == [0, 1, 2]
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == ["a", "thrown", None]


def test_an_async_generator_keeps_its_protocol_in_a_wrapped_context() -> None:
    async def use() -> list[object]:
        generator: Any = tracer.wrap_context(talk_later)()
        got = [await generator.__anext__(), await generator.asend("a"), await generator.athrow(KeyError())]
        await generator.aclose()
        return [*got, await collected(generator)]

    assert asyncio.run(use()) == [0, (0, "a"), "thrown", []]


def test_wrap_context_leaves_a_callable_objects_attributes() -> None:
    @functools.lru_cache
    def cached(value: int) -> int:
        return value

    wrapped = tracer.wrap_context(cached)
    wrapped(1)

    assert wrapped.cache_info().misses == 1
