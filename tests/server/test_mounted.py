"""An app below a prefix is guarded as it is at the root: the guard and the router read the same path."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.server.conftest import ROOT_ID, TOKEN, TRACE_ID, client_of, span
from tracer._threads import start_thread
from tracer.server import ServerSettings, create_app
from tracer.server.openapi import document
from tracer.server.serve import listen
from tracer.store import Store, open_store

pytestmark = pytest.mark.no_store
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}
WAY_BACK = "/api/v1/sign-in/oidc/back"  # people come to it from their provider's site, with a state that is checked
OPEN = {"/api/v1/server", "/api/v1/sign-in", "/api/v1/sign-in/oidc", WAY_BACK, "/api/v1/sign-out", "/health", "/ready"}
OPERATIONS = [
    (method.upper(), re.sub(r"\{(\w+)\}", lambda found: {"trace_id": TRACE_ID}.get(found[1], ROOT_ID), path))
    for path, methods in document()["paths"].items()
    for method in methods
    if path != "/api/v1/events"  # endless; the paths below have it
]
ODD_PATHS = [
    "/api/v1/events?",
    "/api/v1/traces/",
    "/v1/traces/",
    "//api/v1/traces",
    "/api//v1/traces",
    "/api/v1//traces",
    "//v1/traces",
    "/api%2Fv1%2Ftraces",
    "/api/v1%2Ftraces",
    "/%61pi/v1/traces",
    "/v1%2ftraces",
    "/./api/v1/traces",
    "/x/../api/v1/traces",
    "/api/../api/v1/traces",
    "/api/v1/server/../traces",
    "/api/v1/sign-in/../traces",
    "/%2e%2e/api/v1/traces",
    "/API/v1/traces",
    "/api/V1/TRACES",
    "/V1/Traces",
    "/api",
    "/api/",
    "/api/v1",
    "/v1",
    "/v1/",
    "/api/v1/server/",
    "/api/v1/server%00",
    "/api/v1/traces;a=b",
    "/api\\v1\\traces",
    "/api/v1/traces%20",
    "/api/v1/traces%0a",
    "/api/v1/server?x=/api/v1/traces",
    "/tracer/api/v1/traces",
    "/tracer",
    "/traces/abc",
    "/",
]

Answer = tuple[int, str, bytes]
Wrap = Callable[[ASGIApp], ASGIApp]


connections: dict[int, http.client.HTTPConnection] = {}  # by the server's port: one for thousands of questions


@contextmanager
def serving(app: ASGIApp, root_path: str = "") -> Iterator[str]:
    """Serve any ASGI app with uvicorn as it comes."""
    listening = listen(ServerSettings(port=0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        app, log_level="warning", ws="none", root_path=root_path, timeout_graceful_shutdown=1, timeout_keep_alive=3600
    )
    server = uvicorn.Server(config)
    thread = start_thread(lambda: server.run([listening]), "test-server")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        if port in connections:
            connections.pop(port).close()
        server.should_exit = True
        thread.join(30)


def stop(app: Starlette) -> None:
    """End the threads of an app whose lifespan did not."""
    app.state.stores.stop()


def below_a_proxy(app: ASGIApp) -> ASGIApp:
    """A root_path that a proxy has taken from the path, as FastAPI(root_path=…) says it."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": "/tracer"}, receive, send)

    return call


# how the app is placed, and the prefix under which a client finds it
PLACES: Mapping[str, tuple[Wrap, str, str]] = {
    "root": (lambda app: app, "", ""),
    "mounted": (lambda app: Starlette(routes=[Mount("/tracer", app)]), "", "/tracer"),
    "mounted_deeply": (
        lambda app: Starlette(routes=[Mount("/{tenant}", Starlette(routes=[Mount("/api/v1", app)]))]),
        "",
        "/one/api/v1",
    ),
    "mounted_at_the_root": (lambda app: Starlette(routes=[Mount("/", app)]), "", ""),
    "root_path": (lambda app: app, "/tracer", ""),
    "root_path_like_an_open_path": (lambda app: app, "/api/v1/server", ""),
    "root_path_and_mounted": (lambda app: Starlette(routes=[Mount("/tracer", app)]), "/v1", "/tracer"),
    "root_path_of_a_proxy": (below_a_proxy, "", ""),
    "root_path_of_a_proxy_that_keeps_it": (below_a_proxy, "", "/tracer"),
}
ELSEWHERE = [place for place in PLACES if place != "root"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('mounted') / 'tracer.db'}")
    opened.append([orjson.dumps(span())], owner="1-test")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def urls(shared: Store) -> Iterator[Mapping[str, str]]:
    """Servers that want a token, one a place."""
    with ExitStack() as running:
        found = {}
        for place, (wrap, root_path, prefix) in PLACES.items():
            app = create_app(lambda: shared, ServerSettings(token=TOKEN))
            running.callback(stop, app)
            found[place] = running.enter_context(serving(wrap(app), root_path)) + prefix
        yield found


def ask(url: str, method: str, path: str, headers: Mapping[str, str] = {}) -> Answer:
    """The answer to a path that is sent as it is written."""
    parts = urlsplit(url)
    assert parts.port is not None
    connection = connections.setdefault(parts.port, http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30))
    connection.request(method, parts.path + path, headers={"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    media_type = answer.headers.get("content-type", "")
    if "event-stream" not in media_type:
        return answer.status, media_type, answer.read()
    begin = answer.read1()
    connection.close()  # it never ends; the next question opens another
    return answer.status, media_type, begin


@pytest.mark.parametrize("place", PLACES)
def test_every_route_of_a_mounted_app_wants_the_token(place: str, urls: Mapping[str, str]) -> None:
    answers = {(method, path): ask(urls[place], method, path)[0] for method, path in OPERATIONS}

    assert {key: status for key, status in answers.items() if status != 401 and key[1] not in OPEN} == {}


@pytest.mark.parametrize("place", PLACES)
def test_every_route_of_a_mounted_app_refuses_pages_of_other_sites(place: str, urls: Mapping[str, str]) -> None:
    for headers in (CROSS_SITE, {"Origin": "http://evil.example"}):
        answers = {
            (method, path): ask(urls[place], method, path, {**BEARER, **headers})[0] for method, path in OPERATIONS
        }

        assert {key: status for key, status in answers.items() if status != 403 and key[1] != WAY_BACK} == {}


@pytest.mark.parametrize("place", ELSEWHERE)
def test_with_the_token_a_mounted_app_answers_as_at_the_root(place: str, urls: Mapping[str, str]) -> None:
    for method, path in OPERATIONS:
        if method == "GET" and path != "/metrics":  # figures are those of one app
            assert ask(urls[place], method, path, BEARER) == ask(urls["root"], method, path, BEARER), path


@pytest.mark.parametrize("headers", [{}, CROSS_SITE], ids=["no_token", "cross_site"])
@pytest.mark.parametrize("place", PLACES)
def test_odd_paths_disclose_nothing_and_change_nothing(
    place: str, headers: dict[str, str], urls: Mapping[str, str], shared: Store
) -> None:
    for method, path in product(("GET", "HEAD", "POST", "DELETE", "OPTIONS"), ODD_PATHS):
        status, media_type, content = ask(urls[place], method, path, headers)

        is_open = "text/html" in media_type or (path.startswith(tuple(OPEN)) and b'"store":"' not in content)
        assert status in (401, 403, 404, 405) or is_open, path
        assert TRACE_ID.encode() not in content, path
    assert shared.trace(TRACE_ID, payload=False) is not None


@pytest.mark.parametrize("place", ["mounted", "root_path", "root_path_and_mounted", "mounted_deeply"])
def test_odd_paths_are_answered_as_at_the_root(place: str, urls: Mapping[str, str]) -> None:
    for method, path in product(("GET", "POST"), ODD_PATHS):
        if path.endswith("%0a"):
            continue  # a mount of Starlette's loses the end of such a line
        assert ask(urls[place], method, path)[:2] == ask(urls["root"], method, path)[:2], path


def test_a_route_that_is_added_to_the_app_wants_the_token(shared: Store) -> None:
    app = create_app(lambda: shared, ServerSettings(token=TOKEN))
    app.router.routes.insert(0, Route("/own", lambda request: PlainTextResponse("own"), methods=["GET"]))
    app.router.routes.insert(0, Mount("/more", Starlette(routes=[Route("/own", lambda _: PlainTextResponse("own"))])))

    with serving(app) as url:
        assert [ask(url, "GET", path)[0] for path in ("/own", "/more/own", "/more/none")] == [401, 401, 401]
        assert ask(url, "GET", "/own", BEARER)[2] == ask(url, "GET", "/more/own", BEARER)[2] == b"own"
        assert ask(url, "GET", "/own", {**BEARER, **CROSS_SITE})[0] == 403


@pytest.mark.parametrize("place", ["mounted", "mounted_deeply"])
def test_the_cookie_of_a_mounted_app_is_sent_to_it_alone(place: str, urls: Mapping[str, str]) -> None:
    with client_of(urls[place]) as client:
        assert client.get("/api/v1/traces").status_code == 401
        signed_in = client.post("/api/v1/sign-in", json={"token": TOKEN})

        assert f"Path={urlsplit(urls[place]).path};" in signed_in.headers["set-cookie"]
        assert client.get("/api/v1/traces").status_code == 200
        assert client.post("/api/v1/sign-out").status_code == 204
        assert client.get("/api/v1/traces").status_code == 401


@pytest.mark.parametrize("place", PLACES)
def test_files_of_the_bundle_are_found_below_a_prefix(
    place: str, urls: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracer.server import page

    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app-1a2b.js").write_text("1")
    monkeypatch.setattr(page, "STATIC", tmp_path)

    script = httpx.get(f"{urls[place]}/assets/app-1a2b.js", headers=CROSS_SITE)
    assert (script.text, script.headers["cache-control"]) == ("1", "public, max-age=31536000, immutable")
    assert httpx.get(f"{urls[place]}/assets/gone.js").status_code == 404
    assert "<title>page</title>" in httpx.get(f"{urls[place]}/traces/abc", headers=CROSS_SITE).text


def test_a_mounted_app_serves_although_nobody_runs_its_lifespan(shared: Store, urls: Mapping[str, str]) -> None:
    answer = ask(urls["mounted"], "GET", "/api/v1/changes", BEARER)

    assert json.loads(answer[2])["trace_ids"] == [TRACE_ID]
    assert {"tracer-index", "tracer-heartbeats"} <= {thread.name for thread in threading.enumerate()}
