"""``tracer models serve`` as OpenAI's clients see it, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tracer
from tests.models.conftest import WriteModel
from tests.models.serve import Served
from tests.openai.server import Server
from tests.waiting import appears, until
from tracer._tracking.logged_model import LoggedModel
from tracer.models import log_model

openai = pytest.importorskip("openai", exc_type=ImportError)

QUESTION = [{"role": "user", "content": "Where is tram 28?"}]
MODEL = """
import time
from pathlib import Path

CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}


class Scripted(ChatModel):
    def predict(self, context, messages, params):
        said = messages[-1].content
        if said == "fail":
            raise KeyError("a secret of the inside")
        if params.tools and messages[-1].role == "user":
            message = {"role": "assistant", "tool_calls": [CALL]}
            return ChatCompletionResponse(choices=[{"message": message, "finish_reason": "tool_calls"}])
        return ChatCompletionResponse(
            choices=[{"message": {"role": "assistant", "content": f"You said {said}"}}],
            usage={"prompt_tokens": 3, "completion_tokens": 2},
            custom_outputs=params.custom_inputs,
        )

    def predict_stream(self, context, messages, params):
        said = messages[-1].content
        if params.tools:
            call = {**CALL, "index": 0, "function": {"name": "get_weather", "arguments": ""}}
            yield {"choices": [{"delta": {"tool_calls": [call]}}]}
            for part in ('{"city": ', '"Paris"}'):
                yield {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}}]}
            yield {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
            return
        try:
            for word in said.split():
                if word == "fail":
                    raise KeyError("a secret of the inside")
                yield {"choices": [{"delta": {"content": word + " "}}]}
            while said == "on and on":
                time.sleep(0.01)
                yield {"choices": [{"delta": {"content": "on "}}]}
        finally:
            Path("stream-ended").touch()
        yield {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


set_model(Scripted())
"""
JSON = {"content-type": "application/json"}
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


class Up:
    """A model that is served, its version, and what it recorded."""

    def __init__(self, model: LoggedModel, served: Served, folder: Path) -> None:
        self.model, self.served, self.folder = model, served, folder
        self.client = openai.OpenAI(base_url=served.url, api_key="any", max_retries=0)

    def traces(self) -> list[Any]:
        return list(tracer.search_traces(model_id=self.model.model_id, max_results=1000))

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return httpx.post(self.served.root + path, timeout=60, **arguments)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def started(place: Path) -> Iterator[tuple[LoggedModel, Served, str]]:
    """One server for the tests of this file: it takes a second to start."""
    store = f"sqlite:///{place / 'tracer.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(place / "state"))
        patch.chdir(place)
        tracer.configure(store=store)
        (place / "scripted.py").write_text("from tracer.models import *\n" + MODEL)
        model = log_model("scripted", place / "scripted.py", input_example=False)
        tracer.flush()
        served = Served(model.model_uri, store, "--max-body-bytes", "20000")
    yield model, served, store
    assert served.close() == 0, served.errors


@pytest.fixture
def up(started: tuple[LoggedModel, Served, str], place: Path, own_store: str) -> Iterator[Up]:
    model, served, store = started
    tracer.configure(store=store)
    (place / "stream-ended").unlink(missing_ok=True)
    running = Up(model, served, place)
    yield running
    running.client.close()


def stored(trace_id: str, spans: int = 1) -> Any:
    """A trace of the server's: it hands its journal over by itself, a moment later."""
    found: list[Any] = []

    def is_whole() -> bool:
        found[:] = [tracer.get_trace(trace_id)]
        (trace,) = found
        return trace is not None and trace.info.state in ("OK", "ERROR") and len(trace.data.spans) == spans

    assert until(is_whole), f"no trace {trace_id}"
    return found[0]


def test_a_plain_answer(up: Up) -> None:
    raw = up.client.chat.completions.with_raw_response.create(
        model="scripted", messages=QUESTION, temperature=0.5, extra_body={"custom_inputs": {"any": [1]}}
    )
    answer = raw.parse()

    assert answer.choices[0].message.content == "You said Where is tram 28?"
    assert (answer.choices[0].finish_reason, answer.usage.total_tokens, answer.model) == ("stop", 5, "scripted")
    assert answer.model_extra["custom_outputs"] == {"any": [1]}
    trace = stored(raw.headers["x-tracer-trace-id"])
    assert (trace.info.state, trace.info.model_id) == ("OK", up.model.model_id)
    assert trace.data.spans[0].inputs["temperature"] == 0.5


def test_a_stream(up: Up) -> None:
    chunks = list(up.client.chat.completions.create(model="scripted", messages=QUESTION, stream=True))

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Where is tram 28? "
    assert len({c.id for c in chunks}) == 1
    assert [c for c in chunks if not c.choices or "usage" in c.model_fields_set] == []
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_a_stream_tells_its_usage_at_its_end_to_who_asks(up: Up) -> None:
    options = {"include_usage": True}
    stream = up.client.chat.completions.create(model="scripted", messages=QUESTION, stream=True, stream_options=options)
    *others, last = stream

    assert (last.choices, last.usage.total_tokens) == ([], 5)
    assert {(c.usage, "usage" in c.model_fields_set) for c in others} == {(None, True)}


def test_the_stream_helper_puts_it_together(up: Up) -> None:
    with up.client.chat.completions.stream(
        model="scripted", messages=QUESTION, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()

    assert (final.choices[0].message.role, final.choices[0].message.content) == ("assistant", "Where is tram 28? ")
    assert (final.choices[0].finish_reason, final.usage.total_tokens) == ("stop", 5)


def test_asynchronous_clients(up: Up) -> None:
    async def main() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=up.served.url, api_key="any") as client:
            whole = await client.chat.completions.create(model="scripted", messages=QUESTION)
            stream = await client.chat.completions.create(model="scripted", messages=QUESTION, stream=True)
            pieces = [c.choices[0].delta.content or "" async for c in stream if c.choices]
            return whole.choices[0].message.content, "".join(pieces)

    assert asyncio.run(main()) == ("You said Where is tram 28?", "Where is tram 28? ")


def test_tool_calls(up: Up) -> None:
    first = up.client.chat.completions.create(model="scripted", messages=QUESTION, tools=TOOLS)
    (call,) = first.choices[0].message.tool_calls
    messages = [*QUESTION, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = up.client.chat.completions.create(model="scripted", messages=messages, tools=TOOLS)

    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Paris"}')
    assert first.choices[0].finish_reason == "tool_calls"
    assert second.choices[0].message.content == "You said sunny"


def test_streamed_tool_calls(up: Up) -> None:
    with up.client.chat.completions.stream(model="scripted", messages=QUESTION, tools=TOOLS) as stream:
        (call,) = stream.get_final_completion().choices[0].message.tool_calls

    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "get_weather", '{"city": "Paris"}')


def test_a_wrong_request_is_told_where(up: Up) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        up.client.chat.completions.create(model="scripted", messages=[{"role": "user"}])

    said = "messages[0].content: is missing, expected a text or a list of parts"
    assert caught.value.body == {
        "message": said, "type": "invalid_request_error", "param": "messages[0].content", "code": None,
    }  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_fails_tells_nothing_of_its_inside_but_the_trace(up: Up, stream: bool) -> None:
    ask = [{"role": "user", "content": "fail"}]

    with pytest.raises(openai.InternalServerError) as caught:
        up.client.chat.completions.create(model="scripted", messages=ask, stream=stream)

    said = str(caught.value)
    assert "KeyError" in said
    assert "secret" not in said
    trace_id = said.split("The trace ")[1].split()[0]
    trace = stored(trace_id)
    assert (trace.info.state, trace.info.model_id) == ("ERROR", up.model.model_id)


def test_a_stream_that_fails_on_the_way_ends_with_an_error(up: Up) -> None:
    stream = up.client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "first fail"}], stream=True
    )

    with pytest.raises(openai.APIError, match="The model failed with KeyError"):
        assert [chunk.choices[0].delta.content for chunk in stream] == []


def test_a_client_that_hangs_up_stops_the_generation(up: Up) -> None:
    stream = up.client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "on and on"}], stream=True
    )
    next(iter(stream))
    stream.close()

    assert appears(up.folder / "stream-ended")


def test_a_callers_trace_goes_on(up: Up) -> None:
    with tracer.start_span("caller") as caller:
        headers = tracer.get_tracing_context_headers_for_http_request()
        answer = up.post("/v1/chat/completions", json={"messages": QUESTION}, headers=headers)
    assert answer.headers["x-tracer-trace-id"] == caller.trace_id

    trace = stored(caller.trace_id, spans=2)
    assert [(span.name, span.parent_id) for span in trace.data.spans] == [
        ("caller", None), ("scripted", caller.span_id),
    ]  # fmt: skip


def test_invocations_take_the_same_and_mlflows_shapes(up: Up) -> None:
    plain = up.post("/invocations", json={"messages": QUESTION}).json()
    wrapped = up.post("/invocations", json={"inputs": {"messages": QUESTION}, "params": {"seed": 1}}).json()
    streamed = up.post("/invocations", json={"messages": QUESTION, "stream": True}).text

    assert plain["choices"][0]["message"] == wrapped["predictions"]["choices"][0]["message"]
    assert streamed.startswith("data: {")
    assert streamed.endswith("data: [DONE]\n\n")


def test_what_is_served(up: Up) -> None:
    (card,) = up.client.models.list()

    assert (card.id, card.model_extra["version"]) == ("scripted", up.model.model_id)
    assert up.client.models.retrieve("scripted").id == "scripted"
    with pytest.raises(openai.NotFoundError):
        up.client.models.retrieve("another")
    assert httpx.get(up.served.root + "/version").json()["model_id"] == up.model.model_id
    assert [httpx.get(up.served.root + path).status_code for path in ("/ping", "/health")] == [200, 200]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"content": b"{", "headers": JSON}, 400),
        ({"json": [1]}, 400),
        ({"json": {"messages": QUESTION, "extra": 5}}, 400),
        ({"content": b'{"messages":' + b"[" * 900 + b"]" * 900 + b"}", "headers": JSON}, 400),
        ({"json": {}}, 400),
        ({"content": b"messages=x", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 415),
        ({"json": {"messages": [{"role": "user", "content": "x" * 30_000}]}}, 413),
    ],
)
def test_bodies_that_are_refused(up: Up, arguments: dict[str, Any], status: int) -> None:
    answer = up.post("/v1/chat/completions", **arguments)

    assert (answer.status_code, set(answer.json()["error"])) == (status, {"message", "type", "param", "code"})


def test_paths_and_methods_that_are_not_there(up: Up) -> None:
    assert up.post("/v1/nothing", json={}).json()["error"]["code"] == "unknown_url"
    assert httpx.get(up.served.url + "/chat/completions").status_code == 405


def test_bodies_that_never_end_are_cut_off(up: Up) -> None:
    host, port = up.served.root.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        part = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        connection.sendall(part * 2)

        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_api_key(echo: Path, own_store: str) -> None:
    model = log_model("echo", echo)
    tracer.flush()
    served = Served(model.model_uri, own_store, TRACER_SERVE_API_KEY="right-ключ")
    try:
        with openai.OpenAI(base_url=served.url, api_key="wrong", max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                client.chat.completions.create(model="echo", messages=QUESTION)
            assert caught.value.body["code"] == "invalid_api_key"
        headers = {"Authorization": "Bearer right-ключ".encode()}
        answer = httpx.post(f"{served.url}/chat/completions", json={"messages": QUESTION}, headers=headers)  # type: ignore[arg-type]
        assert answer.json()["choices"]
        assert httpx.get(served.root + "/health").status_code == 200
    finally:
        served.close()


def test_asynchronous_models_and_their_hang_ups(write_model: WriteModel, folder: Path, own_store: str) -> None:
    path = write_model(
        """
        import asyncio
        from pathlib import Path
        class Async(ChatModel):
            async def predict(self, context, messages, params):
                try:
                    Path("whole-begun").touch()
                    await asyncio.sleep(0 if messages[-1].content == "quick" else 600)
                except asyncio.CancelledError:
                    Path("whole-ended").touch()
                    raise
                return {"choices": [{"message": {"role": "assistant", "content": "async"}}]}
            async def predict_stream(self, context, messages, params):
                try:
                    while True:
                        yield {"choices": [{"delta": {"content": "on "}}]}
                        await asyncio.sleep(0.01)
                finally:
                    Path("stream-ended").touch()
        set_model(Async())
        """
    )
    model = log_model("async", path, input_example=False)
    tracer.flush()
    served = Served(model.model_uri, own_store)
    try:
        with openai.OpenAI(base_url=served.url, api_key="k", max_retries=0) as client:
            quick = client.chat.completions.create(model="a", messages=[{"role": "user", "content": "quick"}])
            assert quick.choices[0].message.content == "async"
            stream = client.chat.completions.create(model="a", messages=QUESTION, stream=True)
            next(iter(stream))
            stream.close()
            assert appears(folder / "stream-ended")
            (folder / "whole-begun").unlink()
        host, port = served.root.removeprefix("http://").split(":")
        body = json.dumps({"messages": QUESTION}).encode()
        with socket.create_connection((host, int(port))) as connection:
            head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            assert appears(folder / "whole-begun")
        assert appears(folder / "whole-ended")
    finally:
        assert served.close() == 0


def test_a_python_model_behind_both_doors(write_model: WriteModel, own_store: str) -> None:
    path = write_model(
        """
        class Either(PythonModel):
            def predict(self, context, model_input, params=None):
                if isinstance(model_input, dict) and "messages" in model_input:
                    content = f"{len(model_input['messages'])} {params}"
                    return {"choices": [{"message": {"role": "assistant", "content": content}}]}
                return [model_input, params]
        set_model(Either())
        """
    )
    model = log_model("either", path)
    tracer.flush()
    served = Served(model.model_uri, own_store)
    try:
        with openai.OpenAI(base_url=served.url, api_key="k") as client:
            whole = client.chat.completions.create(model="either", messages=QUESTION, seed=7)
            stream = list(client.chat.completions.create(model="either", messages=QUESTION, stream=True))
        assert whole.choices[0].message.content == "1 {'seed': 7}"
        assert stream[0].choices[0].delta.content == "1 {}"
        answer = httpx.post(served.root + "/invocations", json={"inputs": [1, 2], "params": {"k": 3}}).json()
        assert answer == {"predictions": [[1, 2], {"k": 3}]}
    finally:
        assert served.close() == 0


def test_the_words_that_a_python_model_streams_are_chunks(write_model: WriteModel, own_store: str) -> None:
    path = write_model(
        """
        class Words(PythonModel):
            def predict(self, context, model_input): ...
            def predict_stream(self, context, model_input):
                yield from ("tram ", "28")
        set_model(Words())
        """
    )
    model = log_model("words", path)
    tracer.flush()
    served = Served(model.model_uri, own_store)
    try:
        client = openai.OpenAI(base_url=served.url, api_key="k")
        with client, client.chat.completions.stream(model="words", messages=QUESTION) as stream:
            final = stream.get_final_completion()
    finally:
        assert served.close() == 0
    assert (final.choices[0].message.content, final.choices[0].finish_reason) == ("tram 28", "stop")


def test_a_port_that_is_taken_and_a_model_that_is_not_there(echo: Path, own_store: str) -> None:
    with pytest.raises(AssertionError, match="no models yet"):
        Served("models:/nobody", own_store)
    model = log_model("echo", echo)
    tracer.flush()
    with pytest.raises(AssertionError, match="no model is called 'nobody'"):
        Served("models:/nobody", own_store)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(AssertionError, match="cannot serve at"):
        Served(model.model_uri, own_store, "--port", str(taken.getsockname()[1]))


@pytest.mark.slow
def test_500_requests_at_once_against_two_workers(echo: Path, own_store: str) -> None:
    model = log_model("echo", echo, input_example=False)
    tracer.flush()
    served = Served(model.model_uri, own_store, "--workers", "2")

    async def ask(client: httpx.AsyncClient, number: int) -> str:
        body = {"messages": [{"role": "user", "content": f"number {number}"}], "stream": number % 2 == 1}
        answer = await client.post(served.url + "/chat/completions", json=body)
        assert answer.status_code == 200
        assert f"{number}" in answer.text
        return answer.headers["x-tracer-trace-id"]

    async def main() -> list[str]:
        # a client looks through all of its connections for each request: 500 in one take seconds
        clients = [httpx.AsyncClient(verify=False, timeout=120) for _ in range(25)]
        told = await asyncio.gather(*(ask(clients[number % len(clients)], number) for number in range(500)))
        for client in clients:
            await client.aclose()
        return told

    try:
        told = asyncio.run(main())
    finally:
        assert served.close() == 0, served.errors
    traces = tracer.search_traces(model_id=model.model_id, max_results=1000, include_spans=False)

    assert sorted(trace.trace_id for trace in traces) == sorted(told)
    assert {trace.info.state for trace in traces} == {"OK"}
    assert len({trace.info.request_preview for trace in traces}) == 500


def test_a_model_over_openai_and_the_calls_below_it(
    provider: Server, folder: Path, own_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    (folder / "agent.py").write_text(
        "import openai, tracer\n"
        "from tracer.models import *\n"
        "tracer.openai.autolog()\n"
        "class Agent(ChatModel):\n"
        "    def load_context(self, context):\n"
        "        self.client = openai.OpenAI()\n"
        "        self.endpoint = context.model_config['endpoint']\n"
        "    def predict(self, context, messages, params):\n"
        "        messages = [m.to_dict() for m in messages]\n"
        "        reply = self.client.chat.completions.create(model=self.endpoint, messages=messages)\n"
        "        return ChatCompletionResponse(choices=[{'message': reply.choices[0].message}], usage={})\n"
        "set_model(Agent())\n"
    )
    model = log_model("agent", "agent.py", model_config={"endpoint": "gpt-4o-mini"}, input_example=False)
    tracer.flush()
    served = Served(model.model_uri, own_store)
    try:
        with openai.OpenAI(base_url=served.url, api_key="k") as client:
            answer = client.chat.completions.create(model="agent", messages=QUESTION)
        assert answer.choices[0].message.content
    finally:
        assert served.close() == 0
    (trace,) = tracer.search_traces(model_id=model.model_id)
    assert [span.name for span in trace.data.spans] == ["agent", "chat gpt-4o-mini"]
    assert trace.info.token_usage == {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
