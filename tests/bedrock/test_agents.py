"""Agents: the answer, and the steps that their trace tells of."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

import tracer
from tests.bedrock.conftest import stream_of
from tests.bedrock.event_stream import chunk, event, exception, stream
from tests.openai.server import Server

ASKED = {"agentId": "AGENT1", "agentAliasId": "ALIAS1", "sessionId": "s1", "inputText": "Weather in Lima?"}
MODEL = "anthropic.claude-3-haiku-20240307-v1:0"


def told(kind: str = "orchestrationTrace", **content: Any) -> bytes:
    """A trace event of an agent."""
    return event("trace", agentId="AGENT1", sessionId="s1", trace={kind: content})


def metadata(second: int, **usage: int) -> dict[str, Any]:
    return {
        "startTime": f"2100-01-01T00:00:{second:02}.000000001Z",
        "endTime": f"2100-01-01T00:00:{second + 1:02}Z",
        "usage": usage,
    }


PROMPT = '{"system": "You are an agent.", "messages": [{"role": "user", "content": "Weather in Lima?"}]}'
STEPS = [
    told(modelInvocationInput={
        "traceId": "t1", "type": "ORCHESTRATION", "text": PROMPT, "foundationModel": MODEL,
        "inferenceConfiguration": {"temperature": 0.0, "maximumLength": 2048, "topP": 1.0},
    }),
    told(modelInvocationOutput={
        "traceId": "t1", "rawResponse": {"content": "I call the weather."},
        "metadata": metadata(1, inputTokens=100, outputTokens=20),
    }),
    told(rationale={"traceId": "t1", "text": "I call the weather."}),
    told(invocationInput={
        "traceId": "t1", "invocationType": "ACTION_GROUP",
        "actionGroupInvocationInput": {
            "actionGroupName": "weather", "function": "get", "executionType": "LAMBDA",
            "parameters": [{"name": "city", "type": "string", "value": "Lima"}],
        },
    }),
    told(observation={
        "traceId": "t1", "type": "ACTION_GROUP",
        "actionGroupInvocationOutput": {"text": "21", "metadata": metadata(2)},
    }),
    told(invocationInput={
        "traceId": "t2", "invocationType": "KNOWLEDGE_BASE",
        "knowledgeBaseLookupInput": {"knowledgeBaseId": "KB1", "text": "Lima"},
    }),
    told(observation={
        "traceId": "t2", "type": "KNOWLEDGE_BASE",
        "knowledgeBaseLookupOutput": {"retrievedReferences": [{"content": {"text": "It is warm."}}]},
    }),
    told("guardrailTrace", action="NONE", traceId="g1", metadata=metadata(3)),
    told(observation={"traceId": "t3", "type": "FINISH", "finalResponse": {"text": "21 degrees."}}),
]  # fmt: skip


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, agents: Any) -> Any:
    """``ask("invoke_agent", …)`` by both clients; the events as a list."""

    def ask_sync(name: str, **given: Any) -> Any:
        return list(stream_of(getattr(agents, name)(**given)))

    def ask_async(name: str, **given: Any) -> Any:
        async def scenario(client: Any) -> Any:
            return [event async for event in stream_of(await getattr(client, name)(**given))]

        return request.getfixturevalue("arun")(scenario, "bedrock-agent-runtime")

    return ask_sync if request.param == "sync" else ask_async


def test_an_agents_answer_and_its_steps(ask: Any, server: Server) -> None:
    server.will(stream(*STEPS, chunk("21 "), chunk("degrees.")))

    ask("invoke_agent", **ASKED, enableTrace=True)

    [found] = tracer.search_traces()
    agent, *steps = found.data.spans
    assert (agent.name, agent.span_type, agent.status) == ("invoke_agent AGENT1", "AGENT", "UNSET")
    assert agent.outputs == {"completion": "21 degrees."}
    expected = {"gen_ai.agent.id": "AGENT1", "gen_ai.conversation.id": "s1", "gen_ai.provider.name": "aws.bedrock"}
    assert expected.items() <= agent.attributes.items()
    assert [(step.name, step.span_type) for step in sorted(steps, key=lambda step: step.end_time_ns)] == [
        ("retrieval KB1", "RETRIEVER"),  # the others say that they are of the year 2100
        (f"chat {MODEL}", "CHAT_MODEL"),
        ("execute_tool weather.get", "TOOL"),
        ("apply_guardrail", "GUARDRAIL"),
    ]
    assert {step.parent_id for step in steps} == {agent.span_id}
    assert found.info.token_usage == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}


def test_the_step_of_a_model_has_its_conversation(ask: Any, server: Server) -> None:
    server.will(stream(*STEPS, chunk("21 degrees.")))

    ask("invoke_agent", **ASKED, enableTrace=True)

    spans = tracer.search_traces()[0].data.spans
    model = next(span for span in spans if span.span_type == "CHAT_MODEL")
    tool = next(span for span in spans if span.span_type == "TOOL")
    assert model.get_attribute("gen_ai.input.messages") == [
        {"role": "user", "parts": [{"type": "text", "content": "Weather in Lima?"}]}
    ]
    assert model.get_attribute("gen_ai.system_instructions") == [{"type": "text", "content": "You are an agent."}]
    assert model.get_attribute("gen_ai.output.messages")[0]["parts"] == [
        {"type": "text", "content": "I call the weather."}
    ]
    assert model.get_attribute("gen_ai.request.max_tokens") == 2048
    assert model.end_time_ns - model.start_time_ns == 999_999_999
    assert tool.inputs["parameters"][0]["value"] == "Lima"
    assert tool.outputs == {"text": "21"}


def test_calls_that_an_agent_leaves_to_the_program(ask: Any, server: Server, stored: Any) -> None:
    call = {"actionGroup": "weather", "function": "get", "parameters": [{"name": "city", "value": "Lima"}]}
    control = event("returnControl", invocationId="i1", invocationInputs=[{"functionInvocationInput": call}])
    server.will(stream(control))
    given = {"actionGroup": "weather", "function": "get", "responseBody": {"TEXT": {"body": "21"}}}

    results = {"invocationId": "i0", "returnControlInvocationResults": [{"functionResult": given}]}
    ask("invoke_agent", **ASKED, sessionState=results)

    assert stored.output[0]["parts"] == [{"type": "tool_call", "name": "weather.get", "arguments": {"city": "Lima"}}]
    assert stored.input[1] == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "weather.get", "response": {"TEXT": {"body": "21"}}}],
    }


def test_an_inline_agent_with_citations(ask: Any, server: Server, stored: Any) -> None:
    citation = {"retrievedReferences": [{"content": {"text": "It is warm."}}]}
    server.will(stream(chunk("Warm.", attribution={"citations": [citation]})))

    ask("invoke_inline_agent", sessionId="s1", foundationModel=MODEL, instruction="i" * 40, inputText="Warm?")

    assert (stored.span.name, stored.span.span_type) == ("invoke_agent", "AGENT")
    assert stored.json("gen_ai.system_instructions") == [{"type": "text", "content": "i" * 40}]
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Warm.", "annotations": [citation]}]


def test_a_failure_is_a_step_and_an_exception_the_calls_error(ask: Any, server: Server) -> None:
    failure = told("failureTrace", traceId="f1", failureReason="no such function", failureCode=404)
    server.will(stream(chunk("Let "), failure, exception("dependencyFailedException", "no lambda")))

    with pytest.raises(Exception, match="no lambda"):
        ask("invoke_agent", **ASKED)

    agent, failed = tracer.search_traces()[0].data.spans
    assert (agent.status, agent.outputs["completion"]) == ("ERROR", "Let ")
    assert (failed.name, failed.status, failed.status.description) == ("failure", "ERROR", "no such function")


@pytest.mark.parametrize("trace", [{"x": {"y": 1}}, {"x": [1]}, {"guardrailTrace": {}}, {"failureTrace": {}}])
def test_a_trace_of_an_unknown_shape_breaks_nothing(trace: Any, agents: Any, server: Server, stored: Any) -> None:
    server.will(stream(event("trace", trace=trace), event("something", new=1), chunk("21")))

    list(agents.invoke_agent(**ASKED)["completion"])

    agent = next(span for span in stored.spans if span.parent_id is None)
    assert (agent.status, agent.outputs["completion"]) == ("UNSET", "21")
