"""Marks traces as interrupted when the heartbeats of their process have ceased: a killed process cannot report its end.

A process that has nothing to send posts an empty batch of records at an interval; each batch counts as a heartbeat.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tracer._journal.locations import journal_folders
from tracer._journal.recovery import is_alive
from tracer.server.repeated import Repeated
from tracer.store import Store

_CHECKS = 6  # within the time after which a process without heartbeats counts as dead


class Heartbeats(Repeated):
    """A thread that takes a process for dead after ``seconds`` without a heartbeat.

    Processes of this machine that write to the store themselves send none: the locks of their journals are checked.
    """

    def __init__(self, open_store: Callable[[], Store], seconds: float) -> None:
        super().__init__("heartbeats", "mark traces of dead processes", seconds / _CHECKS)
        self._open_store = open_store
        self._seconds = seconds
        self._began = time.monotonic()  # a process with heartbeats before the server's start may still be alive
        self._last: dict[str, float] = {}

    def note(self, owner: str) -> None:
        """A heartbeat of this process."""
        self._last[owner] = time.monotonic()

    def _work(self) -> None:
        oldest = time.monotonic() - self._seconds
        for owner, at in list(self._last.items()):
            if at < oldest:
                self._last.pop(owner, None)
        if self._began > oldest:
            return
        store = self._open_store()
        folders = journal_folders(store.url)
        for owner in store.running_owners():
            if owner not in self._last and not _is_alive_here(folders, owner):
                store.owner_gone(owner)


def _is_alive_here(folders: list[Path], owner: str) -> bool:
    return Path(owner).name == owner and any(is_alive(folder, owner) for folder in folders)
