"""Knowledge bases, rerank, guardrails and flows."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

from tests.bedrock.event_stream import event, stream
from tests.openai.server import Server, reply

ARN = "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-micro-v1:0"
CITATION = {"retrievedReferences": [{"content": {"text": "Lima is the capital."}}]}


def test_retrieve(agents: Any, server: Server, stored: Any) -> None:
    results = [{"content": {"text": "Lima"}, "score": 0.9}]
    server.will(reply({"retrievalResults": results}))

    agents.retrieve(knowledgeBaseId="KNOWLEDGE1", retrievalQuery={"text": "capital"})

    assert (stored.span.name, stored.span.span_type) == ("retrieval KNOWLEDGE1", "RETRIEVER")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "capital"}]}]
    assert stored.span.outputs == {"retrievalResults": results}
    assert stored.span.attributes["gen_ai.data_source.id"] == "KNOWLEDGE1"


@pytest.mark.parametrize("way", ["retrieve_and_generate", "retrieve_and_generate_stream"])
def test_retrieve_and_generate(way: str, agents: Any, server: Server, stored: Any) -> None:
    if not hasattr(agents, way):
        pytest.skip("this version has no such operation")
    whole = {"sessionId": "s1", "output": {"text": "Lima."}, "citations": [CITATION], "guardrailAction": "NONE"}
    events = [
        event("output", text="Li"),
        event("output", text="ma."),
        event("citation", citation=CITATION),
        event("guardrail", action="NONE"),
    ]
    server.will(stream(*events) if way.endswith("stream") else reply(whole))
    source = {"knowledgeBaseId": "KNOWLEDGE1", "modelArn": ARN}
    config = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": source}

    result = getattr(agents, way)(input={"text": "capital"}, retrieveAndGenerateConfiguration=config)
    list(result.get("stream", ()))

    assert (stored.span.name, stored.span.span_type) == ("retrieve_and_generate amazon.nova-micro-v1:0", "LLM")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "capital"}]}]
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima.", "annotations": [CITATION]}]
    assert stored.span.attributes["tracer.guardrail.action"] == "NONE"


def test_rerank(agents: Any, server: Server, stored: Any) -> None:
    if not hasattr(agents, "rerank"):
        pytest.skip("this version has no such operation")
    results = [{"index": 1, "relevanceScore": 0.9}]
    server.will(reply({"results": results}))
    model = "arn:aws:bedrock:eu-west-1::foundation-model/cohere.rerank-v3-5:0"
    documents = [
        {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
        for text in ("Oslo", "Lima")
    ]

    agents.rerank(
        queries=[{"type": "TEXT", "textQuery": {"text": "capital"}}],
        sources=documents,
        rerankingConfiguration={
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": model}},
        },
    )

    assert (stored.span.name, stored.span.span_type) == ("rerank cohere.rerank-v3-5:0", "RERANKER")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "capital"}]}]
    assert stored.output[0]["parts"] == [{"type": "json", "content": results[0]}]


def test_a_guardrail(client: Any, server: Server, stored: Any) -> None:
    server.will(reply({"usage": {}, "action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "No."}], "assessments": []}))

    client.apply_guardrail(
        guardrailIdentifier="g1", guardrailVersion="1", source="INPUT", content=[{"text": {"text": "capital"}}]
    )

    assert (stored.span.name, stored.span.span_type) == ("apply_guardrail g1", "GUARDRAIL")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "capital"}]}]
    assert stored.text == "No."
    assert stored.span.attributes["tracer.guardrail.action"] == "GUARDRAIL_INTERVENED"


def test_a_flow(agents: Any, server: Server, stored: Any) -> None:
    events = [event("flowOutputEvent", nodeName="out"), event("flowCompletionEvent", completionReason="SUCCESS")]
    server.will(stream(*events))
    given = {"content": {"document": "Lima"}, "nodeName": "in", "nodeOutputName": "document"}

    list(agents.invoke_flow(flowIdentifier="F1", flowAliasIdentifier="A1", inputs=[given])["responseStream"])

    assert (stored.span.name, stored.span.span_type) == ("invoke_flow F1", "WORKFLOW")
    assert [list(each) for each in stored.span.outputs] == [["flowOutputEvent"], ["flowCompletionEvent"]]


def test_what_runs_later_is_recorded_as_it_is(client: Any, server: Server, stored: Any) -> None:
    server.will(reply({"invocationArn": "arn:aws:bedrock:eu-west-1:1:async-invoke/i1"}))

    client.start_async_invoke(
        modelId="amazon.nova-reel-v1:0",
        modelInput={"taskType": "TEXT_VIDEO"},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://b"}},
    )

    assert stored.span.name == "start_async_invoke amazon.nova-reel-v1:0"
    assert stored.span.outputs["invocationArn"].endswith("i1")
