"""Tracing of the Anthropic SDK: messages, plain and streamed, also through Bedrock and Vertex AI."""

from __future__ import annotations

import functools
from urllib.parse import urlsplit

from tracer.provider import Call, Door, Operation, Provider, SpanType, Tap, autolog_of

from ._anthropic.events import MessageAccumulator
from ._anthropic.messages import read_reply, read_request
from ._stainless import Client, Options, StainlessSDK, body_of, call_attributes
from ._values import Arguments

__all__ = ["autolog", "provider"]

MESSAGE = Operation("chat", read_request, read_reply, MessageAccumulator)

_GENERATES_NOTHING = frozenset({
    "agents", "batches", "count_tokens", "deployments", "dreams", "environments", "files", "memory_stores", "models",
    "organizations", "sessions", "skills", "tunnels", "user_profiles", "vaults",
})  # fmt: skip
_PROVIDER_OF_CLIENT = {"Bedrock": "aws.bedrock", "Vertex": "gcp.vertex_ai", "Foundry": "azure.ai.inference"}


def read_call(arguments: Arguments) -> Call | None:
    """The call behind ``request(cast_to, options)``; None if it generates nothing."""
    client: Client = arguments["self"]
    options: Options = arguments["options"]
    operation = operation_of(options.url) if options.method.lower() == "post" else None
    if operation is None:
        return None
    name = type(client).__name__
    provider_name = next((known for part, known in _PROVIDER_OF_CLIENT.items() if part in name), None)
    return Call(operation, body_of(options), provider=provider_name, attributes=call_attributes(client, options))


@functools.lru_cache(maxsize=256)
def operation_of(path: str) -> Operation | None:
    """The operation of a POST to a path, a generic one for an unknown path; None if it generates nothing."""
    segments = [segment for segment in urlsplit(path).path.split("/") if segment]
    if not _GENERATES_NOTHING.isdisjoint(segments):
        return None
    if segments[-1:] == ["messages"]:
        return MESSAGE
    name = ".".join(segments[-2:]) or "request"
    return MESSAGE._replace(name=name, span_type=SpanType.UNKNOWN)


_SDK = StainlessSDK("anthropic", request_id_headers=("request-id", "x-request-id"))
_CLIENTS = ("anthropic._base_client:SyncAPIClient", "anthropic._base_client:AsyncAPIClient")

provider = Provider(
    name="anthropic",
    module="anthropic",
    supported="0.50.0 to 2.x",
    doors=tuple(
        # _request, where the SDK has it, comes after iterators in the body have been read into lists
        Door((f"{client}._request", f"{client}.request"), read_call, parameters=("options", "stream_cls"))
        for client in _CLIENTS
    ),
    taps=tuple(
        Tap(f"{client}._process_response", _SDK.observe_response, parameters=("response",)) for client in _CLIENTS
    ),
    read_error=_SDK.read_error,
    read_later={"anthropic.message": MESSAGE},
)


@autolog_of("anthropic")
def autolog(*, disable: bool = False) -> None:
    """Record every message made through the Anthropic SDK: sync, async, streamed, tools, thinking, cached tokens.

    May be called before or after ``import anthropic``, and any number of times. ``disable=True`` puts the SDK back as
    it was.
    """
    provider.autolog(disable=disable)
