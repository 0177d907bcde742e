"""Reading traces back through the public API."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer._api.queries import statistics
from tracer._api.traces import Span, SpanStatus, Trace, TraceList
from tracer.errors import FilterSyntaxError, InvalidArgumentError, TraceNotFoundError


def record_agent(**update: Any) -> str:
    """A small agent's trace; returns its id."""
    with tracer.start_span("agent", span_type="AGENT") as root:
        root.set_inputs({"question": "Where is my refund?"})
        if update:
            tracer.update_current_trace(**update)
        with tracer.start_span("chat", span_type="CHAT_MODEL") as call:
            call.set_attributes(
                {
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "gpt-4o-mini",
                    "gen_ai.usage.input_tokens": 1000,
                    "gen_ai.usage.output_tokens": 100,
                }
            )
            call.set_json(
                "gen_ai.input.messages", [{"role": "user", "parts": [{"type": "text", "content": "refund?"}]}]
            )
            call.add_event("first chunk", {"index": 0})
        with tracer.start_span("lookup", span_type="TOOL") as tool:
            tool.set_status("ERROR", "not there")
        root.set_outputs("On its way.")
    return root.trace_id


def test_a_trace_is_there_right_after_it_ended() -> None:
    trace_id = record_agent(tags={"env": "prod"}, metadata={"build": "7"}, session_id="s1", user="ann")

    trace = tracer.get_trace(trace_id)

    assert trace is not None
    info = trace.info
    assert (info.trace_id, info.state, info.status, info.name) == (trace_id, "OK", "OK", "agent")
    assert (info.request_preview, info.response_preview) == ('{"question":"Where is my refund?"}', "On its way.")
    assert info.token_usage == {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    assert info.cost == {"input_cost": 0.00015, "output_cost": 0.00006, "total_cost": 0.00021}
    assert (info.tags, info.trace_metadata, info.session_id, info.user) == (
        {"env": "prod"},
        {"build": "7"},
        "s1",
        "ann",
    )
    assert (info.models, info.span_count, info.error_count) == (["gpt-4o-mini"], 3, 1)
    assert info.execution_duration is not None
    assert info.execution_duration > 0
    assert [span.name for span in trace.data.spans] == ["agent", "chat", "lookup"]
    assert trace.data.request == '{"question":"Where is my refund?"}'
    assert trace.data.response == '"On its way."'
    assert trace_id in repr(trace)


def test_a_span_reads_as_it_was_recorded() -> None:
    trace = tracer.get_trace(record_agent())
    assert trace is not None
    root, call, tool = trace.data.spans

    assert (root.parent_id, call.parent_id, call.trace_id) == (None, root.span_id, trace.trace_id)
    assert (root.inputs, root.outputs) == ({"question": "Where is my refund?"}, "On its way.")
    assert call.token_usage == {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    assert call.cost == {"input_cost": 0.00015, "output_cost": 0.00006, "total_cost": 0.00021}
    assert (call.model, call.span_type) == ("gpt-4o-mini", "CHAT_MODEL")
    assert call.get_attribute("gen_ai.input.messages")[0]["role"] == "user"
    assert json.loads(call.attributes["gen_ai.input.messages"]) == call.get_attribute("gen_ai.input.messages")
    assert call.attributes["tracer.span.type"] == "CHAT_MODEL"
    assert call.get_attribute("nothing") is None
    assert [(event.name, event.attributes) for event in call.events] == [("first chunk", {"index": 0})]
    assert (tool.status, tool.status.description, tool.status.status_code) == ("ERROR", "not there", "ERROR")
    assert root.end_time_ns is not None
    assert root.duration_ms == (root.end_time_ns - root.start_time_ns) / 1e6
    assert (root.token_usage, root.cost, root.model, root.links, root.is_running) == (None, None, None, [], False)
    assert "agent" in repr(root)


def test_a_trace_goes_through_json_without_loss() -> None:
    trace_id = record_agent(tags={"a": "ü🙂"})
    tracer.log_feedback(
        trace_id=trace_id, name="good", value={"score": 1}, source={"source_type": "HUMAN", "source_id": "ann"}
    )
    trace = tracer.get_trace(trace_id)
    assert trace is not None

    assert Trace.from_json(trace.to_json()) == trace
    assert Trace.from_json(trace.to_json(pretty=True).encode()) == trace
    assert Trace.from_dict(trace.to_dict()) == trace
    assert Trace.from_json(trace.to_json()).to_json() == trace.to_json()
    assert [Span(span.to_dict()) for span in trace.data.spans] == trace.data.spans


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"info": 5, "data": {}}',
        '{"info": {"what": 1}, "data": {}}',
        '{"info": INFO, "data": {"spans": [{}]}}',
        '{"info": INFO, "data": {"spans": [{"trace_id": "t", "span_id": null}]}}',
        '{"info": INFO, "data": {"spans": [5]}}',
        '{"info": INFO, "data": {"spans": 5}}',
        '{"info": INFO, "data": []}',
    ],
)
def test_what_is_no_trace_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="expected what Trace"):
        Trace.from_json(
            text.replace("INFO", '{"trace_id": "t", "experiment_id": "0", "state": "OK", "request_time": 1}')
        )


def test_what_a_later_version_added_is_left_out() -> None:
    trace_id = record_agent()
    tracer.log_feedback(trace_id=trace_id, name="good", value=1)
    trace = tracer.get_trace(trace_id)
    assert trace is not None
    fields = trace.to_dict()
    assessment = fields["info"]["assessments"][0]
    for level in (fields, fields["info"], fields["data"], assessment, assessment["source"]):
        level["from_the_future"] = {"x": 1}

    assert Trace.from_dict(fields) == trace


def test_spans_are_searched_within_a_trace() -> None:
    trace = tracer.get_trace(record_agent())
    assert trace is not None

    def names(**conditions: Any) -> list[str]:
        return [span.name for span in trace.search_spans(**conditions)]

    assert names() == ["agent", "chat", "lookup"]
    assert names(span_type="TOOL") == ["lookup"]
    assert names(name="chat") == ["chat"]
    assert names(name=re.compile("^[al]")) == ["agent", "lookup"]
    assert names(span_id=trace.data.spans[1].span_id) == ["chat"]
    assert names(status="error", span_type="TOOL") == ["lookup"]
    assert names(model="gpt-4o-mini") == ["chat"]
    assert names(name="chat", span_type="TOOL") == []


def test_an_unknown_trace_is_none() -> None:
    assert tracer.get_trace("0" * 32) is None


@pytest.mark.parametrize("wrong", [None, 7, b"x"])
def test_a_trace_id_is_a_text(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="expected a text"):
        tracer.get_trace(wrong)


def test_a_running_trace_can_be_read() -> None:
    with tracer.start_span("long", span_type="AGENT") as root:
        with tracer.start_span("done"):
            pass
        trace = tracer.get_trace(root.trace_id)

    assert trace is not None
    assert (trace.info.state, trace.info.name, trace.info.execution_duration) == ("IN_PROGRESS", "long", None)
    assert {span.name: span.is_running for span in trace.data.spans} == {"long": True, "done": False}
    assert [span.duration_ms for span in trace.search_spans(name="long")] == [None]
    assert [found.trace_id for found in tracer.search_traces("status = 'IN_PROGRESS'")] == []
    ended = tracer.get_trace(root.trace_id)
    assert ended is not None
    assert ended.info.state == "OK"


def test_traces_are_found_by_everything_users_say() -> None:
    mine = record_agent(tags={"env": "prod", "odd key": "1"}, session_id="s1", user="ann", metadata={"build": "7"})
    other = record_agent(tags={"env": "dev"})
    tracer.log_feedback(trace_id=mine, name="good", value=True)
    tracer.log_expectation(trace_id=other, name="answer", value="tomorrow")

    for condition in (
        "tags.env = 'prod'",
        "tag.env = 'prod' AND attributes.status = 'OK'",
        "tags.`odd key` = '1'",
        "metadata.build = '7'",
        "session = 's1'",
        "user = 'ann'",
        "feedback.good = true",
        "feedback.good = 'true' AND NOT tags.env = 'dev'",
        "expectation.answer IS NULL",
        f"trace_id = '{mine}'",
        "text = 'refund' AND tags.env LIKE 'p%'",
        "span.name = 'lookup' AND span.status = 'ERROR' AND user IS NOT NULL",
        "span.attributes.`gen_ai.provider.name` = 'openai' AND session_id IN ('s1')",
        "cost > 0.0002 AND tokens = 1100 AND user = 'ann' AND timestamp > now-1h AND execution_time_ms < 60000",
    ):
        assert [trace.trace_id for trace in tracer.search_traces(condition)] == [mine], condition
    assert {trace.trace_id for trace in tracer.search_traces("model = 'gpt-4o-mini' AND provider = 'openai'")} == {
        mine,
        other,
    }
    assert tracer.search_traces("model = 'nothing'") == []
    assert [trace.trace_id for trace in tracer.search_traces(session_id="s1")] == [mine]


def test_a_session_id_is_set_on_traces_and_finds_them() -> None:
    turns = [record_agent(session_id="chat-1") for _ in range(2)]
    record_agent(session_id="chat-2")
    record_agent()

    found = tracer.search_traces(session_id="chat-1")

    assert [(trace.trace_id, trace.info.session_id) for trace in found] == [(turn, "chat-1") for turn in turns[::-1]]


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no users here")
def test_a_read_only_store_can_be_searched(everyones_path: Path, tmp_path: Path) -> None:
    store = everyones_path / "shared" / "traces.db"
    store.parent.mkdir()
    tracer.configure(store=store)
    trace_id = record_agent()
    tracer.shutdown()
    store.chmod(0o444)
    store.parent.chmod(0o555)

    done = search_as_nobody(store, tmp_path / "own.db")

    store.parent.chmod(0o755)
    assert (done.stdout, done.stderr) == (f"[({trace_id!r}, 3)]\n", "")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_store_in_a_folder_that_may_not_be_looked_into_is_a_clear_error(everyones_path: Path, tmp_path: Path) -> None:
    store = everyones_path / "private" / "traces.db"
    store.parent.mkdir(mode=0o700)

    done = search_as_nobody(store, tmp_path / "own.db")

    assert done.stderr.splitlines()[-1] == f"tracer.errors.StoreError: {store} cannot be opened: Permission denied"


def search_as_nobody(store: Path, another: Path) -> subprocess.CompletedProcess[str]:
    """What a user without rights gets, who has another store, and a folder for its state."""
    program = f"""
import os, tracer
tracer.configure(store={str(another)!r})
tracer.search_traces()  # Python's own folder may be for root alone: load everything first
tracer.reset()
if os.getuid() == 0:  # root may write anywhere
    os.setgid(65534)
    os.setuid(65534)
tracer.configure(store={str(store)!r})
print([(trace.trace_id, len(trace.data.spans)) for trace in tracer.search_traces()])
"""
    own_state = {**os.environ, "XDG_STATE_HOME": str(store.parents[1])}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=own_state, capture_output=True, text=True, timeout=60)


def test_traces_are_found_by_experiment() -> None:
    default = record_agent()
    tracer.set_experiment("lab")
    lab = record_agent()

    assert [trace.trace_id for trace in tracer.search_traces(experiment_names=["lab"])] == [lab]
    [found] = tracer.search_traces(experiment_names=["Default"])
    assert (found.trace_id, found.info.experiment, found.info.experiment_id) == (default, "Default", "0")
    assert [trace.trace_id for trace in tracer.search_traces(experiment_ids=["0"])] == [default]
    assert {t.trace_id for t in tracer.search_traces(experiment_names=["lab", "Default"])} == {lab, default}
    assert tracer.search_traces(experiment_names=[]) == []


def test_page_tokens_lead_through_all_traces_newest_first() -> None:
    ids = [record_agent() for _ in range(5)]

    first = tracer.search_traces(max_results=2)
    second = tracer.search_traces(max_results=2, page_token=first.next_page_token)
    third = tracer.search_traces(max_results=2, page_token=second.token)

    assert [trace.trace_id for page in (first, second, third) for trace in page] == ids[::-1]
    assert third.next_page_token is None


def test_without_spans_only_the_info_is_read() -> None:
    record_agent()

    [trace] = tracer.search_traces(include_spans=False, order_by=["timestamp_ms DESC"])

    assert (trace.data.spans, trace.info.span_count) == ([], 3)


def test_a_wrong_search_says_what_is_wrong() -> None:
    with pytest.raises(FilterSyntaxError, match="did you mean status"):
        tracer.search_traces("statsu = 'OK'")
    with pytest.raises(InvalidArgumentError, match="order by one of"):
        tracer.search_traces(order_by=["mood"])
    with pytest.raises(InvalidArgumentError, match="max_results is 0, expected a whole number"):
        tracer.search_traces(max_results=0)
    with pytest.raises(InvalidArgumentError, match="run_id is 5, expected a text"):
        tracer.search_traces(run_id=5)  # type: ignore[arg-type]


def test_traces_are_deleted() -> None:
    first, second, third = record_agent(), record_agent(tags={"env": "prod"}), record_agent()

    assert tracer.delete_traces(first) == 1
    assert tracer.delete_traces([first]) == 0
    assert tracer.delete_traces(filter_string="tags.env = 'prod'") == 1
    assert [trace.trace_id for trace in tracer.search_traces()] == [third]
    assert tracer.get_trace(second) is None
    assert tracer.delete_traces(max_timestamp_millis=1) == 0
    assert tracer.delete_traces([]) == 0
    assert tracer.delete_traces(experiment="Default") == 1


def test_deleting_without_a_condition_is_refused() -> None:
    record_agent()

    with pytest.raises(InvalidArgumentError, match="nothing that says which"):
        tracer.delete_traces()
    with pytest.raises(InvalidArgumentError, match="nothing that says which"):
        tracer.delete_traces(filter_string="  ")

    assert len(tracer.search_traces()) == 1


def test_statistics_count_calls() -> None:
    for _ in range(3):
        record_agent()

    [row] = statistics()
    assert (row.group, row.calls, row.total_tokens, row.cost) == ("gpt-4o-mini", 3, 3300, pytest.approx(0.00063))
    assert [row.group for row in statistics("name")] == ["agent", "chat", "lookup"]
    assert statistics(filter_string="name = 'nothing'") == []


def test_pandas_is_asked_for_only_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match="pip install pandas"):
        TraceList().to_pandas()


def test_a_status_is_a_text_that_knows_why() -> None:
    import copy
    import pickle

    status = SpanStatus("ERROR", "why")

    assert (status == "ERROR", status.description, str(status)) == (True, "why", "ERROR")
    for twin in (copy.deepcopy(status), pickle.loads(pickle.dumps(status))):
        assert (twin, twin.description) == ("ERROR", "why")


def test_half_characters_find_what_was_stored_for_them() -> None:
    with tracer.start_span("step"):
        tracer.update_current_trace(session_id="\ud83d")

    assert len(tracer.search_traces(session_id="\ud83d")) == 1
    assert tracer.search_traces(experiment_names=["\ud83d"]) == []
    assert tracer.get_trace("\ud83d") is None
    assert tracer.delete_traces(["\ud83d"]) == 0
    with pytest.raises(TraceNotFoundError):
        tracer.set_trace_tag("\ud83d", "key", "value")
