"""What calls spent without need is found, with its reason, its place, tokens and USD, in what real calls recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import CliRunner

import tracer
from tests.openai.replies import chat, tool_call
from tests.openai.server import Asked, Scripted, Server, reply
from tracer.cli.group import tracer_command
from tracer.genai import Finding, audit

MODEL = "gpt-4o-mini"
RULES = " ".join(f"Rule {number}: be kind to customer number {number}." for number in range(300))
SEARCH = {"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}
REFUND = {"type": "function", "function": {"name": "refund", "parameters": {"type": "object", "properties": {}}}}


def tokens_in(body: Any) -> int:
    return len(json.dumps([body.get("tools"), body["messages"]])) // 4


def answer(cached: int = 0, *messages: dict[str, Any]) -> Any:
    """A reply whose usage fits the request."""

    def answered(asked: Asked) -> Scripted:
        prompt = tokens_in(asked.json)
        details = {"prompt_tokens_details": {"cached_tokens": cached}}
        usage = {"prompt_tokens": prompt, "completion_tokens": 10, "total_tokens": prompt + 10, **details}
        return reply(chat(*messages, model=asked.json["model"], usage=usage))

    return answered


@pytest.fixture(autouse=True)
def recorded(server: Server) -> Iterator[None]:
    tracer.openai.autolog()
    server.will(answer())
    yield
    tracer.openai.autolog(disable=True)


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
        yield client


def ask(client: Any, *messages: Any, model: str = MODEL, **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=list(messages), **more)


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def found(kind: str) -> Finding:
    findings = [finding for finding in audit().findings if finding.kind == kind]
    assert len(findings) == 1, [(finding.kind, finding.place, finding.reason) for finding in audit().findings]
    return findings[0]


def missed() -> tuple[str, str]:
    finding = found("prompt cache miss")
    return finding.reason, finding.place


def test_timestamp_in_the_system_prompt_is_named_with_its_place(client: openai.OpenAI) -> None:
    for minute, question in (("10:01:07", "Where is it?"), ("10:02:31", "Can I return it?")):
        with tracer.start_span("agent"):
            ask(client, system(f"You help. Now: 2026-11-29 {minute}. {RULES}"), user(question))

    finding = found("prompt cache miss")
    assert (finding.reason, finding.place, finding.step) == (
        "a timestamp in the system prompt",
        "messages[0], character 26",
        "agent > chat gpt-4o-mini",
    )
    rules = len(RULES) // 4
    assert finding.tokens == pytest.approx(rules, rel=0.05)
    assert finding.cost == pytest.approx(finding.tokens * (0.15e-6 - 0.075e-6), rel=0.01)
    assert (finding.cost_per_day, finding.tokens_per_day, finding.calls) == (finding.cost, finding.tokens, 1)
    assert list(finding.traces) == [tracer.get_last_active_trace_id()]


def test_changed_prefix_is_named_with_its_message(client: openai.OpenAI) -> None:
    history = [user("Hello"), {"role": "assistant", "content": "Hi."}]
    for name in ("Ada", "Bob"):
        with tracer.start_span("agent"):
            ask(client, system(RULES), *history, user(f"I am {name}."), user(RULES + " Again."), user("Thanks."))

    assert missed() == ("a changed prefix at messages[3] (user)", "messages[3], character 5")


def test_id_in_the_prompt_is_named(client: openai.OpenAI) -> None:
    for name in ("0b1f7f3e-95a2-4c1e-8a53-1d1f0b6f3a01", "7c9e6679-7425-40de-944b-e07fc1f90ae7"):
        with tracer.start_span("agent"):
            ask(client, system(f"Request {name}. {RULES}"), user("Hello"))

    assert missed() == ("an id in the system prompt", "messages[0], character 8")


def test_other_order_of_tools_is_named(client: openai.OpenAI) -> None:
    for tools in ([SEARCH, REFUND], [REFUND, SEARCH]):
        with tracer.start_span("agent"):
            ask(client, system(RULES), user("Hello"), tools=tools)

    assert missed() == ("tools in another order", "tools")


def test_other_tools_are_named(client: openai.OpenAI) -> None:
    for tools in ([SEARCH], [SEARCH, REFUND]):
        with tracer.start_span("agent"):
            ask(client, system(RULES), user("Hello"), tools=tools)

    assert missed() == ("other tools: +refund", "tools")


def test_another_model_is_named(client: openai.OpenAI) -> None:
    for model in ("gpt-4o-mini", "gpt-4o"):
        with tracer.start_span("agent"):
            ask(client, system(RULES), user("Hello"), model=model)

    assert missed() == ("another model: gpt-4o-mini, then gpt-4o", "model")


def test_prefix_that_expired_is_named(client: openai.OpenAI) -> None:
    from tracer._audit import audit_of, calls_of
    from tracer._engine.runtime import runtime

    with tracer.start_span("agent"):
        ask(client, system(RULES), user("Hello"))
        ask(client, system(RULES), user("Hello"), user("Still there?"))
    runtime().sync()
    spans = runtime().store().spans(tracer.get_last_active_trace_id() or "")
    later = 6 * 60 * 10**9
    for span in spans[2:]:
        span["start"] += later
        span["end"] += later

    [miss] = [each for each in audit_of(calls_of(spans), 1).findings if each.kind == "prompt cache miss"]

    assert (miss.reason, miss.place) == ("expired: more than 5 minutes after the call before", "the whole prefix")


def stored_call(provider: str, *parts: str, cached: int | None = 0, model: str = "claude-sonnet-4-5") -> None:
    """A call as any instrumentation may have recorded it."""
    with tracer.start_span("agent"), tracer.start_span(f"chat {model}", span_type="CHAT_MODEL") as span:
        tracer.set_span_chat_messages(span, [user(part) for part in parts])
        tokens = sum(map(len, parts)) // 4
        counts = {"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 5}
        cache = {} if cached is None else {"gen_ai.usage.cache_read.input_tokens": cached}
        names = {"gen_ai.provider.name": provider, "gen_ai.request.model": model}
        span.set_attributes({**names, **counts, **cache})


def test_request_that_marks_nothing_to_cache_is_named() -> None:
    for number in range(2):
        stored_call("anthropic", RULES, f"Question {number}")

    assert missed() == ("not marked: the request has no cache_control", "the prefix up to messages[1]")


def test_models_without_a_cache_miss_nothing() -> None:
    for number in range(2):
        stored_call("ollama", RULES, f"Question {number}", cached=None, model="llama3.2")

    assert audit().findings == ()


def test_what_the_cache_had_is_no_miss(server: Server, client: openai.OpenAI) -> None:
    for number in range(3):
        server.will(answer(cached=0 if number == 0 else len(RULES) // 4))
        with tracer.start_span("agent"):
            ask(client, system(RULES), user(f"Question {number}"))

    assert audit().findings == ()


def test_short_prompts_are_no_miss(client: openai.OpenAI) -> None:
    for number in range(3):
        ask(client, system("Be brief."), user(f"Question {number}"))

    assert audit().findings == ()


def test_identical_calls_are_found_with_their_whole_cost(client: openai.OpenAI) -> None:
    for _ in range(3):
        with tracer.start_span("agent"):
            response = ask(client, user("Where is my parcel?"))

    finding = found("identical calls")
    assert (finding.calls, finding.tokens, len(finding.traces)) == (2, 2 * response.usage.total_tokens, 2)
    assert finding.reason == "the same request was answered before, in other traces"
    assert finding.cost == pytest.approx(2 * ((response.usage.total_tokens - 10) * 0.15e-6 + 10 * 0.6e-6))


def test_retries_are_found(server: Server, client: openai.OpenAI) -> None:
    server.will(reply({"error": {"message": "busy"}}, status=500), answer())
    with tracer.start_span("agent"):
        with pytest.raises(openai.InternalServerError):
            ask(client, user("Hello"))
        ask(client, user("Hello"))

    finding = found("retry")
    assert (finding.reason, finding.calls) == ("the same request was sent again after it had failed", 1)


def test_loops_of_tool_calls_are_found(server: Server, client: openai.OpenAI) -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "search", '{"q": "parcel"}')]}
    server.will(answer(0, called))
    with tracer.start_span("agent"):
        messages: list[Any] = [user("Where is it?")]
        for _ in range(4):
            ask(client, *messages, tools=[SEARCH])
            messages += [called, {"role": "tool", "tool_call_id": "c1", "content": "nothing"}]

    finding = found("loop")
    assert (finding.place, finding.calls) == ("tool search", 2)
    assert finding.reason == "search was called with the same arguments 3 times or more in one trace"


def test_tools_that_are_never_called_are_found_with_their_place(server: Server, client: openai.OpenAI) -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "search", "{}")]}
    server.will(answer(0, called), answer())
    for number in range(3):
        with tracer.start_span("agent"):
            ask(client, user(f"Question {number}"), tools=[SEARCH, REFUND])

    finding = found("unused tool")
    assert (finding.place, finding.calls) == ("tools[1], refund", 3)
    assert finding.tokens > 0


def test_tools_are_known_by_name_in_the_form_of_any_provider() -> None:
    nested = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("search", "refund")]
    gemini = [{"function_declarations": [{"name": "search"}, {"name": "refund"}]}]
    for tools in (nested, gemini, [{"toolSpec": {"name": name}} for name in ("search", "refund")]):
        for number in range(3):
            with tracer.start_span("agent"), tracer.start_span("call", span_type="CHAT_MODEL") as span:
                tracer.set_span_chat_tools(span, tools)
                tracer.set_span_chat_messages(span, [user(f"Question {number}")])

    places = {finding.place for finding in audit().findings if finding.kind == "unused tool"}
    assert places == {"tools[0], search", "tools[1], refund"}


def test_giant_tool_results_are_found_in_each_call_that_sends_them(client: openai.OpenAI) -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [tool_call("c1", "search", "{}")]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "Lima parcel row. " * 1_000}
    with tracer.start_span("agent"):
        ask(client, user("Where?"), called, result)
        ask(client, user("Where?"), called, result, user("And now?"))

    finding = found("giant tool result")
    assert (finding.place, finding.calls) == ("messages[2]", 2)
    assert finding.tokens == pytest.approx(2 * 17_000 / 4, rel=0.1)


def test_context_that_is_sent_again_and_never_used_is_found(client: openai.OpenAI) -> None:
    unused = " ".join(f"warehouse{number}" for number in range(200))
    with tracer.start_span("agent"):
        for number in range(3):
            ask(client, user("Which capital, Lima.?"), user(unused), user(f"Question {number}"))

    finding = found("unused context")
    assert (finding.place, finding.calls) == ("messages[1] (user)", 3)


def test_audit_takes_a_filter(client: openai.OpenAI) -> None:
    for name in ("one", "one", "two"):
        with tracer.start_span(name):
            ask(client, user("Hello"))

    assert (audit("name = 'two'").calls, audit("name = 'two'").findings) == (1, ())
    assert [finding.kind for finding in audit("name = 'one'").findings] == ["identical calls"]


def test_command_shows_findings_and_gives_json(client: openai.OpenAI, store_url: str) -> None:
    for _ in range(2):
        with tracer.start_span("agent"):
            ask(client, user("Hello"))

    shown = CliRunner().invoke(tracer_command, ["audit", "--store", store_url])
    as_json = CliRunner().invoke(tracer_command, ["audit", "--store", store_url, "--json", "--filter", "tokens > 1"])

    assert (shown.exit_code, as_json.exit_code) == (0, 0), shown.output + as_json.output
    assert "identical calls: the same request was answered before, in other traces" in shown.output
    assert "at the request of agent > chat gpt-4o-mini" in shown.output
    [finding] = json.loads(as_json.output)["findings"]
    assert (finding["kind"], finding["calls"], finding["traces"]) == (
        "identical calls",
        1,
        [tracer.get_last_active_trace_id()],
    )


def test_an_empty_store_has_no_findings() -> None:
    with tracer.start_span("nothing"):
        pass

    assert (audit().findings, audit().calls, audit().cost) == ((), 0, None)


def test_calls_that_were_answered_from_a_record_cost_nothing(client: openai.OpenAI, tmp_path: Path) -> None:
    with tracer.record(tmp_path / "c.jsonl"):
        ask(client, user("What?"))
    with tracer.replay(tmp_path / "c.jsonl"):
        ask(client, user("What?"))
    tracer.flush()

    assert (audit().calls, audit().findings) == (1, ())
