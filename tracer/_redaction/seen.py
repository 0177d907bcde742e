"""Searches only the new parts of long records for secrets: a conversation is sent again with every turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SHORT = 4_096  # bytes; below, a search takes no longer than looking the parts up
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
        return search(line)
    made = []
    for part in _parts(line):
        key = hash(part)
        if key not in _harmless:
            searched = search(part)
            if searched == part:
                if len(_harmless) >= _HARMLESS_LIMIT:
                    _harmless.clear()
                _harmless.add(key)
            part = searched
        made.append(part)
    return b"".join(made)


def _parts(line: bytes) -> Iterator[bytes]:
    """The line cut at objects, so that the same conversation gives the same parts anywhere."""
    start = 0
    for match in _BEGINS.finditer(line):
        end = match.start()
        if end - start >= _SMALLEST_PART or not start:
            yield line[start:end]
            start = end
    yield line[start:]
