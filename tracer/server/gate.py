"""Access control: checks Host (DNS rebinding), Origin and Sec-Fetch-Site (forged requests) and the key."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracer.server.access import Needs, in_words, is_allowed
from tracer.server.answer import answer_for, error_answer
from tracer.server.settings import ServerSettings
from tracer.server.stores import CALLER, NEEDS, Credentials, Stores

_LOOPBACK_NAMES = ("localhost",)
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:;"
    " font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Gate:
    """Refuses requests that are not allowed, and adds the security headers to every response, errors included.

    Links of other sites may lead to the endpoints ``linked``. ``needs`` has the roles that each endpoint needs; a route
    that was added to the app needs a key with all roles, and so does a path without a route.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        stores: Stores,
        linked: Collection[object],
        needs: Mapping[object, Needs],
    ) -> None:
        self._app = app
        self._settings = settings
        self._stores = stores
        self._linked = linked
        self._needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        outgoing = _Outgoing(send)
        try:
            answer = await self._refusal(connection) or self._app
            await answer(scope, receive, outgoing)
        except Exception as error:
            if outgoing.has_started:
                raise
            await answer_for(error)(scope, receive, outgoing)

    async def _refusal(self, connection: HTTPConnection) -> Response | None:
        host = connection.headers.get("host", "")
        if not is_known_host(host, (self._settings.host, *self._settings.allowed_hosts)):
            return error_answer(
                403,
                f"this server does not answer to the name {host[:100]!r}; start it with --allow-host if it should",
            )
        endpoint = _endpoint_for(connection.scope)
        if comes_from_elsewhere(connection, host, is_linked=endpoint in self._linked):
            return error_answer(403, "the request comes from another site")
        needs = self._needs.get(endpoint, "both")
        if needs == "nothing":
            return None
        caller = await self._stores.caller(credentials_of(connection))
        if caller is None:
            answer = error_answer(401, "a token is needed: sign in, or send Authorization: Bearer <token>")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        if not is_allowed(needs, caller.roles):
            return error_answer(
                403, f"this key has the role {' and '.join(caller.roles)}, and this needs {in_words(needs)}"
            )
        connection.scope.update({CALLER: caller, NEEDS: needs})
        return None


def _endpoint_for(scope: Scope) -> object:
    """The endpoint that the app's router will call; None where no route matches."""
    partly: object = None
    for route in scope["app"].routes:  # in the router's own order and by its own matching, prefixes included
        match, child_scope = route.matches(scope)
        if match is Match.FULL:
            return child_scope.get("endpoint")
        if match is Match.PARTIAL and partly is None:  # another method
            partly = child_scope.get("endpoint")
    return partly


def is_known_host(host: str, names: Collection[str]) -> bool:
    """Whether a Host header is an IP address, localhost or one of the names, so not a rebound DNS name."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name in _LOOPBACK_NAMES or name in map(str.lower, names)


def comes_from_elsewhere(connection: HTTPConnection, host: str, *, is_linked: bool = False) -> bool:
    """Whether a web page of another origin sent this; programs other than browsers send neither header."""
    origin = connection.headers.get("origin")
    if origin is not None:
        try:
            return urlsplit(origin).netloc.lower() != host.lower()
        except ValueError:
            return True
    site = connection.headers.get("sec-fetch-site", "none")
    is_link = is_linked and connection.scope["method"] == "GET"
    return site not in ("same-origin", "none") and not is_link


def credentials_of(connection: HTTPConnection) -> Credentials:
    """The key or the cookie of a request."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Credentials(given.strip(), "")
    if scheme.lower() == "basic":  # as Langfuse's SDKs send their two keys
        return Credentials(_password(given.strip()), "")
    return Credentials(None, connection.cookies.get(cookie_name(connection), ""))


def _password(given: str) -> str:
    """The password in the credentials of HTTP's basic scheme."""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def cookie_name(connection: HTTPConnection) -> str:
    """Name of the cookie for this port: browsers send a host's cookies to all of its ports."""
    return f"tracer-{(connection.scope.get('server') or ('', 0))[1]}"


class _Outgoing:
    """Adds the security headers to a response, and keeps whether it has started."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            given = {name for name, _ in message["headers"]}
            missing = {name.encode(): value.encode() for name, value in _HEADERS.items()}
            message["headers"] = [*message["headers"], *(pair for pair in missing.items() if pair[0] not in given)]
        await self._send(message)
