"""Routes of the sign-in: to the provider, and back from it."""

from __future__ import annotations

import re
from functools import partial
from typing import Literal

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tracer._catalog.catalog import NotInCatalogError
from tracer._fault import logger
from tracer.server.answer import error_answer
from tracer.server.gate import cookie_name
from tracer.server.oidc.signing_in import BEGUN_SECONDS, SignIn
from tracer.server.signin import set_cookie

SIGNED_IN_SECONDS = 12 * 3600
_EMAIL_LIMIT = 100
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # no other host, in any browser's reading
Fault = Literal["expired", "provider", "refused", "email", "nobody"]


async def begin_sign_in(request: Request) -> Response:
    """Send the browser to the provider; ``next`` is the path of this server where it is to be afterwards."""
    sign_in: SignIn | None = request.app.state.sign_in
    if sign_in is None:
        return error_answer(404, "people sign in to this server with its token or a key")
    wanted = request.query_params.get("next", "/")
    back = f"{request.url.scheme}://{request.url.netloc}{_back_path(request)}"
    try:
        url, state, begun = await sign_in.provider.begin(back, wanted if _LOCAL.fullmatch(wanted) else "/")
    except Exception as error:  # whatever a foreign server may answer
        return _without(request, "provider", error)
    sign_in.keep(state, begun)
    answer = RedirectResponse(url, 303)
    _note_begun(request, answer, state, BEGUN_SECONDS)
    return answer


async def end_sign_in(request: Request) -> Response:
    """Take the browser back from the provider, and give it a cookie if a rule lets its person in."""
    sign_in: SignIn | None = request.app.state.sign_in
    if sign_in is None:
        return error_answer(404, "people sign in to this server with its token or a key")
    query = request.query_params
    begun = sign_in.take(query.get("state", ""), request.cookies.get(_begun_name(request), ""))
    if begun is None:
        return _without(request, "expired")
    if "error" in query:
        was_refused = query["error"] == "access_denied"
        return _without(request, "refused" if was_refused else "provider", f"{query['error']!r:.200}")
    try:
        claims = await sign_in.provider.claims(query.get("code", ""), begun)
    except Exception as error:  # whatever a foreign server may answer
        return _without(request, "provider", error)
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True or not _is_plain(email):
        return _without(request, "email", f"{email!r:.200}")
    rule = sign_in.rule_for(email, claims)
    if rule is None:
        return _without(request, "nobody", email)
    let_in = partial(
        sign_in.projects.catalog.sign_in,
        email,
        rule.project,
        rule.roles,
        seconds=SIGNED_IN_SECONDS,
        admitted_by=sign_in.settings.fingerprint,
    )
    try:
        cookie = await to_thread.run_sync(let_in)
    except NotInCatalogError as error:
        return _without(request, "nobody", error)
    answer = RedirectResponse(begun.next, 303)
    set_cookie(request, answer, cookie, SIGNED_IN_SECONDS)
    _note_begun(request, answer, "", 0)
    return answer


def _without(request: Request, fault: Fault, cause: object = "") -> Response:
    """Back to the page, which says what is wrong; the log says more."""
    if cause:
        logger.warning("sign-in by OpenID Connect, %s: %s", fault, cause)
    answer = RedirectResponse(f"/#sign-in={fault}", 303)
    _note_begun(request, answer, "", 0)
    return answer


def _is_plain(email: str) -> bool:
    return "@" in email and len(email) <= _EMAIL_LIMIT and email.isprintable()


def _back_path(request: Request) -> str:
    return str(request.app.url_path_for("end_sign_in"))


def _begun_name(request: Request) -> str:
    return f"{cookie_name(request)}-begun"


def _note_begun(request: Request, answer: Response, state: str, seconds: int) -> None:
    answer.set_cookie(
        _begun_name(request),
        state,
        max_age=seconds,
        path=_back_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",  # the browser comes from the provider's page
    )
