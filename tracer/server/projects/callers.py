"""The callers of requests by their keys, where a catalogue is looked up in a copy."""

from __future__ import annotations

import time
from typing import Final

from tracer._catalog.catalog import Catalog
from tracer._catalog.rows import Caller
from tracer._fault import log_once
from tracer.errors import StoreError
from tracer.server.question import Question
from tracer.server.stores import Credentials

KNOWN_SECONDS: Final = 1.0  # for which a copy is used: the longest time that a revoked key is still accepted
_WAIT_SECONDS = 3.0  # for a newer copy, before the old one is used
_OLD_SECONDS = 60.0  # for which an old copy is used while the catalogue cannot be read
_PACE_SECONDS = 0.2  # between two readings: also while many ask for keys that do not exist
_UNKNOWN = "projects and keys cannot be read"


class Callers:
    """Finds callers in the copy of a catalogue, which requests share and bring up to date."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._read_at = time.monotonic()  # the start of the reading that the copy is from
        self._started_at = 0.0
        self._reading = Question(self._read)

    async def find(self, credentials: Credentials) -> Caller | None:
        """The caller with a key or a cookie; None if there is none. Raises StoreError where that is not known."""
        if not self._catalog.keeps_copy:
            return self._in_copy(credentials)
        now = time.monotonic()
        is_known = await self._is_read_since(now - KNOWN_SECONDS)
        if not is_known and now - self._read_at > _OLD_SECONDS:
            raise StoreError(_UNKNOWN)
        caller = self._in_copy(credentials)
        if caller is None and credentials != (None, ""):
            # another server may have made the key a moment ago
            if not is_known or not await self._is_read_since(now):
                raise StoreError(_UNKNOWN)
            caller = self._in_copy(credentials)
        return caller

    def _in_copy(self, credentials: Credentials) -> Caller | None:
        key, cookie = credentials
        if key is not None:
            return self._catalog.caller(key)
        return self._catalog.caller_of_cookie(cookie) if cookie else None

    async def _is_read_since(self, moment: float) -> bool:
        """Wait until the copy is from a reading that began at a time or later; whether it is."""
        until = time.monotonic() + _WAIT_SECONDS
        while self._read_at < moment:
            try:
                await self._reading.answer(until - time.monotonic())
            except Exception as error:
                log_once("keys", "tracer server cannot read its projects and keys: %s", error)
                return False
        return True

    def _read(self) -> None:
        time.sleep(max(0.0, self._started_at + _PACE_SECONDS - time.monotonic()))
        started = self._started_at = time.monotonic()
        self._catalog.refresh()
        self._read_at = started
