"""Converse: messages, tools, documents, reasoning, tokens, guardrails, plain and streamed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

from botocore.config import Config

import tracer
from tests.bedrock.conftest import ASKED, needs
from tests.bedrock.event_stream import event, stream
from tests.bedrock.replies import CALL, COUNTED, MODEL, QUESTION, TOOLS, converse, delta, end, lima
from tests.openai.server import Server, reply

LIMA = [{"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "end_turn"}]
WAYS = pytest.mark.parametrize("way", ["converse", "converse_stream"])


@WAYS
def test_a_call_has_both_sides_parameters_and_tokens(
    way: str, call: Any, client: Any, server: Server, stored: Any
) -> None:
    needs(client, "TokenUsage", "cacheDetails")
    server.will(stream(*lima()) if way == "converse_stream" else reply(converse()))

    call(
        way,
        **ASKED,
        system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        inferenceConfig={"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
        additionalModelRequestFields={"top_k": 5},
    )

    span = stored.span
    assert (span.name, span.span_type, span.status) == (f"chat {MODEL}", "CHAT_MODEL", "UNSET")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": QUESTION[0]["content"][0]["text"]}]}]  # type: ignore[index]
    assert stored.json("gen_ai.system_instructions") == [{"type": "text", "content": "Be brief."}]
    assert stored.output == LIMA
    assert span.token_usage == COUNTED
    expected = {
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.stop_sequences": ["x"],
        "gen_ai.response.finish_reasons": ["end_turn"],
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "tracer.server.total_time": 1.25,
    }
    assert {name: span.attributes.get(name) for name in expected} == expected
    assert span.outputs["output"]["message"]["content"] == [{"text": "Lima."}]
    assert "ResponseMetadata" not in span.outputs


TOOL_EVENTS = [
    event("messageStart", role="assistant"),
    delta(text="I look."),
    event("contentBlockStop", contentBlockIndex=0),
    event("contentBlockStart", contentBlockIndex=1, start={"toolUse": {"toolUseId": "c1", "name": "weather"}}),
    delta(1, toolUse={"input": '{"city": '}),
    delta(1, toolUse={"input": '"Lima"}'}),
    event("contentBlockStop", contentBlockIndex=1),
    event("contentBlockStart", contentBlockIndex=2, start={"toolUse": {"toolUseId": "c2", "name": "now"}}),
    event("contentBlockStop", contentBlockIndex=2),
    *end("tool_use"),
]


@WAYS
def test_tools_and_their_calls(way: str, call: Any, server: Server, stored: Any) -> None:
    plain = converse(
        {"text": "I look."}, CALL, {"toolUse": {"toolUseId": "c2", "name": "now", "input": {}}}, reason="tool_use"
    )
    server.will(stream(*TOOL_EVENTS) if way == "converse_stream" else reply(plain))

    call(way, **ASKED, toolConfig={"tools": TOOLS})

    assert stored.output == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "I look."},
                {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Lima"}},
                {"type": "tool_call", "id": "c2", "name": "now", "arguments": {}},
            ],
            "finish_reason": "tool_use",
        }
    ]
    assert stored.json("gen_ai.tool.definitions") == [
        {"type": "function", "name": "weather", "description": "d", "parameters": {"type": "object"}}
    ]


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 600


def test_results_pictures_and_documents_are_read(call: Any, server: Server, stored: Any) -> None:
    server.will(reply(converse()))
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    messages = [
        {
            "role": "user",
            "content": [
                {"text": "Look."},
                image,
                {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/k.jpg"}}}},
                {"document": {"format": "csv", "name": "towns", "source": {"bytes": b"a,b\n"}}},
                {"document": {"format": "txt", "name": "note", "source": {"text": "Lima"}}},
                {"guardContent": {"text": {"text": "guarded"}}},
                {"cachePoint": {"type": "default"}},
            ],
        },
        {"role": "assistant", "content": [CALL]},
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"json": {"degrees": 21}}]}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "no"}, image], "status": "error"}},
            ],
        },
    ]

    call("converse", modelId=MODEL, messages=messages)

    asked, _, results = stored.input
    text, picture, remote, table, note, guarded = asked["parts"]
    assert (text["content"], note, guarded["content"]) == (
        "Look.", {"type": "text", "content": "Lima", "filename": "note"}, "guarded",
    )  # fmt: skip
    assert (picture["type"], picture["mime_type"]) == ("blob", "image/png")
    assert stored.attachment(picture["content"]) == ("image/png", PNG)
    assert remote == {"type": "uri", "modality": "image", "uri": "s3://b/k.jpg"}
    assert table == {
        "type": "blob",
        "modality": "file",
        "mime_type": "text/csv",
        "content": base64.b64encode(b"a,b\n").decode(),
        "filename": "towns",
    }
    assert results["role"] == "tool"
    first, second = results["parts"]
    assert first == {"type": "tool_call_response", "id": "c1", "response": {"degrees": 21}}
    assert (second["is_error"], [part["type"] for part in second["response"]]) == (True, ["text", "blob"])


REASONED = [
    event("messageStart", role="assistant"),
    delta(reasoningContent={"text": "Peru: "}),
    delta(reasoningContent={"text": "Lima."}),
    delta(reasoningContent={"signature": "sig"}),
    event("contentBlockStop", contentBlockIndex=0),
    delta(1, text="Lima."),
    *end(),
]


@WAYS
def test_reasoning(way: str, call: Any, client: Any, server: Server, stored: Any) -> None:
    needs(client, "ContentBlock", "reasoningContent")
    thought = {"reasoningContent": {"reasoningText": {"text": "Peru: Lima.", "signature": "sig"}}}
    server.will(stream(*REASONED) if way == "converse_stream" else reply(converse(thought, {"text": "Lima."})))

    call(way, **ASKED)

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Peru: Lima."},
        {"type": "text", "content": "Lima."},
    ]
    assert stored.span.outputs["output"]["message"]["content"][0] == thought


@WAYS
def test_citations_are_at_the_text(way: str, call: Any, client: Any, server: Server, stored: Any) -> None:
    needs(client, "ContentBlock", "citationsContent")
    citation = {"title": "Peru", "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 4}}}
    cited = {"citationsContent": {"content": [{"text": "Lima."}], "citations": [citation]}}
    events = [event("messageStart", role="assistant"), delta(text="Lima."), delta(citation=citation), *end()]
    server.will(stream(*events) if way == "converse_stream" else reply(converse(cited)))

    call(way, **ASKED)

    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima.", "annotations": [citation]}]


@WAYS
def test_what_a_guardrail_did(way: str, call: Any, server: Server, stored: Any) -> None:
    trace = {"guardrail": {"inputAssessment": {"g1": {"topicPolicy": {"topics": []}}}}}
    events = [event("messageStart", role="assistant"), delta(text="No."), *end("guardrail_intervened", trace=trace)]
    plain = converse({"text": "No."}, reason="guardrail_intervened", trace=trace)
    server.will(stream(*events) if way == "converse_stream" else reply(plain))

    call(way, **ASKED, guardrailConfig={"guardrailIdentifier": "g1", "guardrailVersion": "1", "trace": "enabled"})

    attributes = stored.span.attributes
    assert (attributes["aws.bedrock.guardrail.id"], attributes["tracer.guardrail.action"]) == ("g1", "INTERVENED")
    assert stored.span.outputs["trace"] == trace
    assert stored.output[0]["finish_reason"] == "guardrail_intervened"


def test_each_event_of_a_stream_is_an_event_of_the_span(call: Any, server: Server, stored: Any) -> None:
    server.will(stream(*lima()))

    call("converse_stream", **ASKED)

    assert stored.span.attributes["tracer.stream.chunks"] == len(lima())
    assert stored.span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert stored.span.events[1].attributes["tracer.chunk"].startswith('{"contentBlockDelta":{')


@pytest.mark.parametrize(
    ("model_id", "model"),
    [
        ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-micro-v1:0", "amazon.nova-micro-v1:0"),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}", MODEL),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
            "application-inference-profile/a1b2c3",
        ),
    ],
)
def test_an_arn_is_read_as_the_model_that_it_names(
    model_id: str, model: str, call: Any, server: Server, stored: Any
) -> None:
    server.will(reply(converse()))

    call("converse", modelId=model_id, messages=QUESTION)

    assert stored.span.attributes["gen_ai.request.model"] == model
    assert stored.span.inputs["modelId"] == model_id


def test_a_router_tells_which_model_replied(call: Any, client: Any, server: Server, stored: Any) -> None:
    needs(client, "ConverseTrace", "promptRouter")
    arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0"
    server.will(reply(converse(trace={"promptRouter": {"invokedModelId": arn}})))

    call("converse", modelId="arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/r:1", messages=QUESTION)

    assert stored.span.attributes["gen_ai.response.model"] == "amazon.nova-micro-v1:0"


def test_a_structured_output_has_its_schema(client: Any, server: Server, stored: Any) -> None:
    needs(client, "ConverseRequest", "outputConfig")
    server.will(reply(converse()))
    wanted = {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type": "object"}', "name": "city"}}}

    client.converse(**ASKED, outputConfig={"textFormat": wanted})

    assert stored.json("tracer.request.output_schema") == {"type": "object"}
    assert stored.span.attributes["gen_ai.output.type"] == "json"


@pytest.mark.parametrize(("prefix", "price"), [("us", 3.3), ("global", 3.0)])
def test_the_cost_is_that_of_the_region(prefix: str, price: float, make_client: Any, server: Server) -> None:
    # by a proxy, so that the host is Amazon's
    host = "http://bedrock-runtime.us-east-1.amazonaws.com"
    client = make_client(endpoint_url=host, config=Config(proxies={"http": server.url}))
    server.will(reply({**converse(), "usage": {"inputTokens": 1000, "outputTokens": 0, "totalTokens": 1000}}))

    client.converse(modelId=f"{prefix}.anthropic.claude-sonnet-4-5-20250929-v1:0", messages=QUESTION)

    [found] = tracer.search_traces()
    assert found.info.cost["total_cost"] == pytest.approx(price / 1000)
