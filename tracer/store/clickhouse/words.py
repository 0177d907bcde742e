"""The texts of a span in the three forms that searches read.

``said`` is the text as it is, empty where it is its own small form; ``low`` is in small letters. ``words`` has the
words alone, without accents, each between two spaces; empty for a text in ASCII, whose words the engine itself finds in
``low``.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from tracer._late import late_pattern

_SEPARATED = late_pattern(r"[^\W_]+")
_ASCII_CHARACTERS = 128


class Texts(NamedTuple):
    """The forms of one text."""

    said: str
    low: str
    words: str


NO_TEXTS = Texts("", "", "")


def texts_of(text: str) -> Texts:
    """The forms of a text."""
    if not text:
        return NO_TEXTS
    low = text.lower()
    words = "" if text.isascii() else f" {' '.join(words_of(text))} "
    return Texts("" if low == text else text, low, words)


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, without accents."""
    folded = text.lower() if text.isascii() else "".join(map(_folded, text))
    return _SEPARATED.findall(folded)


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """A letter without its accents; nothing for an accent that stands alone."""
    if ord(character) < _ASCII_CHARACTERS:
        return character.lower()
    if unicodedata.category(character) == "Mn":
        return ""
    first = unicodedata.normalize("NFD", character)[0]
    return (character if unicodedata.combining(first) else first).lower()[:1]
