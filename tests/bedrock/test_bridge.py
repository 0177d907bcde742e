"""OpenTelemetry's instrumentation of botocore, and ours of the same calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")
pytest.importorskip("opentelemetry.instrumentation.botocore", reason="tests/run.py makes an environment with it")

from opentelemetry.instrumentation import botocore as instrumentation

import tracer
from tests.bedrock.conftest import ASKED
from tests.bedrock.event_stream import chunk, stream
from tests.bedrock.replies import converse, lima
from tests.bedrock.test_invoke_model import ANTHROPIC, FORMATS
from tests.bedrock.test_invoke_model import ASKED as MESSAGE
from tests.openai.server import Server, reply
from tracer.provider import FrameworkSpans


@pytest.fixture(params=["ours first", "theirs first"])
def both(request: pytest.FixtureRequest) -> Iterator[None]:
    theirs = instrumentation.BotocoreInstrumentor()
    if request.param == "theirs first":
        tracer.bedrock.autolog(disable=True)
        theirs.instrument()
        tracer.bedrock.autolog()
    else:
        theirs.instrument()
    tracer.otel.autolog()
    yield
    tracer.otel.autolog(disable=True)
    theirs.uninstrument()


def test_a_call_that_another_instrumentation_sees_too_counts_once(both: None, make_client: Any, server: Server) -> None:
    client = make_client()
    body = json.dumps(MESSAGE)
    server.will(reply(converse()), stream(*lima()), reply(ANTHROPIC), stream(*map(chunk, FORMATS["Claude"][3])))

    with tracer.start_span("agent"):
        client.converse(**ASKED)
        list(client.converse_stream(**ASKED)["stream"])
        assert json.loads(client.invoke_model(modelId="anthropic.m", body=body)["body"].read()) == ANTHROPIC
        list(client.invoke_model_with_response_stream(modelId="anthropic.m", body=body)["body"])

    [found] = tracer.search_traces()
    assert [span.name.partition(" ")[0] for span in found.data.spans] == ["agent", *["chat"] * 4]
    assert found.info.token_usage["output_tokens"] == 5 + 5 + 2 + 2


def test_their_spans_are_what_is_left_without_ours(make_client: Any, server: Server) -> None:
    tracer.bedrock.autolog(disable=True)
    theirs = instrumentation.BotocoreInstrumentor()
    theirs.instrument()
    tracer.otel.autolog()
    try:
        server.will(reply(converse()))
        make_client().converse(**ASKED)
    finally:
        tracer.otel.autolog(disable=True)
        theirs.uninstrument()

    [found] = tracer.search_traces()
    assert [span.name.partition(" ")[0] for span in found.data.spans] == ["chat"]
    assert found.info.token_usage["output_tokens"] == 5


def test_a_call_that_a_framework_announces_counts_once(client: Any, server: Server) -> None:
    server.will(reply(converse()))
    steps = FrameworkSpans("tracer.framework")
    told: list[str] = []

    run = steps.start("run", "run", span_type="AGENT")
    steps.announce("call", lambda: told.append("asked"))  # type: ignore[arg-type, return-value, func-returns-value]
    client.converse(**ASKED)
    steps.end_call("call")
    assert run is not None
    steps.leave("run")
    run.span.end()

    [found] = tracer.search_traces()
    assert [span.name.partition(" ")[0] for span in found.data.spans] == ["run", "chat"]
    assert told == []
