"""`tracer show`: the tree, everything that was said, and text that a terminal would obey."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len

import tracer
from tests.cli.conftest import SECOND, START, TRACE_ID, Ran, chat, said, span
from tracer import semconv
from tracer.cli.steps import LEVELS_KEPT, steps_of

Command = Callable[..., Ran]
Write = Callable[..., None]

QUESTION = said("user", "What is the weather?")
CALL = {
    "role": "assistant",
    "parts": [{"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Oslo", "days": 2}}],
    "finish_reason": "tool_calls",
}
RESULT = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": '{"sky": "rain"}'}]}
ANSWER = said("assistant", "It rains.", finish_reason="stop")


@pytest.fixture
def agent_trace(write: Write) -> None:
    """An agent that calls a tool, which fails once."""
    failed = {
        "name": "exception",
        "time": START,
        "attributes": {
            "exception.type": "builtins.LookupError",
            "exception.message": "no such city",
            "exception.stacktrace": "Traceback (most recent call last):\n  File x\nLookupError: no such city",
        },
    }
    write(
        span("agent", 1, type="AGENT"),
        chat(2, 1, [QUESTION], [CALL]),
        span("get_weather", 3, 1, type="TOOL", status="ERROR", events=[failed]),
        chat(4, 1, [QUESTION, CALL, RESULT], [ANSWER]),
    )


def test_the_tree_shows_numbers_kind_tokens_cost_time_and_errors(agent_trace: None, tracer_command: Command) -> None:
    ran = tracer_command("show", "latest")

    assert ran.code == 0
    assert ran.lines[0].startswith("agent  ok  1.00 s  4 steps  2,400 → 68 tokens  $0.0067")
    assert ran.lines[1].startswith(TRACE_ID)
    tree = [re.sub(r" *━+| +$", "", line) for line in ran.lines[3:]]
    assert tree == [
        "                #  kind            tokens     cost    time",
        "agent           1  AGENT                            1.00 s",
        "├─ chat gpt-4o  2  CHAT_MODEL  1,200 → 34  $0.0033  1.00 s",
        "├─ get_weather  3  TOOL                             1.00 s",
        "│  ✗ LookupError: no such city",
        "└─ chat gpt-4o  4  CHAT_MODEL  1,200 → 34  $0.0033  1.00 s",
    ]


def test_full_shows_tool_results_beside_their_calls_and_repeats_nothing(
    agent_trace: None, tracer_command: Command
) -> None:
    full = tracer_command("show", "latest", "--full").out

    assert 'get_weather(city="Oslo", days=2)\n      → {"sky": "rain"}' in full
    assert full.count('{"sky": "rain"}') == 1
    assert full.count("What is the weather?") == 1
    assert "(2 messages as in “chat gpt-4o” above)" in full
    assert "  assistant · reply\n    It rains." in full
    assert "Traceback (most recent call last):\n      File x" in full


def test_the_first_digits_of_an_id_are_enough(agent_trace: None, tracer_command: Command) -> None:
    assert tracer_command("show", "4f2a").out == tracer_command("show", TRACE_ID.upper()).out


def test_an_ambiguous_id_lists_what_it_could_mean(agent_trace: None, write: Write, tracer_command: Command) -> None:
    other = TRACE_ID[:6] + "0" * 26
    write(span("other", 1, trace_id=other))

    ran = tracer_command("show", "4f2a")

    assert ran.code == 2
    assert TRACE_ID in ran.err
    assert other in ran.err


@pytest.mark.parametrize(
    ("name", "code", "complaint"),
    [("ffff", 1, "no trace 'ffff'"), ("f" * 32, 1, "no trace 'f"), ("xyz", 2, "expected a trace id")],
)
def test_show_reports_an_unknown_trace(
    agent_trace: None, tracer_command: Command, name: str, code: int, complaint: str
) -> None:
    ran = tracer_command("show", name)

    assert (ran.code, ran.out) == (code, "")
    assert complaint in ran.err
    assert "Traceback" not in ran.err


def test_json_is_what_the_library_reads_back(agent_trace: None, tracer_command: Command) -> None:
    import tracer

    ran = tracer_command("show", "latest", "--json")

    assert tracer.Trace.from_json(ran.out).to_dict() == json.loads(ran.out)
    assert json.loads(ran.out)["data"]["spans"][0]["name"] == "agent"


def test_a_running_trace_says_that_it_runs(write: Write, tracer_command: Command) -> None:
    write({"kind": "start", "trace_id": TRACE_ID, "span_id": "1" * 16, "name": "agent", "start": START})

    out = tracer_command("show").out

    assert "agent  running" in out
    assert "Still running" in out


def test_an_interrupted_trace_says_that_its_process_ended(
    write: Write, tracer_command: Command, store_url: str
) -> None:
    from tracer.store import open_store

    start = {"kind": "start", "trace_id": TRACE_ID, "span_id": "0" * 15 + "1", "name": "agent", "start": START}
    write(start, span("step", 2, 1), owner="9-gone")
    store = open_store(store_url)
    store.owner_gone("9-gone")
    store.close()

    out = tracer_command("show").out

    assert "agent  interrupted" in out
    assert "Interrupted: the process ended before this trace did" in out
    assert "└─ step" in out


HOSTILE = "\x1b[31mred\x1b]0;title\x07 \x9b2J [bold]not markup[/bold] :smile: \u202egnirts\r over\x08"


def test_control_characters_are_escaped_in_a_terminal(write: Write, tracer_command: Command) -> None:
    write(
        span(HOSTILE, 1, message=HOSTILE, status="ERROR", json={"tracer.inputs": {HOSTILE: HOSTILE}}),
        chat(2, 1, [said("user", HOSTILE)], [said(HOSTILE, HOSTILE, finish_reason=HOSTILE)]),
        {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "tags": {HOSTILE: HOSTILE}, "session_id": HOSTILE},
    )

    for arguments in (("show", "latest", "--full"), ("list",), ("stats", "--by", "name"), ("show", "--json")):
        ran = tracer_command(*arguments)
        assert ran.code == 0, ran.err
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ran.out), arguments
        assert "[bold]not markup[/bold]" in ran.out
        assert ":smile:" in ran.out


@pytest.mark.parametrize("value", ["many", "[]", {"a": None}, [1], -1, 1e308, True, 2**63 - 1])
def test_numbers_of_any_shape_are_shown(write: Write, tracer_command: Command, value: Any) -> None:
    keys = (*semconv.TOKEN_USAGE.values(), semconv.TIME_TO_FIRST_CHUNK, semconv.SERVER_LOAD_TIME, semconv.RETRIES)
    given = dict.fromkeys(keys, value)
    structured = {"json": given} if isinstance(value, (dict, list)) else {"attributes": given}
    write(span("chat", 1, type="CHAT_MODEL", **structured))

    for options in ((), ("--full",), ("--json",)):
        assert tracer_command("show", "latest", *options).code == 0
    assert (tracer_command("list").code, tracer_command("stats").code) == (0, 0)


def test_a_deep_chain_and_spans_in_a_circle_are_all_shown(write: Write, tracer_command: Command) -> None:
    chain = [span(f"step{number}", number, number - 1 if number > 1 else None) for number in range(1, 400)]
    circle = [span("snake", 1001, 1002), span("tail", 1002, 1001)]
    write(*chain, *circle)

    ran = tracer_command("show")

    assert ran.code == 0
    assert all(re.search(rf"\b{name}\b", ran.out) for name in ("step1", "step399", "snake", "tail"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"documents": ["a", "b"]}, '    {"documents":["a","b"]}'),
        ({"text": "one\ntwo"}, "    text:\n      one\n      two"),
        ({"vector": [0.5] * 1536}, '    {"vector":[0.5,0.5,0.5,0.5,0.5,0.5,"… 1,536 numbers"]}'),
        ("tracer-attachment:" + "ab" * 32 + ";image/png;2048", "    [image/png, 2.0 KiB, sha256 abababababab…]"),
        (False, "    false"),
        (0, "    0"),
    ],
)
def test_values_are_printed_to_be_read(write: Write, tracer_command: Command, value: Any, shown: str) -> None:
    write(span("step", 1, json={"tracer.outputs": value}))

    assert f"  output\n{shown}" in tracer_command("show", "--full").out


def test_reasoning_refusals_and_media_are_shown(write: Write, tracer_command: Command) -> None:
    parts = [
        {"type": "reasoning", "content": "I think."},
        {"type": "refusal", "content": "No."},
        {"type": "uri", "modality": "image", "mime_type": "image/png", "uri": "https://example.org/a.png"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "iVBORw0KGgoA" * 32},
        {"type": "something new", "field": 1},
    ]
    write(chat(1, None, [], [{"role": "assistant", "parts": parts}], end=START + 61 * SECOND))

    out = tracer_command("show", "--full").out

    assert "reasoning\n      I think." in out
    assert "refused: No." in out
    assert "[image/png] https://example.org/a.png" in out
    assert "    [image/png] 288 B\n" in out
    assert '{"type":"something new","field":1}' in out
    assert "1 min 01 s" in out


@pytest.mark.parametrize("full", [[], ["--full"]])
def test_a_row_does_not_measure_all_the_others(
    write: Write, tracer_command: Command, monkeypatch: pytest.MonkeyPatch, full: list[str]
) -> None:
    measured: list[str] = []

    def counting(text: str) -> int:
        measured.append(text)
        return cell_len(text)

    def measured_for(spans: int) -> int:
        write(*(span(f"step{number}", number, 1 if number > 1 else None) for number in range(1, spans + 1)))
        measured.clear()
        assert tracer_command("show", *full).code == 0
        return len(measured)

    for module in ("tree", "conversation", "wording"):
        monkeypatch.setattr(f"tracer.cli.{module}.cell_len", counting)
    once, twice = measured_for(100), measured_for(200)

    assert twice < 2.2 * once


def test_a_deep_chain_keeps_no_more_guides_than_are_shown() -> None:
    chain = [span(f"step{number}", number, number - 1 if number > 1 else None) for number in range(1, 400)]

    steps = steps_of(chain)

    assert [step.depth for step in steps] == list(range(399))
    assert max(len(step.branches) for step in steps) == LEVELS_KEPT


def test_an_exception_that_crosses_steps_shows_its_stack_once(tracer_command: Command) -> None:
    import tracer

    def fail() -> None:
        raise LookupError("no such city")

    with pytest.raises(LookupError), tracer.start_span("outer"), tracer.start_span("middle"):
        with pytest.raises(ValueError, match="another"), tracer.start_span("another"):
            raise ValueError("another")
        with tracer.start_span("inner"):
            fail()
    tracer.flush()

    full = tracer_command("show", "--full").out

    outer, middle, another, inner = (text.partition("✗ ")[2] for text in full.split("\n── ")[1:])
    assert outer.splitlines()[:2] == ["LookupError: no such city", "    (stack trace below, where it was raised)"]
    assert outer == middle
    assert "Traceback" in another
    assert "in fail" in inner
    assert full.count("Traceback") == 2


def test_siblings_that_fail_alike_each_show_their_stack(write: Write, tracer_command: Command) -> None:
    attributes = {
        "exception.type": "E",
        "exception.message": "m",
        "exception.stacktrace": 'Traceback\n  File "x"\nE: m',
    }
    failed = {"status": "ERROR", "events": [{"name": "exception", "time": START, "attributes": attributes}]}
    write(span("loop", 1), span("try", 2, 1, **failed), span("try again", 3, 1, **failed))

    assert tracer_command("show", "--full").out.count("Traceback") == 2


def test_of_failed_spans_in_a_circle_one_shows_the_stack(write: Write, tracer_command: Command) -> None:
    attributes = {
        "exception.type": "E",
        "exception.message": "m",
        "exception.stacktrace": 'Traceback\n  File "x"\nE: m',
    }
    failed = {"status": "ERROR", "events": [{"name": "exception", "time": START, "attributes": attributes}]}
    write(span("root", 1), span("snake", 2, 3, **failed), span("tail", 3, 2, **failed), span("self", 4, 4, **failed))

    assert tracer_command("show", "--full").out.count("Traceback") == 2


def test_a_running_call_is_shown_with_its_prompt(write: Write, tracer_command: Command) -> None:
    asked = chat(2, 1, [QUESTION], [])
    running = {key: asked[key] for key in asked if key not in ("end", "status")} | {"kind": "start"}
    write(span("agent", 1), running)

    ran = tracer_command("show", "latest", "--full")

    assert ran.lines[0].startswith("agent  running")
    assert "Still running: replies and results appear when steps end." in ran.out
    assert re.search(r"└─ chat gpt-4o +2 +CHAT_MODEL.* running", ran.out)
    assert "What is the weather?" in ran.out


def call(city: str) -> dict[str, Any]:
    arguments = {"city": city}
    return {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "bash:0", "name": "look", "arguments": arguments}],
    }


def result(sky: str) -> dict[str, Any]:
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": "bash:0", "response": sky}]}


def ask(given: list[dict[str, Any]], produced: dict[str, Any]) -> None:
    with tracer.start_span("call", span_type="CHAT_MODEL") as span:
        span.set_attribute("gen_ai.input.messages", given)
        span.set_attribute("gen_ai.output.messages", [produced])


def in_order(text: str, *parts: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places) and all(text.count(part) == 1 for part in parts)


def test_results_are_beside_their_calls_where_a_server_gives_an_id_again(tracer_command: Command) -> None:
    said = [{"role": "user", "parts": [{"type": "text", "content": "Where?"}]}]
    with tracer.start_span("agent") as root:
        for city, sky in (("Oslo", "the sky of Oslo: rain"), ("Rome", "the sky of Rome: sun")):
            ask(said, call(city))
            said = [*said, call(city), result(sky)]
        ask(said, {"role": "assistant", "parts": [{"type": "text", "content": "Rome."}]})

    shown = tracer_command("show", root.trace_id, "--full").out

    assert in_order(shown, 'look(city="Oslo")', "Oslo: rain", 'look(city="Rome")', "Rome: sun")


def test_results_of_two_conversations_with_the_same_ids_are_kept_apart(tracer_command: Command) -> None:
    with tracer.start_span("two agents") as root:
        questions = {
            city: [{"role": "user", "parts": [{"type": "text", "content": f"To {city}?"}]}] for city in ("Oslo", "Rome")
        }
        for city, question in questions.items():
            ask(question, call(city))
        for city, question in reversed(questions.items()):
            ask([*question, call(city), result(f"seen in {city}")], {"role": "assistant", "parts": []})

    shown = tracer_command("show", root.trace_id, "--full").out

    assert in_order(shown, 'look(city="Oslo")', "seen in Oslo", 'look(city="Rome")', "seen in Rome")


def test_a_result_is_beside_its_call_where_the_server_keeps_the_conversation(tracer_command: Command) -> None:
    with tracer.start_span("agent") as root:
        ask([{"role": "user", "parts": [{"type": "text", "content": "Where?"}]}], call("Oslo"))
        ask([result("seen in Oslo")], call("Rome"))
        ask([result("seen in Rome")], {"role": "assistant", "parts": [{"type": "text", "content": "Rome."}]})

    shown = tracer_command("show", root.trace_id, "--full").out

    assert in_order(shown, 'look(city="Oslo")', "seen in Oslo", 'look(city="Rome")', "seen in Rome")
