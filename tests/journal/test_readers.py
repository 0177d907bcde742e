"""Whoever reads right after a call finds the whole trace, also while others read, drain and take over."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import tracer


def test_the_last_trace_is_whole_from_any_thread_while_the_drainer_is_busy() -> None:
    stop = threading.Event()

    def burden() -> None:
        while not stop.wait(0.002):
            for _ in range(10):
                with tracer.start_span("burden"):
                    pass

    missing: list[str] = []

    def read() -> None:
        for _ in range(40):
            with tracer.start_span("root") as root:
                for _ in range(3):
                    with tracer.start_span("child"):
                        pass
            last = tracer.get_last_active_trace_id(thread_local=True)
            assert last == root.trace_id
            trace = tracer.get_trace(last)
            if trace is None or len(trace.data.spans) != 4 or trace.info.state != "OK":
                missing.append(last)

    others = threading.Thread(target=burden)
    readers = [threading.Thread(target=read) for _ in range(4)]
    for thread in (others, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    others.join()

    assert missing == []


def test_a_trace_is_read_in_another_thread_than_the_one_that_made_it() -> None:
    with tracer.start_span("root") as root:
        pass
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(tracer.get_trace(root.trace_id)))
    thread.start()
    thread.join()

    assert [trace.info.state for trace in found] == ["OK"]


def test_readers_that_take_over_the_same_journals_at_once_all_find_everything(start: Any, stored: Any) -> None:
    for _ in range(3):
        start("""
            tracer._journal.drainer._GATHER_SECONDS = 60.0  # so that everything is still in the journal
            for i in range(1000):
                step("dead")
            os.kill(os.getpid(), signal.SIGKILL)
        """).finish()
    readers = [
        start("""
            import tracer.store.sqlite
            say("ready")
            hear()
            say(len(tracer.search_traces(max_results=5000, include_spans=False)))
        """)
        for _ in range(4)
    ]
    assert {reader.hear() for reader in readers} == {"ready"}
    for reader in readers:
        reader.say()

    assert [reader.finish() for reader in readers] == [(0, "3000\n", "")] * 4
    assert stored.names() == {"dead": 3000}
    assert (stored.twice(), stored.left()) == (0, [])


def test_a_reader_waits_for_another_that_is_taking_over(start: Any, stored: Any) -> None:
    start("""
        tracer._journal.drainer._GATHER_SECONDS = 60.0
        step("dead")
        os.kill(os.getpid(), signal.SIGKILL)
    """).finish()
    first = start("""
        from tracer._engine.pipeline import StoreSink
        write = StoreSink.write
        def slow(sink, lines, *, owner=None):
            say("taking over")
            hear()
            write(sink, lines, owner=owner)
        StoreSink.write = slow
        say(len(tracer.search_traces()))
    """)
    assert first.hear() == "taking over"
    found: list[int] = []
    second = threading.Thread(target=lambda: found.append(len(tracer.search_traces())))
    second.start()
    second.join(timeout=0.2)
    assert found == []
    first.say()
    second.join()

    assert found == [1]
    assert first.finish() == (0, "1\n", "")


def test_a_reader_that_is_killed_while_it_takes_over_loses_nothing(start: Any, stored: Any) -> None:
    start("""
        tracer._journal.drainer._GATHER_SECONDS = 60.0
        for i in range(100):
            step("dead")
        os.kill(os.getpid(), signal.SIGKILL)
    """).finish()
    start("""
        from tracer._journal.dead_segment import DeadSegment
        DeadSegment.set_cursor = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        tracer.search_traces()
    """).finish()

    assert stored.names() == {"dead": 100}
    assert (stored.twice(), stored.left()) == (0, [])


def test_a_process_that_lives_is_never_taken_over(start: Any, stored: Any) -> None:
    program = start("""
        tracer._journal.drainer._GATHER_SECONDS = 60.0
        step("living")
        say("recorded")
        hear()
    """)
    assert program.hear() == "recorded"
    assert stored.names() == {}
    assert {name.rpartition(".")[2] for name in stored.left()} == {"alive", "journal"}

    program.say()
    assert program.finish()[::2] == (0, "")
    assert stored.names() == {"living": 1}


def test_a_folder_without_a_store_is_read_without_making_a_thread() -> None:
    before = set(threading.enumerate())

    assert tracer.search_traces() == []
    assert set(threading.enumerate()) <= before


def test_switching_stores_while_threads_record_loses_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    counts = [0, 0, 0]

    def work(number: int) -> None:
        while not stop.is_set():
            with tracer.start_span("work"):
                pass
            counts[number] += 1
            stop.wait(0.0005)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for i in range(20):
        tracer.configure(store=tmp_path / f"{i % 3}.db")
    stop.set()
    for thread in threads:
        thread.join()

    found = 0
    for store in (*(tmp_path / f"{i}.db" for i in range(3)), tmp_path / "tracer.db"):
        tracer.configure(store=store)
        # a span that started before the switch and ended after it is whole in the new store, interrupted in the old one
        found += len(tracer.search_traces("status = 'OK'", max_results=100_000, include_spans=False))
    assert found == sum(counts)
