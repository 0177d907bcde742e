"""What waits for a sink is bounded; what the bound pushes out is counted, and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

import tracer
from tracer._journal.recovery import dropped, pending


class Down:
    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        return None


def test_the_oldest_records_give_way_when_the_journal_is_full(own_store: str, caplog: pytest.LogCaptureFixture) -> None:
    folder = Path(own_store.removeprefix("sqlite:///") + ".journal")
    tracer.configure(exporters=[Down()], journal_max_bytes=1 << 20)
    for number in range(5_000):
        with tracer.start_span(str(number)) as span:
            span.set_attribute("text", "x" * 500)
        if number % 100 == 0:
            assert tracer.search_traces(max_results=1) != []  # the store keeps up
    on_disk = sum(path.stat().st_size for path in folder.glob("*.journal"))

    assert on_disk <= (1 << 20) + (1 << 18)
    said = [record.getMessage() for record in caplog.records if "is full" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith(f"tracer's journal {folder} is full: the oldest records")
    count = dropped(folder)
    assert 5_000 < count < 10_000  # a start and an end each
    assert [journal["dropped"] for journal in pending(folder)] == [count]
    assert len(tracer.search_traces(max_results=10_000, include_spans=False)) == 5_000
    tracer.reset()
    assert dropped(folder) == count


def test_what_the_bound_drops_is_counted_over_processes_that_die(start: Any, stored: Any) -> None:
    folder = stored.path.with_name("tracer.db.journal")
    start("""
        from opentelemetry.sdk.trace.export import SpanExportResult
        class Down:
            def export(self, spans):
                return SpanExportResult.FAILURE
            def shutdown(self):
                pass
        tracer.configure(exporters=[Down()], journal_max_bytes=1 << 20)
        for i in range(3_000):
            step("dropped", text="x" * 500)
            if i % 100 == 0:
                tracer.search_traces(max_results=1)
        os.kill(os.getpid(), signal.SIGKILL)
    """).finish()
    count = dropped(folder)

    assert count > 1_000
    assert stored.names() == {"dropped": 3_000}
    assert dropped(folder) == count


def test_a_record_that_is_larger_than_the_bound_is_kept(stored: Any) -> None:
    tracer.configure(journal_max_bytes=1 << 17)
    with tracer.start_span("large") as span:
        span.set_attribute("text", "x" * 900_000)
    with tracer.start_span("small"):
        pass

    assert stored.names() == {"large": 1, "small": 1}


def test_the_memory_that_stands_for_a_full_disk_is_bounded(start: Any, stored: Any) -> None:
    code, out, err = start("""
        import tracer._journal.journal
        tracer._journal.journal._MEMORY_LIMIT = 1 << 22
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        for i in range(20_000):
            step(str(i), text="x" * 500)
        journal = tracer._engine.runtime._runtime.lifecycle.pipeline().journal
        assert journal.dropped > 10_000, journal.dropped
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert tracer.flush(30)
        say(journal.dropped)
    """).finish()

    assert code == 0
    assert [line.split(" (")[0].split(" /")[0] for line in err.splitlines()] == [
        "tracer cannot write its journal in", "tracer's journal",
    ]  # fmt: skip
    (count,) = stored.query("SELECT count(*), max(CAST(name AS INTEGER)) FROM spans")
    assert count[0] >= 20_000 - int(out) // 2 - 1
    assert count[1] == 19_999


def test_journals_that_wait_for_an_exporter_are_bounded_all_together(start: Any, stored: Any) -> None:
    program = """
        from opentelemetry.sdk.trace.export import SpanExportResult
        class Down:
            def export(self, spans):
                return SpanExportResult.FAILURE
            def shutdown(self):
                pass
        tracer.configure(exporters=[Down()])
        for i in range(100):
            step("kept", text="x" * 1000)
        tracer.flush(0.1)
    """
    for _ in range(3):
        start(program).finish()
    assert stored.names() == {"kept": 300}
    tracer.configure(journal_max_bytes=1 << 18)
    stored.names()
    folder = stored.path.with_name("tracer.db.journal")

    assert 0 < sum(path.stat().st_size for path in folder.glob("*.journal")) <= 1 << 18
    assert dropped(folder) > 0
