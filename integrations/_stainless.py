"""What the SDKs that Stainless generates have in common: how a request, its response and its errors are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tracer import semconv

from ._values import server_attributes

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording

_SENTINELS = frozenset({"NotGiven", "Omit"})
_RETRY_HEADER = "x-stainless-retry-count"
_HELPER_HEADERS = frozenset({"x-stainless-helper", "x-stainless-helper-method", "x-stainless-stream-helper"})
_REQUEST_ID_HEADERS = ("request-id", "x-request-id")


def body_of(options: Any) -> Any:
    """The body as it is sent: with what the caller added through ``extra_body``, without what was not given."""
    body, extra = options.json_data, getattr(options, "extra_json", None)
    if not isinstance(body, Mapping):
        return body
    merged = {**body, **extra} if isinstance(extra, Mapping) else body
    return without_sentinels(merged)


def without_sentinels(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body without what was not given, itself where everything was."""
    for value in body.values():
        if type(value).__name__ in _SENTINELS:
            return {key: value for key, value in body.items() if type(value).__name__ not in _SENTINELS}
    return body


def call_attributes(client: Any, options: Any) -> dict[str, Any]:
    """Where a request goes, and by which convenience method of the SDK."""
    url = client.base_url
    return {
        **server_attributes(url.scheme, url.host, url.port),
        semconv.HELPER: _helper(options.headers),
    }


def _helper(headers: Any) -> str | None:
    if not isinstance(headers, Mapping):
        return None
    named = [value for name, value in headers.items() if name.lower() in _HELPER_HEADERS]
    return next((value for value in named if isinstance(value, str)), None)


def observe_response(recording: CallRecording, arguments: Mapping[str, Any]) -> None:
    """The HTTP response, before the SDK has made anything of it."""
    response = arguments["response"]
    retries = arguments.get("retries_taken", 0)
    recording.set_response(response, {semconv.REQUEST_ID: _request_id(response), semconv.RETRIES: retries})


def read_error(error: BaseException) -> dict[str, Any]:
    """What an exception of such an SDK says, as attributes."""
    response = getattr(error, "response", None)
    request = getattr(response, "request", None) or getattr(error, "request", None)
    attributes = {
        semconv.HTTP_STATUS: getattr(error, "status_code", None),
        semconv.REQUEST_ID: _request_id(response),
        semconv.PROVIDER_ERROR_CODE: text_or_none(getattr(error, "code", None) or getattr(error, "error_code", None)),
        semconv.PROVIDER_ERROR_TYPE: text_or_none(
            getattr(error, "type", None) or _type_in(getattr(error, "body", None))
        ),
        semconv.RETRIES: retries_of(request),
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _type_in(body: Any) -> Any:
    error = body.get("error") if isinstance(body, dict) else None
    return error.get("type") if isinstance(error, dict) else None


def _request_id(response: Any) -> str | None:
    headers = getattr(response, "headers", None) or {}
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)


def text_or_none(value: Any) -> str | None:
    """The value as text, None where there is none."""
    return None if value is None else str(value)


def retries_of(request: Any) -> int | None:
    """How often the SDK had tried before it sent this request."""
    headers = getattr(request, "headers", None)
    count = headers.get(_RETRY_HEADER) if headers is not None else None
    return int(count) if isinstance(count, str) and count.isdigit() else None
