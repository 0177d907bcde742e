"""Steps that have been open for longer than a second are shown with their inputs, and are left by a killed process."""

from __future__ import annotations

import threading
from typing import Any

import tracer
from tests.waiting import until


def spans_of(trace_id: str) -> dict[str, Any]:
    trace = tracer.get_trace(trace_id)
    return {span.name: span for span in trace.data.spans} if trace else {}


def test_a_step_that_stays_open_is_shown_with_its_inputs() -> None:
    with tracer.start_span("agent") as root:
        with tracer.start_span("search", span_type="TOOL", attributes={"n": 3}) as step:
            step.set_inputs({"query": "Lima"})
            assert until(lambda: "search" in spans_of(root.trace_id))
            running = spans_of(root.trace_id)["search"]
            assert (running.is_running, running.span_type, running.inputs) == (True, "TOOL", {"query": "Lima"})
            assert (running.attributes["n"], running.parent_id) == (3, root.span_id)
        ended = spans_of(root.trace_id)["search"]
        assert (ended.is_running, ended.inputs, ended.attributes["n"]) == (False, {"query": "Lima"}, 3)


def test_a_step_is_searched_by_its_running_inputs_only_until_it_ends() -> None:
    with tracer.start_span("agent") as root:
        root.set_inputs("the road to Lima")
        assert until(lambda: tracer.search_traces("text CONTAINS 'to Lima' AND span.inputs = 'the road to Lima'"))
        root.set_inputs("the road to Cusco")

    assert tracer.search_traces("text = 'lima' OR text CONTAINS 'Lima' OR span.inputs CONTAINS 'Lima'") == []
    assert len(tracer.search_traces("text = 'cusco' AND text CONTAINS 'to Cusco'")) == 1


def test_the_model_of_a_running_step_is_searched_until_it_is_another() -> None:
    with tracer.start_span("agent", attributes={"gen_ai.request.model": "m-1"}) as root:
        assert until(lambda: tracer.search_traces("model = 'm-1' AND state = 'IN_PROGRESS'"))
        with tracer.start_span("other"):
            pass
        root.set_attribute("gen_ai.request.model", "m-2")

    assert tracer.search_traces("model = 'm-1'") == []
    assert [trace.info.trace_id for trace in tracer.search_traces("model = 'm-2'")] == [root.trace_id]


def test_a_traced_function_at_the_root_is_shown_with_its_arguments() -> None:
    going_on, begun = threading.Event(), threading.Event()

    @tracer.trace
    def answer(question: str) -> str:
        begun.set()
        going_on.wait()
        return "Lima"

    thread = threading.Thread(target=answer, args=("capital?",))
    thread.start()
    begun.wait()
    try:
        assert until(lambda: tracer.search_traces()[0].data.spans[0].inputs == {"question": "capital?"})
        [trace] = tracer.search_traces()
        assert (trace.info.state, trace.info.request_preview) == ("IN_PROGRESS", '{"question":"capital?"}')
    finally:
        going_on.set()
        thread.join()
    [trace] = tracer.search_traces()
    assert (trace.info.state, trace.data.spans[0].outputs, len(trace.data.spans)) == ("OK", "Lima", 1)


def test_a_step_below_an_ended_one_is_shown_at_once() -> None:
    root = tracer.start_span_no_context("root")
    root.end()
    late = tracer.start_span_no_context("late", parent_span=root)

    trace = tracer.get_trace(root.trace_id)
    assert trace is not None
    assert (trace.info.state, [span.name for span in trace.data.spans]) == ("IN_PROGRESS", ["root", "late"])

    late.end()
    assert tracer.get_trace(root.trace_id).info.state == "OK"  # type: ignore[union-attr]


def test_a_step_that_outlives_its_parent_keeps_the_trace_in_progress() -> None:
    root = tracer.start_span_no_context("root")
    slow = tracer.start_span_no_context("slow", parent_span=root)
    slow.set_inputs("what")
    root.end()

    assert until(lambda: "slow" in spans_of(root.trace_id))
    trace = tracer.get_trace(root.trace_id)
    assert trace is not None
    assert (trace.info.state, spans_of(root.trace_id)["slow"].inputs) == ("IN_PROGRESS", "what")

    slow.end()
    assert tracer.get_trace(root.trace_id).info.state == "OK"  # type: ignore[union-attr]


def test_a_killed_process_leaves_its_open_steps_with_their_inputs(start: Any) -> None:
    program = start("""
        @tracer.trace
        def tool(query):
            time.sleep(600)
        with tracer.start_span("agent") as root:
            root.set_inputs("plan a journey")
            say(root.trace_id)
            tool("flights to Lima")
    """)
    trace_id = program.hear()
    assert until(lambda: len(spans_of(trace_id)) == 2)
    program.kill()

    trace = tracer.get_trace(trace_id)
    assert trace is not None
    assert (trace.info.state, trace.info.request_preview) == ("INTERRUPTED", "plan a journey")
    assert [span.inputs for span in trace.data.spans] == ["plan a journey", {"query": "flights to Lima"}]
    assert [span.is_running for span in trace.data.spans] == [True, True]


def test_a_child_process_does_not_write_down_its_parents_steps(start: Any, stored: Any) -> None:
    program = start("""
        with tracer.start_span("root"):
            with tracer.start_span("open"):
                if os.fork() == 0:
                    step("of the child")
                    time.sleep(2.5)
                    say("child")
                    os.kill(os.getpid(), signal.SIGKILL)
                os.wait()
        say("parent")
    """)
    assert [program.hear(), program.hear()] == ["child", "parent"]
    assert program.finish()[0] == 0

    assert (stored.states(), stored.names()) == ({"OK": 1}, {"of the child": 1, "open": 1, "root": 1})
    assert stored.query("SELECT count(*) FROM running") == [(0,)]


def test_a_step_that_is_dropped_without_an_end_is_not_kept_in_memory() -> None:
    import gc
    import weakref

    span = tracer.start_span_no_context("never ends")
    trace_id, reference = span.trace_id, weakref.ref(span)
    span.set_inputs("x")
    del span

    assert until(lambda: spans_of(trace_id)["never ends"].inputs == "x")
    assert until(lambda: gc.collect() is not None and reference() is None)


def test_secrets_of_an_open_step_are_redacted() -> None:
    secret = "sk-proj-" + "a1B2" * 12
    with tracer.start_span("root") as root, tracer.start_span("tool") as tool:
        tool.set_inputs({"key": secret})
        assert until(lambda: "tool" in spans_of(root.trace_id))

        assert secret not in str(spans_of(root.trace_id)["tool"].to_dict())


def test_inputs_that_a_long_step_gets_late_are_shown() -> None:
    with tracer.start_span("root") as root, tracer.start_span("tool") as tool:
        assert until(lambda: "tool" in spans_of(root.trace_id))
        tool.set_inputs("late")

        assert until(lambda: spans_of(root.trace_id)["tool"].inputs == "late")
