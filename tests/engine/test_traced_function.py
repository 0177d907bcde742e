"""A traced function stays what it was: to pickling, to its decorators' attributes, to the frameworks that own it."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import types
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import tracer


def names() -> list[str]:
    """Names of all spans, by trace."""
    traces = tracer.search_traces()
    return sorted(span.name for trace in traces for span in tracer.get_trace(trace.info.trace_id).data.spans)  # type: ignore[union-attr]


# ---- other processes ----

_IN_MAIN = """
    import functools
    factor = 3
    @tracer.trace
    def times(value):
        return value * factor
    @tracer.trace
    def factorial(value):
        return 1 if value < 2 else value * factorial(value - 1)
    @tracer.trace
    async def later(value):
        return value * factor
    @tracer.trace
    def stream(value):
        yield value * factor
    def counted(function):
        @functools.wraps(function)
        def wrapper(*args):
            wrapper.calls += 1
            return function(*args)
        wrapper.calls = 0
        return wrapper
    @tracer.trace
    @counted
    def decorated(value):
        return value * factor
    class Scaled:
        def __init__(self, by):
            self.by = by
        def __call__(self, value):
            return value * self.by
    scaled = tracer.trace(Scaled(3))
    partial = tracer.trace(functools.partial(times, 4))
    def make(by):
        @tracer.trace(name="closure", attributes={"by": by})
        def inner(value):
            return value * by
        return inner
"""


def test_cloudpickle_takes_traced_functions_of_main_and_closures(start: Any, run: Any, stored: Any) -> None:
    kept = run(
        _IN_MAIN
        + """
    import cloudpickle
    given = [times, factorial, later, stream, decorated, scaled, partial, make(3)]
    say(cloudpickle.dumps(given).hex())
    """
    )
    run(f"""
        import pickle
        given = pickle.loads(bytes.fromhex("{kept.strip()}"))
        times, factorial, later, stream, decorated, scaled, partial, closure = given
        assert [times(4), factorial(2), asyncio.run(later(4)), list(stream(4))] == [12, 2, 12, [12]]
        assert [decorated(4), scaled(4), partial(), closure(4)] == [12, 12, 12, 12]
    """)

    assert stored.names() == {
        "Scaled": 1, "closure": 1, "decorated": 1, "factorial": 2, "later": 1, "stream": 1, "times": 3
    }  # fmt: skip


def test_cloudpickle_takes_functions_of_wrap_context_and_their_place_in_the_trace(run: Any, stored: Any) -> None:
    kept = run(
        _IN_MAIN
        + """
    import asyncio, contextvars, threading
    import cloudpickle
    held = contextvars.ContextVar("held")
    held.set(threading.Lock())  # which cannot be pickled
    class Writer:
        def write(self, value):
            return times(value)
    def plain(value):
        return times(value)
    async def plain_later(value):
        return await later(value)
    def plain_stream(value):
        yield from stream(value)
    with tracer.start_span("here"):
        given = [tracer.wrap_context(each) for each in (
            plain, plain_later, plain_stream, make(3), later, scaled, Writer().write, functools.partial(plain, 4)
        )]
    outside = tracer.wrap_context(plain)
    again = cloudpickle.loads(cloudpickle.dumps(given))  # twice
    say(cloudpickle.dumps([*again, outside]).hex())
    """
    )
    run(f"""
        import pickle
        given = pickle.loads(bytes.fromhex("{kept.strip()}"))
        plain, plain_later, plain_stream, closure, later, scaled, method, partial, outside = given
        assert [plain(4), asyncio.run(plain_later(4)), list(plain_stream(4)), closure(4)] == [12, 12, [12], 12]
        assert [asyncio.run(later(4)), scaled(4), method(4), partial()] == [12, 12, 12, 12]
        with tracer.start_span("there"):
            assert (plain(4), outside(4)) == (12, 12)
        assert tracer.get_current_active_span() is None
    """)

    above = stored.query(
        "SELECT span.name, parent.name FROM spans span LEFT JOIN spans parent ON parent.span_id = span.parent_id"
    )
    below_here = ["Scaled", "closure", "later", "later", "stream", *["times"] * 4]
    assert sorted(above, key=str) == sorted(
        [*((name, "here") for name in below_here), ("times", "there"), ("here", None), ("there", None)], key=str
    )


def test_joblib_runs_traced_functions_of_main_and_closures_in_other_processes(run: Any, stored: Any) -> None:
    pytest.importorskip("joblib")
    output = run(
        _IN_MAIN
        + """
    def main():
        from joblib import Parallel, delayed
        from joblib.externals.loky import get_reusable_executor
        with Parallel(n_jobs=2) as parallel:
            done = parallel(delayed(function)(4) for function in (times, decorated, scaled, make(3)))
        get_reusable_executor().shutdown(wait=True)
        say(done)
    if __name__ == "__main__":
        import warnings
        warnings.simplefilter("ignore")  # joblib's own
        os.environ["TRACER_STORE"] = sys.argv[1]
        main()
    """
    )

    assert output.strip() == "[12, 12, 12, 12]"
    assert stored.names() == {"Scaled": 1, "closure": 1, "decorated": 1, "times": 1}


@tracer.trace
async def later() -> int:
    return 1


@tracer.trace
def stream() -> Iterator[int]:
    yield 1


@tracer.trace
@functools.lru_cache
def cached(value: int) -> int:
    return value


@pytest.mark.parametrize("function", [later, stream, cached], ids=["coroutine", "generator", "cached"])
def test_pickle_refers_to_a_modules_traced_function_by_its_name(function: Any) -> None:
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(later) is later


# ---- attributes ----


def test_a_cached_function_keeps_its_methods() -> None:
    cached(1)
    cached(1)
    assert cached.cache_info().hits == 1

    cached.cache_clear()

    assert cached.cache_info().hits == 0
    assert cached.cache_parameters() == {"maxsize": 128, "typed": False}
    assert names() == ["cached", "cached"]


def test_a_cached_method_is_bound_to_its_object() -> None:
    class Shop:
        @tracer.trace
        @functools.lru_cache  # noqa: B019
        def price(self, item: str) -> str:
            return item

    assert Shop().price("tea") == "tea"
    assert Shop.price.cache_info().misses == 1
    span = tracer.get_trace(tracer.get_last_active_trace_id()).data.spans[0]  # type: ignore[union-attr,arg-type]
    assert span.inputs == {"item": "tea"}


def test_attributes_of_another_decorator_are_live() -> None:
    def counted(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def wrapper(*args: object) -> object:
            wrapper.calls += 1  # type: ignore[attr-defined]
            return function(*args)

        wrapper.calls = 0  # type: ignore[attr-defined]
        return wrapper

    @tracer.trace
    @counted
    def double(value: int) -> int:
        return value * 2

    double(1)
    double(1)
    assert double.calls == 2

    double.calls = 7
    double(1)

    assert double.calls == 8
    assert list(inspect.signature(double).parameters) == ["value"]


def test_the_state_of_a_callable_object_is_its_own() -> None:
    class Agent:
        """An agent."""

        def __init__(self) -> None:
            self.history: list[str] = []
            self.model = "small"

        def __call__(self, question: str) -> str:
            self.history.append(question)
            return f"{self.model}: {question}"

        def forget(self) -> None:
            self.history = []

        def __len__(self) -> int:
            return len(self.history)

    agent = Agent()
    traced: Any = tracer.trace(agent)
    traced.model = "large"

    assert traced("hi") == "large: hi"
    assert (agent.model, agent.history, len(traced)) == ("large", ["hi"], 1)
    traced.forget()
    assert traced.history == []
    assert isinstance(traced, Agent)
    assert traced.__doc__ == "An agent."
    assert names() == ["Agent"]

    other = copy.deepcopy(traced)
    other("again")
    assert (agent.history, other.history) == ([], ["again"])
    assert names() == ["Agent", "Agent"]


def test_a_traced_object_can_be_iterated_only_if_the_object_can() -> None:
    from collections.abc import Iterable

    assert not isinstance(tracer.trace(functools.partial(int)), Iterable)


def test_a_partial_keeps_its_parts() -> None:
    traced: Any = tracer.trace(functools.partial(int, base=2))

    assert (traced.func, traced.keywords, traced("101")) == (int, {"base": 2}, 5)


def test_celerys_task_keeps_its_methods() -> None:
    celery: Any = pytest.importorskip("celery")
    app = celery.Celery("tests", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True

    @tracer.trace
    @app.task(name="shout")
    def shout(text: str) -> str:
        return text.upper()

    assert shout.delay("hi").get() == "HI"
    assert shout.s("hi").apply().get() == "HI"
    assert (shout.name, shout("hi")) == ("shout", "HI")
    assert isinstance(shout, celery.Task)
    assert names() == ["shout"]


# ---- kind ----


async def coroutine() -> int:
    """A coroutine."""
    return 1


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("wrap", [tracer.trace, tracer.wrap_context], ids=["trace", "wrap_context"])
@pytest.mark.parametrize(
    ("function", "is_kind"),
    [
        (coroutine, inspect.iscoroutinefunction),
        (coroutine, asyncio.iscoroutinefunction),
        (generator, inspect.isgeneratorfunction),
        (async_generator, inspect.isasyncgenfunction),
    ],
    ids=["coroutine", "coroutine to asyncio", "generator", "async generator"],
)
def test_a_function_is_of_its_kind(wrap: Callable[..., Any], function: Any, is_kind: Callable[..., bool]) -> None:
    traced = wrap(function)

    assert is_kind(traced)
    assert is_kind(functools.partial(traced))
    assert is_kind(types.MethodType(traced, object()))
    assert inspect.isfunction(traced)
    assert isinstance(traced, types.FunctionType)
    assert (traced.__name__, traced.__qualname__, traced.__module__) == (
        function.__name__, function.__qualname__, __name__
    )  # fmt: skip
    assert traced.__doc__ == function.__doc__
    assert inspect.unwrap(traced) is function
    assert inspect.signature(traced) == inspect.signature(function)
    assert typing.get_type_hints(traced) == typing.get_type_hints(function)
    assert inspect.getsource(traced) == inspect.getsource(function)


def test_attributes_that_are_set_on_a_traced_coroutine_function_stay() -> None:
    traced: Any = tracer.trace(coroutine)
    traced.retries = 3
    traced.__doc__ = "Another."

    @functools.wraps(traced)
    async def outer() -> int:
        return await traced()  # type: ignore[no-any-return]

    assert (traced.retries, traced.__doc__) == (3, "Another.")
    assert (outer.retries, outer.__name__) == (3, "coroutine")  # type: ignore[attr-defined]
    del traced.retries
    assert not hasattr(traced, "retries")
    assert "retries" not in vars(traced)


def test_coroutine_methods_are_methods() -> None:
    class Shop:
        @tracer.trace
        async def ask(self, item: str) -> str:
            return item

    shop = Shop()

    assert inspect.ismethod(shop.ask)
    assert shop.ask == shop.ask
    assert inspect.iscoroutinefunction(shop.ask)
    assert asyncio.run(shop.ask("tea")) == "tea"
    assert [name for name, _ in inspect.getmembers(Shop, inspect.isfunction)] == ["ask"]


def test_pydantic_takes_traced_methods_for_methods() -> None:
    pydantic: Any = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[misc]
        value: int

        @tracer.trace
        async def ask(self) -> int:
            return self.value

        @tracer.trace
        def stream(self) -> Iterator[int]:
            yield self.value

    assert list(Model.model_fields) == ["value"]
    assert (asyncio.run(Model(value=1).ask()), list(Model(value=1).stream())) == (1, [1])


def test_type_checkers_see_the_same_function_after_wrap_context() -> None:
    hints = typing.get_type_hints(tracer.wrap_context)

    assert isinstance(hints["function"], typing.TypeVar)
    assert hints["return"] is hints["function"]
