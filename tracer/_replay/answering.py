"""Shared by the places of replays and recordings: times, ends, changes, and attributes of the spans of calls."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from urllib.parse import quote, urlsplit

from tracer import semconv
from tracer._engine.context import running
from tracer._engine.span import LiveSpan
from tracer._fault import guard
from tracer._json import JsonObject
from tracer._replay import bodies
from tracer._replay.cassette import Recorded
from tracer._replay.changes import changed
from tracer._replay.session import Session
from tracer.errors import ReplayMismatchError

# set while a client sends a request that a higher layer has decided on: some transports of httpx use aiohttp
is_decided: ContextVar[bool] = ContextVar("is_decided", default=False)

OF_BODY = frozenset({"content-length", "content-encoding", "transfer-encoding"})
_MODEL_IN_PATH = re.compile(r"/models/[^/:]+:")
# addresses from which SDKs of clouds get the credentials that they sign with
_OF_CREDENTIALS = re.compile(
    r"(?:169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|oauth2\.googleapis\.com|sts\.googleapis\.com"
    r"|iamcredentials\.googleapis\.com|sts(?:\.[\w-]+)?\.amazonaws\.com(?:\.cn)?"
    r"|(?:portal\.sso|oidc|signin)\.[\w-]+\.amazonaws\.com(?:\.cn)?)"
)


def gives_credentials(url: str) -> bool:
    """Whether a request is for credentials, which are neither recorded nor answered."""
    return _OF_CREDENTIALS.fullmatch(urlsplit(url).hostname or "") is not None


def tell_of_replay() -> None:
    """Mark the span of the call as replayed: no provider was called or paid."""
    with guard("recording a replayed call"):
        span = _call_under_way()
        if span is not None:
            span.set_attribute(semconv.REPLAYED, True)


def _call_under_way() -> LiveSpan | None:
    """The span of the SDK's call that a request belongs to, if it is recorded."""
    span = running()
    return span if isinstance(span, LiveSpan) and span.instrumentation_scope.name.startswith("tracer.") else None


def changed_request(asked: JsonObject, session: Session) -> tuple[str, bytes] | None:
    """URL and body with the changes of a fork; None if unchanged. The span of the call gets the changed request."""
    body = session.changed(asked)
    if body is None:
        return None
    _tell_of(session)
    url: str = asked["url"]
    if "model" in body and "model" not in asked["json"]:  # Gemini's path names it
        url = _MODEL_IN_PATH.sub(f"/models/{quote(str(body.pop('model')))}:", url)
    return url, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _tell_of(session: Session) -> None:
    """Set the changed request on the span of the call."""
    with guard("recording a changed request"):
        span = _call_under_way()
        if span is not None and isinstance(span.inputs, dict):
            inputs = changed(span.inputs, session.changes)
            span.set_inputs(inputs)
            if isinstance(inputs.get("model"), str):
                span.set_attribute(semconv.REQUEST_MODEL, inputs["model"])


def begins_after(call: Recorded, session: Session) -> float:
    """Seconds until the response begins."""
    return float(call.response.get("begins_ms", 0)) / 1000 if session.pace == "recorded" else 0


def paced(call: Recorded, session: Session) -> Iterator[tuple[bytes, float]]:
    """The chunks of a response, each with the seconds to wait before it."""
    response = call.response
    before = response.get("begins_ms", 0)
    times = iter(response.get("chunk_times_ms", ()) if session.pace == "recorded" else ())
    for chunk in bodies.content_of(response):
        now = next(times, before)
        yield chunk, max(0, now - before) / 1000
        before = now


def left_early(call: Recorded, session: Session) -> ReplayMismatchError | None:
    """The error for a program that reads beyond the place where it stopped when the call was recorded."""
    if call.response.get("is_complete", True):
        return None
    return ReplayMismatchError(
        f"{session.name}, {call.place}: the reply was not read to its end when it was recorded, now the "
        "program reads on. Record it anew."
    )


async def sleep(seconds: float) -> None:
    """Wait, in whichever event loop."""
    if not seconds:
        return
    trio = sys.modules.get("trio")
    with guard("looking for the event loop"):
        if trio is not None and trio.lowlevel.in_trio_run():
            await trio.sleep(seconds)
            return
    await asyncio.sleep(seconds)
