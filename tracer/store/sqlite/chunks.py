"""Payloads packed together: the records of one trace from one append, as a JSON array, compressed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

CHUNK_BYTES: Final = 64 * 1024
PLAIN: Final = 0
ZLIB: Final = 1
_LEVEL = 1  # packing gives the gain, not the level
_WORTH_COMPRESSING = 200


def pack(lines: Sequence[bytes]) -> tuple[int, bytes]:
    """Codec and content of a chunk that holds these records."""
    content = b"[" + b",".join(lines) + b"]"
    if len(content) < _WORTH_COMPRESSING:
        return PLAIN, content
    return ZLIB, zlib.compress(content, _LEVEL)


def unpack(codec: int, content: bytes) -> list[dict[str, Any]]:
    """The records of a chunk. Raises ValueError for a codec that this version does not know."""
    if codec == ZLIB:
        content = zlib.decompress(content)
    elif codec != PLAIN:
        raise ValueError(f"chunk codec {codec} is unknown")
    records: list[dict[str, Any]] = orjson.loads(content)
    return records


def split(lines: Sequence[bytes]) -> Iterator[tuple[int, list[bytes]]]:
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
