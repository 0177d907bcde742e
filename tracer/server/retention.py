"""Deletes the traces whose time is over by the store's policies, in the background, and gives their space back."""

from __future__ import annotations

import time
from collections.abc import Callable

from tracer.server.repeated import Repeated
from tracer.store import Store
from tracer.store.parts import delete_in_parts
from tracer.store.policies import all_over_before, expired
from tracer.store.rows import StoredPolicy

_EVERY_SECONDS = 60.0  # between two readings of the policies
_PASS_SECONDS = 600.0  # between two passes through the traces, where no policy has changed
_REST = 9  # times as long as a part took: most of the time is left to readers and writers
_LEAST_REST_SECONDS = 0.02


class Retention(Repeated):
    """A thread that keeps the policies."""

    def __init__(self, open_store: Callable[[], Store], every_seconds: float = _EVERY_SECONDS) -> None:
        super().__init__("retention", "keep the policies of retention", every_seconds)
        self._open_store = open_store
        self._kept: list[StoredPolicy] = []
        self._passed = 0.0

    def _work(self) -> None:
        store = self._open_store()
        policies = store.policies()
        if policies and (policies != self._kept or time.monotonic() > self._passed + _PASS_SECONDS):
            before = all_over_before(policies)
            if before is not None:
                store.delete_older(before)
            for found in expired(store, policies):
                began = time.monotonic()
                for _ in delete_in_parts(store, found.trace_ids, found.condition):
                    if self._ended.wait(max(_LEAST_REST_SECONDS, _REST * (time.monotonic() - began))):
                        return
                    began = time.monotonic()
            self._kept, self._passed = policies, time.monotonic()
        while store.release_space() and not self._ended.wait(_LEAST_REST_SECONDS):
            pass
