"""No value of an unexpected type breaks the reading of a request, a reply or a chunk."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

from tests.bedrock.replies import CALL, QUESTION, TOOLS, USAGE, converse
from tests.bedrock.test_invoke_model import FORMATS
from tests.odd_bodies import odd, read_all


def test_converse() -> None:
    from tracer._bedrock.converse import CONVERSE

    request = {"model": "m", "messages": QUESTION, "toolConfig": {"tools": TOOLS}, "inferenceConfig": {"maxTokens": 5}}
    stream = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "c"}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "x"}}, "contentBlockIndex": 1}},
        {"contentBlockDelta": {"delta": {"text": "x"}, "contentBlockIndex": 2}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 1}}},
    ]

    assert read_all(CONVERSE, requests=[request], replies=[converse({"text": "x"}, CALL)], streams=[stream]) > 500


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_invoke_model(name: str) -> None:
    from tracer._bedrock import invoke

    model, asked, whole, chunks = FORMATS[name]

    read_all(
        invoke.operation_of(model, asked),
        requests=[{"model": model, "body": asked}],
        replies=[whole],
        streams=[chunks] if chunks else [],
    )


def test_agents_and_knowledge_bases() -> None:
    from tracer._bedrock import agents, knowledge

    asked: dict[str, Any] = {
        "inputText": "x",
        "sessionState": {
            "conversationHistory": {"messages": QUESTION},
            "returnControlInvocationResults": [{"functionResult": {"actionGroup": "a", "function": "f"}}],
        },
    }
    control = {"invocationInputs": [{"functionInvocationInput": {"actionGroup": "a", "parameters": [{"name": "x"}]}}]}
    read_all(
        agents.AGENT,
        requests=[asked],
        replies=[{"completion": "x", "citations": [{}], "returnControl": control}],
        streams=[[{"chunk": {"bytes": "x", "attribution": {"citations": [{}]}}}, {"files": {"files": [{}]}}]],
    )
    for operation in (knowledge.RETRIEVE, knowledge.GENERATE, knowledge.RERANK, knowledge.GUARDRAIL):
        for body in odd({
            "retrievalQuery": {"text": "x"}, "input": {"text": "x"}, "queries": [{"textQuery": {"text": "x"}}],
            "content": [{"text": {"text": "x"}}], "output": {"text": "x"}, "outputs": [{"text": "x"}],
            "results": [{"index": 1}], "retrieveAndGenerateConfiguration": {"knowledgeBaseConfiguration": {}},
        }):  # fmt: skip
            operation.read_request(body)
            operation.read_reply(body)
