"""Sign-in with the token, and information about the server."""

from __future__ import annotations

import secrets
import time

from starlette.requests import Request
from starlette.responses import Response

from tracer import _distribution
from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.server.answer import answer_for, error_answer, json_answer
from tracer.server.body import read_json_object
from tracer.server.gate import cookie_name, cookie_value, is_same, is_signed_in
from tracer.server.settings import ServerSettings

_MONTH_SECONDS = 30 * 86_400
_CODE_SECONDS = 120.0
_TOKEN_BYTES = 4096  # small: the client is not authenticated yet


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
    settings: ServerSettings = request.app.state.settings
    is_in = is_signed_in(request, settings)
    answer: JsonObject = {
        "version": installed_version(),
        "auth": "none" if settings.token is None else "token",
        "signed_in": is_in,
        "store": request.app.state.place if is_in else None,
        "read_only": request.app.state.is_read_only,
        "try_again": settings.try_again,
    }
    return json_answer(answer)


async def sign_in(request: Request) -> Response:
    """Give the browser a cookie in exchange for the token or a one-time code."""
    settings: ServerSettings = request.app.state.settings
    codes: OneTimeCodes = request.app.state.codes
    try:
        with request.app.state.bodies.body() as held:
            token = (await read_json_object(request, settings, held, limit=_TOKEN_BYTES)).get("token")
    except Exception as error:
        return answer_for(error)
    if not isinstance(token, str):
        return answer_for(InvalidArgumentError("token is missing"))
    if settings.token is not None and not (is_same(token, settings.token) or codes.take(token)):
        return error_answer(401, "this is not the token that the server was started with")
    answer = Response(status_code=204)
    if settings.token is not None:
        _set_cookie(request, answer, cookie_value(settings.token), _MONTH_SECONDS)
    return answer


async def sign_out(request: Request) -> Response:
    """Delete the browser's cookie."""
    answer = Response(status_code=204)
    _set_cookie(request, answer, "", 0)
    return answer


def _set_cookie(request: Request, answer: Response, value: str, seconds: int) -> None:
    is_secure = request.url.scheme == "https"
    path = request.scope.get("root_path") or "/"  # other apps of the same host do not receive it
    answer.set_cookie(
        cookie_name(request), value, max_age=seconds, path=path, secure=is_secure, httponly=True, samesite="strict"
    )


def installed_version() -> str:
    """Version of tracer; 0 in a bare checkout."""
    return _distribution.installed_version() or "0"
