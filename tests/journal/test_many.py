"""Many traces, many processes, many threads, many tasks: all there, none twice, and memory stays flat."""

from __future__ import annotations

from typing import Any

import tracer
from tests.waiting import PATIENCE


def test_eight_processes_record_a_thousand_traces_each_at_the_same_time(start: Any, stored: Any) -> None:
    programs = [
        start("""
            say("ready")
            hear()
            for i in range(1000):
                with tracer.start_span("root") as root:
                    step("child")
            say(tracer.get_trace(root.trace_id).info.state)
        """)
        for _ in range(8)
    ]
    assert {program.hear() for program in programs} == {"ready"}
    for program in programs:
        program.say()
    ends = [program.finish() for program in programs]

    assert ends == [(0, "OK\n", "")] * 8
    assert stored.names() == {"child": 8000, "root": 8000}
    assert (stored.twice(), stored.states(), stored.left()) == (0, {"OK": 8000}, [])


def test_a_burst_of_twenty_thousand_traces_is_all_there_and_memory_stays_flat(run: Any, stored: Any) -> None:
    said = run("""
        def measure():
            with open("/proc/self/status") as file:
                status = dict(line.split(":") for line in file)
            return int(status["RssAnon"].split()[0]), int(status["VmRSS"].split()[0])
        payload = {"text": "x" * 1000}
        for i in range(20_000):
            with tracer.start_span("root") as root:
                root.set_inputs(payload)
            if i == 4_999:
                assert tracer.flush(60)  # the background has loaded all that it needs
            if i in (4_999, 19_999):
                say("%s %s" % measure())
    """)

    print(said)
    (private, whole), (private_later, whole_later) = [map(int, line.split()) for line in said.splitlines()]
    assert private_later - private < 20_000
    assert whole_later - whole < 60_000  # the whole counts what is mapped of files, the store's pages among it
    assert stored.names() == {"root": 20_000}
    assert stored.twice() == 0


def test_memory_stays_flat_and_files_are_few_while_a_sink_hangs(run: Any, stored: Any) -> None:
    said = run("""
        class Hanging:
            def export(self, spans):
                threading.Event().wait()
            def shutdown(self):
                pass
        tracer.configure(exporters=[Hanging()])
        def measure():
            with open("/proc/self/status") as file:
                status = dict(line.split(":") for line in file)
            return int(status["VmRSS"].split()[0]), len(os.listdir("/proc/self/fd"))
        payload = {"text": "x" * 20_000}
        for i in range(3_000):
            with tracer.start_span("root") as root:
                root.set_inputs(payload)
            if i in (999, 2_999):
                say("%s %s" % measure())
        os._exit(0)
    """)

    (memory, files), (memory_later, files_later) = [map(int, line.split()) for line in said.splitlines()]
    assert memory_later - memory < 35_000  # 40 MB of records are behind
    assert files_later - files <= 4
    assert stored.names() == {"root": 3_000}


def test_eight_threads_of_five_thousand_spans() -> None:
    import threading

    def work() -> None:
        with tracer.start_span("thread") as root:
            for _ in range(5_000):
                tracer.start_span_no_context("child", parent_span=root).end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tracer.flush(PATIENCE)  # a question waits for 30 seconds
    traces = tracer.search_traces(include_spans=False)
    counts = [len(trace.data.spans) for trace in map(tracer.get_trace, [t.info.trace_id for t in traces]) if trace]
    assert counts == [5_001] * 8


def test_a_thousand_tasks_at_once() -> None:
    import asyncio

    @tracer.trace
    async def inner(i: int) -> int:
        await asyncio.sleep(0)
        return i

    @tracer.trace
    async def outer(i: int) -> int:
        await asyncio.sleep(0)
        return sum(await asyncio.gather(inner(i), inner(i + 1)))

    async def main() -> list[int]:
        return await asyncio.gather(*[outer(i) for i in range(1_000)])

    assert asyncio.run(main()) == [2 * i + 1 for i in range(1_000)]
    traces = tracer.search_traces(max_results=2_000)
    assert sorted(trace.data.spans[0].outputs for trace in traces) == [2 * i + 1 for i in range(1_000)]
    assert {tuple(sorted(span.name for span in trace.data.spans)) for trace in traces} == {("inner", "inner", "outer")}
