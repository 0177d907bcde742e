"""Images, generated, edited and varied: requests, replies and streams of partial images."""

from __future__ import annotations

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.messages import media_part, text_part, uri_part
from tracer.provider import Operation, Reply, Request, SpanType

from .._values import as_dict, as_dicts, as_text
from .chat import error_in, parameters
from .uploads import upload_parts
from .usage import read_usage


def _read_request(body: object) -> Request:
    body = as_dict(body)
    prompt = as_text(body.get("prompt"))
    parts = [text_part(prompt)] if prompt else []
    return Request(
        as_text(body.get("model")),
        [{"role": "user", "parts": [*parts, *upload_parts(body, "image")]}],
        attributes={**parameters(body), semconv.OUTPUT_TYPE: "image"},
    )


def _read_reply(body: object) -> Reply:
    body = as_dict(body)
    return Reply(
        model=as_text(body.get("model")),
        messages=[_image_message(image) for image in as_dicts(body.get("data"))],
        usage=read_usage(body.get("usage")),
        **error_in(body),
    )


def _image_message(image: JsonMapping) -> JsonObject:
    content, url = image.get("b64_json"), image.get("url")
    parts: list[JsonObject] = []
    if isinstance(content, str) and content:
        parts.append(media_part("image", content, None))
    elif isinstance(url, str):
        parts.append(uri_part("image", url))
    revised = as_text(image.get("revised_prompt"))
    if revised:
        parts.append({"type": "revised_prompt", "content": revised})
    return {"role": "assistant", "parts": parts}


class ImageAccumulator:
    """Collects streamed images: every finished image, and the last partial one if it was not finished."""

    def __init__(self) -> None:
        self._fields: JsonObject = {}
        self._images: list[JsonObject] = []
        self._partial: JsonObject | None = None

    def add(self, event: object) -> bool:
        """Take an event; True if it carries an image."""
        if not isinstance(event, dict):
            return False
        kind = str(event.get("type") or "")
        if event.get("error"):
            self._fields["error"] = event["error"]
        if not isinstance(event.get("b64_json"), str):
            return False
        self._fields.update((key, value) for key, value in event.items() if key not in _OF_ONE_EVENT)
        if "partial_image" in kind:
            self._partial = _picture(event)
        else:
            self._partial = None
            self._images.append(_picture(event))
        return True

    def is_complete(self) -> bool:
        """Whether an image is finished and no other has begun since."""
        return bool(self._images) and self._partial is None

    def reply(self) -> JsonObject:
        """The images in the shape of a reply that was not streamed."""
        fields = dict(self._fields)
        created = fields.pop("created_at", None)
        images = [*self._images, self._partial] if self._partial is not None else self._images
        return {**({} if created is None else {"created": created}), **fields, "data": list(images)}


_OF_ONE_EVENT = frozenset({"type", "b64_json", "partial_image_index", "sequence_number"})


def _picture(event: JsonMapping) -> JsonObject:
    kept = ("b64_json", "partial_image_index")
    return {key: event[key] for key in kept if event.get(key) is not None}


IMAGE = Operation("generate_content", _read_request, _read_reply, ImageAccumulator, span_type=SpanType.LLM)
