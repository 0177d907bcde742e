"""invoke_model: each model's own format, plain and streamed, and a body that stays the user's to read."""

from __future__ import annotations

import base64
import gc
import io
import json
from typing import Any

import pytest

pytest.importorskip("boto3", reason="tests/run.py makes an environment with it")

from botocore.response import StreamingBody
from botocore.stub import Stubber

from tests.bedrock.event_stream import chunk, exception, stream
from tests.bedrock.replies import converse
from tests.openai.server import BREAK, Scripted, Server, reply

# the SDK leaves the connection of a stream that is let go to the collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed", "ignore:Exception ignored in. <socket")

METRICS = {
    "amazon-bedrock-invocationMetrics": {
        "inputTokenCount": 7,
        "outputTokenCount": 2,
        "invocationLatency": 1500,
        "firstByteLatency": 300,
    }
}
TOKENS = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
HEADERS = {
    "x_amzn_bedrock_input_token_count": "7",
    "x_amzn_bedrock_output_token_count": "2",
    "x_amzn_bedrock_invocation_latency": "1500",
}
ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Lima."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "output_tokens": 2},
}
MESSAGES = [{"role": "user", "content": "Capital of Peru?"}]
ASKED = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": MESSAGES}
QUESTION = [{"role": "user", "parts": [{"type": "text", "content": "Capital of Peru?"}]}]
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Lima."}}

# the model, what is asked, what comes, and the same streamed; each says "Lima."
FORMATS: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = {
    "Claude": (
        "anthropic.claude-3-haiku-20240307-v1:0",
        ASKED,
        ANTHROPIC,
        [
            {"type": "message_start", "message": {**ANTHROPIC, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Li"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ma."}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop", **METRICS},
        ],
    ),
    "Nova": (
        "amazon.nova-micro-v1:0",
        {
            "messages": [{"role": "user", "content": [{"text": "Capital of Peru?"}]}],
            "inferenceConfig": {"max_new_tokens": 50},
        },
        {**converse(), "usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}},
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Li"}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"text": "ma."}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 7, "outputTokens": 2}, "metrics": {}}, **METRICS},
        ],
    ),
    "Titan": (
        "amazon.titan-text-express-v1",
        {"inputText": "Capital of Peru?", "textGenerationConfig": {"maxTokenCount": 50}},
        {
            "inputTextTokenCount": 7,
            "results": [{"tokenCount": 2, "outputText": "Lima.", "completionReason": "FINISH"}],
        },
        [
            {"outputText": "Li", "index": 0, "totalOutputTextTokenCount": None, "inputTextTokenCount": 7},
            {
                "outputText": "ma.",
                "index": 0,
                "totalOutputTextTokenCount": 2,
                "completionReason": "FINISH",
                "inputTextTokenCount": None,
                **METRICS,
            },
        ],
    ),
    "Llama": (
        "us.meta.llama3-3-70b-instruct-v1:0",
        {"prompt": "Capital of Peru?", "max_gen_len": 50},
        {"generation": "Lima.", "prompt_token_count": 7, "generation_token_count": 2, "stop_reason": "stop"},
        [
            {"generation": "Li", "prompt_token_count": 7, "generation_token_count": 1, "stop_reason": None},
            {
                "generation": "ma.",
                "prompt_token_count": None,
                "generation_token_count": 2,
                "stop_reason": "stop",
                **METRICS,
            },
        ],
    ),
    "Mistral's completions": (
        "mistral.mistral-7b-instruct-v0:2",
        {"prompt": "Capital of Peru?", "max_tokens": 50},
        {"outputs": [{"text": "Lima.", "stop_reason": "stop"}]},
        [
            {"outputs": [{"text": "Li", "stop_reason": None}]},
            {"outputs": [{"text": "ma.", "stop_reason": "stop"}], **METRICS},
        ],
    ),
    "Mistral's chats": (
        "mistral.mistral-large-2407-v1:0",
        {"messages": MESSAGES, "max_tokens": 50},
        {"choices": [{**CHOICE, "stop_reason": "stop"}]},
        [
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Li"}, "stop_reason": None}]},
            {
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "ma."}, "stop_reason": "stop"}],
                **METRICS,
            },
        ],
    ),
    "DeepSeek": (
        "us.deepseek.r1-v1:0",
        {"prompt": "Capital of Peru?", "max_tokens": 50},
        {"choices": [{"text": "Lima.", "stop_reason": "stop"}]},
        [
            {"choices": [{"text": "Li", "stop_reason": None}]},
            {"choices": [{"text": "ma.", "stop_reason": "stop"}], **METRICS},
        ],
    ),
    "OpenAI's format": (
        "openai.gpt-oss-20b-1:0",
        {"messages": MESSAGES, "max_tokens": 50},
        {
            "id": "c1",
            "choices": [{**CHOICE, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 2},
        },
        [
            {"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Li"}}]},
            {"id": "c1", "choices": [{"index": 0, "delta": {"content": "ma."}, "finish_reason": "stop"}]},
            {"id": "c1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}, **METRICS},
        ],
    ),
    "Command R": (
        "cohere.command-r-v1:0",
        {"message": "Capital of Peru?", "max_tokens": 50},
        {"response_id": "r1", "generation_id": "g1", "text": "Lima.", "finish_reason": "COMPLETE", "chat_history": []},
        [
            {"event_type": "text-generation", "text": "Li", "is_finished": False},
            {"event_type": "text-generation", "text": "ma.", "is_finished": False},
            {
                "event_type": "stream-end",
                "is_finished": True,
                "finish_reason": "COMPLETE",
                "response": {"text": "Lima.", "finish_reason": "COMPLETE"},
                **METRICS,
            },
        ],
    ),
    "Command": (
        "cohere.command-text-v14",
        {"prompt": "Capital of Peru?", "max_tokens": 50},
        {"id": "g1", "generations": [{"id": "g", "text": "Lima.", "finish_reason": "COMPLETE"}], "prompt": "?"},
        [
            {"text": "Li", "is_finished": False, "index": 0},
            {"text": "ma.", "is_finished": True, "finish_reason": "COMPLETE", "index": 0, **METRICS},
        ],
    ),
    "Jurassic": (
        "ai21.j2-mid-v1",
        {"prompt": "Capital of Peru?", "maxTokens": 50},
        {"id": 1, "completions": [{"data": {"text": "Lima."}, "finishReason": {"reason": "endoftext"}}]},
        [],
    ),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
def test_the_formats_of_the_models(name: str, is_streamed: bool, call: Any, server: Server, stored: Any) -> None:
    model, asked, whole, chunks = FORMATS[name]
    if is_streamed and not chunks:
        pytest.skip("this model does not stream")
    server.will(stream(*map(chunk, chunks)) if is_streamed else reply(whole, **HEADERS))

    way = "invoke_model_with_response_stream" if is_streamed else "invoke_model"
    call(way, modelId=model, body=json.dumps(asked))

    span = stored.span
    is_chat = "messages" in asked or "message" in asked
    assert span.name == f"{'chat' if is_chat else 'text_completion'} {model}"
    assert span.span_type == ("CHAT_MODEL" if is_chat else "LLM")
    assert stored.input == QUESTION
    assert stored.ending == ("UNSET", None, "Lima.")
    assert [message["role"] for message in stored.output] == ["assistant"]
    assert span.token_usage == TOKENS
    assert span.attributes["gen_ai.request.max_tokens"] == 50
    assert len(span.attributes["gen_ai.response.finish_reasons"]) == 1
    assert span.inputs["body"] == asked
    if not is_streamed:
        assert span.outputs == whole


def test_a_body_of_an_unknown_format_stays_as_it_is(call: Any, server: Server, stored: Any) -> None:
    server.will(reply({"answer": 42}))

    call("invoke_model", modelId="arn:aws:bedrock:eu-west-1:1:imported-model/m1", body=b'{"ask": "?"}')

    span = stored.span
    assert (span.name, span.span_type) == ("invoke_model imported-model/m1", "LLM")
    assert (span.inputs["body"], span.outputs) == ({"ask": "?"}, {"answer": 42})
    assert span.status == "UNSET"


def test_chunks_of_an_unknown_format_are_kept(call: Any, server: Server, stored: Any) -> None:
    server.will(stream(chunk({"x": 1}), chunk("no JSON"), chunk({"y": 2, **METRICS})))

    call("invoke_model_with_response_stream", modelId="m", body=b'{"ask": "?"}')

    assert stored.span.attributes["tracer.stream.chunks"] == 3
    assert stored.span.token_usage == TOKENS
    assert stored.ending[:2] == ("UNSET", None)


def test_tokens_of_the_cache_are_part_of_the_input(call: Any, server: Server, stored: Any) -> None:
    cached = {"x_amzn_bedrock_cache_read_input_token_count": "4", "x_amzn_bedrock_cache_write_input_token_count": "1"}
    server.will(reply({"outputs": [{"text": "Lima.", "stop_reason": "stop"}]}, **HEADERS, **cached))

    call("invoke_model", modelId="mistral.m", body=b'{"prompt": "?"}')

    usage = stored.span.token_usage
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_write_input_tokens"]) == (12, 4, 1)
    assert stored.span.attributes["tracer.server.total_time"] == 1.5


@pytest.mark.parametrize(
    ("model", "asked", "came"),
    [
        ("amazon.titan-embed-text-v2:0", {"inputText": "a"}, {"embedding": [0.1, 0.2], "inputTextTokenCount": 7}),
        ("cohere.embed-english-v3", {"texts": ["a"], "input_type": "x"}, {"embeddings": [[0.1, 0.2]], "id": "e"}),
        ("cohere.embed-v4:0", {"texts": ["a"], "input_type": "x"}, {"embeddings": {"float": [[0.1, 0.2]]}}),
        ("amazon.nova-embed", {"taskType": "X"}, {"embeddings": [{"embeddingType": "TEXT", "embedding": [0.1, 0.2]}]}),
    ],
)
def test_embeddings(model: str, asked: Any, came: Any, call: Any, server: Server, stored: Any) -> None:
    server.will(reply(came, x_amzn_bedrock_input_token_count="7"))

    call("invoke_model", modelId=model, body=json.dumps(asked))

    span = stored.span
    assert (span.name, span.span_type) == (f"embeddings {model}", "EMBEDDING")
    assert span.token_usage == {"input_tokens": 7, "total_tokens": 7}
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 2


def test_rerank(call: Any, server: Server, stored: Any) -> None:
    server.will(reply({"results": [{"index": 1, "relevance_score": 0.9}]}))

    asked = {"query": "capital", "documents": ["Oslo", "Lima"], "api_version": 2}
    call("invoke_model", modelId="cohere.rerank-v3-5:0", body=json.dumps(asked))

    assert (stored.span.name, stored.span.span_type) == ("rerank cohere.rerank-v3-5:0", "RERANKER")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "capital"}]}]


def test_pictures_are_kept_as_attachments(call: Any, server: Server, stored: Any) -> None:
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 900).decode()
    server.will(reply({"images": [png]}))

    asked = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "Lima"}}
    call("invoke_model", modelId="amazon.nova-canvas-v1:0", body=json.dumps(asked))

    assert stored.span.name == "generate_content amazon.nova-canvas-v1:0"
    assert stored.span.outputs["images"][0].startswith("tracer-attachment:")


def test_what_a_guardrail_did(call: Any, server: Server, stored: Any) -> None:
    server.will(reply({**ANTHROPIC, "amazon-bedrock-guardrailAction": "INTERVENED"}))

    call("invoke_model", modelId="m", body=json.dumps(ASKED), guardrailIdentifier="g1", guardrailVersion="1")

    attributes = stored.span.attributes
    assert (attributes["aws.bedrock.guardrail.id"], attributes["tracer.guardrail.action"]) == ("g1", "INTERVENED")


# ---- the body stays the user's ----

WHOLE = json.dumps(ANTHROPIC).encode()


def lines_of(body: Any) -> bytes:
    return b"\n".join(body.iter_lines())


def read_into(body: Any) -> bytes:
    buffer, read = bytearray(7), b""
    while count := body.readinto(buffer):
        read += buffer[:count]
    return read


def below(body: Any) -> bytes:
    with body as raw:
        return raw.read()  # type: ignore[no-any-return]


READS = {
    "read": lambda body: body.read(),
    "read in parts": lambda body: b"".join(iter(lambda: body.read(10), b"")),
    "as much as there is": lambda body: body.read(len(WHOLE)),
    "iterate": lambda body: b"".join(body),
    "next": lambda body: next(body),
    "chunks": lambda body: b"".join(body.iter_chunks(16)),
    "lines": lines_of,
    "readlines": lambda body: b"".join(body.readlines()),
    "json.load": lambda body: json.dumps(json.load(body)).encode(),
    "readinto": read_into,
    "with": below,
}


@pytest.mark.parametrize("way", READS)
def test_the_body_is_read_as_without_tracer(way: str, client: Any, server: Server, stored: Any) -> None:
    if not hasattr(StreamingBody, "readinto") and way == "readinto":
        pytest.skip("this version of the SDK has no readinto")
    server.will(reply(WHOLE))
    body = client.invoke_model(modelId="m", body=json.dumps(ASKED))["body"]

    assert type(body) is StreamingBody
    assert stored.spans == []
    assert READS[way](body) == WHOLE

    assert stored.ending == ("UNSET", None, "Lima.")
    assert stored.span.outputs == ANTHROPIC
    assert body._amount_read in (0, len(WHOLE))  # 0: what is below was read


def test_a_body_that_only_the_call_holds(client: Any, server: Server, stored: Any) -> None:
    server.will(reply(WHOLE))

    assert client.invoke_model(modelId="m", body=json.dumps(ASKED))["body"].read() == WHOLE

    assert stored.ending == ("UNSET", None, "Lima.")


def test_a_body_that_was_read_has_its_own_methods_alone(client: Any, server: Server) -> None:
    server.will(reply(WHOLE))
    body = client.invoke_model(modelId="m", body=json.dumps(ASKED))["body"]
    kept = vars(body).keys() - {"read", "readinto", "close"}

    body.read()

    assert vars(body).keys() == kept
    assert not {"read", "readinto", "close"} & vars(body._raw_stream).keys()
    assert body.read() == b""


@pytest.mark.parametrize("way", ["read", "read in parts", "chunks", "lines", "aiter"])
def test_the_body_of_an_asynchronous_client(way: str, arun: Any, server: Server, stored: Any) -> None:
    server.will(reply(WHOLE))

    async def read(body: Any) -> bytes:
        if way == "read":
            return await body.read()  # type: ignore[no-any-return]
        if way == "read in parts":
            parts = [await body.read(10)]
            while parts[-1]:
                parts.append(await body.read(10))
            return b"".join(parts)
        pieces = {"chunks": body.iter_chunks, "lines": body.iter_lines, "aiter": body.__aiter__}[way]()
        return b"".join([piece async for piece in pieces])

    async def scenario(client: Any) -> bytes:
        return await read((await client.invoke_model(modelId="m", body=json.dumps(ASKED)))["body"])

    assert arun(scenario) == WHOLE
    assert stored.ending == ("UNSET", None, "Lima.")


def test_a_body_that_is_closed_before_its_end(client: Any, server: Server, stored: Any) -> None:
    server.will(reply(WHOLE))
    body = client.invoke_model(modelId="m", body=json.dumps(ASKED))["body"]
    body.read(10)

    body.close()

    assert stored.span.attributes["tracer.incomplete"] == "closed"


def test_a_body_that_is_never_read_keeps_what_the_headers_say(client: Any, server: Server, stored: Any) -> None:
    server.will(reply(WHOLE, **HEADERS))

    client.invoke_model(modelId="m", body=json.dumps(ASKED))
    gc.collect()

    assert stored.span.attributes["tracer.incomplete"] == "dropped"
    assert stored.span.token_usage == TOKENS


def test_a_body_that_breaks_is_an_error(client: Any, server: Server, stored: Any) -> None:
    server.will(Scripted([WHOLE[:20], BREAK], is_stream=True))
    body = client.invoke_model(modelId="m", body=json.dumps(ASKED))["body"]

    with pytest.raises(Exception) as raised:  # noqa: PT011
        body.read()

    assert stored.span.status == "ERROR"
    assert stored.span.attributes["error.type"].endswith(type(raised.value).__name__)


def test_a_stubbed_body_is_read_as_without_tracer(make_client: Any, stored: Any) -> None:
    client = make_client()
    with Stubber(client) as stubber:
        body = StreamingBody(io.BytesIO(WHOLE), len(WHOLE))
        stubber.add_response("invoke_model", {"body": body, "contentType": "application/json"})
        assert client.invoke_model(modelId="m", body=json.dumps(ASKED))["body"].read() == WHOLE

    assert stored.ending == ("UNSET", None, "Lima.")


def test_a_body_that_is_read_from_a_file_is_not_touched(client: Any, server: Server, stored: Any) -> None:
    server.will(reply(WHOLE))

    client.invoke_model(modelId="m", body=io.BytesIO(json.dumps(ASKED).encode()))["body"].read()

    assert json.loads(server.asked[0].body) == ASKED
    assert stored.span.inputs["body"] == "<BytesIO>"
    assert stored.text == "Lima."


def test_an_exception_in_the_stream_is_the_calls_error(call: Any, server: Server, stored: Any) -> None:
    first = FORMATS["Llama"][3][0]
    server.will(stream(chunk(first), exception("modelStreamErrorException", "broken")))

    with pytest.raises(Exception, match="broken"):
        call("invoke_model_with_response_stream", modelId="m", body=b'{"prompt": "?"}')

    assert stored.ending == ("ERROR", None, "Li")
