"""Patterns of LIKE: ``%`` is any text, ``_`` any character.

Each piece between two ``%`` is taken at the first place where it is found, and never looked for again, so that the work
grows with the length of the text alone, for every pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tracer.store.limits import check_deadline

PIECE_LIMIT = 100  # characters of a piece that has a _: as many steps at each place of the text
_SEARCHED_AT_ONCE = 100_000  # characters; then other threads, and the time limit, have their turn


def like(text: str, pattern: str) -> bool:
    """Whether the whole text meets the pattern."""
    first, middle, last = _pieces(pattern)
    if last is None:
        return len(text) == first.length and first.is_at(text, 0)
    place, end = first.length, len(text) - last.length
    if place > end or not first.is_at(text, 0) or not last.is_at(text, end):
        return False
    for piece in middle:
        place = piece.after(text, place, end)
        if place < 0:
            return False
    return True


def ilike(text: str, pattern: str) -> bool:
    """Whether the whole text meets the pattern, in any case."""
    return like(text.lower(), pattern.lower())


def has_long_piece(pattern: str) -> bool:
    """Whether the pattern has a piece with a ``_`` that is longer than PIECE_LIMIT."""
    return any("_" in piece and len(piece) > PIECE_LIMIT for piece in pattern.split("%"))


class _Piece:
    """The piece between two ``%``; one with a ``_`` has a regular expression, which matches a fixed length."""

    __slots__ = ("expression", "length", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.length = len(text)
        self.expression = _expression(text) if "_" in text else None

    def is_at(self, text: str, place: int) -> bool:
        if self.expression is None:
            return text.startswith(self.text, place)
        return self.expression.match(text, place) is not None

    def after(self, text: str, start: int, end: int) -> int:
        """End of the first match of the piece between two places; -1 if there is none."""
        if self.expression is None:
            found = text.find(self.text, start, end)
            return found if found < 0 else found + self.length
        while end - start > _SEARCHED_AT_ONCE:
            check_deadline()
            match = self.expression.search(text, start, start + _SEARCHED_AT_ONCE)
            if match:
                return match.end()
            start += _SEARCHED_AT_ONCE - self.length + 1
        match = self.expression.search(text, start, end)
        return match.end() if match else -1


@lru_cache(maxsize=256)
def _pieces(pattern: str) -> tuple[_Piece, tuple[_Piece, ...], _Piece | None]:
    """The first piece, those in the middle, and the last one; none where there is no ``%``."""
    first, *others = (_Piece(piece) for piece in pattern.split("%"))
    return first, tuple(piece for piece in others[:-1] if piece.length), others[-1] if others else None


def _expression(piece: str) -> re.Pattern[str]:
    return re.compile(".".join(map(re.escape, piece.split("_"))), re.DOTALL)
