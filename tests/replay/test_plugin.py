"""The plugin of pytest, in runs of pytest of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Forking
from tests.openai.replies import chat, tool_call
from tests.openai.server import Server, reply
from tests.replay.in_pytest import run_pytest

pytestmark = pytest.mark.no_store

PROGRAM = """
import os
import openai
import pytest
import tracer

@tracer.trace(span_type="AGENT")
def answer(question):
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(max_retries=0, http_client=http) as client:
        reply = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    return reply.choices[0].message.content
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(stopping: Server, forking: Forking, tmp_path: Path) -> Run:
    """``run(tests, *options, CI="1")`` runs pytest on a file with these tests."""

    def run_tests(tests: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_it.py").write_text(PROGRAM + tests)
        return run_pytest(forking, tmp_path, f"{stopping.url}/v1", *options, "test_it.py", **environment)

    return run_tests


ASKS = """
@pytest.mark.tracer_replay
def test_refund():
    assert answer("Can I send it back?") == "Lima."
"""


def test_a_marked_test_is_recorded_once_and_replayed_from_then_on(run: Run, stopping: Server, tmp_path: Path) -> None:
    stopping.will(reply(chat()))

    assert "1 passed" in run(ASKS).stdout
    assert (tmp_path / "cassettes" / "test_it" / "test_refund.jsonl").exists()
    stopping.close()
    replayed = run(ASKS, OPENAI_API_KEY="")

    assert "1 passed" in replayed.stdout, replayed.stdout
    assert len(stopping.asked) == 1


def test_ci_records_nothing(run: Run, stopping: Server, tmp_path: Path) -> None:
    stopping.will(reply(chat()))

    ran = run(ASKS, CI="true")

    assert "there is no cassette" in ran.stdout
    assert "pytest --tracer-record=once" in ran.stdout
    assert stopping.asked == []
    assert not (tmp_path / "cassettes").exists()


def test_a_changed_prompt_fails_the_test_and_names_the_word(run: Run, stopping: Server) -> None:
    stopping.will(reply(chat()))
    run(ASKS)

    changed = run(ASKS.replace("send it", "give it"))
    caught = run(
        ASKS.replace("assert answer", "try: answer")
        .replace(' == "Lima."', "\n    except BaseException: pass")
        .replace("send it", "give it")
    )

    for ran in (changed, caught):
        assert "1 failed" in ran.stdout
        assert 'word 3: "send it back?" was recorded, now it is "give it back?"' in ran.stdout
    assert len(stopping.asked) == 1


def test_new_adds_and_all_records_anew(run: Run, stopping: Server) -> None:
    stopping.will(reply(chat()))
    run(ASKS)
    two = ASKS + '    assert answer("And the parcel?") == "Lima."\n'

    assert "1 passed" in run(two, "--tracer-record=new").stdout
    assert len(stopping.asked) == 2
    assert "1 passed" in run(two, "--tracer-record=all").stdout
    assert len(stopping.asked) == 4
    assert "1 passed" in run(two, "--tracer-record=none").stdout
    assert len(stopping.asked) == 4


def test_a_test_that_failed_because_the_provider_refused_keeps_no_cassette(
    run: Run, stopping: Server, tmp_path: Path
) -> None:
    stopping.will(reply({"error": {"message": "who are you?"}}, status=401))

    assert "1 failed" in run(ASKS).stdout
    assert not (tmp_path / "cassettes").exists()


TREE = """
@tracer.trace(span_type="TOOL")
def refund(order):
    return f"paid {order}"

def test_tree(trace):
    answer("Can I send it back?")
    refund(7)
    assert trace.tools_called == ["refund"]
    assert trace.find(type="TOOL", name="refund").inputs == {"order": 7}
    assert [span.model for span in trace.calls] == ["gpt-test-2026"] or len(trace.calls) == 1
    assert trace.tokens == 23
    assert trace.errors == []
    assert [(step["name"], [inner["type"] for inner in step["steps"]]) for step in trace.snapshot()] == [
        ("answer", ["CHAT_MODEL"]), ("refund", []),
    ]
    assert trace.snapshot() == trace.snapshot()

def test_many_traces(trace):
    for _ in range(120):
        refund(7)
    assert len(trace.traces) == 120

def test_its_own_traces_only(trace):
    assert trace.spans == []
    with pytest.raises(LookupError, match="no step with type='TOOL'"):
        trace.find(type="TOOL")
"""


def test_the_fixture_holds_what_the_test_did(run: Run, stopping: Server, tmp_path: Path) -> None:
    stopping.will(reply(chat()))

    ran = run(TREE)

    assert "3 passed" in ran.stdout, ran.stdout
    assert not (tmp_path / "tracer.db").exists()


def test_tools_that_models_asked_for_are_called_tools_where_no_step_is_one(run: Run, stopping: Server) -> None:
    asks: Any = {"role": "assistant", "content": None, "tool_calls": [tool_call("call_1", "search", "{}")]}
    stopping.will(reply(chat(asks, finish="tool_calls")))

    ran = run('\ndef test_tools(trace):\n    answer("Where?")\n    assert trace.tools_called == ["search"]\n')

    assert "1 passed" in ran.stdout, ran.stdout


def test_a_failing_test_prints_the_tree_and_how_to_open_it(run: Run, stopping: Server) -> None:
    stopping.will(reply(chat()))

    ran = run('\ndef test_fails(trace):\n    assert answer("Where?") == "Quito."\n')

    assert "1 failed" in ran.stdout
    assert "answer (AGENT, " in ran.stdout
    assert "  chat gpt-4o-mini (CHAT_MODEL, " in ran.stdout
    assert "tracer ui --store sqlite:///" in ran.stdout


ELSEWHERE = """
import socket

@pytest.mark.tracer_replay
def test_refund():
    answer("Can I send it back?")
    with pytest.raises(ConnectionRefusedError, match="outside of this machine"):
        socket.create_connection(("192.0.2.1", 9), timeout=1)
    with pytest.raises(ConnectionRefusedError, match="outside of this machine"):
        socket.getaddrinfo("example.com", 80)
    assert WORKS
"""


def test_other_machines_are_refused_in_a_replay_and_named_where_it_fails(run: Run, stopping: Server) -> None:
    stopping.will(reply(chat()))
    run(ASKS)

    assert "1 passed" in run(ELSEWHERE.replace("WORKS", "True")).stdout
    assert "192.0.2.1" in run(ELSEWHERE.replace("WORKS", "False")).stdout.partition("network refused")[2]


KINDS = """
import asyncio
import unittest

@pytest.mark.tracer_replay("kinds.jsonl", match="strict")
class TestKinds(unittest.TestCase):
    def test_unittest(self):
        assert answer("Can I send it back?") == "Lima."

@pytest.mark.tracer_replay
@pytest.mark.anyio
async def test_anyio(anyio_backend):
    async with openai.AsyncOpenAI(max_retries=0, http_client=openai.DefaultAsyncHttpxClient(verify=False)) as client:
        reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Where?"}])
    assert reply.choices[0].message.content == "Lima."

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_unittest_anyio_and_xdist_work(run: Run, stopping: Server, tmp_path: Path) -> None:
    stopping.will(reply(chat()))

    first = run(KINDS, "-p", "anyio.pytest_plugin")
    stopping.close()
    second = run(KINDS, "-p", "anyio.pytest_plugin", "-p", "xdist.plugin", "-n", "2", CI="1")

    assert "2 passed" in first.stdout, first.stdout
    assert "2 passed" in second.stdout, second.stdout
    assert (tmp_path / "kinds.jsonl").exists()


def test_an_unmarked_test_costs_no_import_of_tracers_engine(run: Run) -> None:
    ran = run('\nimport sys\ndef test_nothing():\n    assert "tracer._replay.replaying" not in sys.modules\n')

    assert "1 passed" in ran.stdout, ran.stdout


def test_tests_without_the_fixture_are_not_recorded_after_one_with_it(
    run: Run, stopping: Server, tmp_path: Path
) -> None:
    stopping.will(lambda asked: reply(chat()))
    tests = """
def ask():
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(max_retries=0, http_client=http) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "What?"}])

def test_one(trace):
    ask()
    assert len(trace.calls) == 1

def test_other():
    ask()

def test_third(trace):
    ask()
    assert len(trace.calls) == 1
"""

    ran = run(tests)

    assert "3 passed" in ran.stdout, ran.stdout
    assert not (tmp_path / "tracer.db").exists()


def test_tests_with_like_names_have_cassettes_of_their_own(run: Run, stopping: Server, tmp_path: Path) -> None:
    stopping.will(lambda asked: reply(chat()))
    tests = """
@pytest.mark.tracer_replay
@pytest.mark.parametrize("question", ["a/b", "a b", "a_b"])
def test_it(question):
    answer(question)
"""

    assert "3 passed" in run(tests).stdout
    stopping.close()
    assert "3 passed" in run(tests, CI="1").stdout
    assert len([*(tmp_path / "cassettes").rglob("*.jsonl")]) == 3
