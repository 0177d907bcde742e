"""What MLflow's programs ask of spans and traces by its keys is answered, live and stored."""

from __future__ import annotations

import pickle
from typing import Any

import openai
import pytest

import tracer
from tests.openai.replies import chat, tool_call
from tests.openai.server import Server, reply
from tracer.tracing.constant import SpanAttributeKey, TraceMetadataKey, TraceTagKey

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def answers(span: Any, prefix: str) -> dict[str, Any]:
    keys = [
        "spanInputs",
        "spanOutputs",
        "spanType",
        "chat.messages",
        "chat.tools",
        "chat.tokenUsage",
        "llm.model",
        "llm.provider",
    ]
    return {key: span.get_attribute(f"{prefix}.{key}") for key in keys}


@pytest.mark.parametrize("prefix", ["mlflow", "tracer"])
def test_a_call_answers_by_the_keys_of_mlflow(prefix: str, server: Server) -> None:
    calls = [tool_call("call_1", "get_weather", '{"city":"Paris"}')]
    server.will(reply(chat({"role": "assistant", "content": None, "tool_calls": calls}, usage=USAGE)))
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "tool", "tool_call_id": "call_0", "content": "none yet"},
    ]
    body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": messages, "tools": [tool]}
    live: list[dict[str, Any]] = []
    tracer.configure(span_processors=[lambda span: live.append(answers(span, prefix))])
    tracer.openai.autolog()
    try:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
            client.chat.completions.create(**body)
    finally:
        tracer.openai.autolog(disable=True)

    trace = tracer.get_trace(tracer.get_last_active_trace_id() or "")
    assert trace is not None
    [span] = trace.data.spans
    stored = answers(span, prefix)
    assert stored == live[0]
    assert stored == {
        "spanInputs": body,
        "spanOutputs": span.outputs,
        "spanType": "CHAT_MODEL",
        "chat.messages": [*messages, {"role": "assistant", "content": "", "tool_calls": calls}],
        "chat.tools": span.get_attribute("gen_ai.tool.definitions"),
        "chat.tokenUsage": span.token_usage,
        "llm.model": span.model,
        "llm.provider": "openai",
    }
    assert (span.request_id, span.model_name, span.llm_cost) == (trace.trace_id, span.model, span.cost)


@pytest.mark.parametrize("prefix", ["mlflow", "tracer"])
def test_what_is_set_by_these_keys_counts(prefix: str) -> None:
    with tracer.start_span("call", span_type="LLM", attributes={f"{prefix}.spanInputs": {"q": 1}}) as span:
        span.set_attribute(f"{prefix}.chat.tokenUsage", {"input_tokens": 3, "output_tokens": 4, "odd": "x"})
        span.set_attribute(f"{prefix}.chat.messages", [{"role": "user", "content": "hi"}])
        span.set_attributes({f"{prefix}.llm.cost": {"total_cost": 0.5}})

    trace = tracer.get_trace(span.trace_id)
    assert trace is not None
    [stored] = trace.data.spans
    assert trace.info.token_usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert stored.inputs == {"q": 1}
    assert stored.cost == {"total_cost": 0.5}
    assert stored.get_attribute("gen_ai.input.messages") == [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    ]


def test_an_attribute_of_the_program_s_own_is_its_own() -> None:
    with tracer.start_span("a") as span:
        span.set_attribute("tracer.llm.model", "mine")
        assert span.get_attribute("tracer.llm.model") == "mine"
        assert span.get_attribute("mlflow.no_such_key") is None
        assert span.get_attribute("spanInputs") is None


def test_session_and_user_come_by_metadata_too() -> None:
    with tracer.start_span("a") as span:
        tracer.update_current_trace(
            {"env": "ci"}, metadata={"mlflow.trace.session": "s1", "tracer.trace.user": "ann", "k": "v"}
        )

    for name in ("mlflow", "tracer"):
        [trace] = tracer.search_traces(f"metadata.`{name}.trace.session` = 's1'")
        info = trace.info
        assert (info.session_id, info.user, info.tags, info.trace_metadata) == ("s1", "ann", {"env": "ci"}, {"k": "v"})
        assert info.trace_metadata[f"{name}.trace.session"] == "s1"
        assert info.request_metadata.get(f"{name}.trace.user") == "ann"
        assert info.tags[f"{name}.traceName"] == "a"
    assert trace.trace_id == span.trace_id


def test_fields_of_a_trace_are_there_by_their_other_names() -> None:
    model = tracer.set_active_model("v1")
    with tracer.start_run() as run, tracer.start_span("a") as span:
        span.set_attribute(SpanAttributeKey.CHAT_USAGE, {"input_tokens": 1, "output_tokens": 2})
    tracer.clear_active_model()

    trace = tracer.get_trace(span.trace_id)
    assert trace is not None
    info = trace.info
    assert info.request_id == trace.trace_id
    assert (
        info.trace_location.experiment_id == info.experiment_id == info.trace_location.tracer_experiment.experiment_id
    )
    assert info.trace_metadata[TraceMetadataKey.MODEL_ID] == model.model_id
    assert info.trace_metadata[TraceMetadataKey.SOURCE_RUN] == run.info.run_id
    assert info.trace_metadata[TraceMetadataKey.TOKEN_USAGE] == '{"input_tokens":1,"output_tokens":2,"total_tokens":3}'
    assert info.tags.get(TraceTagKey.TRACE_NAME) == "a"
    assert info.trace_metadata.get("no such key", "-") == "-"
    with pytest.raises(KeyError):
        info.trace_metadata["no such key"]
    again = pickle.loads(pickle.dumps(trace))
    assert again == trace
    assert again.info.trace_metadata[TraceMetadataKey.MODEL_ID] == model.model_id
    assert tracer.Trace.from_json(trace.to_json()).to_dict() == trace.to_dict()


def test_a_table_has_requests_responses_and_spans() -> None:
    pandas = pytest.importorskip("pandas")
    with tracer.start_span("a") as span:
        span.set_inputs({"q": 1})
        span.set_outputs("yes")

    table = tracer.search_traces(return_type="pandas")

    assert isinstance(table, pandas.DataFrame)
    [row] = table.to_dict("records")
    assert (row["trace_id"], row["request"], row["response"]) == (span.trace_id, {"q": 1}, "yes")
    assert [each.name for each in row["spans"]] == ["a"]
    assert list(table.columns) == list(tracer.search_traces().to_pandas().columns)
    with pytest.raises(tracer.errors.InvalidArgumentError, match="return_type is 'frame'"):
        tracer.search_traces(return_type="frame")  # type: ignore[call-overload]


def test_traces_are_found_by_their_end() -> None:
    span = tracer.start_span_no_context("a", start_time_ns=1_000_000_000)
    span.end(3_000_000_000)
    running = tracer.start_span_no_context("b")

    found = [trace.trace_id for trace in tracer.search_traces("end_time_ms = 3000")]
    also = [trace.trace_id for trace in tracer.search_traces("end > 2999 AND end <= 3000")]

    assert found == also == [span.trace_id]
    assert tracer.search_traces("end < 3000") == []
    running.end()


def test_regular_expressions_in_filters_say_what_to_write() -> None:
    with pytest.raises(tracer.errors.FilterSyntaxError, match="there are no regular expressions; write LIKE 'a%'"):
        tracer.search_traces("name RLIKE 'a.*'")


def test_a_state_that_no_trace_has_lists_those_that_there_are() -> None:
    with pytest.raises(tracer.errors.FilterSyntaxError, match="states are ERROR, INTERRUPTED, IN_PROGRESS, OK\n"):
        tracer.search_traces("status = 'FAILED'")
    with pytest.raises(tracer.errors.FilterSyntaxError, match="states are ERROR, INTERRUPTED, IN_PROGRESS, OK, UNSET"):
        tracer.search_traces("span.status = 'FAILED'")
