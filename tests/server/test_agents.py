"""Coding agents that tell of themselves in log records: sessions read as conversations, also beside their spans."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import permutations
from typing import Any

import pytest

from tests.server.conftest import START, TRACE_ID
from tests.server.test_logs import attributes, log, logs, post
from tests.server.test_otlp import otlp_span, request
from tracer import semconv
from tracer.store import Store, StoredTrace, TraceQuery

pytestmark = pytest.mark.no_store

MS = 1_000_000
SESSION = "7c1d8a52-0000-4000-8000-000000000001"
CLAUDE_SCOPE = "com.anthropic.claude_code.events"
ROOT_ID, CALL_ID, TOOL_ID = "1" * 16, "2" * 16, "3" * 16


def claude(name: str, at_ms: int, *, span_id: str | None = None, prompt: str = "p-1", **said: Any) -> dict[str, Any]:
    """An event as Claude Code sends it: its name without the prefix is an attribute, with it the body."""
    fields = {"traceId": TRACE_ID, "spanId": span_id} if span_id else {"traceId": "", "spanId": ""}
    moment = datetime.fromtimestamp((START // MS + at_ms) / 1000, timezone.utc)
    given = {
        "session.id": SESSION, "user.id": "u-1", "organization.id": "o", "terminal.type": "xterm", "prompt.id": prompt,
        "event.sequence": at_ms, "event.timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z",
        **said,
    }  # fmt: skip
    sent = START + 9_000 * MS  # with its batch
    return log(name, f"claude_code.{name}", at=sent, attributes=given, **fields)


def turn(span_id: str | None = None, prompt: str = "p-1") -> list[dict[str, Any]]:
    """A prompt that takes a tool, and a call that fails before."""
    said = {"span_id": span_id, "prompt": prompt}
    model = {"model": "claude-sonnet-4-5-20250929", "query_source": "repl_main_thread"}
    counts = {"cache_read_tokens": 40, "cache_creation_tokens": 10}
    return [
        claude("user_prompt", 0, prompt_length=8, **said),
        claude("api_error", 300, error="Overloaded", status_code="529", duration_ms=200, attempt=1,
               client_request_id=f"c-0{prompt}", **model, **said),
        claude("tool_decision", 1390, tool_name="Bash", decision="accept", tool_use_id=f"toolu_1{prompt}", **said),
        claude("api_request", 1400, cost_usd="0.0125", duration_ms="1000", input_tokens=20, output_tokens=30,
               request_id=f"req_1{prompt}", client_request_id=f"c-1{prompt}", **counts, **model, **said),
        claude("tool_result", 2000, tool_name="Bash", success="true", duration_ms=500, tool_use_id=f"toolu_1{prompt}",
               tool_input='{"command":"ls"}', **said),
        claude("api_request", 3000, cost_usd=0.002, duration_ms=900, input_tokens=5, output_tokens=6,
               request_id=f"req_2{prompt}", cache_read_tokens=60, cache_creation_tokens=0, **model, **said),
        claude("assistant_response", 3001, response="Two files.", request_id=f"req_2{prompt}", **model, **said),
    ]  # fmt: skip


def with_prompt(events: list[dict[str, Any]], text: str = "List it") -> list[dict[str, Any]]:
    """The same, where the prompt's text is sent too."""
    events[0]["attributes"].append({"key": "prompt", "value": {"stringValue": text}})
    return events


def stored(store: Store) -> StoredTrace:
    [row] = store.find_traces(TraceQuery()).traces
    found = store.trace(row.trace_id)
    assert found is not None
    return found


def tree(found: StoredTrace) -> list[tuple[Any, ...]]:
    """Of each step: its parent's name, name, type, status, time in ms."""
    names = {each["span_id"]: each["name"] for each in found.spans}
    return [
        (
            names.get(each.get("parent_id"), "-"),
            each["name"],
            each["type"],
            each["status"],
            (each["start"] - START) // MS,
            (each["end"] - START) // MS,
        )
        for each in found.spans
    ]


AGENT, MODEL = "invoke_agent claude-code", "chat claude-sonnet-4-5-20250929"


def test_a_prompt_of_claude_code_that_sends_only_logs_is_a_trace(server_url: str, store: Store) -> None:
    post(server_url, logs(*with_prompt(turn()), scope=CLAUDE_SCOPE))

    found = stored(store)
    assert tree(found) == [
        ("-", AGENT, "AGENT", "UNSET", 0, 3001),
        (AGENT, MODEL, "CHAT_MODEL", "ERROR", 100, 300),
        (AGENT, MODEL, "CHAT_MODEL", "UNSET", 400, 1400),
        (AGENT, "execute_tool Bash", "TOOL", "UNSET", 1500, 2000),
        (AGENT, MODEL, "CHAT_MODEL", "UNSET", 2100, 3000),
    ]
    row = found.row
    assert (row.session_id, row.user, row.state, row.error_count) == (SESSION, "u-1", "OK", 1)
    assert (row.request_preview, row.response_preview) == ("List it", "Two files.")
    assert row.cost == {"total_cost": 0.0145}
    assert row.usage is not None
    assert (row.usage["input_tokens"], row.usage["output_tokens"]) == (70 + 65, 36)
    assert (row.usage["cache_read_input_tokens"], row.usage["cache_write_input_tokens"]) == (100, 10)
    agent, failed, _, tool, last = found.spans
    assert (agent["json"]["tracer.inputs"], agent["json"]["tracer.outputs"]) == ("List it", "Two files.")
    assert failed["message"] == "Overloaded"
    assert tool["json"] == {"tracer.inputs": {"command": "ls"}}
    assert last["json"][semconv.OUTPUT_MESSAGES] == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Two files."}]}
    ]
    [statistics] = store.statistics(group_by="model")
    assert (statistics.group, statistics.calls, statistics.cost) == (MODEL.split()[1], 3, 0.0145)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_events_in_any_order_and_repeated_are_the_same_trace(
    order: tuple[int, ...], server_url: str, store: Store
) -> None:
    events = with_prompt(turn())
    parts = [events[:2], events[2:5], events[5:]]
    for part in (*order, *order):
        post(server_url, logs(*parts[part], scope=CLAUDE_SCOPE))

    found = stored(store)
    assert len(tree(found)) == 5
    assert tree(found)[0] == ("-", AGENT, "AGENT", "UNSET", 0, 3001)
    assert (found.row.cost, found.row.response_preview) == ({"total_cost": 0.0145}, "Two files.")


def test_each_prompt_of_a_session_is_a_trace_of_it(server_url: str, store: Store) -> None:
    post(server_url, logs(*turn(), *turn(prompt="p-2"), scope=CLAUDE_SCOPE))

    assert [row.session_id for row in store.find_traces(TraceQuery()).traces] == [SESSION] * 2
    session = store.session(SESSION)
    assert session is not None
    assert session.cost == 0.029


def claude_spans() -> dict[str, Any]:
    """The spans of the same turn: tokens and times, but no costs and no replies."""
    same = {"session.id": SESSION, "user.id": "u-1"}
    calls = [
        ({"request_id": "req_1p-1", "client_request_id": "c-1p-1", "input_tokens": 20, "output_tokens": 30,
          "cache_read_tokens": 40, "cache_creation_tokens": 10, "success": True}, 400, 1400),
        ({"request_id": "req_2p-1", "input_tokens": 5, "output_tokens": 6, "cache_read_tokens": 60,
          "cache_creation_tokens": 0, "success": True}, 2100, 3000),
        ({"client_request_id": "c-0p-1", "success": False, "error": "Overloaded"}, 100, 300),
    ]  # fmt: skip

    def one(name: str, span_id: str, begin: int, end: int, **said: Any) -> dict[str, Any]:
        parent = {} if name == "interaction" else {"parentSpanId": ROOT_ID}
        times = {"startTimeUnixNano": str(START + begin * MS), "endTimeUnixNano": str(START + end * MS)}
        given = attributes({"span.type": name, **same, **said})
        return otlp_span(name=f"claude_code.{name}", spanId=span_id, attributes=given, **times, **parent)

    spans = [
        one("interaction", ROOT_ID, 0, 3100, user_prompt="List it"),
        one("tool", TOOL_ID, 1450, 2050, tool_name="Bash", tool_use_id="toolu_1p-1"),
        *(
            one("llm_request", f"{number}a" * 8, begin, end, model="claude-sonnet-4-5-20250929", **said)
            for number, (said, begin, end) in enumerate(calls, start=1)
        ),
    ]
    return request(*spans)


def chunks(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Each span in a request of its own."""
    return [request(span) for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]


@pytest.mark.parametrize("order", ["spans first", "logs first", "one by one", "the other way round"])
def test_nothing_counts_twice_where_claude_code_sends_spans_as_well(order: str, server_url: str, store: Store) -> None:
    # while a call is made its turn is the current span
    events = [logs(each, scope=CLAUDE_SCOPE) for each in turn(span_id=ROOT_ID)]
    spans = chunks(claude_spans())
    sent = {
        "spans first": [*spans, *events],
        "logs first": [*events, *spans],
        "one by one": [each for pair in zip(events, spans, strict=False) for each in pair] + events[5:],
        "the other way round": [*reversed(events), *reversed(spans)],
    }[order]
    post(server_url, *sent)

    found = stored(store)
    turn_name = "claude_code.interaction"
    assert tree(found) == [
        ("-", turn_name, "AGENT", "UNSET", 0, 3100),
        (turn_name, "claude_code.llm_request", "CHAT_MODEL", "UNSET", 100, 300),
        (turn_name, "claude_code.llm_request", "CHAT_MODEL", "UNSET", 400, 1400),
        (turn_name, "claude_code.tool", "TOOL", "UNSET", 1450, 2050),
        (turn_name, "claude_code.llm_request", "CHAT_MODEL", "UNSET", 2100, 3000),
    ]
    assert found.row.cost == {"total_cost": 0.0145}
    assert (found.row.usage or {})["input_tokens"] == 135
    assert found.row.response_preview == "Two files."
    [statistics] = store.statistics(group_by="model")
    assert (statistics.calls, statistics.input_tokens, statistics.cost) == (3, 135, 0.0145)
    assert found.spans[3]["json"]["tracer.inputs"] == {"command": "ls"}


def test_the_calls_of_claude_code_are_below_the_step_that_started_it(server_url: str, store: Store) -> None:
    program = otlp_span(name="review", spanId=ROOT_ID)
    post(server_url, logs(*turn(span_id=ROOT_ID), scope=CLAUDE_SCOPE), request(program))

    found = stored(store)
    assert [each[:2] for each in tree(found)] == [
        ("-", "review"), *[("review", name) for name in (MODEL, MODEL, "execute_tool Bash", MODEL)],
    ]  # fmt: skip
    assert found.row.cost == {"total_cost": 0.0145}


def test_what_is_left_out_for_privacy_is_no_prompt(server_url: str, store: Store) -> None:
    events = with_prompt(turn(), "<REDACTED>")
    post(server_url, logs(*events[:-1], scope=CLAUDE_SCOPE))

    assert stored(store).row.request_preview is None


def codex(name: str, at_ms: int, *, span: bool = False, **said: Any) -> dict[str, Any]:
    fields = {"traceId": TRACE_ID, "spanId": ROOT_ID} if span else {}
    given = {
        "event.timestamp": f"{at_ms}", "conversation.id": SESSION, "user.account_id": "u-2", "model": "gpt-4o-mini",
        "slug": "gpt-4o-mini", "auth_mode": "ApiKey", **said,
    }  # fmt: skip
    return log(f"codex.{name}", at=START + at_ms * MS, attributes=given, **fields)


def codex_events(*, span: bool = False) -> list[dict[str, Any]]:
    counts = {"input_token_count": "100", "output_token_count": "20", "cached_token_count": 40, "tool_token_count": "0"}
    events: list[tuple[str, int, dict[str, Any]]] = [
        ("conversation_starts", 0, {"provider_name": "openai"}),
        ("user_prompt", 1, {"prompt": "List it", "prompt_length": "7"}),
        ("api_request", 200, {"duration_ms": "150", "http.response.status_code": 500, "error.message": "broken"}),
        ("api_request", 900, {"duration_ms": "300", "http.response.status_code": 200}),
        ("sse_event", 950, {"event.kind": "response.output_text.delta", "duration_ms": "2"}),
        ("sse_event", 1000, {"event.kind": "response.completed", "reasoning_token_count": 5, **counts}),
        ("tool_decision", 1100, {"tool_name": "shell", "call_id": "call_1", "decision": "approved"}),
        ("tool_result", 2000, {"tool_name": "shell", "call_id": "call_1", "arguments": '{"command":["ls"]}',
                               "duration_ms": "700", "success": "true", "output": "a\nb"}),
        ("user_prompt", 5000, {"prompt": "[REDACTED]", "prompt_length": "9"}),
    ]  # fmt: skip
    return [codex(name, at, span=span, **said) for name, at, said in events]


def test_a_conversation_of_codex_that_sends_only_logs_is_a_trace(server_url: str, store: Store) -> None:
    for each in reversed(codex_events()):
        post(server_url, logs(each))
    post(server_url, logs(*codex_events()))

    found = stored(store)
    assert tree(found) == [
        ("-", "invoke_agent codex", "AGENT", "UNSET", 1, 5000),
        ("invoke_agent codex", "user_prompt", "CHAIN", "UNSET", 1, 1),
        ("invoke_agent codex", "chat gpt-4o-mini", "CHAT_MODEL", "ERROR", 50, 200),
        ("invoke_agent codex", "chat gpt-4o-mini", "CHAT_MODEL", "UNSET", 1000, 1000),
        ("invoke_agent codex", "execute_tool shell", "TOOL", "UNSET", 1300, 2000),
        ("invoke_agent codex", "user_prompt", "CHAIN", "UNSET", 5000, 5000),
    ]
    row = found.row
    assert (row.session_id, row.user, row.request_preview, row.cost) == (
        SESSION, "u-2", "List it", {"input_cost": 1.2e-05, "output_cost": 1.2e-05, "total_cost": 2.4e-05},
    )  # fmt: skip
    assert row.usage is not None
    assert [row.usage[name] for name in ("input_tokens", "cache_read_input_tokens", "reasoning_output_tokens")] == [
        100, 40, 5,
    ]  # fmt: skip
    tool = found.spans[4]
    assert tool["json"] == {"tracer.inputs": {"command": ["ls"]}, "tracer.outputs": "a\nb"}
    assert [row.group for row in store.statistics(group_by="model")] == ["gpt-4o-mini"]


@pytest.mark.parametrize("order", ["spans first", "logs first"])
def test_nothing_counts_twice_where_codex_sends_spans_as_well(order: str, server_url: str, store: Store) -> None:
    given = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "model": "gpt-4o-mini"}
    spans = request(
        otlp_span(name="turn", spanId=ROOT_ID),
        otlp_span(name="handle_responses", spanId=CALL_ID, parentSpanId=ROOT_ID, attributes=attributes(given)),
    )
    spans["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"] = "codex_cli_rs"
    events = logs(*codex_events(span=True))
    post(server_url, *((spans, events) if order == "spans first" else (events, spans)))

    found = stored(store)
    assert (found.row.span_count, (found.row.usage or {})["input_tokens"]) == (2, 100)
    assert (found.row.session_id, found.row.request_preview) == (SESSION, "List it")


def gemini(name: str, at_ms: int, *, span_id: str | None = None, **said: Any) -> dict[str, Any]:
    fields = {"traceId": TRACE_ID, "spanId": span_id} if span_id else {}
    given = {"event.name": name, "event.timestamp": f"at {at_ms}", "session.id": SESSION, **said}
    return log(name, f"{name} happened.", at=START + at_ms * MS, attributes=given, **fields)


def gemini_events(span_id: str | None = None) -> list[dict[str, Any]]:
    prompt = {"span_id": span_id, "prompt_id": "s########1"}
    asked = '[{"role":"user","parts":[{"type":"text","content":"List it"}]}]'
    replied = '[{"role":"system","parts":[{"type":"text","content":"Two files."}],"finish_reason":"stop"}]'
    counts = {"input_token_count": 100, "output_token_count": 20, "thoughts_token_count": 5, "total_token_count": 125}
    return [
        gemini("gemini_cli.config", 0, model="gemini-2.5-flash"),
        gemini("gemini_cli.user_prompt", 0, prompt="List it", prompt_length=7, **prompt),
        gemini("gemini_cli.api_request", 1, model="gemini-2.5-flash", **prompt),
        gemini("gen_ai.client.inference.operation.details", 1, span_id=span_id),
        gemini("gemini_cli.api_error", 100, model="gemini-2.5-flash", error="429", duration_ms=50, **prompt),
        gemini("gemini_cli.tool_call", 900, function_name="list_directory", function_args='{"path":"."}',
               duration_ms=100, success=False, error="no such folder", **prompt),
        gemini("gemini_cli.api_response", 2000, model="gemini-2.5-flash", duration_ms=1000, status_code=200,
               cached_content_token_count=40, response_text="Two files.", finish_reasons=["stop"], **counts, **prompt),
        gemini("gen_ai.client.inference.operation.details", 2000, span_id=span_id, **{
            "gen_ai.input.messages": asked, "gen_ai.output.messages": replied, "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20, "gen_ai.operation.name": "generate_content"}),
    ]  # fmt: skip


def test_a_prompt_of_gemini_cli_that_sends_only_logs_is_a_trace(server_url: str, store: Store) -> None:
    post(server_url, logs(*gemini_events()), logs(*gemini_events()))

    found = stored(store)
    agent = "invoke_agent gemini-cli"
    assert tree(found) == [
        ("-", agent, "AGENT", "UNSET", 0, 2000),
        (agent, "chat gemini-2.5-flash", "CHAT_MODEL", "ERROR", 50, 100),
        (agent, "execute_tool list_directory", "TOOL", "ERROR", 800, 900),
        (agent, "chat gemini-2.5-flash", "CHAT_MODEL", "UNSET", 1000, 2000),
    ]
    row = found.row
    assert (row.session_id, row.request_preview, row.response_preview) == (SESSION, "List it", "Two files.")
    assert row.usage is not None
    assert [row.usage[name] for name in ("input_tokens", "output_tokens", "cache_read_input_tokens")] == [100, 25, 40]
    assert row.cost is not None
    call = found.spans[3]["json"]
    assert [message["parts"] for message in call[semconv.INPUT_MESSAGES]] == [[{"type": "text", "content": "List it"}]]
    assert [message["parts"] for message in call[semconv.OUTPUT_MESSAGES]] == [
        [{"type": "text", "content": "Two files."}]
    ]
    assert found.spans[2]["json"] == {"tracer.inputs": {"path": "."}}


@pytest.mark.parametrize("order", ["spans first", "logs first"])
def test_nothing_counts_twice_where_gemini_cli_sends_spans_as_well(order: str, server_url: str, store: Store) -> None:
    given = {"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-2.5-flash",
             "gen_ai.conversation.id": SESSION}  # fmt: skip
    spans = request(otlp_span(name="llm_call", spanId=CALL_ID, attributes=attributes(given)))
    events = logs(*gemini_events(CALL_ID)[6:])
    post(server_url, *((spans, events) if order == "spans first" else (events, spans)))

    found = stored(store)
    assert [each["type"] for each in found.spans] == ["CHAT_MODEL"]
    assert (found.row.usage or {})["input_tokens"] == 100
    assert (found.row.request_preview, found.row.response_preview) == ("List it", "Two files.")
