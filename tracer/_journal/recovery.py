"""Recovers the journals of processes that died before every sink had their records."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tracer._fault import log_once, report
from tracer._journal import lockfile
from tracer._journal.alive import LOCK_SUFFIX, NEW_LOCK_SUFFIX
from tracer._journal.dead_segment import DeadSegment, EmptySegmentError, OtherVersionError
from tracer._journal.dropped import dropped_by, note_dropped, noted_dropped
from tracer._journal.head import HEAD_SIZE
from tracer._journal.journal import SEGMENT_SUFFIX
from tracer._journal.locations import file_size
from tracer._journal.sink import Sink, is_of_the_sink, sink_key

_BATCH_BYTES = 1 << 20
_KEPT_SECONDS = 7 * 24 * 3600  # retention of records for an exporter that no process configures any more
_TRIES_BEFORE_ONE_BY_ONE = 3
_STARTUP_SECONDS = 60.0
_SEGMENT = re.compile(rf"(?P<owner>.+)\.(?P<number>\d{{6,}}){re.escape(SEGMENT_SUFFIX)}")


class Recovery:
    """Writes dead processes' records to one sink; any number of processes may run it at once."""

    def __init__(
        self,
        folder: Path,
        sink: Sink,
        *,
        own: str,
        takes_all: bool = False,
        owner_gone: Callable[[str], None] | None = None,
        max_bytes: int = 1 << 30,
    ) -> None:
        self._folder = folder
        self._sink = sink
        self._key = sink_key(sink)
        self._own = own
        self._takes_all = takes_all  # else only records made for this very sink: nothing is sent to a stranger
        self._owner_gone = owner_gone
        self._max_bytes = max_bytes
        self._refusals: dict[Path, int] = {}
        self._waiting: set[str] = set()  # dead owners whose remaining records wait for a sink of other processes

    def run(self, timeout: float) -> None:
        """Write dead processes' records to the sink, and delete segments that every sink has.

        When it returns, the sink has all records of processes that were dead at the call, written by this process or
        another one. Raises the sink's exceptions and TimeoutError; records that failed are kept for the next run.
        """
        if not self._dead_owners():
            return
        try:
            # processes of other versions take the lock of the same file, so its name stays as it is
            lock = lockfile.take_within(self._folder / f"{self._key:016x}.adopting", timeout)
        except OSError as error:  # another user's folder
            log_once(f"recover {self._folder}", "tracer cannot take over journals in %s: %s", self._folder, error)
            return
        if lock is None:
            raise TimeoutError(f"another process is still taking over the journals in {self._folder}")
        try:
            self._recover_all()
            if self._takes_all:
                self._keep_bound()
        finally:
            lockfile.release(lock)

    def _dead_owners(self) -> dict[str, list[Path]]:
        return {
            owner: paths
            for owner, paths in _journals(self._folder).items()
            if owner != self._own and owner not in self._waiting and not is_alive(self._folder, owner)
        }

    def _recover_all(self) -> None:
        errors: list[Exception] = []
        for owner, paths in self._dead_owners().items():
            try:
                self._recover(owner, paths)
            except Exception as error:
                errors.append(error)
                if len(errors) > 1:  # the sink is down, rather than refusing one journal
                    break
        if errors:
            raise errors[0]

    def _recover(self, owner: str, paths: list[Path]) -> None:
        waiting = [path for path in paths if not self._recover_segment(path, owner)]
        if self._owner_gone is not None:
            self._owner_gone(owner)
        if waiting:
            self._waiting.add(owner)
        else:
            _clear_owner(self._folder, owner)

    def _recover_segment(self, path: Path, owner: str) -> bool:
        """Write one segment to the sink; True if it was deleted, False if it waits for another sink."""
        try:
            segment = DeadSegment(path)
        except FileNotFoundError:
            return True
        except EmptySegmentError:
            return _delete(path)
        except (OSError, ValueError) as error:
            log_once(f"recover {path}", "tracer leaves a file alone that it cannot read: %s", error)
            return isinstance(error, OtherVersionError) and _is_old(path) and self._delete_unread(path, owner, 1)
        _log_damage(segment)
        self._write_all(segment, owner)
        cursors = segment.cursors()
        is_done = all(position >= segment.end for position in cursors.values()) if cursors else self._takes_all
        if is_done:
            return self._delete_unread(path, owner, segment.damaged_records)
        if not _is_old(path):
            return False
        unread = segment.records_after(min(cursors.values(), default=HEAD_SIZE))
        return self._delete_unread(path, owner, segment.damaged_records + unread)

    def _delete_unread(self, path: Path, owner: str, unread: int) -> bool:
        """Delete a segment, and count its records that a sink did not get; True if there is no such file now."""
        try:
            path.unlink()
        except FileNotFoundError:
            return True  # another process has deleted it, and counted them
        except OSError as error:
            report("deleting a journal that every sink has", error)
            return False
        note_dropped(self._folder, owner, unread)
        return True

    def _write_all(self, segment: DeadSegment, owner: str) -> None:
        position = segment.cursors().get(self._key, HEAD_SIZE if self._takes_all else segment.end)
        process = segment.process_record()
        for batch, end in segment.batches(position, _BATCH_BYTES):
            # a sink that starts in the middle needs the process record too
            head = [] if process is None or batch[0] == process else [process]
            try:
                self._sink.write([*head, *batch], owner=owner)
            except Exception as error:
                if is_of_the_sink(error):
                    raise
                self._refusals[segment.path] = self._refusals.get(segment.path, 0) + 1
                if self._refusals[segment.path] < _TRIES_BEFORE_ONE_BY_ONE or len(batch) == 1:
                    raise
                self._write_one_by_one(head, batch, owner)
            segment.set_cursor(self._key, end)

    def _write_one_by_one(self, head: list[bytes], batch: list[bytes], owner: str) -> None:
        """Skip records that the sink refuses while it accepts others, so that they do not block the rest forever."""
        refused = 0
        for number, record in enumerate(batch, 1):
            try:
                self._sink.write([*head, record], owner=owner)
            except Exception as error:
                if is_of_the_sink(error):
                    raise
                refused += 1
                if refused == number and refused in (_TRIES_BEFORE_ONE_BY_ONE, len(batch)):
                    raise  # none was accepted: the sink is down
        log_once(f"refused {self._sink.name}", "tracer leaves out what %s does not take", self._sink.name)
        note_dropped(self._folder, owner, refused)

    def _keep_bound(self) -> None:
        """Drop the oldest segments that wait for absent exporters, beyond the journal's size limit."""
        paths = [path for owner in self._waiting for path in _journals(self._folder).get(owner, [])]
        if not paths:
            return
        sizes = {path: size for path in paths if (size := file_size(path))}
        total = sum(sizes.values())
        for path in sorted(sizes, key=_age, reverse=True):
            if total <= self._max_bytes:
                return
            total -= sizes[path]
            log_once(f"recover bound {self._folder}", "tracer deletes the oldest records that wait for an exporter")
            self._delete_unread(path, path.name, _records_in(path))


def _log_damage(segment: DeadSegment) -> None:
    if segment.damaged_bytes:
        log_once(
            f"recover {segment.path}",
            "tracer left %s bytes out that are no whole record: the end of a process, or a damaged disk, in %s",
            segment.damaged_bytes,
            segment.path,
        )
    if segment.has_damaged_head:
        log_once(
            f"head of {segment.path}",
            "the head of %s is damaged: the store gets all its records, an exporter may get some twice or miss some",
            segment.path,
        )


def _records_in(path: Path) -> int:
    """Number of records in a segment; at least one if they cannot be counted."""
    try:
        return len(DeadSegment(path))
    except (OSError, ValueError):
        return 1


def _journals(folder: Path) -> dict[str, list[Path]]:
    """Segments in a folder by owner, oldest first; an owner may have none."""
    journals: dict[str, list[Path]] = {}
    for path in _files(folder):
        if path.suffix == LOCK_SUFFIX:
            journals.setdefault(path.stem, [])
        elif path.suffix == SEGMENT_SUFFIX:
            named = _SEGMENT.fullmatch(path.name)
            if named is None:
                log_once(f"recover {path}", "tracer leaves a file alone that is no journal of its own: %s", path)
            else:
                journals.setdefault(named["owner"], []).append(path)
        elif path.suffix == NEW_LOCK_SUFFIX and _age(path) > _STARTUP_SECONDS and not lockfile.is_held(path):
            _delete(path)  # its process died while starting
    return journals


def _files(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        log_once(f"recover {folder}", "tracer cannot look for journals in %s: %s", folder, error)
        return ()


def is_alive(folder: Path, owner: str) -> bool:
    """Whether the process of this journal is alive."""
    return lockfile.is_held(_alive(folder, owner))


def _alive(folder: Path, owner: str) -> Path:
    return folder / f"{owner}{LOCK_SUFFIX}"


def _clear_owner(folder: Path, owner: str) -> None:
    alive = _alive(folder, owner)
    try:
        note_dropped(folder, owner, dropped_by(alive))
        alive.unlink(missing_ok=True)
    except OSError as error:
        report("deleting a dead process's lock file", error)


def _delete(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        report("deleting a journal that every sink has", error)
        return False
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _is_old(path: Path) -> bool:
    return _age(path) > _KEPT_SECONDS


def pending(folder: Path) -> list[dict[str, object]]:
    """The journals in a folder: owner, whether its process is alive, segments, their bytes, dropped records."""
    return [
        {
            "owner": owner,
            "alive": is_alive(folder, owner),
            "segments": len(paths),
            "bytes": sum(map(file_size, paths)),
            "dropped": dropped_by(_alive(folder, owner)),
        }
        for owner, paths in _journals(folder).items()
    ]


def dropped(folder: Path) -> int:
    """Number of records ever dropped in a journal folder, at a full disk or a sink that was down for too long."""
    return noted_dropped(_files(folder)) + sum(dropped_by(_alive(folder, owner)) for owner in _journals(folder))
