"""``autolog(include_usage=True)``: token counts of streamed completions, requested and hidden from the program."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from tracer.provider import Call

from .._stainless import Options
from .chat import CHAT, COMPLETION


def asking_for_usage(call: Call, options: Options) -> Call:
    """The call with ``stream_options.include_usage``, unless the program set ``stream_options`` or reads the bytes."""
    body = call.body
    if call.operation not in (CHAT, COMPLETION) or not isinstance(body, Mapping):
        return call
    sent = options.json_data  # without extra_body: the SDK returns no stream where only that has "stream"
    if not isinstance(sent, Mapping) or not sent.get("stream"):
        return call
    if "stream_options" in body or _reads_bytes(options.headers):
        return call
    asking = copy.copy(options)
    asking.json_data = {**sent, "stream_options": {"include_usage": True}}
    body = {**body, "stream_options": {"include_usage": True}}
    return call._replace(body=body, changed={"options": asking}, hides=_is_usage_alone)


def _reads_bytes(headers: object) -> bool:
    """Whether the call is made by ``with_streaming_response``, which gives the program every byte."""
    given = headers.items() if isinstance(headers, Mapping) else ()
    raw = next((value for name, value in given if name.lower() == "x-stainless-raw-response"), None)
    return raw is not None and raw != "true"


def _is_usage_alone(chunk: object) -> bool:
    fields = chunk if isinstance(chunk, dict) else vars(chunk)
    return fields.get("choices") == [] and fields.get("usage") is not None
