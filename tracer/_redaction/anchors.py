"""Places in a record where secrets may begin: fixed strings, which an automaton finds all at once.

The automaton is hyperscan's, where it is installed and the processor knows its instructions; else Python looks for the
same strings one after the other. Both find the same, but Python may report some more that then prove to be none.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tracer._fault import reraise_interruption

hyperscan: Any
try:
    import hyperscan
except ImportError:
    hyperscan = None

Hit = tuple[int, int]  # end of the fixed string, its number


class Automaton:
    """Hyperscan over fixed strings in any case; raises AttributeError and others where there is none."""

    def __init__(self, literals: Sequence[bytes]) -> None:
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=list(literals),
            flags=[hyperscan.HS_FLAG_CASELESS] * len(literals),
            ids=list(range(len(literals))),
            literal=True,
        )
        self._local = threading.local()  # a scan lets other threads run, which need a scratch space of their own

    def hits(self, line: bytes) -> list[Hit]:
        """All places of all strings, in the order of their ends."""
        try:
            scratch = self._local.scratch
        except AttributeError:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        found: list[Hit] = []

        def keep(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, number))

        self._database.scan(line, match_event_handler=keep, scratch=scratch)
        if len(found) > 1:
            found.sort()  # strings that end at one place come in no order
        return found


class PlainSearch:
    """The same in Python: some strings are looked for everywhere, the beginnings of tokens only in long words."""

    def __init__(self, everywhere: Iterable[tuple[bytes, int]], in_words: Iterable[tuple[bytes, int]]) -> None:
        by_needle: dict[str, dict[int, list[tuple[str, int]]]] = {}
        for literal, number in everywhere:
            text = literal.decode("latin-1")
            needle = next((each for each in _NEEDLES if each in text), text)
            by_needle.setdefault(needle, {}).setdefault(text.index(needle), []).append((text, number))
        self._groups = [
            (needle, [(offset, tuple(each for each, _ in group), group) for offset, group in by_offset.items()])
            for needle, by_offset in by_needle.items()
        ]
        self._numbers: dict[bytes, list[int]] = {}
        for literal, number in in_words:
            self._numbers.setdefault(literal, []).append(number)
        longest = sorted(self._numbers, key=len, reverse=True)
        self._also = {
            literal: [
                (len(other), number)
                for other in longest
                if literal.startswith(other)
                for number in self._numbers[other]
            ]
            for literal in longest
        }
        self._beginnings = re.compile(b"(?=(" + _tree(longest) + b"))")
        self._harmless: set[bytes] = set()

    def hits(self, line: bytes) -> list[Hit]:
        """All places of all strings, in the order of their ends."""
        lowered = line.lower()
        text = lowered.decode("latin-1")  # text is searched four times faster than bytes
        found: list[Hit] = []
        for needle, groups in self._groups:
            if needle in text:
                _find_around(text, needle, groups, found)
        self._in_words(line, lowered, found)
        found.sort()
        return found

    def _in_words(self, line: bytes, lowered: bytes, found: list[Hit]) -> None:
        runs = line.translate(_TO_RUNS)
        start = runs.find(_RUN)
        while start >= 0:
            end = runs.find(b" ", start)
            end = len(line) if end < 0 else end
            word = line[max(0, start - 2) : end]  # a beginning may need the characters before it, such as a quote
            if lowered[start - 1 : start] in (b".", b"/", b"$"):
                self._in_word(lowered, max(0, start - _LONGEST_BEGINNING), end, found)
            elif word not in self._harmless:
                count = len(found)
                self._in_word(lowered, max(0, start - 2), end, found)
                if len(found) == count and len(word) < _LONGEST_REMEMBERED:
                    if len(self._harmless) >= _REMEMBERED:
                        self._harmless.clear()
                    self._harmless.add(word)
            start = runs.find(_RUN, end)

    def _in_word(self, lowered: bytes, start: int, end: int, found: list[Hit]) -> None:
        for match in self._beginnings.finditer(lowered, start, end):
            found += [(match.start() + length, number) for length, number in self._also[match[1]]]


def _find_around(
    text: str, needle: str, groups: list[tuple[int, tuple[str, ...], list[tuple[str, int]]]], found: list[Hit]
) -> None:
    """The strings that hold a needle, wherever it is; each group has it at another offset."""
    position = text.find(needle)
    while position >= 0:
        for offset, literals, group in groups:
            start = position - offset
            if start >= 0 and text.startswith(literals, start):
                found += [(start + len(each), number) for each, number in group if text.startswith(each, start)]
        position = text.find(needle, position + 1)


# One of these is in most of the strings, so that they are found together.
_NEEDLES = (
    *(
        "pass",
        "pwd",
        "secret",
        "credential",
        "auth",
        "cookie",
        "connection",
        "token",
        "key",
        "sig",
        "sess",
        "jwt",
        "dsn",
    ),
    *("_pw", "-pw", "bearer", "basic", "hook", "eyj", "-u", "login"),
)
# A token is a long run of these characters; mapped onto one letter, runs are found at the speed of memchr.
_RUN = b"x" * 16
_TO_RUNS = bytes(ord("x") if (chr(i).isalnum() and i < 128) or i in b"_-" else ord(" ") for i in range(256))
_LONGEST_BEGINNING = 25
_LONGEST_REMEMBERED = 64
_REMEMBERED = 1_000


def _tree(literals: Sequence[bytes]) -> bytes:
    """A pattern of the strings, the longer ones first, that looks at the first letter once."""
    by_letter: dict[bytes, list[bytes]] = {}
    for literal in literals:
        by_letter.setdefault(literal[:1], []).append(literal[1:])
    return b"|".join(
        re.escape(letter) + b"(?:" + b"|".join(map(re.escape, rests)) + b")" for letter, rests in by_letter.items()
    )


def search_for(
    literals: Sequence[bytes],
    everywhere: Iterable[tuple[bytes, int]],
    in_words: Iterable[tuple[bytes, int]],
) -> Callable[[bytes], list[Hit]]:
    """The fastest search of this machine for the fixed strings."""
    try:
        return Automaton(literals).hits
    except Exception as error:  # not installed, or an unsupported processor
        reraise_interruption(error)
        return PlainSearch(everywhere, in_words).hits
