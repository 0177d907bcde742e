"""Counts of dropped records in a journal folder: written by journals, summed up by `tracer doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from tracer._json import encode, loads

_NAME = "dropped.jsonl"
_SUFFIX = ".dropped"


def note_dropped(folder: Path, owner: str, count: int) -> None:
    """Append the number of dropped records to the folder's file. Raises OSError."""
    if not count:
        return
    line = encode({"owner": owner, "time": time.time_ns(), "dropped": count}) + b"\n"
    try:
        with (folder / _NAME).open("ab") as file:
            file.write(line)
    except OSError:  # a full disk may still have room for a file name
        (folder / f"{owner}.{count}{_SUFFIX}").touch()


def dropped_by(alive_path: Path) -> int:
    """Number of dropped records in a process's lock file."""
    try:
        return _count(alive_path.read_bytes())
    except OSError:
        return 0


def noted_dropped(files: Iterable[Path]) -> int:
    """Number of dropped records in these files, lock files left out."""
    return sum(map(_noted_in, files))


def _noted_in(path: Path) -> int:
    if path.suffix == _SUFFIX:
        number = path.stem.rpartition(".")[2]
        return int(number) if number.isdecimal() else 0
    if path.name != _NAME:
        return 0
    try:
        return sum(map(_count, path.read_bytes().splitlines()))
    except OSError:
        return 0


def _count(line: bytes) -> int:
    try:
        count = loads(line)["dropped"]
    except (ValueError, KeyError, TypeError):  # empty, or damaged
        return 0
    return count if type(count) is int and count > 0 else 0
