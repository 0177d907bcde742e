"""Exceptions by which libraries stop, put off or give back a step are no errors; a fake clock makes no wrong times."""

from __future__ import annotations

import asyncio
import datetime
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

import tracer


def only() -> tracer.Span:
    (trace,) = tracer.search_traces()
    (span,) = tracer.get_trace(trace.info.trace_id).data.spans  # type: ignore[union-attr]
    return span


def ending() -> tuple[str, object]:
    """Status of the only span, and how it ended before its time."""
    return only().status.status_code, only().attributes.get("tracer.incomplete")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no exception groups")
@pytest.mark.parametrize("error", [None, ValueError("bad")], ids=["cancelled", "cancelled and failed"])
def test_a_group_is_an_error_if_one_of_its_exceptions_is(error: Exception | None) -> None:
    group: Any = BaseExceptionGroup("tasks", [asyncio.CancelledError(), *([error] if error else [])])  # noqa: F821

    with pytest.raises(type(group)), tracer.start_span("work"):
        raise group

    assert ending() == (("ERROR", None) if error else ("UNSET", "cancelled"))


def test_a_killed_greenlet_is_no_error() -> None:
    greenlet: Any = pytest.importorskip("greenlet")

    @tracer.trace
    def work() -> None:
        greenlet.getcurrent().parent.switch()

    running = greenlet.greenlet(work)
    running.switch()
    running.throw()

    assert ending() == ("UNSET", "cancelled")


@pytest.mark.parametrize(
    ("end", "incomplete"),
    [
        (lambda task, _: task.retry(countdown=1), "retried"),
        (lambda _, exceptions: exceptions.Ignore(), "ignored"),
        (lambda _, exceptions: exceptions.Reject("full"), "rejected"),
    ],
    ids=["Retry", "Ignore", "Reject"],
)
def test_a_celery_task_that_is_put_off_or_given_back_is_no_error(
    end: Callable[[Any, Any], BaseException], incomplete: str
) -> None:
    celery: Any = pytest.importorskip("celery")
    exceptions: Any = pytest.importorskip("celery.exceptions")
    app = celery.Celery("tests", broker="memory://", backend="cache+memory://")

    @app.task(bind=True)
    @tracer.trace
    def work(self: Any) -> None:
        raise end(self, exceptions)

    work.push_request(called_directly=False, id="1", retries=0)
    try:
        with pytest.raises(exceptions.TaskPredicate):
            work.run()
    finally:
        work.pop_request()

    assert ending() == ("UNSET", incomplete)


def test_a_dramatiq_actor_that_is_put_off_is_no_error() -> None:
    dramatiq: Any = pytest.importorskip("dramatiq")
    stub: Any = pytest.importorskip("dramatiq.brokers.stub")
    broker = stub.StubBroker()
    broker.emit_after("process_boot")

    @dramatiq.actor(broker=broker, max_retries=0)
    @tracer.trace
    def work() -> None:
        raise dramatiq.errors.Retry("later", delay=1)

    work.send()
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    try:
        broker.join(work.queue_name, fail_fast=False)
        worker.join()
    finally:
        worker.stop()

    assert ending() == ("UNSET", "retried")


@pytest.mark.parametrize(("error", "incomplete"), [("RetryTask", "retried"), ("CancelExecution", "cancelled")])
def test_a_huey_task_that_is_put_off_or_given_up_is_no_error(error: str, incomplete: str) -> None:
    huey: Any = pytest.importorskip("huey")
    exceptions: Any = pytest.importorskip("huey.exceptions")
    tasks = huey.MemoryHuey()

    @tasks.task()
    @tracer.trace
    def work() -> None:
        raise getattr(exceptions, error)()

    work()
    tasks.execute(tasks.dequeue())

    assert ending() == ("UNSET", incomplete)


@pytest.mark.parametrize("error", ["Retry", "RetryJob"])
def test_an_arq_job_that_is_put_off_is_no_error(error: str) -> None:
    worker: Any = pytest.importorskip("arq.worker")

    @tracer.trace
    async def work(ctx: dict[str, Any]) -> None:
        raise getattr(worker, error)()

    with pytest.raises(getattr(worker, error)):
        asyncio.run(worker.func(work).coroutine({}))

    assert ending() == ("UNSET", "retried")


def test_an_iterator_that_is_exhausted_is_no_error() -> None:
    class Numbers:
        def __iter__(self) -> Iterator[int]:
            return self

        @tracer.trace
        def __next__(self) -> int:
            raise StopIteration

    assert list(Numbers()) == []

    assert ending() == ("UNSET", "exhausted")


def test_an_exception_of_the_same_name_elsewhere_is_an_error() -> None:
    class Retry(Exception):
        pass

    with pytest.raises(Retry), tracer.start_span("work"):
        raise Retry

    assert ending() == ("ERROR", None)


# ---- clocks that tests set ----


def frozen(moment: datetime.datetime) -> AbstractContextManager[Any]:
    """Time as freezegun has it, for the modules of tracer and this one: looking through all others takes seconds."""
    others = sorted({name.partition(".")[0] for name in sys.modules} - {"tests", "tracer"})
    return pytest.importorskip("freezegun").freeze_time(moment, ignore=others)  # type: ignore[no-any-return]


def travelled(moment: datetime.datetime) -> AbstractContextManager[Any]:
    return pytest.importorskip("time_machine").travel(moment, tick=False)  # type: ignore[no-any-return]


_PAST = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
_FUTURE = datetime.datetime(2101, 1, 1, tzinfo=datetime.timezone.utc)
_MINUTE_NS = 60_000_000_000


@pytest.mark.parametrize("clock", [frozen, travelled])
@pytest.mark.parametrize("moment", [_PAST, _FUTURE], ids=["past", "future"])
def test_a_clock_that_is_set_in_a_span_leaves_its_duration(
    clock: Callable[[datetime.datetime], AbstractContextManager[Any]], moment: datetime.datetime
) -> None:
    with tracer.start_span("outer"):
        with clock(moment):
            inner = tracer.start_span_no_context("inner")
            late = tracer.start_span_no_context("late")
            late.end()
        inner.add_event("after")
        inner.end()

    for trace in tracer.search_traces():
        (span,) = tracer.get_trace(trace.info.trace_id).data.spans  # type: ignore[union-attr]
        assert span.end_time_ns is not None
        assert 0 <= span.end_time_ns - span.start_time_ns < _MINUTE_NS
        assert all(span.start_time_ns <= event.timestamp <= span.end_time_ns for event in span.events)


@pytest.mark.parametrize("clock", [frozen, travelled])
def test_a_span_that_started_before_the_clock_was_set_back_ends_no_earlier(
    clock: Callable[[datetime.datetime], AbstractContextManager[Any]],
) -> None:
    started = time.time_ns()
    with clock(_PAST):
        tracer.start_span_no_context("given", start_time_ns=started).end()

    span = only()
    assert span.end_time_ns is not None
    assert span.end_time_ns >= span.start_time_ns
