"""A recorded run is gone through again up to a step, and is live from there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

import tracer
from tests.ollama.replies import chat as ollama_chat
from tests.ollama.replies import said
from tests.openai.replies import chat, tool_call
from tests.openai.server import Asked, Scripted, Server, reply
from tracer.errors import InvalidArgumentError, ReplayMismatchError

STEPS = 30


@pytest.fixture(autouse=True)
def recorded(server: Server) -> Iterator[None]:
    tracer.autolog()
    server.will(next_answer)
    yield
    tracer.autolog(disable=True)


def next_answer(asked: Asked) -> Scripted:
    """A model that looks up one thing after the other, and answers when it has all."""
    body = asked.json
    known = sum(message["role"] == "tool" for message in body["messages"])
    if known == STEPS - 1:
        return reply(chat({"role": "assistant", "content": f"{body['model']} knows {known} things."}))
    call = tool_call(f"call_{known:08x}ab12cd", "look_up", json.dumps({"number": known}))
    return reply(chat({"role": "assistant", "content": None, "tool_calls": [call]}))


looked_up: list[int] = []


@tracer.trace(span_type="TOOL")
def look_up(number: int) -> str:
    looked_up.append(number)
    return f"thing {number}"


@tracer.trace(span_type="AGENT")
def agent(server: Server, question: str = "What do you know?", model: str = "m") -> str:
    messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    http = openai.DefaultHttpxClient(verify=False)
    with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
        while True:
            message = client.chat.completions.create(model=model, messages=messages).choices[0].message
            if not message.tool_calls:
                return str(message.content)
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                found = look_up(**json.loads(call.function.arguments))  # type: ignore[union-attr]
                messages.append({"role": "tool", "tool_call_id": call.id, "content": found})


def last_trace() -> tracer.Trace:
    tracer.flush()
    found = tracer.get_trace(str(tracer.get_last_active_trace_id()))
    assert found is not None
    return found


def calls(trace: tracer.Trace) -> list[Any]:
    return trace.search_spans(span_type="CHAT_MODEL")


def test_an_agent_of_thirty_calls_forked_at_the_25th_makes_six(server: Server) -> None:
    looked_up.clear()
    agent(server)
    old = last_trace()
    assert (len(server.asked), len(looked_up)) == (STEPS, STEPS - 1)

    with tracer.fork(old, at=calls(old)[STEPS - 6].span_id, set={"model": "better", "messages[0]": "Be exact."}):
        said = agent(server)

    assert said == "better knows 29 things."
    made = [asked.json for asked in server.asked[STEPS:]]
    assert len(made) == 6
    assert len(looked_up) == STEPS - 1 + 5
    assert {body["model"] for body in made} == {"better"}
    assert all(body["messages"][0] == {"role": "system", "content": "Be exact."} for body in made)
    new = last_trace()
    assert new.info.trace_metadata["tracer.forked_from.trace_id"] == old.trace_id
    assert new.info.trace_metadata["tracer.forked_from.span_id"] == calls(old)[STEPS - 6].span_id
    # the spans say what was sent
    assert [span.inputs["model"] for span in calls(new)] == ["m"] * (STEPS - 6) + ["better"] * 6
    assert calls(new)[-1].get_attribute("gen_ai.request.model") == "better"
    assert [span.get_attribute("tracer.replayed") for span in calls(new)] == [True] * (STEPS - 6) + [None] * 6
    first = tracer.diff(old, new).first
    assert first is not None
    assert first.where == "inputs.model"
    assert first.a_span_id == calls(old)[STEPS - 6].span_id


def test_another_question_before_the_fork_fails(server: Server) -> None:
    agent(server)
    old = last_trace()

    with pytest.raises(ReplayMismatchError, match=r"messages\[1\].content, word 3"), tracer.fork(old, at=20):
        agent(server, "What do they know?")
    assert len(server.asked) == STEPS


def test_steps_are_named_by_number_id_or_name(server: Server) -> None:
    with tracer.start_span("run"), tracer.start_span("prepare"):
        pass
    trace = last_trace()

    for at in (2, "2", "prepare", trace.search_spans(name="prepare")[0].span_id[:8]):
        with tracer.fork(trace.trace_id, at=at):
            pass
    with pytest.raises(InvalidArgumentError, match="there are steps 1 to 2"):
        tracer.fork(trace, at=3)
    with pytest.raises(InvalidArgumentError, match="is no field of a request"):
        tracer.fork(trace, at=1, set={"messages[": "x"})


def test_calls_at_the_same_time_as_the_fork_are_made(server: Server) -> None:
    server.will(lambda asked: reply(chat({"role": "assistant", "content": asked.json["messages"][0]["content"]})))

    def ask(question: str) -> str:
        http = openai.DefaultHttpxClient(verify=False)
        with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0, http_client=http) as client:
            messages: Any = [{"role": "user", "content": question}]
            return str(client.chat.completions.create(model="m", messages=messages).choices[0].message.content)

    @tracer.trace
    def run(last: str) -> list[str]:
        with ThreadPoolExecutor(3) as pool:
            return [ask("first"), *pool.map(tracer.wrap_context(ask), ("second", last)), ask("fourth")]

    run("third")
    old = last_trace()
    second = calls(old)[1]
    server.asked.clear()

    with tracer.fork(old, at=second.span_id):
        assert run("third") == ["first", "second", "third", "fourth"]
    assert sorted(asked.json["messages"][0]["content"] for asked in server.asked) == ["fourth", "second", "third"]


def test_the_command_runs_a_program_from_a_step_on(server: Server, own_store: str, tmp_path: Path) -> None:
    server.will(
        lambda asked: reply(chat({"role": "assistant", "content": asked.json["messages"][-1]["content"] + "!"}))
    )
    (tmp_path / "app.py").write_text(
        "import tracer, openai, pathlib\n"
        "client = openai.OpenAI(max_retries=0)\n"
        "def ask(text):\n"
        "    messages = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': text}]\n"
        "    return client.chat.completions.create(model='m', messages=messages).choices[0].message.content\n"
        "@tracer.trace(span_type='TOOL')\n"
        "def pay(text):\n"
        "    with pathlib.Path('paid.txt').open('a') as file: file.write('paid ')\n"
        "    return 'paid ' + text\n"
        "@tracer.trace\n"
        "def run():\n"
        "    return ask(pay(ask('one')))\n"
        "print(run())\n"
    )
    environment = {**os.environ, "OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "k"}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tracer", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    assert command("run", "--store", own_store, "app.py").stdout == "paid one!!\n"
    [old] = tracer.search_traces()
    server.asked.clear()
    (tmp_path / "new.txt").write_text("Be exact.\n")

    forked = command(
        "fork", old.trace_id[:12], "--at", "4", "--set", "model=better", "--set", "messages[0]=@new.txt",
        "--set", "temperature=0.5", "--store", own_store, "--", "app.py",
    )  # fmt: skip

    assert (forked.returncode, forked.stdout) == (0, "paid one!!\n"), forked.stderr
    [asked] = server.asked
    assert asked.json["model"] == "better"
    assert asked.json["temperature"] == 0.5
    assert asked.json["messages"][0]["content"] == "Be exact."
    assert (tmp_path / "paid.txt").read_text() == "paid "
    [new] = tracer.search_traces(f"metadata.`tracer.forked_from.trace_id` = '{old.trace_id}'")
    assert f"tracer diff {old.trace_id} {new.trace_id}" in forked.stderr
    wrong = command("fork", old.trace_id, "--at", "99", "--store", own_store, "--", "app.py")
    assert (wrong.returncode, "there are steps 1 to 4" in wrong.stderr) == (2, True)


def test_async_programs_fork_as_others_do(server: Server) -> None:
    server.will(lambda asked: reply(chat({"role": "assistant", "content": asked.json["model"]})))

    @tracer.trace
    async def run() -> list[str]:
        http = openai.DefaultAsyncHttpxClient(verify=False)
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{server.url}/v1", http_client=http) as client:
            return [
                str((await client.chat.completions.create(model="m", messages=messages)).choices[0].message.content)
                for messages in ([{"role": "user", "content": "one"}], [{"role": "user", "content": "two"}])
            ]  # type: ignore[call-overload]

    asyncio.run(run())
    old = last_trace()

    with tracer.fork(old, at=3, set={"model": "better"}):
        assert asyncio.run(run()) == ["m", "better"]


def test_all_processes_of_a_program_are_forked(server: Server, own_store: str, tmp_path: Path) -> None:
    server.will(lambda asked: reply(ollama_chat(said(f"{asked.json['messages'][-1]['content']}!"))))
    (tmp_path / "asking.py").write_text(
        "import os, sys, tracer, ollama\n"  # which each process loads: the SDK of OpenAI takes twice the time
        "def ask(text):\n"
        "    return ollama.chat(model='m', messages=[{'role': 'user', 'content': text}]).message.content\n"
        "def ask_below(headers, text):\n"
        "    with tracer.set_tracing_context_from_http_request_headers(headers):\n"
        "        return ask(text)\n"
        "if __name__ == '__main__':\n"
        "    print(ask_below({'traceparent': sys.argv[1]}, sys.argv[2]), end='')\n"
    )
    (tmp_path / "app.py").write_text(
        "import multiprocessing, subprocess, sys, tracer\n"
        "from asking import ask, ask_below\n"
        "@tracer.trace\n"
        "def run():\n"
        "    headers = tracer.get_tracing_context_headers_for_http_request()\n"
        "    said = [ask('one')]\n"
        "    for kind in ('fork', 'spawn'):\n"
        "        with multiprocessing.get_context(kind).Pool(1) as pool:\n"
        "            said.append(pool.apply(ask_below, (headers, kind)))\n"
        "    command = [sys.executable, 'asking.py', headers['traceparent'], 'started']\n"
        "    said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)\n"
        "    said.append(ask('last'))\n"
        "    return said\n"
        "if __name__ == '__main__':\n"
        "    print(run())\n"
    )
    environment = {**os.environ, "OLLAMA_HOST": server.url}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tracer", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    ran = command("run", "--store", own_store, "app.py")
    assert ran.stdout == "['one!', 'fork!', 'spawn!', 'started!', 'last!']\n", ran.stderr
    [old] = tracer.search_traces()
    assert [asked.json["messages"][0]["content"] for asked in server.asked] == [
        "one",
        "fork",
        "spawn",
        "started",
        "last",
    ]
    server.asked.clear()

    forked = command("fork", old.trace_id, "--at", calls(old)[3].span_id, "--store", own_store, "--", "app.py")

    assert forked.stdout == ran.stdout, forked.stderr
    assert [asked.json["messages"][0]["content"] for asked in server.asked] == ["started", "last"]
