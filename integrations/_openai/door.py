"""Requests of the OpenAI SDK: the operation of each, its body and its provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tracer import semconv
from tracer.provider import Call, Operation

from .._stainless import Client, Options, body_of, call_attributes, without_sentinels
from .._values import Arguments
from .hosts import provider_of
from .responses import FETCHED_RESPONSE
from .routes import operation_of, streamed_response_id
from .uploads import describe_files

FindOperation = Callable[[str], "Operation | None"]


def read_call(arguments: Arguments) -> Call | None:
    """The call behind ``request(cast_to, options)``; None if it generates nothing."""
    client: Client = arguments["self"]
    options: Options = arguments["options"]
    operation, body = operation_and_body(options)
    if operation is None:
        return None
    attributes = call_attributes(client, options)
    provider = provider_of(attributes[semconv.SERVER_ADDRESS] or "", type(client).__name__)
    return Call(operation, body, provider=provider, attributes=attributes)


def operation_and_body(options: Options, find: FindOperation = operation_of) -> tuple[Operation | None, object]:
    """The operation of a request and its body; ``find`` gives the operation of a POST to a path."""
    method = options.method.lower()
    if method == "post":
        operation = find(options.url)
        return operation, None if operation is None else _body(options)
    params = options.params
    if method != "get" or not isinstance(params, Mapping) or not params.get("stream"):
        return None, None
    response_id = streamed_response_id(options.url)
    if response_id is None:
        return None, None
    # it generates nothing, but the reply of a background response appears in no other call
    return FETCHED_RESPONSE, {"response_id": response_id, **without_sentinels(params)}


def _body(options: Options) -> object:
    body, files = body_of(options), getattr(options, "files", None)
    return {**body, "files": describe_files(files)} if files and isinstance(body, Mapping) else body
