"""The door of the AWS SDK: Bedrock's calls through it once, nothing changed, and put back as it was."""

from __future__ import annotations

import copy
import logging
import subprocess
import sys
import threading
from importlib.metadata import version
from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError
from botocore.stub import Stubber

import tracer
from tests.bedrock.conftest import ASKED, CREDENTIALS
from tests.bedrock.event_stream import stream
from tests.bedrock.replies import TOOLS, converse, lima
from tests.openai.server import Server, reply, unreachable_port
from tests.originals import contents_of


def refused(code: str, status: int = 400) -> Any:
    return reply({"message": "no"}, status=status, x_amzn_errortype=code, x_amzn_requestid="r1")


def test_disable_puts_back_the_very_originals() -> None:
    tracer.bedrock.autolog(disable=True)
    before = contents_of(BaseClient)

    tracer.bedrock.autolog()
    tracer.bedrock.autolog()
    assert contents_of(BaseClient) != before or hasattr(BaseClient._make_api_call, "__wrapped__")
    tracer.bedrock.autolog(disable=True)

    assert contents_of(BaseClient) == before


@pytest.mark.swallow_faults
def test_a_moved_door_is_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tracer.bedrock.autolog(disable=True)
    monkeypatch.delattr(BaseClient, "_make_api_call")

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.bedrock.autolog()
        tracer.bedrock.autolog()

    records = [record for record in caplog.records if record.name.startswith("tracer")]
    assert f"botocore {version('botocore')}" in records[0].getMessage()


def test_the_asynchronous_client_is_no_hidden_door(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("aiobotocore.client", reason="tests/run.py makes an environment with it")
    tracer.bedrock.autolog(disable=True)

    with caplog.at_level(logging.WARNING, "tracer"):
        tracer.bedrock.autolog()

    assert [record for record in caplog.records if record.name.startswith("tracer")] == []


def test_a_client_made_later_and_one_of_boto3_are_recorded(server: Server, stored: Any) -> None:
    server.will(reply(converse()))

    boto3.client("bedrock-runtime", endpoint_url=server.url, **CREDENTIALS).converse(**ASKED)

    assert stored.ending == ("UNSET", None, "Lima.")


def test_calls_in_threads(client: Any, server: Server, stored: Any) -> None:
    server.will(reply(converse()))
    threads = [threading.Thread(target=client.converse, kwargs=ASKED) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(stored.spans) == len(server.asked) == 8


def test_throttling_that_is_tried_again_is_one_span(make_client: Any, server: Server, stored: Any) -> None:
    client = make_client(config=Config(retries={"max_attempts": 3, "mode": "standard"}))
    server.will(refused("ThrottlingException", 429), reply(converse()))

    client.converse(**ASKED)

    assert len(server.asked) == 2
    assert stored.ending == ("UNSET", None, "Lima.")
    assert stored.span.attributes["tracer.retries"] == 1


@pytest.mark.parametrize("way", ["converse", "converse_stream"])
def test_a_refusal_has_its_code(way: str, call: Any, server: Server, stored: Any) -> None:
    server.will(refused("ValidationException"))

    with pytest.raises(ClientError, match="no"):
        call(way, **ASKED)

    span = stored.span
    assert (span.status, span.attributes["tracer.provider.error_code"]) == ("ERROR", "ValidationException")
    assert span.attributes["error.type"] == "botocore.errorfactory.ValidationException"
    assert (span.attributes["http.response.status_code"], span.attributes["tracer.provider.request_id"]) == (400, "r1")


def test_a_server_that_is_not_there_is_an_error(make_client: Any, stored: Any) -> None:
    with pytest.raises(EndpointConnectionError):
        make_client(endpoint_url=f"http://127.0.0.1:{unreachable_port()}").converse(**ASKED)

    assert stored.span.attributes["error.type"] == "botocore.exceptions.EndpointConnectionError"


def test_a_call_that_the_sdk_does_not_send_is_an_error(client: Any, server: Server, stored: Any) -> None:
    with pytest.raises(ParamValidationError):
        client.converse(modelId="m", messages="no list")

    assert (server.asked, stored.span.status) == ([], "ERROR")


def test_other_operations_and_other_services_are_not_recorded(make_client: Any, server: Server, stored: Any) -> None:
    server.will(reply({"modelSummaries": [], "asyncInvokeSummaries": [], "Item": {}}))

    make_client("bedrock").list_foundation_models()
    make_client().list_async_invokes()
    make_client("dynamodb").get_item(TableName="bedrock", Key={"id": {"S": "1"}})

    assert len(server.asked) == 3
    assert stored.spans == []


def test_a_stubbed_client_is_recorded(make_client: Any, stored: Any) -> None:
    client = make_client()
    with Stubber(client) as stubber:
        stubber.add_response(
            "converse", {**converse(), "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}
        )
        client.converse(**ASKED)

    assert stored.ending == ("UNSET", None, "Lima.")


@pytest.mark.parametrize("way", ["converse", "converse_stream"])
def test_the_wire_and_the_reply_are_the_same_without_tracer(way: str, server: Server, call: Any) -> None:
    given = {**ASKED, "toolConfig": {"tools": TOOLS[:1]}}
    before = copy.deepcopy(given)
    of_the_moment = ("amz-sdk-invocation-id", "x-amz-date", "authorization", "amz-sdk-request", "date")

    def act() -> Any:
        server.asked.clear()
        server.will(stream(*lima()) if way.endswith("stream") else reply(converse()))
        result = call(way, **given)
        if isinstance(result, dict):
            result["ResponseMetadata"]["HTTPHeaders"].pop("date")
        sent = [(asked.path, asked.headers, asked.body) for asked in server.asked]
        for _, headers, _ in sent:
            for name in of_the_moment:
                headers.pop(name, None)
        return sent, result

    ours = act()
    tracer.bedrock.autolog(disable=True)

    assert act() == ours
    assert given == before


def test_a_call_is_a_child_of_the_step_around_it(call: Any, server: Server) -> None:
    server.will(reply(converse()), stream(*lima()))

    with tracer.start_span("step"):
        call("converse", **ASKED)
        call("converse_stream", **ASKED)

    [found] = tracer.search_traces()
    assert [span.name.partition(" ")[0] for span in found.data.spans] == ["step", "chat", "chat"]
    assert found.info.token_usage["output_tokens"] == 10


PROGRAM = """
import sys, tracer
tracer.configure(store=sys.argv[1])
tracer.bedrock.autolog()
assert not any(name.startswith("boto") for name in sys.modules)
import boto3
options = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
client = boto3.client("bedrock-runtime", endpoint_url=sys.argv[2], **options)
stream = client.converse_stream(modelId="m", messages=[{"role": "user", "content": [{"text": "?"}]}])["stream"]
events = iter(stream)
next(events), next(events)
"""


def test_a_program_that_ends_with_an_open_stream(held: Any, server: Server, stored: Any, store_url: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, store_url, server.url], timeout=60, check=True)

    assert stored.ending == ("UNSET", "dropped", "Li")
