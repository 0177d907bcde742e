"""What no replay reaches: connections that stay open, and SDKs that ask through a program of their own."""

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
    """What starts the program of the Claude Agent SDK."""
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
    """What opens a connection of websockets: a function, or the method of a class that is given the address first."""

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
