"""Moves records from the journal to one sink, in a thread of its own: a sink that is slow or down holds nobody up."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from tracer._fault import log_once, logger, report
from tracer._journal import Journal

_BATCH_BYTES = 1 << 20
_GATHER_SECONDS = 0.05  # records that arrive together are written together
_FIRST_RETRY_SECONDS = 0.2
_LONGEST_RETRY_SECONDS = 30.0


class Sink(Protocol):
    """Where records go: a store, an exporter."""

    name: str  # the same in every run of the program: the key of its cursor

    def write(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Take the records for good, or raise: then they come again."""


def sink_key(sink: Sink) -> int:
    """The sink's key in the journal's head."""
    return zlib.crc32(sink.name.encode()) or 1


class Drainer:
    """One sink's way out of the journal."""

    def __init__(self, journal: Journal, sink: Sink, *, prepare: Callable[[], None]) -> None:
        self.sink = sink
        self._prepare = prepare
        self.key = sink_key(sink)
        self._journal = journal
        self._cursor = (0, 0)
        self._drain_lock = threading.Lock()  # one batch at a time: the thread's or a reader's
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._armed = False
        self._thread: threading.Thread | None = None
        journal.add_sink(self.key, self._wake)

    def _wake(self) -> None:
        if self._armed:
            return
        self._armed = True
        if self._thread is None:
            self._start()
        self._woken.set()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"tracer-drain-{self.sink.name}", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down: what is written waits in the journal
            self._thread = None

    def _run(self) -> None:
        try:
            self._prepare()
        except Exception as error:
            report(f"taking over what dead processes left for {self.sink.name}", error)
        retry = _FIRST_RETRY_SECONDS
        while not self._stopped.is_set():
            self._woken.wait()
            self._stopped.wait(_GATHER_SECONDS)
            self._woken.clear()
            self._armed = False
            try:
                while self.drain_batch():
                    retry = _FIRST_RETRY_SECONDS
            except Exception as error:
                log_once(
                    f"sink {self.sink.name} {type(error).__name__}",
                    "tracer cannot write to %s now, keeps the records in its journal and tries again: %s",
                    self.sink.name,
                    error,
                )
                logger.debug("writing to %s failed", self.sink.name, exc_info=error)
                self._stopped.wait(retry)
                retry = min(retry * 2, _LONGEST_RETRY_SECONDS)
                self._woken.set()

    def drain_batch(self, timeout: float = -1) -> bool:
        """Hand one batch to the sink; False if there was nothing to hand over. Raises what the sink raises."""
        if not self._drain_lock.acquire(timeout=timeout):
            raise TimeoutError(f"{self.sink.name} is still busy with an earlier batch")
        try:
            records, cursor = self._journal.read(self._cursor, _BATCH_BYTES)
            if not records:
                return False
            self.sink.write(records, owner=self._journal.owner)
            self._cursor = cursor
            self._journal.taken(self.key, cursor)
            return True
        finally:
            self._drain_lock.release()

    def drain(self, timeout: float) -> None:
        """Hand over everything that is there now; raises what the sink raises, or TimeoutError."""
        target = self._journal.position()
        deadline = time.monotonic() + timeout
        while self._cursor < target:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self.sink.name} has not taken everything within {timeout} s")
            if not self.drain_batch(left):
                return

    def flush(self, timeout: float, *, retry_failures: bool = True) -> bool:
        """Hand over everything that is there now, trying again where the sink fails; False if it did not take all."""
        deadline = time.monotonic() + timeout
        retry = 0.05
        while True:
            try:
                self.drain(max(0.0, deadline - time.monotonic()))
                return True
            except TimeoutError:
                return False
            except Exception as error:
                logger.debug("writing to %s failed while flushing", self.sink.name, exc_info=error)
                if not retry_failures or time.monotonic() + retry >= deadline:
                    log_once(f"flush {self.sink.name}", "tracer could not flush to %s: %s", self.sink.name, error)
                    return False
                time.sleep(retry)
                retry = min(retry * 2, 1.0)

    def stop(self) -> None:
        """End the thread after the batch it is at."""
        self._stopped.set()
        self._woken.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)
