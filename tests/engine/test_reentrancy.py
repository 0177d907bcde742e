"""Spans that end inside signal handlers, finalisers and trace functions, in the middle of anything of tracer's."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no interval timers")


def test_spans_of_a_signal_handler_that_interrupts_everything(run: Any, stored: Any) -> None:
    output = run("""
        handled = 0
        def handler(*_):
            global handled
            step("handler")
            handled += 1
        step("first")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for i in range(2_000):
            step("main")
        tracer.flush(20)
        signal.setitimer(signal.ITIMER_REAL, 0)
        say(handled)
    """)

    assert int(output) > 20
    assert stored.names() == {"first": 1, "handler": int(output), "main": 2_000}
    assert stored.twice() == 0


def test_the_last_span_of_a_signal_handler_is_not_left_behind(start: Any, stored: Any) -> None:
    # a span that ends while its own thread appends is written by the interrupted append: no later one may come
    code, _, err = start("""
        from tracer._journal.segment import Segment
        write = Segment.write
        def interrupted(segment, record):
            write(segment, record)
            if b'"name":"outer"' in record and b'"kind":"span"' in record:
                step("inner")
                os.kill(os.getpid(), signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, lambda *_: step("handler"))
        Segment.write = interrupted
        step("outer")
        os.kill(os.getpid(), signal.SIGKILL)
    """).finish()

    assert (code, err) == (-9, "")
    assert stored.names() == {"handler": 1, "inner": 1, "outer": 1}


def test_finalisers_that_end_spans_while_others_are_written(run: Any, stored: Any) -> None:
    run("""
        class Holder:
            def __init__(self, i):
                self.me = self  # only the garbage collector finds it
                self.span = tracer.start_span_no_context("finaliser")
                self.span.set_attribute("i", i)
            def __del__(self):
                self.span.end()
        gc.set_threshold(5, 2, 2)
        for i in range(1_000):
            Holder(i)
            if i % 2:
                weakref.finalize({i}, step, "weak")
            step("main")
        gc.collect()
    """)

    assert stored.names() == {"finaliser": 1_000, "main": 1_000, "weak": 500}
    assert stored.twice() == 0


@pytest.mark.parametrize("hook", ["sys.settrace", "sys.setprofile"])
def test_spans_of_a_trace_function_that_looks_at_tracer_itself(hook: str, run: Any, stored: Any) -> None:
    output = run(f"""
        calls = recorded = 0
        inside = False
        def look(frame, event, argument):
            global calls, recorded, inside
            calls += 1
            if not inside and calls % 7 == 0 and event != "exception":
                inside = True
                step("looked")
                recorded += 1
                inside = False
            return look
        {hook}(look)
        for i in range(60):
            step("main")
        {hook}(None)
        say(recorded)
    """)

    assert int(output) > 50
    assert stored.names() == {"looked": int(output), "main": 60}
    assert stored.twice() == 0


def test_an_interrupt_in_the_middle_of_a_spans_end_loses_no_span(run: Any, stored: Any) -> None:
    output = run("""
        class Interrupt(BaseException):
            pass
        armed = False
        def interrupt(*_):
            global armed
            if armed:
                armed = False
                raise Interrupt
        signal.signal(signal.SIGALRM, interrupt)
        step("first")
        ended = interrupted = 0
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.00037)
        while interrupted < 150:
            span = tracer.start_span_no_context("interrupted")
            try:
                armed = True
                span.end()
                armed = False
            except Interrupt:
                armed = False
                interrupted += 1
            ended += not span.is_recording()
            span.end()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert tracer.flush(20)
        say(ended)
    """)

    names = stored.names()
    assert names["interrupted"] >= int(output)
    assert stored.twice() == 0
    assert stored.states() == {"OK": names["interrupted"] + 1}


def test_an_interrupt_in_the_middle_of_a_spans_end_tells_no_processor_twice(run: Any) -> None:
    run("""
        reported = []
        armed = False
        def interrupt(*_):
            if armed:
                raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, interrupt)
        tracer.configure(span_processors=[lambda span: reported.append(span.span_id)])
        step("first")
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.00037)
        interrupted = 0
        while interrupted < 150:
            span = tracer.start_span_no_context("interrupted")
            span.set_inputs(["how " * 9] * 99)
            try:
                armed = True
                span.end()
                armed = False
            except KeyboardInterrupt:
                armed = False
                interrupted += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(reported) == len(set(reported))
    """)


def test_a_reader_in_a_signal_handler(run: Any, stored: Any) -> None:
    run("""
        seen = []
        def handler(*_):
            trace = tracer.get_trace(tracer.get_last_active_trace_id())
            seen.append(trace.info.state)
        signal.signal(signal.SIGUSR1, handler)
        for i in range(50):
            step("main")
            os.kill(os.getpid(), signal.SIGUSR1)
        assert seen == ["OK"] * 50
    """)

    assert stored.names() == {"main": 50}


@pytest.mark.parametrize("work", ["tracer", "tracer and the program"])
def test_a_time_limit_made_with_a_signal_comes_through_and_costs_no_span(work: str, run: Any, stored: Any) -> None:
    output = run(f"""
        class TimeLimit(Exception):
            pass
        fired = False
        def stop(*_):
            global fired
            fired = True
            raise TimeLimit
        signal.signal(signal.SIGALRM, stop)
        @tracer.trace
        def function(given):
            return [given]
        ended = swallowed = 0
        def work():
            global ended
            while not fired:
                with tracer.start_span("step") as span:
                    span.set_inputs({{"question": "how " * 20}})
                    if {work != "tracer"}:
                        sum(range(20_000))
                ended += 1
                function("how")
        for i in range(300):
            fired = False
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + i * 0.00001)
                work()
                swallowed += 1
            except TimeLimit:
                pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert tracer.get_current_active_span() is None
        assert tracer.flush(20)
        say(f"{{swallowed}} {{ended}}")
    """)
    swallowed, ended = map(int, output.split())

    assert swallowed == 0
    assert stored.names()["step"] >= ended
    assert stored.twice() == 0
