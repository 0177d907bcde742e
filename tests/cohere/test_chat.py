"""Chat: messages, tools, citations, documents, tokens, plain and streamed, in both versions of the API."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("cohere", reason="tests/run.py makes an environment with it")

import cohere

import tracer
from tests.cohere.conftest import ASKED
from tests.cohere.replies import (
    CALL,
    CITATION,
    FIRST_META,
    QUESTION,
    TOOLS,
    USAGE,
    chat,
    event,
    first_chat,
    lima,
    lines,
    text,
)
from tests.openai.server import Server, reply, sse

LIMA = [{"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "COMPLETE"}]
ASKED_PARTS = [{"role": "user", "parts": [{"type": "text", "content": QUESTION[0]["content"]}]}]


@pytest.mark.parametrize("way", ["chat", "chat_stream"])
def test_a_chat_has_both_sides_parameters_and_tokens(way: str, call: Any, server: Server, stored: Any) -> None:
    server.will(sse(*lima(), done=False) if way == "chat_stream" else reply(chat()))

    call(way, **ASKED, temperature=0.2, k=5, p=0.9, max_tokens=50, stop_sequences=["x"], seed=7)

    span = stored.span
    assert (span.name, span.span_type, span.status) == ("chat command-test", "CHAT_MODEL", "UNSET")
    assert stored.input == ASKED_PARTS
    assert stored.output == LIMA
    assert span.token_usage == {
        "input_tokens": 7,
        "output_tokens": 2,
        "total_tokens": 9,
        "cache_read_input_tokens": 3,
    }
    assert {key: value for key, value in span.attributes.items() if key.startswith(("gen_ai.re", "gen_ai.prov"))} == {
        "gen_ai.provider.name": "cohere",
        "gen_ai.request.model": "command-test",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ["x"],
        "gen_ai.request.seed": 7,
        "gen_ai.request.stream": way == "chat_stream",
        "gen_ai.response.id": "r1",
        "gen_ai.response.finish_reasons": ["COMPLETE"],
        **({"gen_ai.response.time_to_first_chunk": span.attributes.get("gen_ai.response.time_to_first_chunk")}
           if way == "chat_stream" else {}),
    }  # fmt: skip
    assert (span.attributes["server.address"], span.attributes["http.response.status_code"]) == ("127.0.0.1", 200)
    processed = {"tracer.cohere.processed.input_tokens": 507, "tracer.cohere.processed.output_tokens": 4}
    assert processed.items() <= span.attributes.items()


def test_what_the_user_did_not_give_is_not_recorded(call: Any, server: Server, stored: Any) -> None:
    server.will(reply(chat()))

    call("chat", **ASKED)

    assert stored.span.inputs == {**server.asked[0].json}


TOOL_EVENTS = [
    {"type": "message-start", "id": "r1", "delta": {"message": {"role": "assistant"}}},
    event("tool-plan-delta", tool_plan="I look"),
    event("tool-plan-delta", tool_plan=" it up."),
    event("tool-call-start", 0, tool_calls={**CALL, "function": {"name": "weather", "arguments": ""}}),
    event("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"city": '}}),
    event("tool-call-delta", 0, tool_calls={"function": {"arguments": '"Lima"}'}}),
    {"type": "tool-call-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": USAGE}},
]


@pytest.mark.parametrize("way", ["chat", "chat_stream"])
def test_tool_calls_with_their_plan(way: str, call: Any, server: Server, stored: Any) -> None:
    said = {"role": "assistant", "tool_plan": "I look it up.", "tool_calls": [CALL]}
    server.will(sse(*TOOL_EVENTS, done=False) if way == "chat_stream" else reply(chat(said, "TOOL_CALL")))

    call(way, **ASKED, tools=TOOLS)

    assert stored.output == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "I look it up."},
                {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Lima"}},
            ],
            "finish_reason": "TOOL_CALL",
        }
    ]
    assert stored.json("gen_ai.tool.definitions") == [{"type": "function", **TOOLS[0]["function"]}]  # type: ignore[dict-item]


def test_results_of_tools_and_documents_are_read(client: Any, server: Server, stored: Any) -> None:
    server.will(reply(chat()))
    result = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"data": "21"}}]}
    called = {"role": "assistant", "tool_plan": "I look.", "tool_calls": [CALL]}

    client.chat(model="m", messages=[*QUESTION, called, result], documents=[{"data": {"title": "Peru"}}])

    question, answer, tool, documents = stored.input
    assert question == ASKED_PARTS[0]
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "tool_call"]
    assert (tool["role"], tool["parts"][0]["id"]) == ("tool", "c1")
    assert documents["parts"] == [{"type": "json", "content": {"document": {"data": {"title": "Peru"}}}}]


CITED = [*lima()[:5], event("citation-start", 0, citations=CITATION), {"type": "citation-end", "index": 0}, lima()[-1]]


@pytest.mark.parametrize("way", ["chat", "chat_stream"])
def test_citations_are_at_the_text(way: str, call: Any, server: Server, stored: Any) -> None:
    said = {"role": "assistant", "content": [{"type": "text", "text": "Lima."}], "citations": [CITATION]}
    server.will(sse(*CITED, done=False) if way == "chat_stream" else reply(chat(said)))

    call(way, **ASKED, documents=["Lima is the capital of Peru."])

    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima.", "annotations": [CITATION]}]


def test_thinking_is_reasoning(call: Any, server: Server, stored: Any) -> None:
    thought = [
        lima()[0],
        event("content-start", 0, content={"type": "thinking", "thinking": ""}),
        event("content-delta", 0, content={"thinking": "Peru: "}),
        event("content-delta", 0, content={"thinking": "Lima."}),
        event("content-start", 1, content={"type": "text", "text": ""}),
        event("content-delta", 1, content={"text": "Lima."}),
        lima()[-1],
    ]
    server.will(sse(*thought, done=False))

    call("chat_stream", **ASKED)

    assert stored.output[0]["parts"] == [
        {"type": "reasoning", "content": "Peru: Lima."},
        {"type": "text", "content": "Lima."},
    ]


def test_a_structured_output_has_its_schema(client: Any, server: Server, stored: Any) -> None:
    server.will(reply(chat()))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}

    client.chat(**ASKED, response_format={"type": "json_object", "json_schema": schema})

    assert stored.span.attributes["gen_ai.output.type"] == "json"
    assert stored.json("tracer.request.output_schema") == schema


def test_each_event_of_a_stream_is_an_event_of_the_span(call: Any, server: Server, stored: Any) -> None:
    server.will(sse(*lima(), done=False))

    call("chat_stream", **ASKED)

    assert stored.span.attributes["tracer.stream.chunks"] == len(lima())
    chunks = [event.attributes["tracer.chunk"] for event in stored.span.events]
    assert '"text":"Li"' in chunks[2].replace(" ", "")


# ---- version 1 of the API ----

FIRST: dict[str, Any] = {"message": "What is the capital of Peru?", "model": "command-test"}


@pytest.mark.parametrize("way", ["chat", "chat_stream"])
@pytest.mark.parametrize("ended", [True, False])
def test_version_1_of_the_api(way: str, ended: bool, call_first: Any, server: Server, stored: Any) -> None:
    events = [
        {"is_finished": False, "event_type": "stream-start", "generation_id": "g1"},
        {"is_finished": False, "event_type": "text-generation", "text": "Li"},
        {"is_finished": False, "event_type": "text-generation", "text": "ma."},
        {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": first_chat()},
    ]
    server.will(lines(*events, ended=ended) if way == "chat_stream" else reply(first_chat()))

    call_first(way, **FIRST, preamble="Be brief.", chat_history=[{"role": "CHATBOT", "message": "Ask me."}])

    assert stored.input == [{"role": "assistant", "parts": [{"type": "text", "content": "Ask me."}]}, *ASKED_PARTS]
    assert stored.json("gen_ai.system_instructions") == [{"type": "text", "content": "Be brief."}]
    assert stored.output == LIMA
    assert stored.span.token_usage == {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    assert stored.ending == ("UNSET", None, "Lima.")


def test_tools_of_version_1(call_first: Any, server: Server, stored: Any) -> None:
    called = {"name": "weather", "parameters": {"city": "Lima"}}
    server.will(reply(first_chat(text="", tool_calls=[called])))

    call_first(
        "chat",
        **FIRST,
        tools=[{"name": "weather", "description": "d", "parameter_definitions": {"city": {"type": "str"}}}],
        tool_results=[{"call": called, "outputs": [{"degrees": 21}]}],
    )

    assert stored.output[0]["parts"] == [{"type": "tool_call", "name": "weather", "arguments": {"city": "Lima"}}]
    assert stored.input[-1] == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "weather", "response": [{"degrees": 21}]}],
    }


@pytest.mark.parametrize("way", ["generate", "generate_stream"])
def test_generate(way: str, call_first: Any, server: Server, stored: Any) -> None:
    if not hasattr(cohere.AsyncClient, way):
        pytest.skip("this version has no such method")
    whole = {"id": "r1", "prompt": "Peru:", "generations": [{"id": "g", "text": "Lima.", "finish_reason": "COMPLETE"}]}
    whole["meta"] = FIRST_META
    events = [
        {"event_type": "text-generation", "text": "Li", "is_finished": False},
        {"event_type": "text-generation", "text": "ma.", "is_finished": False},
        {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": whole},
    ]
    server.will(lines(*events) if way == "generate_stream" else reply(whole))

    call_first(way, prompt="Peru:", model="command-test")

    assert (stored.span.name, stored.span.span_type) == ("text_completion command-test", "LLM")
    assert stored.output == LIMA
    assert stored.ending == ("UNSET", None, "Lima.")


def test_a_call_is_a_child_of_the_step_around_it(call: Any, server: Server) -> None:
    server.will(reply(chat()), sse(*lima(), done=False))

    with tracer.start_span("step"):
        call("chat", **ASKED)
        call("chat_stream", **ASKED)

    [found] = tracer.search_traces()
    assert [span.name for span in found.data.spans] == ["step", "chat command-test", "chat command-test"]
    assert text("x")["delta"]  # the server's last event was read, too
