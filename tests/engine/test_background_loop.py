"""The event loop that asynchronous models and evaluations run in."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading

import pytest

from tracer._background_loop import BackgroundLoop

pytestmark = pytest.mark.no_store
word = contextvars.ContextVar("word", default="")


async def where() -> tuple[int, str]:
    await asyncio.sleep(0)
    return id(asyncio.get_running_loop()), word.get()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tracer-loop"]


def test_all_calls_share_a_loop_and_each_has_its_callers_context() -> None:
    loop = BackgroundLoop()
    found = []
    for value in ("one", "two"):
        word.set(value)
        found.append(loop.run(where()))
    loop.close()

    assert [value for _, value in found] == ["one", "two"]
    assert len({identity for identity, _ in found}) == 1


def test_the_thread_ends_with_the_object() -> None:
    before = threads()
    loop = BackgroundLoop()
    loop.run(where())
    (started,) = [thread for thread in threads() if thread not in before]

    del loop
    gc.collect()
    started.join(30)

    assert not started.is_alive()


def test_it_is_not_waited_for_from_inside() -> None:
    loop = BackgroundLoop()

    async def inside() -> None:
        again = where()
        try:
            loop.run(again)
        finally:
            again.close()

    with pytest.raises(RuntimeError, match="await it there"):
        loop.run(inside())
    loop.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 on: a fork with threads
def test_a_forked_process_starts_its_own() -> None:
    loop = BackgroundLoop()
    loop.run(where())

    child = os.fork()
    if child == 0:
        os._exit(0 if loop.run(where())[1] == word.get() else 1)
    _, status = os.waitpid(child, 0)
    loop.close()

    assert os.waitstatus_to_exitcode(status) == 0
