"""Payloads packed together: the records of one trace from one append, as a JSON array, compressed.

A conversation is sent again with every call, and zlib looks back 32 KB only. In longer content each long text stands
once, in front of the records, one a line; where it was stands its number between two bytes 1, which JSON never has.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

CHUNK_BYTES: Final = 64 * 1024
PLAIN: Final = 0
ZLIB: Final = 1
TEXTS_ONCE: Final = 2
_LEVEL = 3  # the first to look past the first match: a third less than 1 for a long conversation, in about its time
_WORTH_COMPRESSING = 512  # below, setting zlib up takes longer than writing the bytes that it saves
_ZLIB_WINDOW = 32 * 1024
_UNPACKED_BYTES = 1024 * 1024  # what is unpacked to read one of the records
_LONG = 48
_LITERAL = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NUMBER = re.compile(rb"\x01(\d+)\x01")

Chunk = tuple[int, int, int, bytes]  # position of its first record, number of records, codec, content


def pack(lines: Sequence[bytes]) -> Iterator[Chunk]:
    """Chunks of up to 64 KB that hold these records in their order; a larger record has one to itself."""
    if len(lines) == 1:
        yield 0, 1, *_compressed(b"[" + lines[0] + b"]")
        return
    if not _can_repeat_themselves(lines):
        for first, run in _split(lines):
            yield first, len(run), *_compressed(b"[" + b",".join(run) + b"]")
        return
    once = _TextsOnce(0)
    for position, line in enumerate(lines):
        if not once.add(line):
            yield once.chunk()
            once = _TextsOnce(position)
            once.add(line)
    yield once.chunk()


def _can_repeat_themselves(lines: Sequence[bytes]) -> bool:
    """Whether texts may repeat farther apart than zlib sees; lines with what marks a place are left as they are."""
    is_long = sum(map(len, lines)) > _ZLIB_WINDOW
    return is_long and not any(b"\x01" in line or b"\n" in line for line in lines)


def unpack(codec: int, content: bytes) -> list[dict[str, Any]]:
    """The records of a chunk. Raises ValueError for a codec that this version does not know."""
    if codec in (ZLIB, TEXTS_ONCE):
        content = zlib.decompress(content)
    elif codec != PLAIN:
        raise ValueError(f"chunk codec {codec} is unknown")
    if codec == TEXTS_ONCE:
        before, _, content = content.rpartition(b"\n")
        texts = before.split(b"\n")
        content = _NUMBER.sub(lambda match: texts[int(match[1])], content)
    records: list[dict[str, Any]] = orjson.loads(content)
    return records


class _TextsOnce:
    """A chunk in the making in which each long text stands once."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._texts: dict[bytes, int] = {}
        self._lines: list[bytes] = []
        self._size = 0
        self._unpacked_size = 0

    def add(self, line: bytes) -> bool:
        """Take a record in; False where there is no room for it beside those that are there."""
        known = len(self._texts)
        shortened = _LITERAL.sub(self._number, line)
        new = list(self._texts)[known:]
        size = len(shortened) + sum(map(len, new))
        is_full = self._size + size > CHUNK_BYTES or self._unpacked_size + len(line) > _UNPACKED_BYTES
        if self._lines and is_full:
            for text in new:
                del self._texts[text]
            return False
        self._lines.append(shortened)
        self._size += size
        self._unpacked_size += len(line)
        return True

    def _number(self, match: re.Match[bytes]) -> bytes:
        literal = match[0]
        if len(literal) < _LONG:
            return literal
        return b"\x01%d\x01" % self._texts.setdefault(literal, len(self._texts))

    def chunk(self) -> Chunk:
        """The finished chunk."""
        content = b"\n".join([*self._texts, b"[" + b",".join(self._lines) + b"]"])
        return self._first, len(self._lines), TEXTS_ONCE, zlib.compress(content, _LEVEL)


def _compressed(content: bytes) -> tuple[int, bytes]:
    if len(content) < _WORTH_COMPRESSING:
        return PLAIN, content
    return ZLIB, zlib.compress(content, _LEVEL)


def _split(lines: Sequence[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Runs of records of up to 64 KB together, each with the position of its first; a larger record stands alone."""
    first = size = 0
    run: list[bytes] = []
    for position, line in enumerate(lines):
        if run and size + len(line) > CHUNK_BYTES:
            yield first, run
            first, size, run = position, 0, []
        run.append(line)
        size += len(line)
    if run:
        yield first, run
