"""Generate, embeddings, web tools, unknown paths, and calls that generate nothing."""

from __future__ import annotations

import base64
import inspect
from typing import Any

import httpx
import ollama
import pytest

from tests.ollama.replies import AT, NUMBERS, TIMES, chat, generated, ndjson
from tests.openai.server import Server, reply

HAS_WEB = hasattr(ollama.Client, "web_search")
needs_web = pytest.mark.skipif(not HAS_WEB, reason="this version of the SDK has no web tools")


def takes(method: str, name: str) -> bool:
    return name in inspect.signature(getattr(ollama.Client, method)).parameters


def test_generate(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(generated(context=[1, 2, 3])))

    result = call("generate", "llama3.2", "Capital of Peru?", system="Be short.", options={"num_predict": 5})

    assert result.response == "Lima."
    span = stored.span
    assert (span.name, span.span_type) == ("text_completion llama3.2", "LLM")
    assert span.inputs == server.asked[0].json
    assert span.outputs == generated(context=[1, 2, 3])
    assert stored.json("gen_ai.system_instructions") == [{"type": "text", "content": "Be short."}]
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "Capital of Peru?"}]}]
    assert stored.output == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Lima."}], "finish_reason": "stop"}
    ]
    assert span.token_usage == {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}
    assert {key: span.attributes[key] for key in TIMES} == TIMES
    assert span.attributes["gen_ai.request.max_tokens"] == 5


def test_a_streamed_generate(server: Server, call: Any, stored: Any) -> None:
    pieces = [{**AT, "response": text, "done": False} for text in ("Li", "ma", ".")]
    server.will(ndjson(*pieces, generated("", context=[1, 2])))

    chunks = call("generate", model="llama3.2", prompt="Capital of Peru?", stream=True)

    assert "".join(chunk.response for chunk in chunks) == "Lima."
    assert stored.span.outputs == generated(context=[1, 2])
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Lima."}]
    assert stored.span.token_usage["output_tokens"] == 3


def test_generate_with_an_image_and_thinking(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(generated("A cat.", thinking="Fur…")))
    picture = b"\x89PNG\r\n\x1a\n" + bytes(30)

    call("generate", model="m", prompt="What is this?", images=[picture])

    text, image = stored.input[0]["parts"]
    assert text == {"type": "text", "content": "What is this?"}
    assert (image["mime_type"], base64.b64decode(image["content"])) == ("image/png", picture)
    assert [part["type"] for part in stored.output[0]["parts"]] == ["reasoning", "text"]


@pytest.mark.skipif(not takes("generate", "width"), reason="this version of the SDK generates no images")
@pytest.mark.parametrize("stream", [False, True])
def test_a_generated_image(stream: bool, server: Server, call: Any, stored: Any) -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(3_000)).decode()
    whole = {**AT, "image": picture, **NUMBERS}
    steps = [{**AT, "completed": step, "total": 2, "done": False} for step in (1, 2)]
    server.will(ndjson(*steps, whole) if stream else reply(whole))

    call("generate", model="m", prompt="A cat", width=64, height=64, steps=2, stream=stream)

    [image] = stored.output[0]["parts"]
    assert (image["type"], image["mime_type"]) == ("blob", "image/png")
    assert image["content"].startswith("tracer-attachment:")


def test_generate_that_only_loads_a_model(server: Server, call: Any, stored: Any) -> None:
    server.will(reply({**AT, "response": "", "done": True, "done_reason": "load"}))

    call("generate", model="m", keep_alive=10)

    assert stored.span.attributes["gen_ai.response.finish_reasons"] == ["load"]
    assert "gen_ai.output.messages" not in stored.span.attributes


def test_embed_is_an_embedding_with_dimensions(server: Server, call: Any, stored: Any) -> None:
    body = {
        "model": "all-minilm",
        "embeddings": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]],
        "total_duration": 14_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": 8,
    }
    server.will(reply(body))

    result = call("embed", model="all-minilm", input=["Lima", "Peru"], truncate=True)

    assert result.embeddings[1][2] == 0.6
    span = stored.span
    assert (span.name, span.span_type, span.outputs) == ("embeddings all-minilm", "EMBEDDING", body)
    assert span.inputs == server.asked[0].json
    assert span.token_usage["input_tokens"] == 8
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 3
    assert span.attributes["tracer.server.total_time"] == 0.014


def test_embeddings_of_the_older_path(server: Server, call: Any, stored: Any) -> None:
    server.will(reply({"embedding": [0.1, 0.2]}))

    call("embeddings", model="all-minilm", prompt="Lima")

    assert (stored.span.name, stored.span.span_type) == ("embeddings all-minilm", "EMBEDDING")
    assert stored.span.inputs["prompt"] == "Lima"
    assert stored.span.attributes["gen_ai.embeddings.dimension.count"] == 2


@pytest.fixture
def hosted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is set, and requests to ollama.com reach the local server instead, below the SDK."""
    monkeypatch.setenv("OLLAMA_API_KEY", "very-secret")
    for kind in (httpx.Client, httpx.AsyncClient):
        original = kind.build_request

        def build_request(self: Any, method: str, url: Any, *args: Any, _original: Any = original, **given: Any) -> Any:
            return _original(self, method, str(url).replace("https://ollama.com", server.url), *args, **given)

        monkeypatch.setattr(kind, "build_request", build_request)


SEARCHED = {"results": [{"title": "Lima", "url": "https://lima.example", "content": "The capital of Peru."}]}
FETCHED = {"title": "Lima", "content": "The capital of Peru.", "links": ["https://peru.example"]}


@needs_web
@pytest.mark.parametrize(
    ("name", "given", "answer"),
    [("web_search", {"query": "Lima", "max_results": 2}, SEARCHED), ("web_fetch", {"url": "lima.example"}, FETCHED)],
)
def test_web_search_and_web_fetch(
    name: str, given: Any, answer: Any, hosted: None, server: Server, call: Any, stored: Any
) -> None:
    server.will(reply(answer))

    call(name, **given)

    span = stored.span
    assert (span.name, span.span_type, span.status) == (name, "RETRIEVER", "UNSET")
    assert (span.inputs, span.outputs) == (given, answer)
    assert (span.attributes["server.address"], span.attributes["server.port"]) == ("ollama.com", 443)
    assert "very-secret" not in str(span.to_dict())
    assert server.asked[0].headers["authorization"] == "Bearer very-secret"


@pytest.mark.skipif(not hasattr(ollama.Client, "systemone"), reason="this version of the SDK has no systemone")
def test_systemone_scored_questions(server: Server, call: Any, stored: Any) -> None:
    questions = {"polite": {"type": "noul", "instructions": "Is it polite?"}}
    answers = {"polite": {"type": "noul", "noul": 0.9}}
    body = {"model": "judge", "answers": answers, "usage": {"input_tokens": 20, "output_tokens": 1}}
    server.will(reply(body))

    result = call("systemone", "judge", "Good morning!", questions)

    assert result.answers["polite"].noul == 0.9
    span = stored.span
    assert (span.name, span.span_type, span.outputs) == ("systemone judge", "LLM", body)
    assert stored.input[0]["parts"] == [
        {"type": "text", "content": "Good morning!"},
        {"type": "json", "content": questions},
    ]
    assert stored.output == [{"role": "assistant", "parts": [{"type": "json", "content": answers}]}]
    assert span.token_usage == {"input_tokens": 20, "output_tokens": 1, "total_tokens": 21}


def test_an_unknown_path_that_is_posted_to_is_recorded(server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(reply({"model": "m", "response": "", "song": "la la", "eval_count": 4}))

    client._request(ollama.GenerateResponse, "POST", "/api/sing", json={"model": "m", "about": "Lima"})

    span = stored.span
    assert (span.name, span.span_type) == ("sing m", "UNKNOWN")
    assert (span.inputs, span.outputs["song"]) == ({"model": "m", "about": "Lima"}, "la la")
    assert span.token_usage["output_tokens"] == 4


@pytest.mark.parametrize("done", [{"done": True}, {}])
def test_an_unknown_stream_is_recorded(done: Any, server: Server, client: ollama.Client, stored: Any) -> None:
    server.will(ndjson({"model": "m", "response": "la "}, {"model": "m", "response": "la", **done}))

    list(client._request(ollama.GenerateResponse, "POST", "/api/sing", json={"model": "m"}, stream=True))

    assert stored.span.outputs == {"model": "m", "response": "la la", **done}
    assert "tracer.incomplete" not in stored.span.attributes


EVERYTHING: dict[str, tuple[dict[str, Any], Any]] = {
    "chat": ({"model": "m", "messages": []}, chat()),
    "generate": ({"model": "m", "prompt": "?"}, generated()),
    "embed": ({"model": "m", "input": "Lima"}, {"embeddings": [[0.1]]}),
    "embeddings": ({"model": "m", "prompt": "Lima"}, {"embedding": [0.1]}),
    "web_search": ({"query": "Lima"}, SEARCHED),
    "web_fetch": ({"url": "lima.example"}, FETCHED),
    "systemone": (
        {"model": "m", "state": "", "questions": {}},
        {"model": "m", "answers": {}, "usage": {"input_tokens": 1, "output_tokens": 0}},
    ),
}


def test_every_request_that_generates_is_one_span(hosted: None, server: Server, call: Any, stored: Any) -> None:
    known = [name for name in EVERYTHING if hasattr(ollama.Client, name)]

    for name in known:
        given, answer = EVERYTHING[name]
        server.will(reply(answer))
        call(name, **given)

    assert len(stored.spans) == len(server.asked) == len(known)


def test_all_other_methods_of_a_client_generate_nothing() -> None:
    public = {name for name in vars(ollama.Client) if not name.startswith("_")}

    assert public - set(EVERYTHING) <= {
        "close",
        "copy",
        "create",
        "create_blob",
        "delete",
        "list",
        "ps",
        "pull",
        "push",
        "show",
    }


STATUS = {"status": "success"}
GENERATES_NOTHING: dict[str, tuple[Any, Any]] = {
    "list": (lambda client: client.list(), {"models": []}),
    "ps": (lambda client: client.ps(), {"models": []}),
    "show": (lambda client: client.show("m"), {"model_info": {}}),
    "pull": (lambda client: client.pull("m"), STATUS),
    "pull, streamed": (lambda client: list(client.pull("m", stream=True)), STATUS),
    "push": (lambda client: client.push("m"), STATUS),
    "copy": (lambda client: client.copy("m", "n"), STATUS),
    "delete": (lambda client: client.delete("m"), STATUS),
}


@pytest.mark.parametrize("act", GENERATES_NOTHING)
def test_list_show_pull_and_other_calls_are_not_recorded(
    act: str, server: Server, client: ollama.Client, stored: Any
) -> None:
    ask, answer = GENERATES_NOTHING[act]
    server.will(reply(answer))

    ask(client)

    assert len(server.asked) == 1
    assert stored.spans == []
