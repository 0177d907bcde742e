"""Nothing is left behind: no thread, no file descriptor, no file, however often a store is opened and closed."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import tracer

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")


class Exporter:
    def export(self, spans: Any) -> None:
        return None

    def shutdown(self) -> None:
        return None


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def cycle(store: Path) -> None:
    tracer.configure(store=store, exporters=[Exporter()])
    with tracer.start_span("step"):
        pass
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None
    assert tracer.get_trace(trace_id) is not None
    tracer.reset()


def test_many_stores_one_after_the_other_leave_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    cycle(tmp_path / "first.db")
    threads, files = set(threading.enumerate()), descriptors()
    for number in range(30):
        cycle(tmp_path / f"{number % 3}.db")

    assert set(threading.enumerate()) <= threads  # one of an earlier test may end meanwhile
    assert descriptors() <= files
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".journal", ".alive") and path.is_file()] == []


def test_shutdown_ends_the_threads_and_enable_starts_again(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with tracer.start_span("before"):
        pass
    tracer.shutdown()
    assert set(threading.enumerate()) <= before
    with tracer.start_span("not recorded"):
        pass
    tracer.enable()
    with tracer.start_span("after"):
        pass

    assert sorted(trace.info.name or "" for trace in tracer.search_traces()) == ["after", "before"]


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_child_does_not_keep_its_parents_files_open(run: Any) -> None:
    run("""
        for i in range(100):
            step("parent", text="x" * 10_000)
        assert tracer.flush(20)
        step("again")
        def journals():
            with open("/proc/self/maps") as maps:
                mapped = maps.read().count(".journal/")
            numbers = os.listdir("/proc/self/fd")
            paths = [f"/proc/self/fd/{number}" for number in numbers]
            files = [os.readlink(path) for path in paths if os.path.lexists(path)]
            return mapped + sum(".journal/" in name for name in files)
        assert journals() > 0
        pid = os.fork()
        if pid == 0:
            os._exit(journals())
        assert os.waitpid(pid, 0)[1] == 0
        step("parent")
    """)


def test_an_idle_process_has_no_thread_before_it_records(run: Any) -> None:
    run("""
        assert threading.active_count() == 1
        tracer.flush()
        tracer.search_traces()
        assert threading.active_count() == 1
        assert os.listdir(os.path.dirname(sys.argv[1].removeprefix("sqlite:///"))).count("tracer.db.journal") == 0
    """)
