"""Marks what silent programs left running: one that was killed on another machine cannot say that it has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tracer._fault import log_once
from tracer._journal.locations import journal_folder
from tracer._journal.recovery import is_alive
from tracer.store import Store

_LOOKS = 6  # while a program may be silent


class Silence:
    """A thread that takes programs for dead which nobody has heard of for so long.

    Programs of this machine that write to the store themselves say nothing here: the locks in their journals tell.
    """

    def __init__(self, open_store: Callable[[], Store], seconds: float) -> None:
        self._open_store = open_store
        self._seconds = seconds
        self._began = time.monotonic()  # who was heard before the server began may still be there
        self._heard: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tracer-silence", daemon=True)

    def heard(self, owner: str) -> None:
        """This program is alive."""
        self._heard[owner] = time.monotonic()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._ended.wait(self._seconds / _LOOKS):
            try:
                self._look()
            except Exception as error:
                log_once("silence", "tracer server cannot mark what dead programs left running: %s", error)

    def _look(self) -> None:
        silent_since = time.monotonic() - self._seconds
        for owner, at in list(self._heard.items()):
            if at < silent_since:
                self._heard.pop(owner, None)
        if self._began > silent_since:
            return
        store = self._open_store()
        folder = journal_folder(store.url)
        for owner in store.running_owners():
            if owner not in self._heard and not _is_here(folder, owner):
                store.owner_gone(owner)


def _is_here(folder: Path, owner: str) -> bool:
    return Path(owner).name == owner and is_alive(folder, owner)
