"""However a process ends, what it had recorded is there."""

from __future__ import annotations

import signal
from typing import Any

import pytest

import tracer


def test_a_thousand_spans_are_there_after_sigkill(start: Any, stored: Any, run: Any, own_store: str) -> None:
    assert tracer.search_traces() == []  # this process has the store open from before
    program = start("""
        with tracer.start_span("root"):
            for i in range(999):
                step("child", i=i)
        os.write(1, b"done\\n")
        os.kill(os.getpid(), signal.SIGKILL)
    """)

    assert program.hear() == "done"
    assert program.finish()[0] == -signal.SIGKILL
    assert (len(tracer.search_traces()), stored.names()) == (1, {"child": 999, "root": 1})
    fresh = run("say(len(tracer.search_traces()[0].data.spans))")
    assert fresh == "1000\n"
    assert stored.left() == []


def test_a_fresh_process_finds_what_a_killed_one_left(start: Any, run: Any) -> None:
    start("""
        for i in range(1000):
            step("lone")
        os.kill(os.getpid(), signal.SIGKILL)
    """).finish()

    assert run("say(len(tracer.search_traces(max_results=2000)))") == "1000\n"


def test_a_trace_runs_while_its_process_lives_and_is_interrupted_when_it_dies(start: Any, stored: Any) -> None:
    program = start("""
        root = tracer.start_span_no_context("root")
        for i in range(3):
            tracer.start_span_no_context("child", parent_span=root).end()
        tracer.flush()
        say(root.trace_id)
        hear()
    """)
    trace_id = program.hear()

    running = tracer.get_trace(trace_id)
    assert running is not None
    assert (running.info.state, stored.names()) == ("IN_PROGRESS", {"child": 3})
    program.kill()
    dead = tracer.get_trace(trace_id)
    assert dead is not None
    assert dead.info.state == "INTERRUPTED"
    assert [span.name for span in dead.data.spans if span.end_time_ns] == ["child"] * 3


def test_a_trace_that_was_running_when_its_process_was_killed_is_interrupted(start: Any, stored: Any) -> None:
    program = start("""
        with tracer.start_span("root") as root:
            step("child")
            say(root.trace_id)
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    trace_id = program.hear()
    program.finish()

    trace = tracer.get_trace(trace_id)
    assert trace is not None
    assert (trace.info.state, stored.names()) == ("INTERRUPTED", {"child": 1})
    assert stored.left() == []


def test_a_span_that_is_never_ended_is_interrupted_after_a_good_end(run: Any, stored: Any) -> None:
    run("""
        tracer.start_span_no_context("open")
        step("whole")
    """)

    assert (stored.states(), stored.left()) == ({"INTERRUPTED": 1, "OK": 1}, [])


ENDS = {
    "end": ("pass", 0, ""),
    "sys.exit": ("sys.exit(3)", 3, ""),
    "os._exit": ("os._exit(4)", 4, ""),
    "exception": ("raise ValueError('the users own')", 1, "ValueError: the users own"),
    "sigterm": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -signal.SIGTERM, ""),
    "sigint": (
        # tests that run in the background of a shell inherit an ignored SIGINT
        "signal.signal(signal.SIGINT, signal.default_int_handler); os.kill(os.getpid(), signal.SIGINT); time.sleep(60)",
        -signal.SIGINT,
        "KeyboardInterrupt",
    ),
    "abort": ("os.abort()", -signal.SIGABRT, ""),
}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_missing_however_the_program_ends(end: str, start: Any, stored: Any) -> None:
    how, expected, error = ENDS[end]
    code, _, err = start(f"""
        for i in range(100):
            step("before")
        with tracer.start_span("around"):
            step("inside")
            {how}
    """).finish()

    assert (code, err.strip().rpartition("\n")[2]) == (expected, error)
    assert err.count("Traceback") == (1 if error else 0)
    killed = end in ("os._exit", "sigterm", "abort")
    assert stored.names() == {"before": 100, "inside": 1, **({} if killed else {"around": 1})}
    failed = (
        "INTERRUPTED"
        if killed
        else "OK"
        if end == "end"
        else stored.query("SELECT state FROM traces WHERE name = 'around'")[0][0]
    )
    assert sum(stored.states().values()) == 101
    assert stored.states()[failed] >= 1


def test_spans_of_exit_handlers_and_daemon_threads_are_there(run: Any, stored: Any) -> None:
    run("""
        atexit.register(step, "registered after")
        def work(ready):
            for i in range(500):
                step("daemon")
            ready.set()
            while True:
                step("on and on")
                time.sleep(0.001)
        ready = threading.Event()
        threading.Thread(target=work, args=(ready,), daemon=True).start()
        assert ready.wait(60)
        step("main")
    """)

    names = stored.names()
    assert names.pop("on and on", 0) >= 0
    assert names == {"daemon": 500, "main": 1, "registered after": 1}
    assert stored.twice() == 0


def test_spans_of_exit_handlers_that_run_after_tracers_are_there(run: Any, stored: Any) -> None:
    # handlers run last in, first out: this one was there before tracer was imported
    run("""
        atexit.unregister(tracer._exit.close_runtime)
        atexit.register(step, "registered before")
        atexit.register(tracer._exit.close_runtime)
        step("main")
    """)

    assert stored.names() == {"main": 1, "registered before": 1}


def test_a_program_that_records_ends_promptly(run: Any) -> None:
    # every wait that could run out at the end is longer than the program is allowed to take: none does
    run("""
        from tracer._journal import drainer
        tracer._engine.lifecycle._EXIT_SECONDS = drainer._RECOVER_SECONDS = drainer._FIRST_RETRY_SECONDS = 3600.0
        step("first")
        tracer.flush()
        for i in range(100):
            step("more")
    """)


@pytest.mark.parametrize("before", ["pass", 'step("main")'])
def test_spans_of_a_finaliser_that_runs_when_no_thread_can_be_started(before: str, run: Any, stored: Any) -> None:
    run(f"""
        tracer.start_span  # names come when they are first asked for, which needs an interpreter that can import
        class Connection:
            step, flush = staticmethod(step), staticmethod(tracer.flush)
            def __del__(self):
                self.step("closing")
                self.flush(1)
        keep = Connection()
        {before}
    """)

    assert stored.names() == {"closing": 1, **({} if before == "pass" else {"main": 1})}
