"""Calls to Bedrock are recorded exactly, and answered without it."""

from __future__ import annotations

import base64
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
from tests.bedrock.replies import CALL, MODEL, TOOLS, converse, delta, end, lima
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


# ---- from traces ----


def last_trace() -> str:
    tracer.flush()
    return str(tracer.get_last_active_trace_id())


def plain(result: Any) -> Any:
    """What a call gave, without the account of the connection; bodies as JSON."""
    if isinstance(result, bytes):
        return json.loads(result)
    if isinstance(result, list):
        return [json.loads(event["chunk"]["bytes"]) if "chunk" in event else event for event in result]
    return {name: value for name, value in result.items() if name != "ResponseMetadata"}


INVOKE_STREAM = "invoke_model_with_response_stream"
CLAUDE: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "system": None,
    "messages": [{"role": "user", "content": "What is the capital of Peru?"}],
}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Lima."}], "stop_reason": None}
PIECES = [
    {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 3}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Lima."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}},
]
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SEEN = {"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": PICTURE}}}, {"text": "What?"}]}
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
THOUGHT = {"reasoningContent": {"redactedContent": base64.b64encode(b"\x00\xffthoughts").decode()}}


@pytest.mark.parametrize(
    ("name", "asked", "answer"),
    [
        ("converse", ASKED, reply(converse())),
        ("converse", {**ASKED, "modelId": ARN, "toolConfig": {"tools": TOOLS[:1]}}, reply(converse(THOUGHT, CALL))),
        ("converse", {**ASKED, "messages": [SEEN]}, reply(converse())),
        ("converse_stream", ASKED, stream(*lima())),
        (
            "converse_stream",
            {**ASKED, "toolConfig": {"tools": TOOLS[:1]}},
            stream(
                event("messageStart", role="assistant"),
                event("contentBlockStart", contentBlockIndex=0, start={"toolUse": {"toolUseId": "c", "name": "n"}}),
                delta(toolUse={"input": '{"city":'}),
                delta(toolUse={"input": '"Lima"}'}),
                delta(index=1, **THOUGHT),
                *end("tool_use"),
            ),
        ),
        ("invoke_model", {"modelId": MODEL, "body": json.dumps(CLAUDE)}, reply(SAID)),
        (INVOKE_STREAM, {"modelId": MODEL, "body": json.dumps(CLAUDE)}, stream(*map(chunk, PIECES))),
        (INVOKE_STREAM, {"modelId": "own", "body": b'{"prompt": "?"}'}, stream(chunk('["Lima"]'))),
    ],
    ids=["converse", "tools", "picture", "stream", "tools in a stream", "invoke", "invoke in a stream", "own format"],
)
def test_a_trace_answers_what_it_recorded(
    call: Callable[..., Any], server: Server, name: str, asked: Any, answer: Any
) -> None:
    server.will(answer)
    first = call(name, **asked)
    recorded = last_trace()
    server.will()

    with tracer.replay(recorded) as replay:
        second = call(name, **asked)

    assert plain(second) == plain(first)
    assert replay.unused == 0
    assert len(server.asked) == 1
    again = tracer.get_trace(last_trace())
    assert again is not None
    assert again.data.spans[0].get_attribute("tracer.replayed") is True
    assert not tracer.diff(recorded, again)


def test_a_trace_answers_with_the_errors_it_recorded(call: Callable[..., Any], server: Server) -> None:
    def outcomes() -> list[Any]:
        found: list[Any] = []
        with tracer.start_span("agent"):
            for name in ("converse", "converse_stream"):
                try:
                    found.append(call(name, **ASKED))
                except (ClientError, EventStreamError) as error:
                    metadata = error.response.get("ResponseMetadata", {})
                    found.append((type(error).__name__, str(error), error.response["Error"], metadata.get("RequestId")))
        return found

    def answer(asked: Any) -> Any:
        if "stream" in asked.path:
            return stream(*lima()[:2], exception("throttlingException", "Slow down"))
        headers = {"x-amzn-errortype": "ValidationException", "x-amzn-requestid": "r-1"}
        return reply({"message": "Too long"}, status=400, **headers)

    server.will(answer)
    first = outcomes()
    server.will()

    with tracer.replay(last_trace()):
        assert outcomes() == first
    assert [error[2]["Message"] for error in first] == ["Too long", "Slow down"]
    assert first[0][3] == "r-1"


def test_a_changed_prompt_differs_from_a_trace(call: Callable[..., Any], server: Server) -> None:
    server.will(reply(converse()))
    call("converse", **ASKED)
    recorded = last_trace()

    changed = [{"role": "user", "content": [{"text": "What is the capital of Chile?"}]}]
    with (
        pytest.raises(ReplayMismatchError, match=r"messages\[0\]\.content\[0\]\.text, word"),
        tracer.replay(recorded),
    ):
        call("converse", modelId=MODEL, messages=changed)
    with pytest.raises(ReplayMismatchError, match="modelId"), tracer.replay(recorded):
        call("converse", modelId="another", messages=ASKED["messages"])
    with pytest.raises(ReplayMismatchError, match="stream is new"), tracer.replay(recorded):
        call("converse_stream", **ASKED)
    assert len(server.asked) == 1


def test_a_stream_of_a_trace_breaks_where_it_broke(client: Any, server: Server) -> None:
    def arrived() -> list[Any]:
        found: list[Any] = []
        with pytest.raises(HTTPError):
            found.extend(stream_of(client.converse_stream(**ASKED)))
        return found

    server.will(stream(*lima()[:2], BREAK))
    first = arrived()
    server.will()

    with tracer.replay(last_trace()):
        assert arrived() == first


def test_what_a_trace_lacks_of_a_call_is_told_before_anything_runs(client: Any, server: Server) -> None:
    server.will(reply({"answer": 1}))
    client.invoke_model(modelId="own", body=b"no JSON")["body"].read()
    with pytest.raises(CassetteError, match=r"only where they are JSON.*tracer\.record"), tracer.replay(last_trace()):
        pass

    client.invoke_model(modelId="own", body=b"{}")["body"].close()
    with pytest.raises(CassetteError, match="its reply was not recorded"), tracer.replay(last_trace()):
        pass


def test_operations_that_no_trace_answers_are_told_before_anything_runs(client: Any, server: Server) -> None:
    if not hasattr(client, "start_async_invoke"):
        pytest.skip("this version of the SDK does not know it")
    server.will(reply({"invocationArn": "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl"}))
    output = {"s3OutputDataConfig": {"s3Uri": "s3://bucket"}}
    client.start_async_invoke(modelId="own", modelInput={}, outputDataConfig=output)
    with pytest.raises(CassetteError, match="converse and invoke_model are answered"), tracer.replay(last_trace()):
        pass


def test_a_program_forks_and_asks_the_rest(client: Any, server: Server) -> None:
    def agent() -> str:
        with tracer.start_span("agent"):
            said = ""
            for question in ("one", "two", "three"):
                content = [{"text": f"{question} {said}"}]
                found = client.converse(modelId=MODEL, messages=[{"role": "user", "content": content}])
                said = found["output"]["message"]["content"][0]["text"]
            return said

    server.will(reply(converse({"text": "first"})))
    agent()
    server.will(reply(converse({"text": "another"})))

    old = last_trace()
    with tracer.fork(old, at=4):
        assert agent() == "another"
    assert len(server.asked) == 4
    with pytest.raises(CassetteError, match="signed"), tracer.fork(old, at=4, set={"modelId": "own"}):
        pass
