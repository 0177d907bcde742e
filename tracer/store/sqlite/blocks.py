"""Payloads packed together: the records of one trace from one append, as a JSON array, compressed.

A conversation is sent again with every call, and zlib looks back 32 KB only. In longer content each long text is
kept once, in front of the records, one a line; its places have its number between two bytes 1, which JSON never has.
The next turn of a conversation is written against a block that has most of its texts, its base (bases.py): those of the
base are numbered first, and are kept in the base alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

import orjson

from tracer._json import JsonObject
from tracer.errors import StoreError
from tracer.store.sqlite.bases import Base, RecentBases

BLOCK_BYTES: Final = 64 * 1024
PLAIN: Final = 0
ZLIB: Final = 1
TEXTS_ONCE: Final = 2
ON_BASE: Final = 3
# the columns for unpacking a row c of blocks: a base is looked up for the few blocks that have one
PACKED: Final = "c.codec, c.content, (SELECT b.content FROM chunks b WHERE b.id = c.base)"
_LEVEL = 3  # the last of zlib's fast ones: a third less than 1 for a long conversation, in about its time
_WORTH_COMPRESSING = 512  # below, setting zlib up takes longer than writing the bytes that it saves
_WORTH_SHARING = 4 * 1024
_ZLIB_WINDOW = 32 * 1024
_UNPACKED_BYTES = 1024 * 1024  # that are unpacked to read one of the records
_TAIL = 16 * 1024  # the records of a base, from where the same structure is taken
_BASES_OPEN = 16
# from a quote up to the next, whatever either means: a text is put back exactly as it was
_TEXT = re.compile(rb'("[^"]{46,})')
_NUMBER = re.compile(rb"\x01(\d+)\x01")


@dataclass(slots=True)
class Block:
    """Records that follow each other, packed."""

    first: int  # the position of its first record
    count: int
    codec: int
    content: bytes
    base: Base | None = None  # that it is written against
    as_base: Base | None = None  # as a base of later blocks


def pack(lines: Sequence[bytes], bases: RecentBases | None = None) -> Iterator[Block]:
    """Blocks of up to 64 KB that hold these records in their order; a larger record has one to itself."""
    if not _may_share(lines):
        for first, run in _split(lines):
            yield Block(first, len(run), *_compressed(b",".join(run)))
        return
    longest = max(lines, key=len)
    pieces_of_longest = _TEXT.split(longest)
    base = bases.best_for(pieces_of_longest[1::2], len(longest)) if bases else None
    once = _TextsOnce(0, base)
    for position, line in enumerate(lines):
        pieces = pieces_of_longest if line is longest else _TEXT.split(line)
        if not once.add(pieces, len(line)):
            yield once.block(bases)
            once = _TextsOnce(position, base)
            once.add(pieces, len(line))
    yield once.block(bases)


def _may_share(lines: Sequence[bytes]) -> bool:
    """Whether texts may repeat farther apart than zlib sees; not where a line has a byte that marks a place."""
    longest = max(map(len, lines), default=0)
    is_long = longest > _WORTH_SHARING or sum(map(len, lines)) > _ZLIB_WINDOW
    return is_long and not any(b"\x01" in line or b"\n" in line for line in lines)


def unpack(codec: int, content: bytes, base: bytes | None = None) -> list[JsonObject]:
    """The records of a block, given the columns PACKED. Raises StoreError."""
    records: list[JsonObject] = orjson.loads(_expanded(codec, content, base))
    return records


def without_base(codec: int, content: bytes, base: bytes | None) -> tuple[int, bytes]:
    """Codec and content of a block, given the columns PACKED, when written without its base. Raises StoreError."""
    once = _TextsOnce(0, None)
    records = _expanded(codec, content, base)[1:-1]
    once.add(_TEXT.split(records), len(records))
    block = once.block(None)
    return block.codec, block.content


def _expanded(codec: int, content: bytes, base: bytes | None) -> bytes:
    if codec == PLAIN:
        return content
    if codec == ZLIB:
        return zlib.decompress(content)
    if codec == TEXTS_ONCE:
        return _with_texts(zlib.decompress(content), [])
    if codec == ON_BASE:
        if base is None:
            raise StoreError("the store is damaged: a payload shares its texts with another one, which is not there")
        texts, tail = _open_base(base)
        return _with_texts(_inflated(content, tail), texts)
    raise StoreError(f"block codec {codec} is unknown")


def _with_texts(content: bytes, shared: list[bytes]) -> bytes:
    own, records = _texts_and_records(content)
    texts = shared + own
    return _NUMBER.sub(lambda match: texts[int(match[1])], records)


def _texts_and_records(content: bytes) -> tuple[list[bytes], bytes]:
    *texts, records = content.split(b"\n")
    return texts, records


@lru_cache(maxsize=_BASES_OPEN)
def _open_base(content: bytes) -> tuple[list[bytes], bytes]:
    """The texts of a base and its tail; the turns of a conversation are mostly read together."""
    expanded = zlib.decompress(content)
    return _texts_and_records(expanded)[0], expanded[-_TAIL:]


def _inflated(content: bytes, tail: bytes) -> bytes:
    # zlib keeps a check sum of the dictionary: with another one it fails
    inflater = zlib.decompressobj(zdict=tail)
    try:
        inflated = inflater.decompress(content)
    except zlib.error as error:
        raise StoreError("the store is damaged: a payload was written against other texts") from error
    if not inflater.eof:
        raise StoreError("the store is damaged: a payload is cut off")
    return inflated


class _TextsOnce:
    """A block in the making: each long text is kept once, or not at all where the base has it."""

    def __init__(self, first: int, base: Base | None) -> None:
        self._first = first
        self._base = base
        self._shared = len(base.numbers) if base else 0
        self._numbers = dict(base.numbers) if base else {}
        self._lines: list[bytes] = []
        self._size = 0
        self._unpacked_size = 0

    def add(self, pieces: Sequence[bytes], length: int) -> bool:
        """Take a record in, every other piece of which is a text; False where there is no room for it beside others."""
        known = len(self._numbers)
        shortened = self._shortened(pieces)
        new = self._texts_from(known)
        size = len(shortened) + sum(map(len, new))
        is_full = self._size + size > BLOCK_BYTES or self._unpacked_size + length > _UNPACKED_BYTES
        if self._lines and is_full:
            for text in new:
                del self._numbers[text]
            return False
        self._lines.append(shortened)
        self._size += size
        self._unpacked_size += length
        return True

    def _shortened(self, pieces: Sequence[bytes]) -> bytes:
        numbers = self._numbers
        shortened = list(pieces)
        shortened[1::2] = [b"\x01%d\x01" % numbers.setdefault(text, len(numbers)) for text in pieces[1::2]]
        return b"".join(shortened)

    def _texts_from(self, number: int) -> list[bytes]:
        newest_first = islice(reversed(self._numbers), len(self._numbers) - number)
        return list(newest_first)[::-1]

    def block(self, bases: RecentBases | None) -> Block:
        """The finished block; without a base it is one itself."""
        content = b"\n".join([*self._texts_from(self._shared), b"[" + b",".join(self._lines) + b"]"])
        if self._base:
            block = Block(self._first, len(self._lines), ON_BASE, _deflated(content, self._base.tail), self._base)
            self._base.spent += len(block.content)
            return block
        block = Block(self._first, len(self._lines), TEXTS_ONCE, zlib.compress(content, _LEVEL))
        if bases:
            block.as_base = Base(self._numbers, content[-_TAIL:], len(content), len(block.content))
            bases.add(block.as_base)
        return block


def _deflated(content: bytes, tail: bytes) -> bytes:
    deflater = zlib.compressobj(_LEVEL, zdict=tail)
    return deflater.compress(content) + deflater.flush()


def pack_one(line: bytes) -> tuple[int, bytes] | None:
    """Codec and content of a block of one record; None where it may share its texts with others."""
    return None if len(line) > _WORTH_SHARING else _compressed(line)


def _compressed(records: bytes) -> tuple[int, bytes]:
    content = b"[" + records + b"]"
    if len(content) < _WORTH_COMPRESSING:
        return PLAIN, content
    return ZLIB, zlib.compress(content, _LEVEL)


def _split(lines: Sequence[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Runs of records of up to 64 KB together, each with its first position; a larger record is its own run."""
    first = size = 0
    run: list[bytes] = []
    for position, line in enumerate(lines):
        if run and size + len(line) > BLOCK_BYTES:
            yield first, run
            first, size, run = position, 0, []
        run.append(line)
        size += len(line)
    if run:
        yield first, run
