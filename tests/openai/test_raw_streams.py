"""Streams behind `with_raw_response` and `with_streaming_response`: the very span of the plain call, for every API."""

from __future__ import annotations

import base64
import inspect
import json
from typing import Any

import openai
import pytest

from tests.openai.replies import QUESTION, USAGE, completion, lima, response_events
from tests.openai.server import Server, sse

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(600)).decode()
PICTURE = {"b64_json": PNG, "created_at": 1, "output_format": "png", "size": "1024x1024"}
STREAMS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "chat.completions.create": ({"model": "m", "messages": QUESTION}, lima()),
    "completions.create": (
        {"model": "m", "prompt": "?"},
        [completion("Li", usage=None), completion("ma.", usage=USAGE)],
    ),
    "responses.create": ({"model": "m", "input": "?"}, response_events()),
    "images.generate": (
        {"model": "m", "prompt": "?"},
        [
            {"type": "image_generation.partial_image", "partial_image_index": 0, **PICTURE},
            {"type": "image_generation.completed", "usage": {"total_tokens": 3}, **PICTURE},
        ],
    ),
    "audio.transcriptions.create": (
        {"model": "m", "file": ("a.wav", b"RIFF")},
        [{"type": "transcript.text.delta", "delta": "Hi"}, {"type": "transcript.text.done", "text": "Hi"}],
    ),
}
READS = ("raw, parsed", "streaming, parsed", "streaming, by lines", "streaming, by bytes")


def method_of(client: Any, name: str, wrapper: str = "") -> Any:
    *path, method = name.split(".")
    for part in [*path, *([wrapper] if wrapper else [])]:
        if not hasattr(client, part):
            pytest.skip(f"this version of the SDK has no {part}")
        client = getattr(client, part)
    if "stream" not in inspect.signature(getattr(client, method)).parameters:
        pytest.skip(f"this version of the SDK does not stream {name}")
    return getattr(client, method)


def read_sync(client: Any, name: str, how: str, asked: Any) -> None:
    if how == "plain":
        list(method_of(client, name)(**asked, stream=True))
    elif how.startswith("raw"):
        list(method_of(client, name, "with_raw_response")(**asked, stream=True).parse())
    else:
        with method_of(client, name, "with_streaming_response")(**asked, stream=True) as body:
            readers = {"parsed": body.parse, "by lines": body.iter_lines, "by bytes": body.iter_bytes}
            list(readers[how.split(", ")[1]]())


async def read_async(client: Any, name: str, how: str, asked: Any) -> None:
    if how == "plain":
        stream = await method_of(client, name)(**asked, stream=True)
        assert [chunk async for chunk in stream]
    elif how.startswith("raw"):
        raw = await method_of(client, name, "with_raw_response")(**asked, stream=True)
        assert [chunk async for chunk in raw.parse()]
    else:
        async with method_of(client, name, "with_streaming_response")(**asked, stream=True) as body:
            if how.endswith("parsed"):
                assert [chunk async for chunk in await body.parse()]
            else:
                pieces = body.iter_lines() if how.endswith("lines") else body.iter_bytes()
                assert [piece async for piece in pieces]


def content_of(span: Any) -> dict[str, Any]:
    """The content of a span without ids and times."""
    left_out = {"gen_ai.response.time_to_first_chunk", "server.port"}
    kept = {key: _parsed(value) for key, value in span.attributes.items() if key not in left_out}
    return {"name": span.name, "status": span.status, "events": len(span.events), **kept}


def _parsed(value: Any) -> Any:
    """Without the order of fields, which the SDK's classes have changed."""
    return json.loads(value) if isinstance(value, str) and value.startswith(("{", "[")) else value


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("how", READS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_span_is_that_of_the_plain_call(
    name: str, how: str, is_async: bool, server: Server, client: openai.OpenAI, run: Any, stored: Any
) -> None:
    asked, events = STREAMS[name]
    server.will(sse(*events, done=name in ("chat.completions.create", "completions.create")))

    for each in ("plain", how):
        if is_async:
            run(lambda client, each=each: read_async(client, name, each, asked))
        else:
            read_sync(client, name, each, asked)

    plain, other = sorted(stored.spans, key=lambda span: span.start_time_ns)
    assert content_of(other) == content_of(plain)
    assert "tracer.incomplete" not in other.attributes
    assert other.outputs
    assert len(server.asked) == 2
