"""Searches only the new parts of long records for secrets: a conversation is sent again with every turn.

So is the record of a step without values, which is as short as a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SHORT = 4_096  # bytes; below, a search takes no longer than looking the parts up
_SHORTEST = 128  # below, the record has hardly more than the names of its step, and comes again
_SMALLEST_PART = 512
# Start of an object: a message, a part of one, a tool. It cannot match within a string, where quotes are escaped, nor
# at a string's closing quote, which no name follows.
_BEGINS = re.compile(rb'\{"(?:role|type)":')

_harmless: set[int] = set()  # hashes of the parts without secrets
_HARMLESS_LIMIT = 20_000


def where_new(line: bytes, search: Callable[[bytes], bytes]) -> bytes:
    """Apply ``search``, which replaces secrets, to the parts of the line that it has not left unchanged before.

    No match of ``search`` may extend from one object into the next.
    """
    if len(line) < _SHORT:
        return search(line) if len(line) >= _SHORTEST else _unless_seen(line, search)
    return b"".join([_unless_seen(part, search) for part in _parts(line)])


def _unless_seen(part: bytes, search: Callable[[bytes], bytes]) -> bytes:
    key = hash(part)
    if key in _harmless:
        return part
    searched = search(part)
    if searched == part:
        if len(_harmless) >= _HARMLESS_LIMIT:
            _harmless.clear()
        _harmless.add(key)
    return searched


def _parts(line: bytes) -> Iterator[bytes]:
    """The line cut at objects, so that the same conversation gives the same parts anywhere."""
    start = 0
    for match in _BEGINS.finditer(line):
        end = match.start()
        if end - start >= _SMALLEST_PART or not start:
            yield line[start:end]
            start = end
    yield line[start:]
