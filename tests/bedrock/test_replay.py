"""Calls to Bedrock are recorded exactly, and answered without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

import boto3
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, EventStreamError
from urllib3.exceptions import HTTPError

import tracer
from tests.bedrock.conftest import ASKED, AT_ONCE, CREDENTIALS, stream_of
from tests.bedrock.event_stream import chunk, event, exception, stream
from tests.bedrock.replies import MODEL, converse, lima
from tests.garbage import collect_garbage
from tests.openai.server import BREAK, Server, reply
from tracer.errors import CassetteError, ReplayMismatchError


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "bedrock.jsonl"


@pytest.fixture
def stopped() -> Iterator[str]:
    """The address of a server that is not there."""
    server = Server()
    server.close()
    yield server.url
    collect_garbage()


def said(result: Any) -> Any:
    """What a call gave, without the connection that gave it."""
    if isinstance(result, dict):
        result["ResponseMetadata"]["HTTPHeaders"].pop("transfer-encoding", None)
    return result


def test_replies_are_answered_from_the_cassette(call: Callable[..., Any], server: Server, cassette: Path) -> None:
    server.will(reply(converse(), **{"x-amzn-requestid": "r-1"}))
    with tracer.record(cassette):
        first = call("converse", **ASKED)
    server.will()

    with tracer.replay(cassette):
        assert said(call("converse", **ASKED)) == said(first)
    assert len(server.asked) == 1
    span = tracer.get_trace(str(tracer.get_last_active_trace_id())).data.spans[0]  # type: ignore[union-attr]
    assert span.get_attribute("tracer.replayed") is True


def test_streams_are_answered_and_can_be_read(call: Callable[..., Any], server: Server, cassette: Path) -> None:
    server.will(stream(*lima()))
    with tracer.record(cassette):
        first = call("converse_stream", **ASKED)
    server.will()

    with tracer.replay(cassette):
        assert call("converse_stream", **ASKED) == first
    (line,) = cassette.read_text().splitlines()
    chunks = json.loads(line)["response"]["chunks"]
    assert chunks[0]["event"][":event-type"] == "messageStart"
    assert chunks[0]["json"] == {"role": "assistant", "p": "abcdef"}


def test_what_models_of_their_own_format_send_is_json_in_the_cassette(
    call: Callable[..., Any], server: Server, cassette: Path
) -> None:
    asked: Any = {"modelId": "titan", "body": json.dumps({"inputText": "What?"})}
    server.will(stream(chunk({"outputText": "Lima"}), chunk({"outputText": "."})))
    with tracer.record(cassette):
        first = call("invoke_model_with_response_stream", **asked)
    server.will(reply({"results": [{"outputText": "Lima."}]}))
    with tracer.replay(cassette, record="new"):
        whole = call("invoke_model", **asked)
    server.will()

    with tracer.replay(cassette):
        assert call("invoke_model_with_response_stream", **asked) == first
        assert call("invoke_model", **asked) == whole
    assert '"bytes":{"json":{"outputText":"Lima"},' in cassette.read_text()


def test_a_changed_prompt_fails_and_names_the_word(call: Callable[..., Any], server: Server, cassette: Path) -> None:
    server.will(reply(converse()))
    with tracer.record(cassette):
        call("converse", **ASKED)

    changed = [{"role": "user", "content": [{"text": "What is the capital of Chile?"}]}]
    with (
        pytest.raises(ReplayMismatchError, match=r"messages\[0\]\.content\[0\]\.text, word"),
        tracer.replay(cassette),
    ):
        call("converse", modelId=MODEL, messages=changed)
    assert len(server.asked) == 1


def test_refusals_and_exceptions_in_a_stream_are_the_same_errors(
    call: Callable[..., Any], server: Server, cassette: Path
) -> None:
    refusal = {"message": "Too many requests"}

    def outcomes() -> list[Any]:
        found: list[Any] = []
        for name in ("converse", "converse_stream"):
            try:
                call(name, **ASKED)
            except (ClientError, EventStreamError) as error:
                found.append((type(error).__name__, error.response["Error"]))
        return found

    def answer(asked: Any) -> Any:
        if "stream" in asked.path:
            return stream(*lima()[:2], exception("throttlingException", "Slow down"))
        return reply(refusal, status=400, **{"x-amzn-errortype": "ValidationException"})

    server.will(answer)
    with tracer.record(cassette):
        first = outcomes()
    server.will()

    with tracer.replay(cassette):
        assert outcomes() == first
    assert first[1][1]["Code"] == "throttlingException"


def test_a_stream_that_broke_breaks_again(client: Any, server: Server, cassette: Path) -> None:
    def broken() -> tuple[str, int]:
        arrived = []
        try:
            arrived.extend(stream_of(client.converse_stream(**ASKED)))
        except HTTPError as error:
            return type(error).__name__, len(arrived)
        raise AssertionError("it did not break")

    server.will(stream(*lima()[:2], BREAK))
    with tracer.record(cassette):
        first = broken()
    server.will()

    with tracer.replay(cassette):
        assert broken() == first


def test_a_server_that_is_not_there_is_not_there_again(stopped: str, make_client: Any, cassette: Path) -> None:
    client = make_client(endpoint_url=stopped)
    for block in (tracer.record, tracer.replay):
        with block(cassette), pytest.raises((EndpointConnectionError, ConnectionClosedError)):
            client.converse(**ASKED)


def test_a_replay_needs_no_credentials(server: Server, cassette: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.will(reply(converse()))
    with tracer.record(cassette):
        boto3.client("bedrock-runtime", endpoint_url=server.url, config=AT_ONCE, **CREDENTIALS).converse(**ASKED)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with tracer.replay(cassette):
        client = boto3.Session().client("bedrock-runtime", region_name="eu-west-1")
        assert client.converse(**ASKED)["output"] == converse()["output"]


def test_a_stream_that_was_left_is_replayed_up_to_there(client: Any, server: Server, cassette: Path) -> None:
    server.will(stream(*lima()))
    with tracer.record(cassette):
        events = client.converse_stream(**ASKED)["stream"]
        first = next(iter(events))
        events.close()

    with tracer.replay(cassette):
        events = client.converse_stream(**ASKED)["stream"]
        assert next(iter(events)) == first
        events.close()


def test_a_secret_in_a_stream_is_not_in_the_cassette(client: Any, server: Server, cassette: Path) -> None:
    secret = "sk-ant-api03-" + "a1B2c3D4" * 10
    texts = [secret[:20], secret[20:]]
    server.will(stream(*(event("contentBlockDelta", delta={"text": text}, contentBlockIndex=0) for text in texts)))
    with tracer.record(cassette):
        list(client.converse_stream(**ASKED)["stream"])

    assert secret[20:40] not in cassette.read_text()
    with pytest.raises(CassetteError, match="secret"), tracer.replay(cassette):
        pass


def test_a_trace_of_bedrock_says_that_it_cannot_be_replayed(client: Any, server: Server) -> None:
    server.will(reply(converse()))
    client.converse(**ASKED)
    tracer.flush()

    with pytest.raises(CassetteError, match=r"tracer\.record"), tracer.replay(str(tracer.get_last_active_trace_id())):
        pass
