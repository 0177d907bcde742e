"""Sign-in with the token or a key, and information about the server."""

from __future__ import annotations

import secrets
import time

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from tracer import _distribution
from tracer._catalog.keys import cookie_of
from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.server.access import is_allowed
from tracer.server.answer import answer_for, error_answer, json_answer
from tracer.server.body import read_json_object
from tracer.server.gate import cookie_name, credentials_of
from tracer.server.settings import ServerSettings
from tracer.server.stores import Credentials, Stores

_MONTH_SECONDS = 30 * 86_400
_CODE_SECONDS = 120.0
_TOKEN_BYTES = 4096  # small: the client is not authenticated yet
_ANOTHER = "is not the token that the server was started with"


class OneTimeCodes:
    """Short-lived codes for a single sign-in: for a link that other users of the machine can see."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def make(self) -> str:
        """A new code."""
        code = secrets.token_urlsafe(24)
        self._until[code] = time.monotonic() + _CODE_SECONDS
        return code

    def take(self, code: str) -> bool:
        """Whether the code is valid; it is used up."""
        return time.monotonic() < self._until.pop(code, 0.0)


async def server(request: Request) -> Response:
    """Version and state of the server, and whether a token is needed."""
    state = request.app.state
    settings: ServerSettings = state.settings
    stores: Stores = state.stores
    caller = await stores.caller(credentials_of(request))
    is_named = caller is not None and settings.projects
    answer: JsonObject = {
        "version": installed_version(),
        "auth": "token" if stores.wants_keys else "none",
        "signed_in": caller is not None,
        "store": None if caller is None else stores.served(caller).place,
        "project": caller.project.name if caller is not None and is_named else None,
        "roles": list(caller.roles) if caller is not None and is_named else None,
        "read_only": caller is not None and stores.served(caller).is_read_only,
        "try_again": settings.try_again,
        "alerts": state.alerts is not None,
        "sign_in_with": None if settings.oidc is None else settings.oidc.name,
    }
    return json_answer(answer)


async def sign_in(request: Request) -> Response:
    """Give the browser a cookie in exchange for the token or a one-time code."""
    state = request.app.state
    settings: ServerSettings = state.settings
    codes: OneTimeCodes = state.codes
    stores: Stores = state.stores
    try:
        with state.bodies.body() as held:
            token = (await read_json_object(request, settings, held, limit=_TOKEN_BYTES)).get("token")
    except Exception as error:
        return answer_for(error)
    if not isinstance(token, str):
        return answer_for(InvalidArgumentError("token is missing"))
    if settings.token is not None and codes.take(token):
        token = settings.token
    caller = await stores.caller(Credentials(token, ""))
    if caller is None:
        which = "is no key of this server, or a revoked one" if settings.projects else _ANOTHER
        return error_answer(401, f"this {which}")
    if not is_allowed("read", caller.roles):
        return error_answer(403, "this key is for programs: the page needs one with the role read")
    answer = Response(status_code=204)
    if stores.wants_keys:
        set_cookie(request, answer, cookie_of(token), _MONTH_SECONDS)
    return answer


async def sign_out(request: Request) -> Response:
    """End the sign-in of a person, and delete the browser's cookie."""
    stores: Stores = request.app.state.stores
    await to_thread.run_sync(stores.sign_out, credentials_of(request).cookie)
    answer = Response(status_code=204)
    set_cookie(request, answer, "", 0)
    return answer


def set_cookie(request: Request, answer: Response, value: str, seconds: int) -> None:
    """Give the browser the cookie of a sign-in."""
    is_secure = request.url.scheme == "https"
    path = request.scope.get("root_path") or "/"  # other apps of the same host do not receive it
    answer.set_cookie(
        cookie_name(request), value, max_age=seconds, path=path, secure=is_secure, httponly=True, samesite="strict"
    )


def installed_version() -> str:
    """Version of tracer; 0 in a bare checkout."""
    return _distribution.installed_version() or "0"
