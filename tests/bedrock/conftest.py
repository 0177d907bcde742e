"""A local server, clients of the real SDK against it, and the spans that were stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

import botocore.session
from botocore.config import Config
from botocore.exceptions import ParamValidationError

import tracer
from tests.bedrock.event_stream import stream
from tests.bedrock.replies import MODEL, QUESTION, lima
from tests.garbage import collect_garbage
from tests.openai.server import BREAK, Server

ASKED: dict[str, Any] = {"modelId": MODEL, "messages": QUESTION}
CREDENTIALS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
AT_ONCE = Config(retries={"max_attempts": 1, "mode": "standard"})


@pytest.fixture(autouse=True)
def autolog(own_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    tracer.bedrock.autolog()
    yield
    tracer.bedrock.autolog(disable=True)
    collect_garbage()


@pytest.fixture(scope="session")
def session() -> Any:
    """Its loader keeps the descriptions of the services, which take most of the time to make a client."""
    return botocore.session.Session()


@pytest.fixture(scope="session")
def make_client(session: Any, running_server: Server) -> Callable[..., Any]:
    def make(service: str = "bedrock-runtime", **given: Any) -> Any:
        options = {"endpoint_url": running_server.url, "config": AT_ONCE, **CREDENTIALS, **given}
        return session.create_client(service, **options)

    return make


@pytest.fixture(scope="session")
def client(make_client: Any) -> Any:
    """A client that is older than `autolog()`."""
    return make_client()


@pytest.fixture(scope="session")
def agents(make_client: Any) -> Any:
    """A client for agents and knowledge bases."""
    return make_client("bedrock-agent-runtime")


@pytest.fixture
def arun(running_server: Server) -> Callable[..., Any]:
    """Runs ``scenario(client)`` in a loop of its own."""
    aiobotocore = pytest.importorskip("aiobotocore.session", reason="tests/run.py makes an environment with it")

    def run_scenario(scenario: Callable[[Any], Awaitable[Any]], service: str = "bedrock-runtime") -> Any:
        async def main() -> Any:
            options: Any = {"endpoint_url": running_server.url, **CREDENTIALS}
            async with aiobotocore.get_session().create_client(service, **options) as client:
                return await scenario(client)

        return asyncio.run(main())

    return run_scenario


def stream_of(result: Any) -> Any:
    """The stream inside of what a call gave."""
    return next(value for value in result.values() if hasattr(value, "_event_generator"))


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: Any) -> Callable[..., Any]:
    """``call("converse", …)`` by both clients; of a stream the events, of a body its bytes."""

    def call_sync(name: str, **given: Any) -> Any:
        result = getattr(client, name)(**given)
        if "stream" in name:
            return list(stream_of(result))
        return result["body"].read() if "body" in result else result

    def call_async(name: str, **given: Any) -> Any:
        async def scenario(client: Any) -> Any:
            result = await getattr(client, name)(**given)
            if "stream" in name:
                return [event async for event in stream_of(result)]
            return await result["body"].read() if "body" in result else result

        return request.getfixturevalue("arun")(scenario)

    call_it = call_sync if request.param == "sync" else call_async

    def call_or_skip(name: str, **given: Any) -> Any:
        try:
            return call_it(name, **given)
        except ParamValidationError as error:
            if "Unknown parameter" in str(error):
                pytest.skip("this version of the SDK does not know a parameter")
            raise

    return call_or_skip


def needs(client: Any, shape: str, member: str) -> None:
    """Skip the test where the SDK is older than a part of a reply."""
    if member not in client.meta.service_model.shape_for(shape).members:
        pytest.skip(f"this version of the SDK does not know {member}")


# ---- for tests.stream_ends ----


@pytest.fixture
def open_stream(client: Any) -> Callable[[], Any]:
    return lambda: Reader(client.converse_stream(**ASKED)["stream"])


class Reader:
    """Reads an event stream step by step, as its iterator does not keep its own place."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.close = stream.close
        self.iterator = aiter(stream) if hasattr(stream, "__aiter__") else iter(stream)

    def __iter__(self) -> Any:
        return self.iterator

    def __aiter__(self) -> Any:
        return self.iterator

    def __anext__(self) -> Any:
        return self.iterator.__anext__()


@pytest.fixture
def run(arun: Any) -> Callable[[Any], Any]:
    def run_scenario(scenario: Any) -> Any:
        async def with_client(client: Any) -> Any:
            async def open_stream() -> Any:
                return Reader((await client.converse_stream(**ASKED))["stream"])

            return await scenario(open_stream)

        return arun(with_client)

    return run_scenario


@pytest.fixture
def whole(server: Server) -> None:
    server.will(stream(*lima()))


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    event = threading.Event()
    server.will(stream(*lima()[:2], event, *lima()[2:]))
    yield event
    event.set()


@pytest.fixture
def broken(server: Server) -> None:
    server.will(stream(*lima()[:2], BREAK))
