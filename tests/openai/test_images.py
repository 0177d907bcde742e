"""Images: generated, edited and varied, plain and streamed; their content is an attachment with its media type."""

from __future__ import annotations

import base64
import inspect
from typing import Any

import openai
import pytest

from tests.openai.server import Server, reply, sse

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
WEBP = b"RIFF\x00\x04\x00\x00WEBP" + bytes(range(256)) * 4
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 272,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 272},
    "total_tokens": 322,
}

needs_streamed_images = pytest.mark.skipif(
    "stream" not in inspect.signature(openai.resources.images.Images.generate).parameters,
    reason="this version of the SDK does not stream images",
)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def images(*data: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"created": 1_760_000_000, "data": list(data), **extra}


def test_a_generated_image_is_an_attachment_of_its_kind(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(images({"b64_json": b64(PNG)}, {"b64_json": b64(WEBP)}, output_format="png", usage=USAGE)))

    call("images.generate", model="gpt-image-test", prompt="A cat", n=2)

    span = stored.span
    assert (span.name, span.span_type) == ("generate_content gpt-image-test", "LLM")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "A cat"}]}]
    parts = [part for message in stored.output for part in message["parts"]]
    assert [part["mime_type"] for part in parts] == ["image/png", "image/webp"]
    assert [stored.attachment(part["content"]) for part in parts] == [("image/png", PNG), ("image/webp", WEBP)]
    assert [image["b64_json"] for image in span.outputs["data"]] == [part["content"] for part in parts]
    assert b64(PNG)[:100] not in str(span.attributes)
    assert span.token_usage == {
        "input_tokens": 50,
        "output_tokens": 272,
        "total_tokens": 322,
        "image_input_tokens": 40,
        "image_output_tokens": 272,
        "text_input_tokens": 10,
    }
    assert span.attributes["gen_ai.output.type"] == "image"
    assert span.attributes["gen_ai.request.choice.count"] == 2


def test_an_image_that_is_pointed_to(server: Server, call: Any, stored: Any) -> None:
    url = "https://pictures.example/1.png"
    server.will(reply(images({"url": url, "revised_prompt": "A small cat"})))

    call("images.generate", model="m", prompt="A cat")

    assert stored.output == [
        {
            "role": "assistant",
            "parts": [
                {"type": "uri", "modality": "image", "uri": url},
                {"type": "revised_prompt", "content": "A small cat"},
            ],
        }
    ]
    assert stored.span.outputs == images({"url": url, "revised_prompt": "A small cat"})


def test_an_image_edit_names_its_uploaded_files(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(images({"b64_json": b64(PNG)})))

    call("images.edit", model="m", prompt="A hat", image=("cat.png", PNG, "image/png"), mask=PNG)

    span = stored.span
    assert span.name == "generate_content m"
    assert span.inputs == {
        "model": "m",
        "prompt": "A hat",
        "files": [
            {"field": "image", "filename": "cat.png", "content_type": "image/png", "bytes": len(PNG)},
            {"field": "mask", "filename": None, "bytes": len(PNG)},
        ],
    }
    assert stored.input[0]["parts"] == [
        {"type": "text", "content": "A hat"},
        {"type": "file", "modality": "image", "mime_type": "image/png", "filename": "cat.png", "bytes": len(PNG)},
        {"type": "file", "modality": "image", "bytes": len(PNG)},
    ]


@pytest.mark.filterwarnings("ignore:deprecated")
def test_a_variation_has_no_prompt(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(images({"url": "https://pictures.example/1.png"})))

    call("images.create_variation", model="m", image=("cat.png", PNG))

    assert stored.input[0]["parts"] == [{"type": "file", "modality": "image", "filename": "cat.png", "bytes": len(PNG)}]
    assert stored.output[0]["parts"][0]["type"] == "uri"


def event(kind: str, content: bytes, **extra: Any) -> dict[str, Any]:
    about = {"background": "opaque", "created_at": 7, "output_format": "png", "quality": "low", "size": "1024x1024"}
    return {"type": kind, "b64_json": b64(content), **about, **extra}


@needs_streamed_images
@pytest.mark.parametrize(("method", "kind"), [("generate", "image_generation"), ("edit", "image_edit")])
def test_a_streamed_image_has_its_partial_images_as_events(
    method: str, kind: str, server: Server, call: Any, stored: Any
) -> None:
    partial = event(f"{kind}.partial_image", JPEG, partial_image_index=0)
    server.will(sse(partial, event(f"{kind}.completed", PNG, usage=USAGE), done=False))
    upload = {"image": ("cat.png", PNG)} if method == "edit" else {}

    events = call(f"images.{method}", model="m", prompt="A cat", stream=True, partial_images=1, **upload)

    span = stored.span
    assert [one.type for one in events] == [f"{kind}.partial_image", f"{kind}.completed"]
    assert events[0].b64_json == b64(JPEG)
    assert stored.attachment(stored.output[0]["parts"][0]["content"]) == ("image/png", PNG)
    assert span.outputs["created"] == 7
    assert (len(span.outputs["data"]), span.outputs["quality"]) == (1, "low")
    assert span.token_usage["output_tokens"] == 272
    assert "tracer.incomplete" not in span.attributes
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    chunks = [one.attributes["tracer.chunk"] for one in span.events]
    assert len(chunks) == 2
    assert all("tracer-attachment:" in chunk and b64(JPEG)[:100] not in chunk for chunk in chunks)


@needs_streamed_images
def test_an_image_stream_that_is_closed_early_has_its_last_partial_image(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    partial = event("image_generation.partial_image", JPEG, partial_image_index=0)
    server.will(sse(partial, event("image_generation.completed", PNG), done=False))

    with client.images.generate(model="m", prompt="A cat", stream=True, partial_images=1) as stream:
        for _ in stream:
            break

    assert stored.span.attributes["tracer.incomplete"] == "closed"
    assert stored.span.outputs["data"][0]["partial_image_index"] == 0
    assert stored.attachment(stored.output[0]["parts"][0]["content"]) == ("image/jpeg", JPEG)


def test_without_content_no_image_is_kept(server: Server, client: openai.OpenAI, stored: Any) -> None:
    import hashlib

    import tracer

    tracer.configure(capture_content=False)
    server.will(reply(images({"b64_json": b64(PNG)})))

    client.images.generate(model="m", prompt="A cat")

    assert stored.span.outputs is None
    assert stored.attachment(hashlib.sha256(PNG).hexdigest()) is None


def test_an_image_that_is_no_base64_stays_as_it_is(server: Server, client: openai.OpenAI, stored: Any) -> None:
    odd = "not base64! " * 100
    server.will(reply(images({"b64_json": odd})))

    client.images.generate(model="m", prompt="A cat")

    assert stored.span.outputs["data"] == [{"b64_json": odd}]
    assert odd in stored.output[0]["parts"][0]["content"]
