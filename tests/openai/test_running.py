"""A call that runs is shown with what it was asked, and a process that is killed leaves it."""

from __future__ import annotations

import random
import string
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

import tracer
from tests.openai.replies import chunk, delta, lima
from tests.openai.server import Asked, Scripted, Server, reply, sse
from tests.programs import start
from tests.waiting import until
from tracer import cli

__all__ = ["start"]

SECRET = "sk-proj-" + "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=48))
QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of Peru?"}]
COMPLETION = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Lima"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}


class Held:
    """A server whose replies wait."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._release = threading.Event()
        server.will(self._answer)

    def _answer(self, asked: Asked) -> Scripted:
        if asked.json.get("stream"):
            return sse(chunk(delta(content="Li")), self._release, *lima())
        scripted = reply(COMPLETION)
        scripted.steps = [self._release, *scripted.steps]
        return scripted

    def until_asked(self, count: int = 1) -> None:
        assert until(lambda: len(self._server.asked) >= count)

    def release(self) -> None:
        self._release.set()


@pytest.fixture
def held(server: Server) -> Iterator[Held]:
    held = Held(server)
    yield held
    held.release()


@pytest.fixture
def background() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Runs something in a thread, which has ended with the test."""
    threads: list[threading.Thread] = []

    def begin(action: Callable[[], object]) -> threading.Thread:
        threads.append(threading.Thread(target=action))
        threads[-1].start()
        return threads[-1]

    yield begin
    for thread in threads:
        thread.join()


def shown(trace: Any) -> list[tuple[str, bool, Any]]:
    """Name, whether it runs, and the question of each step."""
    return [
        (span.name, span.is_running, texts(span.get_attribute("gen_ai.input.messages"))) for span in trace.data.spans
    ]


def texts(messages: Any) -> list[str]:
    return [part["content"] for message in messages or () for part in message["parts"]]


ASKED = ("chat m", True, ["What is the capital of Peru?"])


def test_a_running_call_is_shown_with_its_prompt(held: Held, client: openai.OpenAI, background: Any) -> None:
    thread = background(lambda: client.chat.completions.create(model="m", messages=QUESTION, temperature=0.5))
    held.until_asked()

    [running] = tracer.search_traces()
    assert (running.info.state, running.info.request_preview) == ("IN_PROGRESS", "What is the capital of Peru?")
    assert shown(running) == [ASKED]
    [span] = running.data.spans
    assert span.inputs == {"messages": QUESTION, "model": "m", "temperature": 0.5}
    assert (span.attributes["gen_ai.request.temperature"], span.attributes["gen_ai.provider.name"]) == (0.5, "openai")
    assert (span.outputs, span.end_time_ns) == (None, None)

    held.release()
    thread.join()
    [ended] = tracer.search_traces()
    [span] = ended.data.spans
    assert (ended.info.state, ended.info.response_preview, span.is_running) == ("OK", "Lima", False)
    assert span.inputs == {"messages": QUESTION, "model": "m", "temperature": 0.5}
    assert ended.info.token_usage == {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}


FINDING = [
    "text = 'capital peru'",
    "text = '\"of Peru\"'",
    "text CONTAINS 'apital of Per'",
    "text LIKE '%of Peru?%'",
    "model = 'm'",
    "model LIKE 'm%'",
    "provider = 'openai'",
    "span.name = 'chat m'",
    "span.type = 'CHAT_MODEL'",
    "span.model = 'm'",
    "span.provider = 'openai'",
    "span.inputs CONTAINS 'Peru'",
    "span.attributes.`gen_ai.request.temperature` = 0.5",
]
NOT_FINDING = [
    "text = 'bolivia'",
    "text CONTAINS 'Bolivia'",
    "text != 'peru'",
    "model = 'n'",
    "model IS NULL",
    "span.name != 'chat m'",
    "span.model IS NULL",
    "span.status = 'ERROR'",
]


def found(filters: list[str]) -> list[str]:
    return [filter_string for filter_string in filters if tracer.search_traces(filter_string)]


def test_filters_find_a_running_call_by_its_prompt_model_and_provider(
    held: Held, client: openai.OpenAI, background: Any
) -> None:
    thread = background(lambda: client.chat.completions.create(model="m", messages=QUESTION, temperature=0.5))
    held.until_asked()

    assert (found(FINDING), found(NOT_FINDING)) == (FINDING, [])
    assert found(["span.status = 'IN_PROGRESS'", "text = 'lima'", "span.duration IS NOT NULL"]) == [
        "span.status = 'IN_PROGRESS'"
    ]

    held.release()
    thread.join()
    assert (found(FINDING), found(NOT_FINDING)) == (FINDING, [])
    assert len(tracer.search_traces("text = 'peru' OR model = 'm'")) == 1


def test_filters_find_the_call_that_a_killed_process_left(start: Any, server: Server, held: Held) -> None:
    program = start(CALL.format(url=f"{server.url}/v1") + "    call(temperature=0.5)\n")
    held.until_asked()
    program.stop()

    assert until(lambda: found(["span.status = 'INTERRUPTED'"]))
    assert (found(FINDING), found(NOT_FINDING)) == (FINDING, [])


def test_lists_of_command_line_and_server_find_a_running_call_by_its_prompt(
    held: Held, client: openai.OpenAI, background: Any, store_url: str, capfd: Any
) -> None:
    server = pytest.importorskip(
        "tracer.server", reason="environments of other versions have no server", exc_type=ImportError
    )
    background(lambda: client.chat.completions.create(model="m", messages=QUESTION))
    held.until_asked()
    tracer.flush()

    asked = "text CONTAINS 'of Peru' AND model = 'm'"
    with server.running_server(store_url) as url, httpx.Client(base_url=url, trust_env=False) as http:
        [trace] = http.get("/api/v1/traces", params={"filter": asked}).json()["traces"]
    assert cli.run(["list", "--filter", asked, "--store", store_url, "--json"]) == 0
    assert (trace["state"], trace["trace_id"] in capfd.readouterr().out) == ("IN_PROGRESS", True)


def test_a_stream_that_is_read_is_shown_with_its_prompt(held: Held, client: openai.OpenAI) -> None:
    stream = iter(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
    next(stream)

    assert shown(tracer.search_traces()[0]) == [ASKED]

    held.release()
    for _ in stream:
        pass
    [span] = tracer.search_traces()[0].data.spans
    assert (span.is_running, span.inputs["messages"]) == (False, QUESTION)


def test_an_async_call_that_runs_is_shown_with_its_prompt(held: Held, run: Any) -> None:
    import asyncio

    async def scenario(client: openai.AsyncOpenAI) -> Any:
        call = asyncio.create_task(client.chat.completions.create(model="m", messages=QUESTION))
        await asyncio.to_thread(held.until_asked)
        [during] = await asyncio.to_thread(tracer.search_traces)
        held.release()
        await call
        return during

    during = run(scenario)

    assert (during.info.state, shown(during)) == ("IN_PROGRESS", [ASKED])


def test_a_running_call_below_an_ended_step_keeps_its_trace_in_progress(
    held: Held, client: openai.OpenAI, background: Any
) -> None:
    with tracer.start_span("agent") as root:
        call = tracer.wrap_context(lambda: client.chat.completions.create(model="m", messages=QUESTION))
        thread = background(call)
        held.until_asked()

    trace = tracer.get_trace(root.trace_id)
    assert trace is not None
    assert (trace.info.state, trace.info.request_preview) == ("IN_PROGRESS", "What is the capital of Peru?")
    assert shown(trace) == [("agent", False, []), ASKED]

    held.release()
    thread.join()
    ended = tracer.get_trace(root.trace_id)
    assert ended is not None
    assert (ended.info.state, [span.is_running for span in ended.data.spans]) == ("OK", [False, False])


def test_secrets_in_a_running_calls_prompt_are_redacted(held: Held, client: openai.OpenAI, background: Any) -> None:
    tracer.configure(redact=r"Peru")
    question = [{"role": "user", "content": f"The capital of Peru? {SECRET}"}]
    thread = background(lambda: client.chat.completions.create(model="m", messages=question))
    held.until_asked()

    for _ in range(2):
        [span] = tracer.search_traces()[0].data.spans
        assert span.inputs["messages"][0]["content"] == "The capital of [REDACTED]? [REDACTED]"
        assert SECRET not in str(span.to_dict())
        assert "Peru" not in str(span.to_dict())
        held.release()
        thread.join()


def test_a_running_calls_prompt_is_not_recorded_without_content(
    held: Held, client: openai.OpenAI, background: Any
) -> None:
    tracer.configure(capture_content=False)
    background(lambda: client.chat.completions.create(model="m", messages=QUESTION))
    held.until_asked()

    [span] = tracer.search_traces()[0].data.spans
    assert (span.name, span.is_running, span.inputs) == ("chat m", True, None)
    assert "Peru" not in str(span.to_dict())


CALL = """
    import asyncio, openai
    tracer.openai.autolog()
    settings = dict(api_key="k", base_url={url!r}, max_retries=0)
    question = [{{"role": "user", "content": "What is the capital of Peru?"}}]
    def call(**more):
        return openai.OpenAI(**settings).chat.completions.create(model="m", messages=question, **more)
    async def acall(**more):
        return await openai.AsyncOpenAI(**settings).chat.completions.create(model="m", messages=question, **more)
    def read(stream):
        for _ in stream:
            pass
    async def aread():
        async for _ in await acall(stream=True):
            pass
"""
WAYS = {
    "sync": "call()",
    "async": "asyncio.run(acall())",
    "a stream": "read(call(stream=True))",
    "an async stream": "asyncio.run(aread())",
    "in a thread": "t = threading.Thread(target=call); t.start(); t.join()",
    "in a child": "pid = os.fork() or call(); os.waitpid(pid, 0)",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_process_leaves_the_prompt_of_the_call_that_was_under_way(
    start: Any, server: Server, held: Held, way: str
) -> None:
    program = start(CALL.format(url=f"{server.url}/v1") + f"    {WAYS[way]}\n")
    held.until_asked()
    program.stop()

    assert until(lambda: [trace.info.state for trace in tracer.search_traces()] == ["INTERRUPTED"])
    [trace] = tracer.search_traces()
    assert (shown(trace), trace.info.request_preview) == ([ASKED], "What is the capital of Peru?")


def test_a_call_below_a_step_of_a_killed_process_is_left_too(start: Any, server: Server, held: Held) -> None:
    program = start(
        CALL.format(url=f"{server.url}/v1")
        + """
    with tracer.start_span("agent") as root:
        step("first")
        call()
    """
    )
    held.until_asked()
    program.kill()

    [trace] = tracer.search_traces()
    assert trace.info.state == "INTERRUPTED"
    assert shown(trace) == [("agent", True, []), ("first", False, []), ASKED]


def test_a_killed_process_under_many_calls_leaves_every_prompt(start: Any, server: Server, held: Held) -> None:
    program = start(
        CALL.format(url=f"{server.url}/v1")
        + """
    client = openai.OpenAI(**settings)
    def ask(number):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": f"{number} " + "x" * 20000}])
    for number in range(30):
        threading.Thread(target=ask, args=(number,), daemon=True).start()
    time.sleep(600)
    """
    )
    held.until_asked(30)
    program.kill()

    traces = tracer.search_traces()
    assert {trace.info.state for trace in traces} == {"INTERRUPTED"}
    asked = {span.inputs["messages"][0]["content"] for trace in traces for span in trace.data.spans}
    assert asked == {f"{number} " + "x" * 20000 for number in range(30)}


def test_a_call_that_outlasts_a_segment_of_the_journal_keeps_its_prompt(
    held: Held, client: openai.OpenAI, background: Any
) -> None:
    tracer.configure(journal_max_bytes=1 << 20)
    thread = background(lambda: client.chat.completions.create(model="m", messages=QUESTION))
    held.until_asked()
    for _ in range(30):
        with tracer.start_span("long") as span:
            span.set_outputs("y" * 50_000)
        tracer.flush()
    held.release()
    thread.join()

    [call] = [span for trace in tracer.search_traces() for span in trace.data.spans if span.name == "chat m"]
    assert call.inputs == {"messages": QUESTION, "model": "m"}
    assert call.outputs["choices"][0]["message"]["content"] == "Lima"


def test_a_prompt_that_changes_a_store_meanwhile_is_in_the_new_one(
    held: Held, client: openai.OpenAI, background: Any, tmp_path: Any
) -> None:
    thread = background(lambda: client.chat.completions.create(model="m", messages=QUESTION))
    held.until_asked()
    tracer.configure(store=f"sqlite:///{tmp_path / 'other.db'}")
    held.release()
    thread.join()

    [trace] = tracer.search_traces()
    assert (trace.info.state, trace.data.spans[0].inputs["messages"]) == ("OK", QUESTION)


def test_an_exporter_gets_the_prompt_with_the_ended_call(server: Server, client: openai.OpenAI) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    tracer.configure(exporters=[exporter])
    server.will(reply(COMPLETION))
    client.chat.completions.create(model="m", messages=QUESTION)
    tracer.flush()

    [span] = exporter.get_finished_spans()
    assert "capital of Peru" in str(span.attributes["input.value"])
    assert "Lima" in str(span.attributes["output.value"])
