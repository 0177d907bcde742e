"""Number of values in JSON texts before they are parsed: parsed, a few bytes such as ``{},`` take a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

VALUES_LIMIT: Final = 1_000_000  # keys and values of one body: 100 MB, and seconds
_CUT_AT_ONCE = 1 << 18  # bytes: pieces of a few bytes take several times their size
_FEW = 1000
_SEPARATORS = (b",", b":", b"[", b"{")  # each precedes a key or a value


def has_more_values(texts: Sequence[bytes], limit: int) -> bool:
    """Whether JSON texts have more keys and values together than this."""
    if sum(map(len, texts)) <= limit:  # there cannot be more than bytes
        return False
    if sum(map(_count, texts)) <= limit:  # those in prose among them
        return False
    return sum(_count_outside_quotes(text, limit) for text in texts) > limit


def values_in(text: bytes) -> int:
    """Upper bound of the number of keys and values in a JSON text; those in its strings are no values."""
    at_most = _count(text)
    return at_most if at_most < _FEW else _count_outside_quotes(text, VALUES_LIMIT)


def _count(text: bytes) -> int:
    return sum(map(text.count, _SEPARATORS))


def _count_outside_quotes(text: bytes, limit: int) -> int:
    text = text.replace(b"\\\\", b"").replace(b'\\"', b"")  # every quote that is left begins or ends a string
    found = 0
    is_inside = False
    for place in range(0, len(text), _CUT_AT_ONCE):
        pieces = text[place : place + _CUT_AT_ONCE].split(b'"')
        found += _count(b"".join(pieces[is_inside::2]))
        is_inside ^= len(pieces) % 2 == 0
        if found > limit:
            break
    return found
