"""Calls that no replay reaches: connections that stay open, and SDKs that run a program of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tracer._replay.session import Session, is_loopback
from tracer.errors import CassetteError
from tracer.provider.patch import Patch

_logger = logging.getLogger("tracer")


def program_replacement(
    original: Callable[..., Any], patch: Patch, current: Callable[[], Session | None]
) -> Callable[..., Any]:
    """The replacement of the function that starts the Claude Agent SDK's program."""
    why = "the Claude Agent SDK asks through a program of its own, which is neither recorded nor answered"

    async def connect(*args: Any, **kwargs: Any) -> Any:
        session = current() if patch.active else None
        if session is not None:
            session.refuse(why)
            if session.record is not None:
                raise CassetteError(f"{session.name}: {why}")
        return await original(*args, **kwargs)

    return connect


def socket_replacement(
    original: Callable[..., Any], patch: Patch, current: Callable[[], Session | None]
) -> Callable[..., Any]:
    """The replacement of a function, or of a method with the address as its first argument, that opens a websocket."""

    def connect(*args: Any, **kwargs: Any) -> Any:
        session = current() if patch.active else None
        uri = kwargs.get("uri") or next((each for each in args if isinstance(each, str)), "")
        if session is not None and not is_loopback(urlsplit(uri).hostname or ""):
            why = f"a connection to {uri.partition('?')[0]} that stays open is neither recorded nor answered"
            session.refuse(why)
            if session.record is not None:
                _logger.warning("%s: %s", session.name, why)
        return original(*args, **kwargs)

    return connect
