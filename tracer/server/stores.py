"""The store of a request: the only one of a server, or that of the key's project."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from starlette.types import Receive

from tracer._catalog.keys import ROLES, cookie_of
from tracer._catalog.rows import Caller, Project
from tracer.server.served import Served
from tracer.server.settings import ServerSettings
from tracer.store import Store

CALLER: Final = "tracer.caller"
NEEDS: Final = "tracer.needs"
_ANYBODY = Caller("", "", ROLES, Project("", "", 0, None, None))


class Credentials(NamedTuple):
    """The credentials of a request: the key in its header, else the cookie of a sign-in."""

    key: str | None
    cookie: str


class Stores(Protocol):
    """The stores of a server, and its callers."""

    wants_keys: bool

    async def caller(self, credentials: Credentials) -> Caller | None:
        """The caller; None without valid credentials. Raises StoreError where keys cannot be read."""
        ...

    def sign_out(self, cookie: str) -> None:
        """End the sign-in of a cookie; keys stay. From any thread but the event loop's."""
        ...

    def served(self, caller: Caller | None) -> Served:
        """The caller's store; also for a route that needs no key, and uses no store."""
        ...

    def admitted(self, caller: Caller, receive: Receive) -> Receive:
        """``receive`` for the body of a request. Raises AnswerError if the caller's project has sent too much."""
        ...

    def check(self) -> None:
        """Raise StoreError where requests cannot be answered."""
        ...

    def open(self) -> list[Served]:
        """The stores that are open now."""
        ...

    def start(self) -> None:
        """Start the background work, within the event loop."""
        ...

    def end_streams(self) -> None:
        """End the streams of all listeners."""
        ...

    def stop(self) -> None:
        """End the background work."""
        ...


class OneStore:
    """A server of one store, with one token or none."""

    def __init__(
        self, open_store: Callable[[], Store], settings: ServerSettings, *, place: str, is_read_only: bool
    ) -> None:
        self._open_store = open_store
        self._settings = settings
        self._place = place
        self._is_read_only = is_read_only
        self._served: Served | None = None
        self.wants_keys = settings.token is not None

    async def caller(self, credentials: Credentials) -> Caller | None:
        """The one caller, given the token or its cookie; without them too if no token is needed."""
        token = self._settings.token
        if token is None:
            return _ANYBODY
        if credentials.key is not None:
            return _ANYBODY if is_same(credentials.key, token) else None
        return _ANYBODY if is_same(credentials.cookie, cookie_of(token)) else None

    def sign_out(self, cookie: str) -> None:
        """Do nothing: the cookie is derived from the token, and valid as long as it."""

    def served(self, caller: Caller | None) -> Served:
        """The store."""
        if self._served is None:
            self._served = Served(
                self._open_store,
                self._settings,
                place=self._place,
                is_read_only=self._is_read_only,
            )
            self._served.start()
        return self._served

    def admitted(self, caller: Caller, receive: Receive) -> Receive:
        """``receive`` unchanged: without projects there are no quotas."""
        return receive

    def check(self) -> None:
        """Raise StoreError where the store cannot be read."""
        self._open_store().change_number()

    def open(self) -> list[Served]:
        """The store, once it is open."""
        return [] if self._served is None else [self._served]

    def start(self) -> None:
        """Start the background work."""
        self.served(None)

    def end_streams(self) -> None:
        """End the streams of all listeners."""
        if self._served is not None:
            self._served.live.close()

    def stop(self) -> None:
        """End the background work."""
        if self._served is not None:
            self._served.stop()


def is_same(given: str, expected: str) -> bool:
    """Comparison in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
