"""A signal handler that raises at any instruction where tracer makes a span current: a time limit, Ctrl-C."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

_LIMIT = """
    class TimeLimit(Exception):
        pass
    def limit(number, frame):
        raise TimeLimit
"""

_INTERRUPTED = """
    signal.signal(signal.SIGUSR1, limit)
    EVERY = 1
    CURRENT = (
        *("_engine/call_context.py", "_engine/context.py", "_engine/decorator.py", "_engine/nonrecording.py"),
        *("_engine/results.py", "_engine/span.py", "_engine/step.py"),
        *("_api/tracing.py", "provider/call_recording.py", "provider/wrappers.py"),
    )

    def is_interrupted(work, at):
        left = at
        def look(frame, event, argument):
            nonlocal left
            if frame.f_code.co_filename.rpartition("/tracer/")[2] not in CURRENT:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                left -= 1
                if left == 0:
                    signal.raise_signal(signal.SIGUSR1)
            return look
        sys.settrace(look)
        try:
            work()
        except TimeLimit:
            return True
        finally:
            sys.settrace(None)
        assert left > 0, f"the interruption at {at} was swallowed"
        return False
"""

_WORK = {
    "a block": """
        def work():
            with tracer.start_span("work") as span:
                span.set_inputs({"question": "how"})
    """,
    "a block that is not recorded": """
        tracer.configure(sample_rate=0.0)
        def work():
            with tracer.start_span("work"):
                pass
    """,
    "a function": """
        @tracer.trace
        def work():
            return 1
    """,
    "a function that raises": """
        @tracer.trace
        def failing():
            raise ValueError
        def work():
            try:
                failing()
            except ValueError:
                pass
    """,
    "a generator": """
        @tracer.trace
        def numbers():
            yield 1
            yield 2
        def work():
            for _ in numbers():
                pass
    """,
    "a coroutine": """
        @tracer.trace
        async def nothing():
            return 1
        def work():
            coroutine = nothing()
            try:
                coroutine.send(None)
            except StopIteration:
                pass
    """,
    "a function that returns a generator": """
        @tracer.trace
        def numbers():
            return (number for number in range(2))
        def work():
            for _ in numbers():
                pass
    """,
    "a context manager": """
        import contextlib
        @contextlib.contextmanager
        @tracer.trace
        def session():
            yield 1
        def work():
            with session():
                pass
    """,
}


_CHECKED = """
    import contextlib, gc, warnings
    from tracer._engine.context import current, running
    gc.disable()  # it would end what earlier interruptions left in the midst of the work, and swallow the next
    warnings.simplefilter("ignore")  # of the program's own coroutine, which is never awaited
    outer = tracer.start_span_no_context("outer")
    outer = outer if outer.is_recording() else None
    with outer.attached() if outer else contextlib.nullcontext():
        work()
        at, left = 0, []
        while is_interrupted(work, at := at + EVERY):
            if running() is not outer:
                left.append((at, running()))
                current.set(outer)
    assert not left, left
    say(at)
"""


def program(*parts: str) -> str:
    return "".join(map(textwrap.dedent, parts))


@pytest.mark.parametrize("kind", _WORK)
def test_no_span_stays_current_wherever_the_signal_comes(kind: str, run: Any) -> None:
    output = run(program(_LIMIT, _INTERRUPTED, _WORK[kind], _CHECKED))

    assert int(output) > 100


_OPEN = """
    signal.signal(signal.SIGALRM, limit)
    work()
    taken = time.perf_counter()
    work()
    taken = time.perf_counter() - taken
    for number in range(2_000):
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, max(taken * (number % 100 + 1) / 100, 2e-6))
                work()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeLimit:
            pass
    tracer.get_current_active_span()  # ends a span that was interrupted as it was left
    say(len(tracer.search_traces("status = 'IN_PROGRESS'")))
"""


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="3.10 may interrupt between a call's return and the assignment of its result"
)
@pytest.mark.parametrize("kind", ["a block", "a function", "a function that raises", "a generator"])
def test_no_span_stays_open_whenever_the_signal_comes(kind: str, run: Any) -> None:
    assert int(run(program(_LIMIT, _WORK[kind], _OPEN))) == 0


_HANDLERS = {
    "a function": "limit",
    "a function that removes itself": "restoring",
    "one in C": "functools.lru_cache(None)(limit)",
    "a method": "Limit().strike",
    "any arguments": "lambda *given: limit(*given)",
}
_LIMITED = """
    import functools
    def restoring(number, frame):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        raise TimeLimit
    class Limit:
        def strike(self, number, frame):
            raise TimeLimit
    def work():
        with tracer.start_span("work") as span:
            span.set_inputs([{"text": "how " * 9, "number": number} for number in range(300)])
    work()
    swallowed = 0
    for number in range(60):
        signal.signal(signal.SIGALRM, HANDLER)
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-5 + 1e-5 * number)
            while signal.getitimer(signal.ITIMER_REAL)[0]:
                work()
            work()
            swallowed += 1
        except TimeLimit:
            pass
    say(swallowed)
"""


@pytest.mark.parametrize("kind", _HANDLERS)
def test_a_time_limit_comes_through_whatever_its_handler_is(kind: str, run: Any) -> None:
    assert run(program(_LIMIT, _LIMITED).replace("HANDLER", _HANDLERS[kind])) == "0\n"


def test_a_time_limit_thrown_into_a_thread_comes_through(run: Any, stored: Any) -> None:
    run("""
        import ctypes
        class TimeLimit(Exception):
            pass
        step("first")  # else threads that are struck while they first compile a module record nothing
        swallowed, ignored = 0, []
        sys.unraisablehook = ignored.append  # Python's own: an exception thrown into a finaliser cannot propagate
        def limited(delay):
            global swallowed
            ready, fired, me = threading.Event(), threading.Event(), ctypes.c_ulong(threading.get_ident())
            def fire():
                ready.wait()
                time.sleep(delay)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(me, ctypes.py_object(TimeLimit))
                fired.set()
            threading.Thread(target=fire).start()
            try:
                ready.set()
                while not fired.is_set():
                    with tracer.start_span("work") as span:
                        span.set_inputs([{"text": "how " * 9, "number": number} for number in range(300)])
                swallowed += 1
            except TimeLimit:
                pass
        for number in range(60):
            thread = threading.Thread(target=limited, args=(1e-3 + 1e-5 * number,))
            thread.start()
            thread.join()
        assert swallowed <= len(ignored), swallowed
    """)

    assert sum(stored.states().values()) >= 61
    assert stored.twice() == 0


def test_a_provider_call_leaves_nothing_behind_wherever_the_signal_comes(run: Any) -> None:
    pytest.importorskip("openai")
    call = """
        import openai
        from tests.openai.replies import QUESTION, chat
        from tests.openai.server import Server, reply
        from tracer.provider.call_recording import current_recording

        EVERY = 5  # the SDK takes its time
        tracer.openai.autolog()
        server = Server()
        server.will(reply(chat()))
        client = openai.OpenAI(api_key="key", base_url=server.url, max_retries=0)
        def work():
            assert current_recording.get() is None
            client.chat.completions.create(model="m", messages=QUESTION)
    """
    output = run(program(_LIMIT, _INTERRUPTED, call, _CHECKED, "server.close()"))

    assert int(output) > 100
