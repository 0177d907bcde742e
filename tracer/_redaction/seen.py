"""Long records are searched for secrets where they are new: a conversation is sent again with every turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SHORT = 4_096  # bytes; such a record is searched in the time that it takes to look its parts up
_SMALLEST_PART = 512
# An object of a message, of a part of one, of a tool, begins here: a quote within a string would be escaped, and after
# the one that ends a string no name can stand.
_BEGINS = re.compile(rb'\{"(?:role|type)":')

_harmless: set[int] = set()  # the parts in which nothing was found, by their hashes
_HARMLESS_LIMIT = 20_000


def where_new(line: bytes, search: Callable[[bytes], bytes]) -> bytes:
    """What ``search`` makes of the line; a part that it left as it was before is not given to it again.

    It must find nothing that reaches from one object into the next.
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
    """The line from object to object, the same ones wherever the same conversation stands in it."""
    start = 0
    for match in _BEGINS.finditer(line):
        end = match.start()
        if end - start >= _SMALLEST_PART or not start:
            yield line[start:end]
            start = end
    yield line[start:]
