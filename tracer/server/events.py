"""The stream of change numbers, for as long as its listener may read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import StreamingResponse

from tracer.errors import StoreError
from tracer.server.gate import credentials_of
from tracer.server.live import Live
from tracer.server.served import served
from tracer.server.stores import Credentials, Stores


async def events(request: Request) -> StreamingResponse:
    """The stream of change numbers."""
    stores: Stores = request.app.state.stores
    given = credentials_of(request)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _event_stream(served(request).live, stores, given)
    return StreamingResponse(stream, 200, headers, "text/event-stream")


async def _event_stream(live: Live, stores: Stores, given: Credentials) -> AsyncIterator[str]:
    async for number in live.numbers():
        try:
            is_allowed = await stores.caller(given) is not None
        except StoreError:
            is_allowed = False  # not known: the listener asks again
        if not is_allowed:  # the key was revoked meanwhile
            return
        yield ": here\n\n" if number is None else f'event: change\ndata: {{"seq": {number}}}\n\n'
