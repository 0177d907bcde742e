"""Moves records from the journal to one sink, in a thread of its own: a sink that is slow or down holds nobody up."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from tracer._fault import log_once, logger, report, reraise_interruption
from tracer._journal.journal import Journal
from tracer._journal.recovery import Recovery
from tracer._journal.sink import Sink, sink_key
from tracer._threads import start_thread

_BATCH_BYTES = 1 << 20
_GATHER_SECONDS = 0.05  # records that arrive together are written together
_RECOVER_SECONDS = 10.0  # how often dead processes' journals are looked for
_HEARTBEAT_SECONDS = 30.0  # how often one who has nothing to hand over says that it is still there
_FIRST_RETRY_SECONDS = 0.2
_LONGEST_RETRY_SECONDS = 30.0
_DISK_RETRY_SECONDS = 1.0  # how often a disk that was full is tried again, however long the sink is given
_LONGEST_RETRY_WHILE_ASKED_SECONDS = 0.25
_TRIES_BEFORE_NEXT = 3


class FlushRequest:
    """Somebody waits until a sink has everything that was there when it was asked."""

    def __init__(
        self, target: tuple[int, int], *, retry: bool, last: Callable[[], None] | None, recover: bool
    ) -> None:
        self.target = target
        self.retry = retry
        self.last = last
        self.recover = recover
        self.taken = False
        self.given_up = False
        self._answered = threading.Lock()
        self._answered.acquire()

    def answer(self, taken: bool) -> None:
        """Let the one who asked go on."""
        self.taken = taken
        _notify(self._answered)

    def wait(self, timeout: float) -> bool:
        """Whether the sink took everything in time."""
        if not self._answered.acquire(timeout=max(0.0, timeout)):
            self.given_up = True
        return self.taken


class Drainer:
    """One sink's way out of the journal.

    The thread is rung with a lock that somebody else releases: that can be done from a signal handler or a finaliser at
    any moment, which a condition or an event cannot.
    """

    def __init__(self, journal: Journal, sink: Sink, recovery: Recovery, *, sends_heartbeats: bool = False) -> None:
        self.sink = sink
        self.dropped = 0  # records that the sink refused although it took those after them
        self._recovery = recovery
        self._key = sink_key(sink)
        self._sends_heartbeats = sends_heartbeats
        self._last_write = 0.0
        self._journal = journal
        self._cursor = (0, 0)
        self._batch_bytes = _BATCH_BYTES
        self._refusals = 0
        self._sink_lock = threading.Lock()  # one batch at a time: the thread's or a reader's
        self._wakeup = threading.Lock()
        self._wakeup.acquire()
        self._is_notified = False  # whether the thread knows that there is something new
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
        except BaseException:  # an interruption of the program's, such as Ctrl-C: the next record tries again
            self._is_notified = False
            raise

    def _start(self) -> None:
        # bounded: a finaliser may come here while its own thread is here
        if not self._thread_lock.acquire(timeout=1.0):
            return
        try:
            if self._thread is None and not self._stopping and not self._pausing:
                self._thread = start_thread(self._run, f"tracer-drain-{self.sink.name}")
        except RuntimeError as error:  # the interpreter is shutting down: what is written waits in the journal
            reraise_interruption(error)
        finally:
            self._thread_lock.release()

    def _is_drainers(self) -> bool:
        """Whether the current thread is the drainer's: one whose start was interrupted may have a successor."""
        current = threading.current_thread()
        with self._thread_lock:
            if self._thread is None and not self._stopping and not self._pausing:
                self._thread = current
            return self._thread is current

    def _ends(self, *, failing: bool) -> bool:
        with self._thread_lock:
            rests = self._pausing and (failing or self._cursor >= self._pause_at)
            if self._stopping or rests:
                self._thread = None
                return True
            return False

    def stop(self, timeout: float) -> bool:
        """End the thread after the batch it is at; False if it is still at it."""
        self._stopping = True
        return self._join(timeout)

    def pause(self, timeout: float) -> bool:
        """End the thread for now, such as for a fork; False if it is still at a batch."""
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
        """Go on after :meth:`pause`."""
        mine = self._thread_lock.acquire(timeout=1.0)
        self._pausing = False
        if mine:
            self._thread_lock.release()
        self._is_notified = False
        if self._cursor < self._journal.position():
            self._wake()

    # ---- what the thread does ----

    def _run(self) -> None:
        if not self._is_drainers():
            return
        retry = 0.0  # seconds until the next try; 0 if the last went well
        next_recovery = 0.0
        while not self._ends(failing=retry > 0):
            self._wait(retry)
            recover = time.monotonic() >= next_recovery or any(r.recover for r in list(self._requests))
            self._is_notified = retry > 0  # while the sink is down, news need not ring
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
        elif not self._is_asked() and self._wakeup.acquire(timeout=_RECOVER_SECONDS) and not self._is_asked():
            self._wakeup.acquire(timeout=_GATHER_SECONDS)

    def _wait_for_retry(self, seconds: float) -> None:
        while seconds > _DISK_RETRY_SECONDS:
            if self._wakeup.acquire(timeout=_DISK_RETRY_SECONDS):
                return
            self._journal.renew()
            seconds -= _DISK_RETRY_SECONDS
        self._wakeup.acquire(timeout=seconds)

    def _is_asked(self) -> bool:
        return bool(self._requests) or self._stopping or self._pausing

    def _until_retry(self, retry: float) -> float:
        return min(retry, _LONGEST_RETRY_WHILE_ASKED_SECONDS) if self._requests else retry

    def _work(self, *, recover: bool) -> bool:
        """Hand over what is there; True if the sink failed."""
        try:
            self._journal.renew()
            while not self._must_stop() and self.drain_batch():
                self._answer_requests()
            recover = recover and not self._must_stop()
            if recover:
                self._run_recovery()
        except BaseException as error:  # whatever an exporter raises, SystemExit included: the thread lives
            self._log_failure(error)
            self._answer_requests(failed=True)
            return True
        self._answer_requests(recovered=recover)
        return False

    def _run_recovery(self) -> None:
        self._lock_sink(-1)
        try:
            self._send_heartbeat()
            self._recovery.run(0.0)
        except TimeoutError as error:  # another process is taking over: it does what is to be done
            logger.debug("%s", error)
        finally:
            self._sink_lock.release()

    def _send_heartbeat(self) -> None:
        if not self._sends_heartbeats or time.monotonic() < self._last_write + _HEARTBEAT_SECONDS:
            return
        try:
            self.sink.write([], owner=self._journal.owner)
            self._last_write = time.monotonic()
        except Exception as error:  # nothing is lost by it
            logger.debug("%s does not hear that this process is alive", self.sink.name, exc_info=error)

    def _must_stop(self) -> bool:
        return self._stopping or (self._pausing and self._cursor >= self._pause_at)

    def _answer_requests(self, *, failed: bool = False, recovered: bool = False) -> None:
        for request in list(self._requests):
            taken = self._cursor >= request.target and (recovered or not request.recover)
            if not (taken or request.given_up or (failed and not request.retry)):
                continue
            if taken and request.last is not None:
                try:
                    request.last()
                except Exception as error:
                    taken = False
                    self._log_failure(error)
            self._requests.remove(request)
            request.answer(taken)

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

    # ---- handing over ----

    def drain_batch(self, timeout: float = -1) -> bool:
        """Hand one batch to the sink; False if there was nothing to hand over. Raises what the sink raises."""
        self._lock_sink(timeout)
        try:
            records, cursor = self._journal.read(self._cursor, self._batch_bytes)
            if not records:
                return False
            try:
                self.sink.write(records, owner=self._journal.owner)
            except Exception:
                beyond = self._beyond_refused(records, cursor)
                if beyond is None:
                    raise
                cursor = beyond
            self._refusals = 0
            self._batch_bytes = min(self._batch_bytes * 4, _BATCH_BYTES)
            self._cursor = cursor
            self._last_write = time.monotonic()
            self._journal.taken(self._key, cursor)
            return True
        finally:
            self._sink_lock.release()

    def _lock_sink(self, timeout: float) -> None:
        if not self._sink_lock.acquire(timeout=timeout):
            raise TimeoutError(f"{self.sink.name} is still busy with an earlier batch")

    def _beyond_refused(self, records: list[bytes], cursor: tuple[int, int]) -> tuple[int, int] | None:
        """Where to go on if it is this one record alone that the sink refuses: it must not hold up all that follow.

        A batch that fails is smaller the next time, down to one record; when that is refused a few times, the next one
        is tried. A sink that is down refuses that as well.
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
        """Hand over everything that is there now; raises what the sink raises, or TimeoutError."""
        target = self._journal.position()
        deadline = time.monotonic() + timeout
        while self._cursor < target:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self.sink.name} has not taken everything within {timeout} s")
            if not self.drain_batch(left):
                return

    def recover(self, timeout: float) -> None:
        """Hand over what dead processes left; what fails is logged and tried again later."""
        try:
            self._lock_sink(timeout)
            try:
                self._recovery.run(timeout)
            finally:
                self._sink_lock.release()
        except Exception as error:
            self._log_failure(error)

    def ask(self, *, retry: bool, last: Callable[[], None] | None = None, recover: bool = False) -> FlushRequest | None:
        """Ask the thread to hand over everything now; None if there is nothing to wait for."""
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


def _notify(wakeup: threading.Lock) -> None:
    try:
        wakeup.release()
    except RuntimeError:  # it rings already
        return
