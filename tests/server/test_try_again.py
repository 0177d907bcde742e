"""Calls of models that the page makes: to which servers, with which key, passed on, recorded, within limits."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from tests.openai.replies import chat as chat_reply
from tests.openai.replies import chunk, delta
from tests.openai.server import BREAK, Scripted, Server, reply, sse
from tests.server.conftest import TOKEN, TRACE_ID, chat, client_of, span
from tests.waiting import until
from tracer.errors import InvalidArgumentError
from tracer.server import ServerSettings, create_app, running_server
from tracer.server.trying.dialects import DIALECTS
from tracer.server.trying.servers import model_servers
from tracer.store import Store

KEY = "sk-local-0123456789abcdef"
SPAN_ID = f"{1:016x}"
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Where to?"}], "temperature": 0.2}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
ENVIRONMENT = ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE", "MISTRAL", "GROQ", "TOGETHER", "OLLAMA", "XAI")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        for end in ("API_KEY", "BASE_URL", "HOST"):
            monkeypatch.delenv(f"{name}_{end}", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("LOCAL_KEY", KEY)


@pytest.fixture
def provider() -> Iterator[Server]:
    """A server of models on loopback."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def trying(store_url: str, provider: Server) -> Iterator[httpx.Client]:
    """A server that may ask that one, with a key of its own."""
    settings = ServerSettings(port=0, try_again=True, try_endpoints=(f"{provider.url}/v1=LOCAL_KEY",))
    with running_server(store_url, settings) as url, client_of(f"{url}/api/v1") as found:
        yield found


def asking(provider: Server, **fields: Any) -> dict[str, Any]:
    return {"server": f"{provider.url}/v1", "dialect": "chat", "body": BODY, **fields}


def events_of(answer: httpx.Response) -> list[tuple[str, Any]]:
    found = []
    for block in answer.text.split("\n\n"):
        if block.startswith("event: "):
            name, content = block.split("\n", 1)
            found.append((name.removeprefix("event: "), json.loads(content.removeprefix("data: "))))
    return found


def told(events: list[tuple[str, Any]], name: str) -> Any:
    return next(content for event, content in events if event == name)


def streamed(*texts: str) -> Scripted:
    pieces = [chunk(delta(content=text)) for text in texts]
    return sse(chunk(delta(role="assistant", content="")), *pieces, chunk(delta(finish="stop")), chunk(usage=USAGE))


# --- what is sent, and what comes back


def test_a_call_goes_to_the_server_with_the_key_of_its_environment(trying: httpx.Client, provider: Server) -> None:
    provider.will(streamed("To ", "Lisbon"))
    answer = trying.post("/try-again", json=asking(provider))

    [asked] = provider.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json == {**BODY, "stream": True, "stream_options": {"include_usage": True}}
    assert events_of(answer)[0][0] == "start"
    done = told(events_of(answer), "done")
    assert done["span"]["usage"]["input_tokens"] == 9
    assert done["trace"]["state"] == "OK"


def test_the_reply_is_passed_on_while_it_comes(trying: httpx.Client, provider: Server) -> None:
    rest = threading.Event()
    first, more = chunk(delta(role="assistant", content="To ")), chunk(delta(content="Lisbon"))
    provider.will(sse(first, rest, more, chunk(delta(finish="stop"))))

    seen = ""
    with trying.stream("POST", "/try-again", json=asking(provider)) as answer:
        for line in answer.iter_lines():
            seen += line
            if "To " in seen and not rest.is_set():
                assert "Lisbon" not in seen
                rest.set()
    assert "To Lisbon" in seen


def test_of_a_growing_text_only_what_was_added_is_sent(trying: httpx.Client, provider: Server) -> None:
    first, second = threading.Event(), threading.Event()
    provider.will(sse(chunk(delta(role="assistant", content="To ")), first, chunk(delta(content="Lisbon")), second))

    names = []
    with trying.stream("POST", "/try-again", json=asking(provider)) as answer:
        for line in answer.iter_lines():
            names += [line.removeprefix("event: ")] if line.startswith("event: ") else []
            first.set() if '"To "' in line else None
            second.set() if line == 'data: {"text":"Lisbon"}' else None
    assert names == ["start", "reply", "more", "done"]


def test_what_was_tried_is_a_trace_that_links_to_the_call_it_began_with(
    trying: httpx.Client, provider: Server, write: Callable[..., None]
) -> None:
    write(span(), chat(), {"kind": "trace", "trace_id": TRACE_ID, "time": 1, "experiment": "shop"})
    provider.will(streamed("Porto"))
    answer = trying.post("/try-again", json=asking(provider, trace_id=TRACE_ID, span_id=SPAN_ID))

    trace = told(events_of(answer), "done")["trace"]
    assert trace["metadata"] == {"tracer.tried_again.trace_id": TRACE_ID, "tracer.tried_again.span_id": SPAN_ID}
    assert (trace["experiment"], trace["usage"]["output_tokens"]) == ("shop", 3)
    whole = trying.get(f"/traces/{trace['trace_id']}/spans/{trace['root_span_id']}").json()
    assert [(link["trace_id"], link["span_id"]) for link in whole["links"]] == [(TRACE_ID, SPAN_ID)]
    assert whole["inputs"] == provider.asked[0].json
    assert whole["attributes"]["gen_ai.request.stream"] is True
    assert whole["input_messages"] == [{"role": "user", "parts": [{"type": "text", "content": "Where to?"}]}]
    assert whole["output_messages"][0]["parts"] == [{"type": "text", "content": "Porto"}]
    back = trying.get("/traces", params={"filter": f"metadata.tracer.tried_again.trace_id = '{TRACE_ID}'"}).json()
    assert [found["trace_id"] for found in back["traces"]] == [trace["trace_id"]]


ANSWERS: dict[str, tuple[str, dict[str, Any], Scripted]] = {
    "responses": (
        "/v1/responses",
        {"model": "gpt-4o-mini", "input": "Where to?"},
        sse(
            {
                "type": "response.completed",
                "response": {
                    "id": "r",
                    "object": "response",
                    "model": "gpt-4o-mini",
                    "status": "completed",
                    "output": [
                        {
                            "type": "message",
                            "role": "assistant",
                            "content": [{"type": "output_text", "text": "Lisbon", "annotations": []}],
                        }
                    ],
                    "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
                },
            },
            done=False,
        ),
    ),
    "anthropic": (
        "/v1/messages",
        {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Where to?"}]},
        sse(
            {
                "type": "message_start",
                "message": {
                    "id": "m",
                    "role": "assistant",
                    "model": "claude-haiku-4-5",
                    "content": [],
                    "usage": {"input_tokens": 9, "output_tokens": 1},
                },
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Lisbon"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
            done=False,
        ),
    ),
    "ollama": (
        "/api/chat",
        {"model": "llama3.2", "messages": [{"role": "user", "content": "Where to?"}]},
        Scripted(
            [
                b'{"model":"llama3.2","message":{"role":"assistant","content":"Lis"},"done":false}\n',
                (
                    b'{"model":"llama3.2","message":{"role":"assistant","content":"bon"},"done":true,'
                    b'"done_reason":"stop","prompt_eval_count":9,"eval_count":3}\n'
                ),
            ],
            content_type="application/x-ndjson",
            is_stream=True,
        ),
    ),
    "gemini": (
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        {"model": "gemini-2.5-flash", "contents": [{"role": "user", "parts": [{"text": "Where to?"}]}]},
        sse(
            {
                "candidates": [{"content": {"role": "model", "parts": [{"text": "Lisbon"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
                "modelVersion": "gemini-2.5-flash",
            },
            done=False,
        ),
    ),
}


@pytest.mark.parametrize("dialect", ANSWERS)
def test_each_api_is_asked_and_read_in_its_own_way(dialect: str, trying: httpx.Client, provider: Server) -> None:
    path, body, answer = ANSWERS[dialect]
    provider.will(answer)
    done = told(events_of(trying.post("/try-again", json=asking(provider, dialect=dialect, body=body))), "done")

    [asked] = provider.asked
    assert asked.path == path
    assert KEY in "".join(asked.headers.values())
    assert {key: value for key, value in asked.json.items() if key in body} == {
        key: value for key, value in body.items() if key in asked.json
    }
    assert (done["span"]["usage"]["input_tokens"], done["span"]["usage"]["output_tokens"]) == (9, 3)
    assert done["trace"]["response_preview"] == "Lisbon"
    assert (done["span"].get("cost") is None) == (dialect == "ollama")


def test_a_call_without_a_stream_is_read_whole(trying: httpx.Client, provider: Server) -> None:
    provider.will(reply(chat_reply({"role": "assistant", "content": "Lisbon"})))
    events = events_of(trying.post("/try-again", json=asking(provider, body={**BODY, "stream": False})))

    assert provider.asked[0].json["stream"] is False
    assert told(events, "reply")["messages"][0]["parts"] == [{"type": "text", "content": "Lisbon"}]


def test_an_image_that_the_store_keeps_apart_is_sent_whole(
    trying: httpx.Client, provider: Server, write: Callable[..., None]
) -> None:
    image = b"\x89PNG\r\n\x1a\n" + b"0" * 1000
    digest, content = hashlib.sha256(image).hexdigest(), base64.b64encode(image).decode()
    write({"kind": "attachment", "id": digest, "mime": "image/png", "content": content})
    parts = [{"type": "image_url", "image_url": {"url": f"tracer-attachment:{digest};image/png;{len(image)}"}}]
    provider.will(streamed("A tram"))
    trying.post("/try-again", json=asking(provider, body={**BODY, "messages": [{"role": "user", "content": parts}]}))

    [asked] = provider.asked
    assert asked.json["messages"][0]["content"][0]["image_url"]["url"] == f"data:image/png;base64,{content}"


# --- failures


def test_a_refusal_is_shown_and_recorded_as_the_provider_wrote_it(trying: httpx.Client, provider: Server) -> None:
    error = {"error": {"message": "The model `gpt-9` does not exist", "type": "invalid_request_error"}}
    provider.will(reply(error, status=404))
    events = events_of(trying.post("/try-again", json=asking(provider)))

    assert told(events, "failed") == {"message": "HTTP 404: The model `gpt-9` does not exist", "status": 404}
    done = told(events, "done")
    assert (done["span"]["status"], done["trace"]["state"]) == ("ERROR", "ERROR")
    whole = trying.get(f"/traces/{done['trace']['trace_id']}/spans/{done['span']['span_id']}").json()
    assert whole["outputs"] == error
    assert whole["attributes"]["http.response.status_code"] == 404


def test_a_connection_that_breaks_keeps_what_came(trying: httpx.Client, provider: Server) -> None:
    provider.will(sse(chunk(delta(role="assistant", content="To Lis")), BREAK))
    events = events_of(trying.post("/try-again", json=asking(provider)))

    assert "broke" in told(events, "failed")["message"]
    assert told(events, "done")["trace"]["response_preview"] == "To Lis"


def test_a_failure_within_a_stream_is_one(trying: httpx.Client, provider: Server) -> None:
    provider.will(sse(chunk(delta(role="assistant", content="To")), {"error": {"message": "overloaded", "code": 529}}))
    done = told(events_of(trying.post("/try-again", json=asking(provider))), "done")

    assert (done["span"]["status"], done["span"]["message"]) == ("ERROR", "overloaded")


def test_a_store_that_nobody_may_write_takes_no_call(store: Store, provider: Server) -> None:
    settings = ServerSettings(try_again=True, try_endpoints=(f"{provider.url}/v1",))
    with TestClient(create_app(lambda: store, settings, read_only=True), base_url="http://localhost") as client:
        answer = client.post("/api/v1/try-again", json=asking(provider))

    assert (answer.status_code, provider.asked) == (403, [])


def test_a_server_that_is_away_is_a_failure(store_url: str) -> None:
    settings = ServerSettings(port=0, try_again=True, try_endpoints=("http://127.0.0.1:9",))
    with running_server(store_url, settings) as url, client_of(f"{url}/api/v1") as client:
        asked = {"server": "http://127.0.0.1:9", "dialect": "chat", "body": BODY}
        events = events_of(client.post("/try-again", json=asked))

    assert "http://127.0.0.1:9 cannot be reached" in told(events, "failed")["message"]
    assert told(events, "done")["span"]["status"] == "ERROR"


def test_a_page_that_is_closed_ends_the_call_and_what_came_is_kept(
    trying: httpx.Client, provider: Server, store: Store
) -> None:
    held = threading.Event()
    provider.will(sse(chunk(delta(role="assistant", content="To Lis")), held))
    with trying.stream("POST", "/try-again", json=asking(provider)) as answer:
        for line in answer.iter_lines():
            if "To Lis" in line:
                break
    held.set()

    def recorded() -> list[Any]:
        return trying.get("/traces").json()["traces"]

    assert until(lambda: recorded() != [])
    [trace] = recorded()
    whole = trying.get(f"/traces/{trace['trace_id']}/spans/{trace['root_span_id']}").json()
    assert whole["attributes"]["tracer.incomplete"] == "cancelled"
    assert trace["response_preview"] == "To Lis"


# --- attacks


def test_it_is_off_unless_the_server_was_started_with_it(client: httpx.Client) -> None:
    asked = {"server": "https://api.openai.com/v1", "dialect": "chat", "body": BODY}

    assert client.get("/try-again").json() == {"on": False, "servers": []}
    assert client.post("/try-again", json=asked).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "https://attacker.example/v1",
        "http://169.254.169.254/latest",
        "{provider}/v1/../admin",
        "{provider}/v1?x=",
        "{provider}",
        "{provider}/v1\r\nHost: attacker.example",
        "http://user@{netloc}/v1",
        None,
        ["{provider}/v1"],
    ],
)
def test_only_the_very_url_of_a_named_server_is_asked(address: Any, trying: httpx.Client, provider: Server) -> None:
    provider.will(streamed("no"))
    text = address.format(provider=provider.url, netloc=provider.url[7:]) if isinstance(address, str) else address
    answer = trying.post("/try-again", json=asking(provider, server=text))

    assert answer.status_code == 403
    assert provider.asked == []


def test_an_address_in_a_trace_is_never_asked(
    trying: httpx.Client, provider: Server, write: Callable[..., None]
) -> None:
    attacker = Server()
    attacker.will(streamed("thanks for the key"))
    provider.will(streamed("Porto"))
    evil = {"server.address": "127.0.0.1", "server.port": attacker.port, "gen_ai.request.model": "gpt-4o-mini"}
    inputs = {**BODY, "base_url": attacker.url, "extra_headers": {"Host": "attacker.example"}}
    write(span(), chat(attributes=evil, json={"tracer.inputs": inputs}))
    trying.post("/try-again", json=asking(provider, body=inputs, trace_id=TRACE_ID, span_id=SPAN_ID))

    assert attacker.asked == []
    [asked] = provider.asked
    assert asked.headers["host"] == provider.url.removeprefix("http://")
    attacker.close()


def test_a_redirect_is_not_followed(trying: httpx.Client, provider: Server) -> None:
    attacker = Server()
    attacker.will(streamed("thanks for the key"))
    provider.will(Scripted([b""], 307, {"Location": f"{attacker.url}/v1/chat/completions"}))
    events = events_of(trying.post("/try-again", json=asking(provider)))

    assert "which is not followed" in told(events, "failed")["message"]
    assert attacker.asked == []
    attacker.close()


@pytest.mark.parametrize("model", ["../../admin", "x:generateContent?key=1#", "a/b?c", "%2e%2e/x", "m\r\nHost: x"])
def test_a_models_name_stays_one_segment_of_the_path(model: str, trying: httpx.Client, provider: Server) -> None:
    provider.will(ANSWERS["gemini"][2])
    trying.post("/try-again", json=asking(provider, dialect="gemini", body={**ANSWERS["gemini"][1], "model": model}))

    [asked] = provider.asked
    path = asked.path.removeprefix("/v1beta/models/").removesuffix(":streamGenerateContent?alt=sse")
    assert not set("/?#\r\n") & set(path)


@pytest.mark.parametrize("model", ["..", ".", "models/..", ""])
def test_a_models_name_of_dots_is_refused(model: str, trying: httpx.Client, provider: Server) -> None:
    body = {**ANSWERS["gemini"][1], "model": model}
    assert trying.post("/try-again", json=asking(provider, dialect="gemini", body=body)).status_code == 400
    assert provider.asked == []


def test_a_key_that_comes_back_is_neither_shown_nor_kept(
    trying: httpx.Client, provider: Server, store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    half = len(KEY) // 2
    provider.will(streamed("your key is ", KEY[:half], KEY[half:], " indeed"), reply({"error": KEY}, status=401))
    answers = [trying.post("/try-again", json=asking(provider)) for _ in range(2)]

    assert "[REDACTED] indeed" in answers[0].text
    traces = trying.get("/traces").json()["traces"]
    wholes = [trying.get(f"/traces/{trace['trace_id']}/records").text for trace in traces]
    assert len(wholes) == 2
    assert not [text for text in (*(answer.text for answer in answers), *wholes, caplog.text) if KEY in text]


def test_a_key_that_no_header_can_hold_is_not_repeated(
    trying: httpx.Client, provider: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LOCAL_KEY", "secret-part\r\nX-Other: 1")
    answer = trying.post("/try-again", json=asking(provider))

    assert answer.status_code == 400
    assert "LOCAL_KEY" in answer.text
    assert "secret-part" not in answer.text + caplog.text
    assert provider.asked == []


def test_a_reply_without_end_is_cut(trying: httpx.Client, provider: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.server.trying.calling._REPLY_BYTES", 1 << 20)
    provider.will(sse(*(chunk(delta(content="x" * 50_000)) for _ in range(40))))
    events = events_of(trying.post("/try-again", json=asking(provider)))

    assert told(events, "failed")["message"] == "the reply is longer than 1 MiB"
    assert told(events, "done")["trace"] is not None


def test_a_refusal_without_end_is_cut(trying: httpx.Client, provider: Server) -> None:
    provider.will(reply(b"x" * 500_000, status=500, content_type="text/plain"))
    answer = trying.post("/try-again", json=asking(provider))

    assert len(answer.content) < 10_000


def test_a_compressed_reply_is_refused(trying: httpx.Client, provider: Server) -> None:
    provider.will(Scripted([b"\x1f\x8b" + b"0" * 50], 200, {"Content-Encoding": "gzip"}))

    assert "compressed" in told(events_of(trying.post("/try-again", json=asking(provider))), "failed")["message"]


def test_a_server_that_does_not_begin_is_given_up(
    trying: httpx.Client, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.server.trying.calling._LONGEST_SECONDS", 0.2)
    held = threading.Event()

    def late(_: Any) -> Scripted:
        held.wait(20)
        return streamed("To")

    provider.will(late)
    events = events_of(trying.post("/try-again", json=asking(provider)))
    held.set()

    assert "did not answer in time" in told(events, "failed")["message"]


def test_a_server_that_says_nothing_is_given_up(
    trying: httpx.Client, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()

    def begins(_: Any) -> Scripted:
        # from now on: the head of the answer may take as long as it likes
        monkeypatch.setattr("tracer.server.trying.calling._LONGEST_SECONDS", 1.0)
        return sse(chunk(delta(role="assistant", content="To")), held)

    provider.will(begins)
    events = events_of(trying.post("/try-again", json=asking(provider)))
    held.set()

    assert "took longer" in told(events, "failed")["message"]
    assert told(events, "done")["trace"]["response_preview"] == "To"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"dialect": "soap"}, "dialect"),
        ({"body": []}, "body"),
        ({"body": {"model": 3}}, "model"),
        ({"body": {**BODY, "stream": "yes"}}, "stream"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"api_key": "sk-mine"}, "api_key"),
        ({"prompt": "a/b/c"}, "prompt"),
        ({"trace_id": TRACE_ID}, "span_id"),
    ],
)
def test_what_is_asked_for_is_checked(fields: Any, word: str, trying: httpx.Client, provider: Server) -> None:
    answer = trying.post("/try-again", json=asking(provider, **fields))

    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]
    assert provider.asked == []


def test_another_site_and_a_caller_without_the_token_make_no_call(store_url: str, provider: Server) -> None:
    provider.will(streamed("no"))
    settings = ServerSettings(port=0, token=TOKEN, try_again=True, try_endpoints=(f"{provider.url}/v1",))
    with running_server(store_url, settings) as url, client_of(f"{url}/api/v1") as client:
        signed = {"Authorization": f"Bearer {TOKEN}"}
        evil = client.post("/try-again", json=asking(provider), headers={**signed, "Origin": "https://evil.example"})
        form = client.post("/try-again", content="{}", headers={**signed, "Content-Type": "text/plain"})
        unsigned = client.post("/try-again", json=asking(provider))
        reading = client.get("/try-again")

    assert [answer.status_code for answer in (evil, form, unsigned, reading)] == [403, 415, 401, 401]
    assert provider.asked == []


def test_calls_are_limited_by_the_hour_and_at_once(
    store_url: str, provider: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.server.trying.routes._AT_ONCE", 1)
    held = threading.Event()
    provider.will(sse(chunk(delta(role="assistant", content="To")), held), streamed("Porto"))
    settings = ServerSettings(port=0, try_again=True, try_endpoints=(f"{provider.url}/v1",), try_limit=2)
    with running_server(store_url, settings) as url, client_of(f"{url}/api/v1") as client:
        with client.stream("POST", "/try-again", json=asking(provider)) as answer:
            lines = answer.iter_lines()
            next(lines)
            at_once = client.post("/try-again", json=asking(provider))
            held.set()
            list(lines)
        assert until(lambda: client.post("/try-again", json=asking(provider)).status_code == 200)
        hour = client.post("/try-again", json=asking(provider))

    assert [at_once.status_code, hour.status_code] == [429, 429]
    assert "2 calls an hour" in hour.json()["error"]["message"]
    assert "authorization" not in provider.asked[0].headers  # no variable was named for its key


# --- which servers


def urls(*named: str, **environ: str) -> list[tuple[str, str | None]]:
    return [(server.url, server.key_variable) for server in model_servers(named, environ)]


def test_known_providers_are_there_where_their_key_is() -> None:
    assert urls() == []
    assert urls(OPENAI_API_KEY="k", GROQ_API_KEY=" ") == [("https://api.openai.com/v1", "OPENAI_API_KEY")]
    assert urls("http://localhost:8000/v1/", OPENAI_API_KEY="k")[0] == ("http://localhost:8000/v1", None)


def test_a_key_whose_server_is_elsewhere_goes_there_and_not_to_the_provider() -> None:
    found = urls(OPENAI_API_KEY="k", OPENAI_BASE_URL="https://gateway.example/v1")

    assert found == [("https://gateway.example/v1", "OPENAI_API_KEY")]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost", "http://localhost:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://gpu:1234", "http://gpu:1234"),
        ("https://ollama.example", "https://ollama.example"),
        ("http://[::1", None),
        ("http://a..b", None),
    ],
)
def test_ollama_is_where_its_variable_says(host: str, url: str | None) -> None:
    assert urls(OLLAMA_HOST=host) == ([(url, None)] if url else [])


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8000",
        "file:///etc/passwd",
        "http://",
        "http://u:p@h/v1",
        "http://h/v1?a",
        "http://h/#x",
        "http://h/\nv1",
    ],
)
def test_an_endpoint_that_is_no_url_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="try_endpoints"):
        ServerSettings(try_endpoints=(text,))


def test_a_key_in_the_place_of_a_variable_is_not_repeated() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        ServerSettings(try_endpoints=("http://h/v1=sk-abc-123",))
    assert "sk-abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "chat_url", "messages_url"),
    [
        ("http://h", "http://h/v1/chat/completions", "http://h/v1/messages"),
        ("http://h/v1", "http://h/v1/chat/completions", "http://h/v1/messages"),
        ("https://h/openai/v1", "https://h/openai/v1/chat/completions", "https://h/openai/v1/messages"),
    ],
)
def test_paths_follow_from_the_url(url: str, chat_url: str, messages_url: str) -> None:
    assert DIALECTS["chat"].path(url, {}) == chat_url
    assert DIALECTS["anthropic"].path(url, {}) == messages_url
