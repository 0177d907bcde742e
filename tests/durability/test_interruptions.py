"""A signal handler that raises at any instruction where tracer makes a span current: a time limit, Ctrl-C."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")

_INTERRUPTED = """
    class TimeLimit(Exception):
        pass
    def limit(*_):
        raise TimeLimit
    signal.signal(signal.SIGUSR1, limit)
    EVERY = 1
    CURRENT = ("_call.py", "_context.py", "_fluent.py", "_replacements.py", "_traced.py", "_unrecorded.py", "span.py")

    def is_interrupted(work, at):
        left = at
        def look(frame, event, argument):
            nonlocal left
            folder, _, file = frame.f_code.co_filename.rpartition("/")
            if file not in CURRENT or not folder.endswith("/tracer"):
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
}


_CHECKED = """
    import contextlib, warnings
    from tracer._context import current, running
    warnings.simplefilter("ignore")  # of the program's own coroutine, which was made and is not awaited
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


@pytest.mark.parametrize("kind", _WORK)
def test_no_span_stays_current_wherever_the_signal_comes(kind: str, run: Any) -> None:
    said = run("".join(map(textwrap.dedent, (_INTERRUPTED, _WORK[kind], _CHECKED))))

    assert int(said) > 100


def test_a_provider_call_leaves_nothing_behind_wherever_the_signal_comes(run: Any) -> None:
    pytest.importorskip("openai")
    call = """
        import openai
        from tests.openai.replies import QUESTION, chat
        from tests.openai.server import Server, reply
        from tracer._call import current_recording

        EVERY = 5  # the SDK takes its time
        tracer.openai.autolog()
        server = Server()
        server.will(reply(chat()))
        client = openai.OpenAI(api_key="key", base_url=server.url, max_retries=0)
        def work():
            assert current_recording.get() is None
            client.chat.completions.create(model="m", messages=QUESTION)
    """
    said = run("".join(map(textwrap.dedent, (_INTERRUPTED, call, _CHECKED, "server.close()"))))

    assert int(said) > 100
