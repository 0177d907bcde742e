"""What passes OpenAI's door: which operation a path is, what was sent, whereto, and what the HTTP response says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tracer import semconv
from tracer.provider import Call, Operation

from .._stainless import retries_of, text_or_none, without_sentinels
from .._values import server_attributes
from .hosts import provider_of
from .responses import FETCHED_RESPONSE
from .routes import operation_of, streamed_response_id
from .uploads import described

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording


def read_call(arguments: Mapping[str, Any]) -> Call | None:
    """The call behind ``request(cast_to, options)``; None for one that generates nothing."""
    client, options = arguments["self"], arguments["options"]
    operation, body = _operation_and_body(options)
    if operation is None:
        return None
    url = urlsplit(options.url) if "://" in options.url else client.base_url
    host, port = getattr(url, "host", None) or getattr(url, "hostname", None), url.port
    attributes = {
        **server_attributes(url.scheme, host, port),
        semconv.HELPER: _helper(options),
    }
    return Call(operation, body, provider=provider_of(host or "", type(client).__name__), attributes=attributes)


def _operation_and_body(options: Any) -> tuple[Operation | None, Any]:
    method = options.method.lower()
    if method == "post":
        operation = operation_of(options.url)
        return operation, None if operation is None else _body(options)
    params = options.params
    if method != "get" or not isinstance(params, Mapping) or not params.get("stream"):
        return None, None
    response_id = streamed_response_id(options.url)
    if response_id is None:
        return None, None
    # nothing is generated anew, but of a response in the background the reply is nowhere else to be seen
    return FETCHED_RESPONSE, {"response_id": response_id, **without_sentinels(params)}


def _body(options: Any) -> Any:
    """The body as it is sent: with what the caller added through ``extra_body``, without what was not given."""
    body, extra = options.json_data, getattr(options, "extra_json", None)
    if isinstance(body, Mapping) or isinstance(extra, Mapping):
        merged = {**(body or {}), **(extra or {})} if extra else body
        files = getattr(options, "files", None)
        if files:
            merged = {**merged, "files": described(files)}
        return without_sentinels(merged)
    return body


def _helper(options: Any) -> str | None:
    headers = options.headers
    if not isinstance(headers, Mapping):
        return None
    for name, value in headers.items():
        if isinstance(value, str) and name.lower() == "x-stainless-helper-method":
            return value
    return None


def observe_response(recording: CallRecording, arguments: Mapping[str, Any]) -> None:
    """The HTTP response, before the SDK has made anything of it."""
    response = arguments["response"]
    headers = response.headers
    recording.set_response(
        response,
        {
            semconv.REQUEST_ID: headers.get("x-request-id") or headers.get("apim-request-id"),
            semconv.RETRIES: arguments.get("retries_taken", 0),
        },
    )


def read_error(error: BaseException) -> dict[str, Any]:
    """What an exception of the SDK says, as attributes; those of others are not asked, which may well warn."""
    if not any(kind.__module__.startswith("openai") for kind in type(error).__mro__):
        return {}
    response = getattr(error, "response", None)
    request = getattr(response, "request", None) or getattr(error, "request", None)
    attributes = {
        semconv.HTTP_STATUS: getattr(error, "status_code", None),
        semconv.REQUEST_ID: getattr(error, "request_id", None),
        semconv.PROVIDER_ERROR_CODE: text_or_none(getattr(error, "code", None)),
        semconv.PROVIDER_ERROR_TYPE: text_or_none(getattr(error, "type", None)),
        semconv.RETRIES: retries_of(request),
    }
    return {key: value for key, value in attributes.items() if value is not None}
