"""No value of an unexpected type breaks the reading of a request, a reply or a chunk."""

from __future__ import annotations

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

from tests.cohere.replies import CALL, CITATION, FIRST_META, QUESTION, TOOLS, chat, first_chat
from tests.cohere.test_chat import CITED, TOOL_EVENTS
from tests.odd_bodies import read_all


def test_chat() -> None:
    from tracer._cohere.chat import CHAT

    said = {"role": "assistant", "tool_plan": "x", "content": [{"type": "text", "text": "x"}], "tool_calls": [CALL]}
    request = {
        "model": "m",
        "messages": [*QUESTION, said],
        "tools": TOOLS,
        "documents": [{"data": "x"}],
        "thinking": {},
    }

    assert read_all(
        CHAT, requests=[request], replies=[chat({**said, "citations": [CITATION]})], streams=[CITED, TOOL_EVENTS]
    ) > 500  # fmt: skip


def test_version_1_of_the_api() -> None:
    from tracer._cohere import first

    turn = {"role": "USER", "message": "x", "tool_calls": [{"name": "t", "parameters": {}}]}
    results = [{"call": {"name": "t"}, "outputs": [{}]}]
    asked = {"message": "x", "chat_history": [turn], "documents": [{}], "tool_results": results, "preamble": "x"}
    reply = first_chat(tool_calls=[{"name": "t", "parameters": {}}], citations=[CITATION])
    end = {"event_type": "stream-end", "response": reply, "finish_reason": "COMPLETE"}
    events = [
        {"event_type": "text-generation", "text": "x", "index": 0},
        {"event_type": "citation-generation", "citations": [CITATION]},
        {"event_type": "citation-generation", "citations": [CITATION]},
        end,
    ]

    read_all(first.CHAT, requests=[asked], replies=[reply], streams=[events])
    generated = {"id": "g", "generations": [{"text": "x", "finish_reason": "COMPLETE"}], "meta": FIRST_META}
    read_all(first.GENERATE, requests=[{"prompt": "x"}], replies=[generated], streams=[events])


def test_embeddings_and_rerank() -> None:
    from tracer._cohere.other import EMBEDDING, RERANK

    reply = {"embeddings": {"float": [[0.1]]}, "results": [{"index": 1}], "meta": FIRST_META}
    asked = {"texts": ["x"], "embedding_types": ["float"], "query": "x", "documents": ["x"]}

    read_all(EMBEDDING, requests=[asked], replies=[reply], streams=[])
    read_all(RERANK, requests=[asked], replies=[reply], streams=[])
