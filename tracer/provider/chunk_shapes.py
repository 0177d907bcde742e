"""The shape that most chunks of a stream share: once it is known, they are read without being parsed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

_VALUES_LIMIT = 4
_REACH = 64  # chunks
_UTF8_BYTES = 4  # of a character, at most
_MARK = "~tracer{}value~"
_NUMBER_MARK = 731_905_524_862_000
_NUMBER_DIGITS = 16  # more may not be kept as they are
_IN_QUOTES = re.compile(r'(?:[^"\\]|\\.)*')

Added = tuple[list[str], str]  # the pieces of a text, and the piece that a chunk adds to them
Continued = Callable[[Any], "Added | None"]


class ChunkShape:
    """Chunks that differ only in a text that each continues, and maybe in padding and a number.

    Between its values a chunk has the same characters as all others. A value in quotes ends at the first quote that is
    not escaped, so that a chunk that matches parses to the same object with other values, if it is JSON at all.
    """

    __slots__ = ("_between", "_head", "_is_kept_as_sent", "_kept", "_numbers", "_reach", "_tail", "_text", "pieces")

    def __init__(self, sent: list[str], kept: list[str], numbers: list[int], text: int, pieces: list[str]) -> None:
        self._head, *self._between, self._tail = sent
        self._kept = "%s".join(part.replace("%", "%%") for part in kept)
        self._is_kept_as_sent = sent == kept
        self._numbers = numbers  # which of the values are not in quotes
        self._text = text
        self._reach = _REACH
        self.pieces = pieces

    def take_run(self, sent: list[Any], first: int, longest: int) -> tuple[list[str], list[str]]:
        """The chunks from the first one on that have this shape, until another comes, or not quite as many.

        What each adds to the text, and its JSON without null and repeated fields, in less than ``longest`` bytes.
        """
        run = self._alike(sent[first : first + self._reach])
        columns, count = self._values(run)
        texts = columns[self._text][:count]
        kept = run[:count] if self._is_kept_as_sent else list(map(self._kept.__mod__, zip(*columns)))[:count]
        joined = "".join(map("".join, columns))
        if '"' in joined or "\\" in joined:
            count = self._unescape(columns, texts, kept)
        if kept and max(map(len, kept)) * _UTF8_BYTES >= longest:
            count = next((at for at, chunk in enumerate(kept) if len(chunk.encode()) >= longest), count)
        # where shapes alternate, none looks far ahead in vain
        self._reach = min(2 * self._reach, _REACH) if run and count == len(run) else max(1, count)
        return texts[:count], kept[:count]

    def _alike(self, sent: list[Any]) -> list[str]:
        """The chunks that begin and end as this shape does, until another comes."""
        head, tail, shortest = self._head, self._tail, len(self._head) + len(self._tail)
        run = []
        for chunk in sent:
            if (
                type(chunk) is not str
                or not chunk.startswith(head)
                or not chunk.endswith(tail)
                or len(chunk) < shortest
            ):
                break
            run.append(chunk)
        return run

    def _values(self, run: list[str]) -> tuple[list[list[str]], int]:
        """Each value of these chunks, as it was sent, and how many chunks have them all."""
        begin, end, count = len(self._head), len(self._tail), len(run)
        rest = [chunk[begin:-end] for chunk in run]
        columns = []
        for part in self._between:
            cut = [each.partition(part) for each in rest]
            found = [each[1] for each in cut]
            if "" in found:
                count = min(count, found.index(""))
            columns.append([each[0] for each in cut])
            rest = [each[2] for each in cut]
        columns.append(rest)
        for number in self._numbers:
            count = next((at for at, value in enumerate(columns[number][:count]) if not _is_number(value)), count)
        return columns, count

    def _unescape(self, columns: list[list[str]], texts: list[str], kept: list[str]) -> int:
        """Put texts with escaped characters right; up to which chunk this could be done."""
        for at, values in enumerate(map("".join, zip(*columns))):
            if at == len(texts) or ('"' in values and "\\" not in values):
                return at
            if "\\" in values:
                unescaped = self._unescaped([column[at] for column in columns])
                if unescaped is None:
                    return at
                texts[at], kept[at] = unescaped
        return len(texts)

    def _unescaped(self, values: list[str]) -> tuple[str, str] | None:
        if not all(map(_IN_QUOTES.fullmatch, values)):
            return None
        try:
            texts = [orjson.loads(f'"{value}"') for value in values]
        except orjson.JSONDecodeError:  # half of a pair of surrogates
            return None
        return texts[self._text], self._kept % tuple(orjson.dumps(text)[1:-1].decode() for text in texts)


def _is_number(value: str) -> bool:
    return value.isdigit() and value.isascii() and len(value) < _NUMBER_DIGITS


def chunk_shape(sent: str, varying: str, new_fields: Callable[[Any], Any], continued: Continued) -> ChunkShape | None:
    """The shape of a chunk that continues a text; None where it is not certain that others can be read by it.

    ``varying`` finds the values that differ: in its first group one in quotes, in its second a number.
    """
    found = list(re.finditer(varying, sent))
    if not 0 < len(found) <= _VALUES_LIMIT:
        return None
    groups = [match.lastindex or 0 for match in found]
    marks = [
        _MARK.format(index) if group == 1 else str(_NUMBER_MARK + index) for index, group in enumerate(groups)
    ]  # fmt: skip
    ends = [0, *(match.end(group) for match, group in zip(found, groups))]
    starts = [*(match.start(group) for match, group in zip(found, groups)), len(sent)]
    parts = [sent[end:start] for end, start in zip(ends, starts)]
    marked = "".join(part + mark for part, mark in zip(parts, [*marks, ""]))
    kept = new_fields(orjson.loads(marked))
    added = continued(kept)
    if added is None or added[1] not in marks:
        return None
    pieces, text = added
    numbers = [index for index, group in enumerate(groups) if group != 1]
    kept_parts = _split(orjson.dumps(kept).decode(), marks)
    return None if kept_parts is None else ChunkShape(parts, kept_parts, numbers, marks.index(text), pieces)


def _split(text: str, marks: list[str]) -> list[str] | None:
    """The text between the marks, each of which has to be there once, in order."""
    parts = []
    for mark in marks:
        part, found, text = text.partition(mark)
        if not found:
            return None
        parts.append(part)
    parts.append(text)
    return None if any(mark in part for mark in marks for part in parts) else parts
