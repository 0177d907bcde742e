"""Streamed answers of web frameworks, each on a real server: one trace a request, whatever runs after the endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import wsgiref.simple_server
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

import tracer
from tests.waiting import until


@tracer.trace
def step() -> str:
    return "a"


def words() -> Iterator[str]:
    yield step()
    yield step()


async def words_later() -> AsyncIterator[str]:
    yield step()
    yield step()


traced_words = tracer.trace(words)
traced_words_later = tracer.trace(words_later)

UNTRACED = {("endpoint", None), ("step", "endpoint")}
TRACED = {("endpoint", None), ("words", "endpoint"), ("step", "words")}
TRACED_LATER = {("endpoint", None), ("words_later", "endpoint"), ("step", "words_later")}


def starlette_app(endpoint: Callable[..., Any]) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Route

    return Starlette(routes=[Route("/", endpoint)])


def fastapi_app(endpoint: Callable[..., Any]) -> Any:
    import fastapi

    app = fastapi.FastAPI()
    app.get("/")(endpoint)
    return app


def streaming(make: Callable[[], Any]) -> Any:
    from starlette.responses import StreamingResponse

    return StreamingResponse(make())


def asynchronous(make: Callable[[], Any]) -> Any:
    @tracer.trace
    async def endpoint(request: Any = None) -> Any:
        return streaming(make)

    return endpoint


def synchronous(make: Callable[[], Any]) -> Any:
    @tracer.trace
    def endpoint(request: Any = None) -> Any:
        return streaming(make)

    return endpoint


def events(make: Callable[[], Any]) -> Any:
    from sse_starlette.sse import EventSourceResponse

    @tracer.trace
    async def endpoint(request: Any = None) -> Any:
        return EventSourceResponse(make())

    return endpoint


def block(make: Callable[[], Any]) -> Any:
    async def endpoint(request: Any = None) -> Any:
        with tracer.start_span("endpoint"):
            return streaming(make)

    return endpoint


@contextlib.contextmanager
def asgi_server(app: Any) -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert until(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


class QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def wsgi_server(app: Any) -> Iterator[str]:
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answers(url: str) -> list[str]:
    """The bodies of two requests."""
    return [httpx.get(url).text for _ in range(2)]


def trees() -> list[set[tuple[str, str | None]]]:
    """Of each trace that has ended, the spans' names, each with its parent's."""
    assert until(lambda: not tracer.search_traces("status = 'IN_PROGRESS'"))
    found = []
    for listed in tracer.search_traces():
        trace = tracer.get_trace(listed.info.trace_id)
        assert trace is not None
        names = {span.span_id: span.name for span in trace.data.spans}
        found.append({(span.name, names.get(span.parent_id or "")) for span in trace.data.spans})
    return found


@pytest.mark.parametrize("framework", [starlette_app, fastapi_app])
@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (asynchronous(words_later), UNTRACED),
        (asynchronous(traced_words_later), TRACED_LATER),
        (asynchronous(words), UNTRACED),
        (asynchronous(traced_words), TRACED),
        (synchronous(words_later), UNTRACED),
        (synchronous(traced_words), TRACED),
        (block(traced_words_later), TRACED_LATER),
        (block(traced_words), TRACED),
    ],
    ids=[
        "async endpoint, async generator",
        "async endpoint, traced async generator",
        "async endpoint, generator",
        "async endpoint, traced generator",
        "endpoint, async generator",
        "endpoint, traced generator",
        "block, traced async generator",
        "block, traced generator",
    ],
)
def test_a_streamed_answer_is_one_trace_a_request(
    framework: Callable[[Any], Any], endpoint: Any, expected: set[tuple[str, str | None]]
) -> None:
    with asgi_server(framework(endpoint)) as url:
        assert answers(url) == ["aa", "aa"]

    assert trees() == [expected, expected]


def test_the_endpoints_span_lasts_as_long_as_the_stream_and_has_its_items() -> None:
    with asgi_server(starlette_app(asynchronous(words_later))) as url:
        answers(url)

    trees()
    spans = tracer.get_trace(tracer.search_traces()[0].info.trace_id).data.spans  # type: ignore[union-attr]
    endpoint = next(span for span in spans if span.parent_id is None)
    assert endpoint.outputs == ["a", "a"]
    assert endpoint.end_time_ns == max(span.end_time_ns or 0 for span in spans)


def test_server_sent_events_are_one_trace_a_request() -> None:
    with asgi_server(starlette_app(events(words_later))) as url:
        answers(url)

    assert trees() == [UNTRACED, UNTRACED]


def test_a_client_that_goes_away_ends_the_endpoints_span() -> None:
    gone = threading.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield step() * 1_000
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    with asgi_server(starlette_app(asynchronous(endless))) as url:
        with httpx.stream("GET", url) as answer:
            next(answer.iter_bytes())
        assert gone.wait(60)
        (tree,) = trees()

    assert tree == UNTRACED


def test_fastapi_endpoints_that_yield_are_one_trace_a_request() -> None:
    import fastapi
    from fastapi.sse import EventSourceResponse

    app = fastapi.FastAPI()

    @app.get("/", response_class=EventSourceResponse)
    @tracer.trace(name="endpoint")
    async def endpoint() -> AsyncIterator[str]:
        yield step()
        yield step()

    with asgi_server(app) as url:
        assert [answer.count('data: "a"') for answer in answers(url)] == [2, 2]

    assert trees() == [UNTRACED, UNTRACED]


def test_steps_of_a_fastapi_endpoint_are_below_an_async_dependency_that_yields_in_a_span() -> None:
    import fastapi

    app = fastapi.FastAPI()

    async def session() -> AsyncIterator[int]:
        with tracer.start_span("endpoint"):
            yield 1

    @app.get("/")
    async def endpoint(given: int = fastapi.Depends(session)) -> str:
        return step()

    with asgi_server(app) as url:
        answers(url)

    assert trees() == [UNTRACED, UNTRACED]


def flask_app(endpoint: Callable[..., Any]) -> Any:
    import flask

    app = flask.Flask(__name__)
    app.get("/")(endpoint)
    return app


def flask_endpoints() -> list[Any]:
    flask: Any = pytest.importorskip("flask")
    forms: dict[str, tuple[Callable[[], Any], set[tuple[str, str | None]]]] = {
        "a response": (lambda: flask.Response(words()), UNTRACED),
        "a response of a traced generator": (lambda: flask.Response(traced_words()), TRACED),
        "with the request's context": (lambda: flask.stream_with_context(words()), UNTRACED),
        "a response with the request's context": (
            lambda: flask.Response(flask.stream_with_context(traced_words())),
            TRACED,
        ),
        "a generator": (lambda: words(), UNTRACED),
        "a traced generator": (lambda: traced_words(), TRACED),
        "a generator and headers": (lambda: (words(), {"Content-Type": "text/csv"}), UNTRACED),
    }
    return [pytest.param(make, expected, id=name) for name, (make, expected) in forms.items()]


@pytest.mark.parametrize(("make", "expected"), flask_endpoints())
def test_an_answer_that_flask_streams_is_one_trace_a_request(
    make: Callable[[], Any], expected: set[tuple[str, str | None]]
) -> None:
    @tracer.trace
    def endpoint() -> Any:
        return make()

    with wsgi_server(flask_app(endpoint)) as url:
        assert answers(url) == ["aa", "aa"]

    assert trees() == [expected, expected]


def django_app(view: Callable[..., Any], *, asynchronous: bool) -> Any:
    import django
    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.urls import clear_url_caches, path

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, SECRET_KEY="key", USE_TZ=True)
        django.setup(set_prefix=False)
    urlpatterns[:] = [path("", view)]
    clear_url_caches()
    return ASGIHandler() if asynchronous else WSGIHandler()


urlpatterns: list[Any] = []


@pytest.mark.parametrize(("make", "expected"), [(words, UNTRACED), (traced_words, TRACED)], ids=["untraced", "traced"])
def test_an_answer_that_django_streams_is_one_trace_a_request(
    make: Callable[[], Any], expected: set[tuple[str, str | None]]
) -> None:
    from django.http import StreamingHttpResponse

    @tracer.trace
    def endpoint(request: object) -> Any:
        return StreamingHttpResponse(make())

    with wsgi_server(django_app(endpoint, asynchronous=False)) as url:
        assert answers(url) == ["aa", "aa"]

    assert trees() == [expected, expected]


@pytest.mark.parametrize(
    ("make", "expected"), [(words_later, UNTRACED), (traced_words_later, TRACED_LATER)], ids=["untraced", "traced"]
)
def test_an_answer_that_asynchronous_django_streams_is_one_trace_a_request(
    make: Callable[[], Any], expected: set[tuple[str, str | None]]
) -> None:
    from django.http import StreamingHttpResponse

    @tracer.trace
    async def endpoint(request: object) -> Any:
        return StreamingHttpResponse(make())

    with asgi_server(django_app(endpoint, asynchronous=True)) as url:
        assert answers(url) == ["aa", "aa"]

    assert trees() == [expected, expected]
