"""Moves records from the journal to one sink in its own thread: a slow or failing sink delays no other."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from tracer._fault import log_once, logger, report, reraise_interruption
from tracer._journal.journal import Journal
from tracer._journal.recovery import Recovery
from tracer._journal.segment import survive_sigbus
from tracer._journal.sink import Sink, is_of_the_sink, sink_key
from tracer._threads import start_thread

_BATCH_BYTES = 1 << 20
_GATHER_SECONDS = 0.05  # records that arrive together are written together
_WRITE_MORE_SECONDS = 1.0  # interval between calls of ``write_more`` while it asks for them
_RECOVER_SECONDS = 10.0  # interval between searches for dead processes' journals
_HEARTBEAT_SECONDS = 30.0  # interval between heartbeats when there is nothing to send
_FIRST_RETRY_SECONDS = 0.2
_LONGEST_RETRY_SECONDS = 30.0
_DISK_RETRY_SECONDS = 1.0  # interval between retries of a full disk, however long the sink's own is
_LONGEST_RETRY_DURING_FLUSH_SECONDS = 0.25
_TRIES_BEFORE_NEXT = 3


class FlushRequest:
    """A caller's wait until a sink has every record up to ``target``."""

    def __init__(self, target: tuple[int, int], *, retry: bool, last: Callable[[], None] | None, recover: bool) -> None:
        self.target = target
        self.retry = retry
        self.last = last
        self.recover = recover
        self.is_done = False
        self.is_abandoned = False
        self._answered = threading.Lock()
        self._answered.acquire()

    def answer(self, is_done: bool) -> None:
        """End the caller's wait."""
        self.is_done = is_done
        _notify(self._answered)

    def wait(self, timeout: float) -> bool:
        """Whether the sink has every record within ``timeout`` seconds."""
        if not self._answered.acquire(timeout=max(0.0, timeout)):
            self.is_abandoned = True
        return self.is_done


class Drainer:
    """Hands the journal's records to one sink.

    The thread is woken by releasing a lock that it waits for. Unlike a condition or an event, a lock can be released by
    a signal handler or a finaliser at any moment.
    """

    def __init__(
        self,
        journal: Journal,
        sink: Sink,
        recoveries: Sequence[Recovery],
        *,
        sends_heartbeats: bool = False,
        write_more: Callable[[], bool] = lambda: False,
    ) -> None:
        self.sink = sink
        self.dropped = 0  # records that the sink refused although it accepted later ones
        self._recoveries = recoveries
        self._key = sink_key(sink)
        self._sends_heartbeats = sends_heartbeats
        self._write_more = write_more  # adds records to the journal; whether there may be more in a second
        self._may_be_more = False
        self._last_write = 0.0
        self._journal = journal
        self._cursor = (0, 0)
        self._batch_bytes = _BATCH_BYTES
        self._refusals = 0
        self._sink_lock = threading.Lock()  # one batch at a time, of the thread or of a reader
        self._wakeup = threading.Lock()
        self._wakeup.acquire()
        self._is_notified = False  # whether the thread has been woken for the newest records
        self._requests: deque[FlushRequest] = deque()
        self._stopping = False
        self._pausing = False
        self._pause_at = (0, 0)
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()
        journal.add_sink(self._key, self._wake)

    # ---- the thread's life ----

    def _wake(self) -> None:
        if self._is_notified:
            return
        self._is_notified = True
        try:
            if self._thread is None:
                self._start()
            _notify(self._wakeup)
        except BaseException:  # an interruption, such as Ctrl-C: the next record tries again
            self._is_notified = False
            raise

    def _start(self) -> None:
        # bounded: a finaliser may come here while its own thread is here
        if not self._thread_lock.acquire(timeout=1.0):
            return
        try:
            if self._thread is None and not self._stopping and not self._pausing:
                self._thread = start_thread(self._run, f"tracer-drain-{self.sink.name}")
        except RuntimeError as error:  # the interpreter is shutting down: the records stay in the journal
            reraise_interruption(error)
        finally:
            self._thread_lock.release()

    def _claim(self) -> bool:
        """Whether the current thread is to drain: after an interrupted start there may be another one."""
        current = threading.current_thread()
        with self._thread_lock:
            if self._thread is None and not self._stopping and not self._pausing:
                self._thread = current
            return self._thread is current

    def _end_if_done(self, *, failing: bool) -> bool:
        with self._thread_lock:
            is_paused = self._pausing and (failing or self._cursor >= self._pause_at)
            if self._stopping or is_paused:
                self._thread = None
                return True
            return False

    def stop(self, timeout: float) -> bool:
        """End the thread after its current batch; False if that takes longer."""
        self._stopping = True
        return self._join(timeout)

    def pause(self, timeout: float) -> bool:
        """End the thread until :meth:`resume`, as around a fork; False if its current batch takes longer."""
        self._pause_at = self._journal.position()
        self._pausing = True
        return self._join(timeout)

    def _join(self, timeout: float) -> bool:
        if not self._thread_lock.acquire(timeout=max(0.0, timeout)):  # held while the thread is started
            return False
        thread = self._thread
        self._thread_lock.release()
        _notify(self._wakeup)
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(max(0.0, timeout))
        return not thread.is_alive()

    def resume(self) -> None:
        """Undo :meth:`pause`."""
        is_locked = self._thread_lock.acquire(timeout=1.0)
        self._pausing = False
        if is_locked:
            self._thread_lock.release()
        self._is_notified = False
        if self._cursor < self._journal.position():
            self._wake()

    # ---- in the thread ----

    def _run(self) -> None:
        if not self._claim():
            return
        survive_sigbus()
        retry = 0.0  # seconds until the next try; 0 after a success
        next_recovery = 0.0
        while not self._end_if_done(failing=retry > 0):
            self._wait(retry)
            recover = time.monotonic() >= next_recovery or any(r.recover for r in list(self._requests))
            self._is_notified = retry > 0  # new records do not wake the thread before the next retry
            failed = self._work(recover=recover and not self._pausing and not self._stopping)
            if recover and not failed:
                next_recovery = time.monotonic() + _RECOVER_SECONDS
            retry = min(max(retry * 2, _FIRST_RETRY_SECONDS), _LONGEST_RETRY_SECONDS) if failed else 0.0
            self._is_notified = failed
            if not failed and self._cursor < self._journal.position():
                _notify(self._wakeup)

    def _wait(self, retry: float) -> None:
        if retry:
            self._wait_for_retry(self._until_retry(retry))
            return
        idle = _WRITE_MORE_SECONDS if self._may_be_more else _RECOVER_SECONDS
        if not self._has_requests() and self._wakeup.acquire(timeout=idle) and not self._has_requests():
            self._wakeup.acquire(timeout=_GATHER_SECONDS)

    def _wait_for_retry(self, seconds: float) -> None:
        while seconds > _DISK_RETRY_SECONDS:
            if self._wakeup.acquire(timeout=_DISK_RETRY_SECONDS):
                return
            self._journal.renew()
            self._write_more()
            seconds -= _DISK_RETRY_SECONDS
        self._wakeup.acquire(timeout=seconds)

    def _has_requests(self) -> bool:
        return bool(self._requests) or self._stopping or self._pausing

    def _until_retry(self, retry: float) -> float:
        return min(retry, _LONGEST_RETRY_DURING_FLUSH_SECONDS) if self._requests else retry

    def _work(self, *, recover: bool) -> bool:
        """Drain the journal and recover dead processes' journals; True if the sink failed."""
        try:
            self._journal.renew()
            self._may_be_more = self._write_more()
            while not self._must_stop() and self.drain_batch():
                self._answer_requests()
            recover = recover and not self._must_stop()
            if recover:
                self._run_recovery()
        except BaseException as error:  # an exporter may raise anything, such as SystemExit: the thread goes on
            self._log_failure(error)
            self._answer_requests(failed=True)
            return True
        self._answer_requests(recovered=recover)
        return False

    def _run_recovery(self) -> None:
        self._lock_sink(-1)
        try:
            self._send_heartbeat()
            for recovery in self._recoveries:
                recovery.run(0.0)
        except TimeoutError as error:  # another process is recovering them now
            logger.debug("%s", error)
        finally:
            self._sink_lock.release()

    def _send_heartbeat(self) -> None:
        if not self._sends_heartbeats or time.monotonic() < self._last_write + _HEARTBEAT_SECONDS:
            return
        try:
            self.sink.write([], owner=self._journal.owner)
            self._last_write = time.monotonic()
        except Exception as error:  # no record is lost
            logger.debug("sending a heartbeat to %s failed", self.sink.name, exc_info=error)

    def _must_stop(self) -> bool:
        return self._stopping or (self._pausing and self._cursor >= self._pause_at)

    def _answer_requests(self, *, failed: bool = False, recovered: bool = False) -> None:
        for request in list(self._requests):
            is_done = self._cursor >= request.target and (recovered or not request.recover)
            if not (is_done or request.is_abandoned or (failed and not request.retry)):
                continue
            if is_done and request.last is not None:
                try:
                    request.last()
                except Exception as error:
                    is_done = False
                    self._log_failure(error)
            self._requests.remove(request)
            request.answer(is_done)

    def _log_failure(self, error: BaseException) -> None:
        logger.debug("writing to %s failed", self.sink.name, exc_info=error)
        if self._journal.is_in_memory and not self.sink.may_block:
            return  # a local store, and the journal has logged already that their disk takes nothing
        log_once(
            f"sink {self.sink.name}",
            "tracer cannot write to %s now, keeps the records in its journal and tries again: %s",
            self.sink.name,
            error,
        )

    # ---- writing to the sink ----

    def drain_batch(self, timeout: float = -1) -> bool:
        """Write one batch to the sink; False if there is none. Raises the sink's exceptions."""
        self._lock_sink(timeout)
        try:
            records, cursor = self._journal.read(self._cursor, self._batch_bytes)
            if not records:
                self._pass(cursor)
                return False
            try:
                self.sink.write(records, owner=self._journal.owner)
            except Exception as error:
                beyond = None if is_of_the_sink(error) else self._skip_refused(records, cursor)
                if beyond is None:
                    raise
                cursor = beyond
            self._refusals = 0
            self._batch_bytes = min(self._batch_bytes * 4, _BATCH_BYTES)
            self._last_write = time.monotonic()
            self._pass(cursor)
            return True
        finally:
            self._sink_lock.release()

    def _pass(self, cursor: tuple[int, int]) -> None:
        if cursor != self._cursor:
            self._cursor = cursor
            self._journal.acknowledge(self._key, cursor)

    def _lock_sink(self, timeout: float) -> None:
        if not self._sink_lock.acquire(timeout=timeout):
            raise TimeoutError(f"{self.sink.name} is still busy with an earlier batch")

    def _skip_refused(self, records: list[bytes], cursor: tuple[int, int]) -> tuple[int, int] | None:
        """The cursor after a single record that the sink refuses, so that it does not block all later ones.

        A batch that fails is made smaller for the next try, down to one record; after a few refusals of that record the
        next one is tried. A sink that is down refuses both.
        """
        self._batch_bytes = max(min(self._batch_bytes, sum(map(len, records))) // 4, 1)
        self._refusals = self._refusals + 1 if len(records) == 1 else 0
        if self._refusals < _TRIES_BEFORE_NEXT:
            return None
        following, beyond = self._journal.read(cursor, 1)
        if not following:
            return None
        try:
            self.sink.write(following, owner=self._journal.owner)
        except Exception as error:
            logger.debug("%s refuses the next record too", self.sink.name, exc_info=error)
            return None
        self.dropped += 1
        log_once(f"refused {self.sink.name}", "tracer leaves out what %s does not take", self.sink.name)
        return beyond

    def drain(self, timeout: float) -> None:
        """Write every record up to now to the sink. Raises the sink's exceptions and TimeoutError."""
        target = self._journal.position()
        deadline = time.monotonic() + timeout
        while self._cursor < target:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self.sink.name} has not taken everything within {timeout} s")
            if not self.drain_batch(left):
                return

    def recover(self, timeout: float) -> None:
        """Write dead processes' records to the sink; a failure is logged, and retried later."""
        try:
            self._lock_sink(timeout)
            try:
                for recovery in self._recoveries:
                    recovery.run(timeout)
            finally:
                self._sink_lock.release()
        except Exception as error:
            self._log_failure(error)

    def request_flush(
        self, *, retry: bool, last: Callable[[], None] | None = None, recover: bool = False
    ) -> FlushRequest | None:
        """Let the thread write every record up to now; None if there is nothing to wait for.

        ``last`` is called after that, by the thread. With ``recover``, dead processes' journals are written too.
        """
        target = self._journal.position()
        if self._cursor >= target and last is None and not (recover and self._thread is not None):
            return None
        request = FlushRequest(target, retry=retry, last=last, recover=recover)
        self._requests.append(request)
        if self._thread is None:
            self._start()
        _notify(self._wakeup)
        if self._thread is None:
            self._drain_here(request)
        return request

    def _drain_here(self, request: FlushRequest) -> None:
        """Drain in the calling thread where none can be started any more: at the interpreter's shutdown."""
        if self.sink.may_block or sys.is_finalizing():  # nothing can be imported while finalizing
            request.answer(self._cursor >= request.target)
            return
        try:
            self.drain(1.0)
            if request.last is not None:
                request.last()
            request.answer(True)
        except Exception as error:
            report("writing to the store at the end", error)
            request.answer(False)


def _notify(waiter: threading.Lock) -> None:
    try:
        waiter.release()
    except RuntimeError:  # already released
        return
