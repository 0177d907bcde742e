"""SDKs that Stainless generates: the body, address, response and errors of their calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from tracer import semconv
from tracer._json import JsonMapping, JsonObject

from ._values import Arguments, as_dict, given, server_attributes

if TYPE_CHECKING:
    from tracer.provider.call_recording import CallRecording

_SENTINELS = frozenset({"NotGiven", "Omit"})
_RETRY_HEADER = "x-stainless-retry-count"
_HELPER_HEADERS = frozenset({"x-stainless-helper", "x-stainless-helper-method", "x-stainless-stream-helper"})


class BaseUrl(Protocol):
    """The URL of a client: httpx's own, of whichever version."""

    scheme: str
    host: str
    port: int | None


class Client(Protocol):
    """A client of an SDK, of which only the address is read."""

    base_url: BaseUrl


class Options(Protocol):
    """A request before the SDK builds it: ``FinalRequestOptions``."""

    method: str
    url: str
    headers: object
    params: object
    json_data: object


class StainlessSDK(NamedTuple):
    """Differences between these SDKs: the name of the package, and the headers of a request id."""

    package: str
    request_id_headers: tuple[str, ...]  # the first that a response has counts

    def observe_response(self, recording: CallRecording, arguments: Arguments) -> None:
        """Record the HTTP response before the SDK parses it."""
        response = arguments["response"]
        retries = arguments.get("retries_taken", 0)
        recording.set_response(response, {semconv.REQUEST_ID: self._request_id(response), semconv.RETRIES: retries})

    def read_error(self, error: BaseException) -> JsonObject:
        """The attributes of an exception of the SDK. Others are left alone: reading their properties may warn."""
        if not any(kind.__module__.partition(".")[0] == self.package for kind in type(error).__mro__):
            return {}
        response = getattr(error, "response", None)
        code = getattr(error, "code", None) or getattr(error, "error_code", None)
        kind = getattr(error, "type", None) or as_dict(as_dict(getattr(error, "body", None)).get("error")).get("type")
        found = {
            semconv.HTTP_STATUS: getattr(error, "status_code", None),
            semconv.REQUEST_ID: self._request_id(response),
            semconv.PROVIDER_ERROR_CODE: None if code is None else str(code),
            semconv.PROVIDER_ERROR_TYPE: None if kind is None else str(kind),
            semconv.RETRIES: _retries_of(getattr(response, "request", None) or getattr(error, "request", None)),
        }
        return given(found)

    def _request_id(self, response: object) -> str | None:
        headers = getattr(response, "headers", None)
        if headers is not None:
            for name in self.request_id_headers:
                value: str | None = headers.get(name)
                if value is not None:
                    return value
        return None


def body_of(options: Options) -> object:
    """The body as it is sent: with the caller's ``extra_body``, without parameters that were not given."""
    body, extra = options.json_data, getattr(options, "extra_json", None)
    if extra and isinstance(extra, Mapping) and (body is None or isinstance(body, Mapping)):
        body = {**(body or {}), **extra}
    return without_sentinels(body) if isinstance(body, Mapping) else body


def without_sentinels(body: JsonMapping) -> JsonMapping:
    """The body without parameters that were not given; the same object where there are none."""
    for value in body.values():
        if type(value).__name__ in _SENTINELS:
            return {key: value for key, value in body.items() if type(value).__name__ not in _SENTINELS}
    return body


def call_attributes(client: Client, options: Options) -> JsonObject:
    """The address that a request goes to, and the convenience method of the SDK that makes it."""
    if "://" in options.url:  # the path of a request may be a whole URL
        url = urlsplit(options.url)
        attributes = server_attributes(url.scheme, url.hostname, url.port)
    else:
        attributes = _server_of(client.base_url)
    attributes[semconv.HELPER] = _helper(options.headers)
    return attributes


def _server_of(base_url: BaseUrl) -> JsonObject:
    """The address of a client, whose URL is an object that never changes, taken apart once."""
    known = _servers.get(id(base_url))
    if known is None or known[0] is not base_url:
        if len(_servers) >= _SERVERS_LIMIT:
            _servers.clear()
        known = _servers[id(base_url)] = (
            base_url, server_attributes(base_url.scheme, base_url.host, base_url.port)
        )  # fmt: skip
    return known[1].copy()


_servers: dict[int, tuple[BaseUrl, JsonObject]] = {}
_SERVERS_LIMIT = 100


def _helper(headers: object) -> str | None:
    if not isinstance(headers, Mapping):
        return None
    for name, value in headers.items():
        if isinstance(value, str) and name.lower() in _HELPER_HEADERS:
            return value
    return None


def _retries_of(request: object) -> int | None:
    """The number of attempts that the SDK made before this request."""
    headers = getattr(request, "headers", None)
    count = headers.get(_RETRY_HEADER) if headers is not None else None
    return int(count) if isinstance(count, str) and count.isdigit() else None
