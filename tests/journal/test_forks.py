"""Forked and spawned processes record beside their parent: nothing is missing and nothing is there twice."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork")


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_parent_and_child_both_go_on_after_a_fork(end: str, run: Any, stored: Any) -> None:
    run(f"""
        step("before")
        pid = os.fork()
        if pid == 0:
            for i in range(100):
                step("child")
            assert tracer.get_trace(tracer.get_last_active_trace_id()).info.state == "OK"
            step("child's last")
            {end}
        for i in range(100):
            step("parent")
        os.waitpid(pid, 0)
        step("parent's last")
    """)

    assert stored.names() == {"before": 1, "child": 100, "child's last": 1, "parent": 100, "parent's last": 1}
    assert (stored.twice(), stored.left()) == (0, [])


def test_a_span_that_is_open_across_a_fork_ends_once_in_the_parent(run: Any, stored: Any) -> None:
    run("""
        with tracer.start_span("open") as span:
            pid = os.fork()
            step("in child" if pid == 0 else "in parent")
            span.set_attribute("ended in", os.getpid())
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        trace = tracer.get_trace(span.trace_id)
        assert trace.info.state == "OK", trace.info.state
        (root,) = [s for s in trace.data.spans if s.name == "open"]
        assert root.attributes["ended in"] == os.getpid()
        assert {s.parent_id for s in trace.data.spans} == {None, root.span_id}
    """)

    assert stored.names() == {"in child": 1, "in parent": 1, "open": 1}


def test_a_child_that_outlives_its_parent_goes_on_recording(start: Any, stored: Any) -> None:
    program = start("""
        step("before")
        if os.fork() == 0:
            hear()
            step("orphan")
            say("recorded")
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    program.popen.wait()
    assert stored.names() == {"before": 1}

    program.say()
    assert program.hear() == "recorded"
    program.finish()
    assert stored.names() == {"before": 1, "orphan": 1}
    assert stored.left() == []


def test_forks_while_other_threads_record_all_the_time(run: Any, stored: Any) -> None:
    run("""
        stop = threading.Event()
        def work():
            for i in range(300):
                step("thread")
                stop.wait(0.001)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(10):
            pid = os.fork()
            if pid == 0:
                for i in range(20):
                    step("child")
                assert tracer.flush(60)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            step("parent")
        for thread in threads:
            thread.join()
    """)

    assert stored.names() == {"child": 200, "parent": 10, "thread": 1200}
    assert (stored.twice(), stored.left()) == (0, [])


def test_a_fork_right_after_the_first_span_does_not_break_imports_in_the_child(run: Any, stored: Any) -> None:
    # the drainer's thread imports the store's modules then, and a lock of an import would never be free in the child
    run("""
        for delay in range(0, 60, 5):
            pid = os.fork()
            if pid == 0:
                step("first")
                time.sleep(0.03 + delay / 1000)
                grandchild = os.fork()
                if grandchild == 0:
                    import sqlite3, tracer.store.sqlite
                    sqlite3.connect(":memory:").execute("SELECT 1")
                    os._exit(0)
                os._exit(os.waitpid(grandchild, 0)[1] != 0)
            assert os.waitpid(pid, 0)[1] == 0
    """)

    assert stored.names() == {"first": 12}


def test_a_fork_from_a_thread(run: Any, stored: Any) -> None:
    run("""
        step("before")
        def work():
            pid = os.fork()
            if pid == 0:
                step("child")
                sys.stdout.flush()
                os._exit(0)
            os.waitpid(pid, 0)
            step("thread")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """)

    assert stored.names() == {"before": 1, "child": 1, "thread": 1}


def test_a_child_that_has_changed_its_folder_records_into_the_same_store(start: Any, stored: Any) -> None:
    code, _, err = start(
        """
        os.mkdir("elsewhere")
        tracer.configure(store="tracer.db")
        os.chdir("elsewhere")
        step("parent")
        pid = os.fork()
        if pid == 0:
            os.chdir("/")
            step("child")
            os._exit(0)
        os.waitpid(pid, 0)
        tracer.configure(service_name="another")
        step("parent again")
        """,
    ).finish()

    assert (code, err) == (0, "")
    assert stored.names() == {"child": 1, "parent": 1, "parent again": 1}


POOL = """
def work(i):
    with tracer.start_span("work", attributes={"i": i}):
        step("inner")
    return os.getpid()

def main():
    step("main")
    pids = set()
    with multiprocessing.get_context(METHOD).Pool(2) as pool:
        pids.update(pool.map(work, range(40), chunksize=1))
        pool.close()
        pool.join()
    assert os.getpid() not in pids
    step("main")

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing(method: str, run: Any, stored: Any) -> None:
    run(POOL.replace("METHOD", repr(method)))

    assert stored.names() == {"inner": 40, "main": 2, "work": 40}
    assert stored.twice() == 0


def test_a_worker_of_multiprocessing_leaves_no_journal_behind(run: Any, own_store: str, stored: Any) -> None:
    said = run("""
        def work():
            step("worker")
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
        say(os.listdir(os.path.dirname(sys.argv[1].removeprefix("sqlite:///")) + "/tracer.db.journal"))
    """)

    assert [name for name in eval(said) if not name.endswith(".adopting")] == []
    assert stored.names() == {"worker": 1}


def test_a_pool_whose_workers_are_terminated(run: Any, stored: Any) -> None:
    run("""
        def work(i):
            step("work")
        if __name__ == "__main__":
            step("main")
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(work, range(100))  # __exit__ terminates them
    """)

    assert stored.names() == {"main": 1, "work": 100}
    assert stored.left() == []


def test_a_program_that_is_started_by_a_program(run: Any, stored: Any) -> None:
    run("""
        import subprocess
        step("parent")
        if "again" not in sys.argv:
            subprocess.run([sys.executable, __file__, sys.argv[1], "again"], check=True)
            subprocess.run([sys.executable, __file__, sys.argv[1], "again"], check=True, preexec_fn=lambda: None)
    """)

    assert stored.names() == {"parent": 3}


def test_a_server_that_loads_the_application_before_it_forks_its_workers(run: Any, stored: Any) -> None:
    # as gunicorn does with --preload: the master records, its workers serve until SIGTERM, one is killed and replaced
    run("""
        step("loading")
        def serve():
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
                for i in range(50):
                    step("request")
                os.write(write, b"x")
                while True:
                    signal.pause()
            os.read(read, 1)
            return pid
        workers = [serve(), serve()]
        os.kill(workers[0], signal.SIGKILL)
        os.waitpid(workers.pop(0), 0)
        workers.append(serve())
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
            assert os.waitpid(pid, 0)[1] == 0
        step("stopping")
    """)

    assert stored.names() == {"loading": 1, "request": 150, "stopping": 1}
    assert (stored.twice(), stored.left()) == (0, [])


def test_a_program_with_one_thread_has_one_thread_when_it_forks(run: Any) -> None:
    # Python 3.12 warns of forks with more: a warning that the program would not have had without tracer
    run("""
        for i in range(20):
            step("before")
        tracer.flush()
        threads = []
        os.register_at_fork(before=lambda: None, after_in_parent=lambda: threads.append(threading.active_count()))
        for i in range(5):
            step("before")
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        assert threads == [1] * 5, threads
    """)
