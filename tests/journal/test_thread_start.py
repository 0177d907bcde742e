"""Exceptions that are thrown into the user's thread while it starts a thread of tracer's: time limits do so."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

# At the moment when `_thread.start_new_thread` returns, the new thread has not run yet: before Python 3.12 it has its
# creator's id until it does, and takes what is thrown into its creator. On one processor it cannot run earlier.
_THROWING = textwrap.dedent("""
    import ctypes, _thread
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    class TimeLimit(BASE):
        pass
    def throw_at_start(frame, event, argument):
        if event == "c_return" and argument is _thread.start_new_thread:
            sys.setprofile(None)
            me = ctypes.c_ulong(threading.get_ident())
            ctypes.pythonapi.PyThreadState_SetAsyncExc(me, ctypes.py_object(TimeLimit))
    def is_limited(work):
        sys.setprofile(throw_at_start)
        try:
            work()
        except TimeLimit:
            return True
        finally:
            sys.setprofile(None)
        return False
    """)


def program(work: str, base: str = "Exception") -> str:
    return _THROWING.replace("BASE", base) + textwrap.dedent(work)


@pytest.mark.parametrize("base", ["Exception", "RuntimeError", "BaseException"])
def test_the_first_record_comes_through_a_time_limit_thrown_into_its_thread(base: str, run: Any, stored: Any) -> None:
    said = run(
        program(
            """
            limited = 0
            for number in range(20):
                tracer.reset()
                tracer.configure(store=sys.argv[1])
                limited += is_limited(lambda: step("interrupted"))
                step("after it")
            say(limited)
            """,
            base,
        )
    )

    assert said == "20\n"
    assert stored.names() == {"after it": 20, "interrupted": 20}


def test_what_was_recorded_is_written_without_another_record(run: Any, stored: Any) -> None:
    said = run(
        program("""
            is_limited(lambda: step("interrupted"))
            say(tracer.flush(timeout=30))
            os._exit(0)
            """)
    )

    assert said == "True\n"
    assert stored.names() == {"interrupted": 1}


def test_an_exporter_gets_what_was_recorded_when_its_thread_was_started(run: Any) -> None:
    said = run(
        program("""
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
            exporter = InMemorySpanExporter()
            tracer.configure(store=sys.argv[1], exporters=[exporter])
            is_limited(lambda: step("interrupted"))
            tracer.flush(timeout=30)
            say([span.name for span in exporter.get_finished_spans()])
            """)
    )

    assert said == "['interrupted']\n"


def test_a_loop_starts_although_a_time_limit_is_thrown_into_its_callers_thread(run: Any) -> None:
    said = run(
        program("""
            import warnings
            from tracer._background_loop import BackgroundLoop
            warnings.simplefilter("ignore")  # of a coroutine that the limit leaves without an await
            async def answer():
                return 42
            limited = 0
            for number in range(20):
                loop = BackgroundLoop()
                limited += is_limited(lambda: loop.run(answer()))
                assert loop.run(answer()) == 42
                loop.close()
            say(limited)
            """)
    )

    assert said == "20\n"


def test_an_evaluation_ends_although_a_time_limit_is_thrown_into_its_callers_thread(run: Any) -> None:
    said = run(
        program("""
            import warnings
            warnings.simplefilter("ignore")  # of a coroutine that the limit leaves without an await
            @tracer.scorer
            def is_right(outputs):
                return outputs == 42
            def evaluate():
                return tracer.evaluate([{"inputs": {"number": 42}}], lambda number: number, [is_right], progress=False)
            say([is_limited(evaluate) for _ in range(5)])
            """)
    )

    assert said == f"{[True] * 5}\n"


@pytest.mark.parametrize(
    "part",
    [
        "from tracer.server.indexer import Indexer; make = lambda: Indexer(lambda: None)",
        "from tracer.server.heartbeats import Heartbeats; make = lambda: Heartbeats(lambda: None, 180.0)",
    ],
    ids=["indexer", "heartbeats"],
)
def test_a_part_of_a_mounted_server_starts_although_a_time_limit_is_thrown_into_its_callers_thread(
    part: str, run: Any
) -> None:
    said = run(
        program(f"""
            {part}
            parts = [make() for _ in range(20)]
            say(sum(is_limited(part.start) for part in parts))
            for part in parts:
                part.stop()
            """)
    )

    assert said == "20\n"
