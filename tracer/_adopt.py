"""Takes over the journals of processes that died before their sinks had everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tracer import _lockfile
from tracer._drain import Sink, sink_key
from tracer._fault import log_once, report
from tracer._journal import LOCK_SUFFIX, SEGMENT_SUFFIX
from tracer._segment import HEAD_SIZE, Segment

_BATCH_BYTES = 1 << 20
_KEPT_SECONDS = 7 * 24 * 3600  # how long records wait for an exporter that nobody configures any more

_adopt_lock = threading.Lock()


def renew_lock() -> None:
    """After a fork: another thread of the parent may have held the lock."""
    global _adopt_lock
    _adopt_lock = threading.Lock()


def adopt(folder: Path, sinks: Sequence[Sink], own: str, owner_gone: Callable[[str], None], seen: set[str]) -> None:
    """Hand the records of dead processes to the sinks and delete what nobody waits for.

    ``seen`` holds owners that were found dead before and wait for a sink that is not here. Raises what a sink raises;
    what it did not take stays for the next time.
    """
    if not folder.is_dir():
        return
    with _adopt_lock:
        for owner, segments in _journals(folder).items():
            if owner != own and owner not in seen:
                _adopt_one(folder, owner, segments, sinks, owner_gone, seen)


def _journals(folder: Path) -> dict[str, list[Path]]:
    journals: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        if path.suffix == LOCK_SUFFIX:
            journals.setdefault(path.stem, [])
        elif path.suffix == SEGMENT_SUFFIX:
            journals.setdefault(path.name.split(".", 1)[0], []).append(path)
    return journals


def _adopt_one(
    folder: Path,
    owner: str,
    segments: list[Path],
    sinks: Sequence[Sink],
    owner_gone: Callable[[str], None],
    seen: set[str],
) -> None:
    alive = folder / f"{owner}{LOCK_SUFFIX}"
    descriptor = _lockfile.take_existing(alive)
    if descriptor is None and alive.exists():
        return  # its process lives
    try:
        # listed again now that the lock is held: the process may have written more before it died
        paths = sorted(folder.glob(f"{owner}.*{SEGMENT_SUFFIX}")) or segments
        waiting = [path for path in paths if path.exists() and not _hand_over(path, owner, sinks)]
        owner_gone(owner)
        if waiting:
            seen.add(owner)
        else:
            alive.unlink(missing_ok=True)
    finally:
        if descriptor is not None:
            _lockfile.release(descriptor)


def _hand_over(path: Path, owner: str, sinks: Iterable[Sink]) -> bool:
    """Give one segment to the sinks; True if it is gone, False if it waits for a sink that is not here."""
    try:
        segment = Segment.of_dead_process(path, _number(path))
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            return True
        log_once(f"adopt {path.name}", "tracer cannot read the journal %s: %s", path, error)
        return False
    done = False
    try:
        for sink in sinks:
            _write_all(segment, sink, owner)
        cursors = segment.cursors()
        done = all(position >= segment.end for position in cursors.values()) or _is_old(path)
    finally:
        if done:
            segment.remove()
        else:
            segment.close()
    return done


def _write_all(segment: Segment, sink: Sink, owner: str) -> None:
    key = sink_key(sink)
    position = segment.cursors().get(key, HEAD_SIZE)
    while position < segment.end:
        records, position = segment.read(max(position, HEAD_SIZE), _BATCH_BYTES)
        sink.write(records, owner=owner)
        segment.set_cursor(key, position)


def _number(path: Path) -> int:
    try:
        return int(path.name.split(".")[1])
    except (IndexError, ValueError):
        return 0


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _KEPT_SECONDS
    except OSError as error:
        report("looking at an old journal", error)
        return False


def pending(folder: Path) -> list[dict[str, object]]:
    """What stands in a journal folder: owner, whether its process lives, segments and their bytes."""
    if not folder.is_dir():
        return []
    found = []
    for owner, segments in sorted(_journals(folder).items()):
        alive = folder / f"{owner}{LOCK_SUFFIX}"
        descriptor = _lockfile.take_existing(alive)
        if descriptor is not None:
            _lockfile.release(descriptor)
        living = descriptor is None and alive.exists()
        size = sum(path.stat().st_size for path in segments if path.exists())
        found.append({"owner": owner, "alive": living, "segments": len(segments), "bytes": size})
    return found
