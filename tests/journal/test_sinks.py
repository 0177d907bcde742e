"""Exporters whose backend is down, slow, hanging or gone: each record arrives, in order, and nobody else waits."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

import tracer
from tests.waiting import PATIENCE, until
from tracer._journal.recovery import dropped
from tracer.errors import BusyServerError

EXPORTER = """
class Exporter:
    # one line a span; its backend is down while there is a file "down"
    def __init__(self, place):
        self._endpoint = place
    def export(self, spans):
        from opentelemetry.sdk.trace.export import SpanExportResult
        if os.path.exists("down"):
            return SpanExportResult.FAILURE
        with open(self._endpoint, "a") as file:
            for span in spans:
                file.write(f"{span.name} {span.resource.attributes.get('service.name')}\\n")
        return SpanExportResult.SUCCESS
    def shutdown(self):
        pass
"""


class Backend:
    """An exporter whose backend can be down."""

    def __init__(self, take: Callable[[Sequence[ReadableSpan]], Any] | None = None) -> None:
        self.names: list[str] = []
        self.down = False
        self.tried = threading.Semaphore(0)
        self.take = take

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.tried.release()
        if self.down:
            return SpanExportResult.FAILURE
        if self.take is not None:
            self.take(spans)
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        return None


def steps(count: int, start: int = 0) -> list[str]:
    names = [str(number) for number in range(start, start + count)]
    for name in names:
        with tracer.start_span(name):
            pass
    return names


def test_a_backend_that_is_down_for_a_while_gets_everything_in_order_and_holds_nobody_up() -> None:
    failing, other = Backend(), Backend()
    failing.down = True
    tracer.configure(exporters=[failing, other])
    names = steps(500)
    assert failing.tried.acquire(timeout=PATIENCE)
    assert not tracer.flush(timeout=0.2)
    assert until(lambda: other.names == names)
    assert len(tracer.search_traces(max_results=1000)) == 500

    names += steps(500, 500)
    failing.down = False
    assert tracer.flush(timeout=PATIENCE)
    assert failing.names == other.names == names


def test_a_flush_is_not_held_up_longer_than_it_was_told_by_a_backend_that_hangs() -> None:
    go_on = threading.Event()
    tracer.configure(exporters=[Backend(lambda spans: go_on.wait())])
    steps(10)

    began = time.monotonic()
    assert not tracer.flush(timeout=0.3)
    assert time.monotonic() - began < PATIENCE
    assert len(tracer.search_traces()) == 10
    go_on.set()
    assert tracer.flush(timeout=PATIENCE)


def test_a_program_ends_within_seconds_though_its_backend_hangs(start: Any, stored: Any) -> None:
    code, out, err = start("""
        class Hanging:
            def export(self, spans):
                threading.Event().wait()
            def shutdown(self):
                threading.Event().wait()
        # the backend hangs forever: that the program ends shows that it does not wait for longer than it shall
        assert tracer._engine.lifecycle._EXIT_SECONDS == 5.0
        tracer._engine.lifecycle._EXIT_SECONDS = 0.5
        tracer.configure(exporters=[Hanging()])
        for i in range(10):
            step("kept")
        assert len(tracer.get_trace(tracer.get_last_active_trace_id()).data.spans) == 1
        atexit.unregister(tracer._exit.close_runtime)
        began = time.perf_counter()
        atexit.register(lambda: say(time.perf_counter() - began))
        atexit.register(tracer._exit.close_runtime)
        sys.exit(3)
    """).finish()

    assert (code, err) == (3, "")
    assert float(out) > 0.4
    assert stored.names() == {"kept": 10}


def test_what_a_killed_program_had_not_exported_its_next_run_exports(start: Any, stored: Any, tmp_path: Path) -> None:
    (tmp_path / "down").touch()
    program = (
        EXPORTER
        + """
tracer.configure(exporters=[Exporter("exported")], service_name=sys.argv[2])
for i in range(int(sys.argv[3])):
    step(f"{sys.argv[2]} {i}")
if sys.argv[2] == "killed":
    tracer.flush(1.0)
    os.kill(os.getpid(), signal.SIGKILL)
assert tracer.flush(20)
    """
    )
    url = f"sqlite:///{stored.path}"
    start(program, url, "killed", "300").finish()
    assert stored.names() == {f"killed {i}": 1 for i in range(300)}
    changes = stored.query("SELECT value FROM counters WHERE name = 'seq'")

    # runs without the exporter neither deliver nor delete nor take in again what waits for it
    assert start("say(len(tracer.search_traces(max_results=500)))").finish() == (0, "300\n", "")
    assert start("say(len(tracer.search_traces(max_results=500)))").finish() == (0, "300\n", "")
    assert stored.query("SELECT value FROM counters WHERE name = 'seq'") == changes
    assert len(stored.left()) == 2  # a segment, and the file that tells whose it was
    assert not (tmp_path / "exported").exists()

    # an exporter with another target does not get them either
    (tmp_path / "down").unlink()
    other = program.replace('Exporter("exported")', 'Exporter("elsewhere")')
    assert start(other, url, "other", "1").finish() == (0, "", "")
    assert (tmp_path / "elsewhere").read_text() == "other 0 other\n"

    assert start(program, url, "next", "1").finish() == (0, "", "")
    exported = (tmp_path / "exported").read_text().splitlines()
    assert sorted(exported) == sorted(["next 0 next", *(f"killed {i} killed" for i in range(300))])
    assert [line for line in exported if line.startswith("killed")] == [f"killed {i} killed" for i in range(300)]
    assert stored.left() == []


def test_records_wait_seven_days_for_an_exporter_and_are_then_counted(start: Any, stored: Any, tmp_path: Path) -> None:
    (tmp_path / "down").touch()
    start(
        EXPORTER
        + """
tracer.configure(exporters=[Exporter("exported")])
step("kept")
tracer.flush(0.3)
    """
    ).finish()
    waiting = [name for name in stored.left() if name.endswith(".journal")]
    assert len(waiting) == 1
    (segment,) = tmp_path.rglob(waiting[0])
    assert segment.stat().st_size < 4096  # what was allocated is given back

    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(segment, (eight_days_ago, eight_days_ago))
    tracer.reset()
    tracer.configure(store=stored.path)
    assert (stored.names(), stored.left()) == ({"kept": 1}, ["dropped.jsonl"])
    assert dropped(segment.parent) == 1


def test_spans_of_killed_workers_are_exported_by_their_parent(run: Any, tmp_path: Path) -> None:
    run(
        EXPORTER
        + """
tracer.configure(exporters=[Exporter("exported")])
step("parent")
pid = os.fork()
if pid == 0:
    step("killed worker")
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(pid, 0)
process = multiprocessing.get_context("fork").Process(target=step, args=("worker",))
process.start()
process.join()
    """
    )

    assert {line.rpartition(" ")[0] for line in (tmp_path / "exported").read_text().splitlines()} == {
        "killed worker", "parent", "worker",
    }  # fmt: skip


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError, RecursionError])
def test_an_exporter_may_raise_what_it_likes(error: type[BaseException]) -> None:
    failures = [error("not now")]

    def take(spans: Sequence[ReadableSpan]) -> None:
        if failures:
            raise failures.pop()

    backend = Backend(take)
    tracer.configure(exporters=[backend])
    names = steps(5)

    assert tracer.flush(timeout=PATIENCE)
    assert backend.names == names


def test_a_span_that_a_backend_refuses_does_not_hold_up_all_that_follow(caplog: pytest.LogCaptureFixture) -> None:
    def take(spans: Sequence[ReadableSpan]) -> None:
        if any(span.name == "7" for span in spans):
            raise ValueError("I do not like it")

    backend = Backend(take)
    tracer.configure(exporters=[backend])
    names = steps(20)

    assert tracer.flush(timeout=30)
    assert backend.names == [name for name in names if name != "7"]
    assert "tracer leaves out what exporter 0" in caplog.text


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), BusyServerError("send it again later")]
)
def test_a_full_disk_or_a_busy_server_that_takes_some_records_alone_loses_no_other(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = list(range(12))

    def take(spans: Sequence[ReadableSpan]) -> None:
        if refusals and any(span.name == "7" for span in spans):
            refusals.pop()
            raise error

    backend = Backend(take)
    tracer.configure(exporters=[backend])
    names = steps(20)

    assert tracer.flush(timeout=PATIENCE)
    assert backend.names == names
    assert "leaves out" not in caplog.text


def test_spans_of_a_later_batch_know_the_service_they_belong_to() -> None:
    seen: list[Any] = []
    backend = Backend(lambda spans: seen.extend(span.resource.attributes.get("service.name") for span in spans))
    tracer.configure(exporters=[backend], service_name="shop")
    for start in range(3):
        steps(1, start)
        assert tracer.flush(timeout=PATIENCE)

    assert seen == ["shop"] * 3
