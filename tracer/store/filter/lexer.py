"""Cuts a filter string into tokens, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tracer.errors import FilterSyntaxError
from tracer.store.filter.durations import UNIT_MS, UNITS

TokenKind = Literal["name", "string", "number", "duration", "operator", "punctuation", "end"]

_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"-?\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d+)?")
_UNIT = re.compile(rf"(?:{'|'.join(UNIT_MS)})(?![\w.])")
_NAME = re.compile(r"[^\W\d]\w*")
_KEY = re.compile(r"[\w-]+")  # after a dot: tags.my-key, tags.2024
_OPERATOR = re.compile(r"<=|>=|!=|<>|=|<|>")
_WRONG_OPERATORS = {"==": "=", "&&": "AND", "||": "OR", "=~": "LIKE", "=<": "<=", "=>": ">="}
_CLOSING = {"'": "'", '"': '"', "`": "`"}


@dataclass(frozen=True)
class Token:
    """A piece of a filter string: its kind, its text, its position and its spelling."""

    kind: TokenKind
    text: str
    position: int
    number: float = 0.0

    def is_word(self, *words: str) -> bool:
        """Whether this is one of the keywords, in any case."""
        return self.kind == "name" and self.text.upper() in words


def tokenize(source: str) -> list[Token]:
    """The tokens of a filter string, closed by one of kind ``end``."""
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        space = _SPACE.match(source, position)
        if space:
            position = space.end()
            continue
        token, position = _next_token(source, position, tokens)
        tokens.append(token)
    tokens.append(Token("end", "", len(source)))
    return tokens


def _next_token(source: str, position: int, before: list[Token]) -> tuple[Token, int]:
    character = source[position]
    if character in "'\"":
        return _string(source, position)
    if character == "`":
        text, end = _quoted(source, position, "a quoted key")
        return Token("name", text, position), end
    if source[position : position + 2] in _WRONG_OPERATORS:
        wrong = source[position : position + 2]
        raise FilterSyntaxError(f"{wrong!r} is not an operator here; write {_WRONG_OPERATORS[wrong]}", source, position)
    key = _KEY.match(source, position) if before and before[-1].text == "." else None
    if key:
        return Token("name", key.group(), position), key.end()
    operator = _OPERATOR.match(source, position)
    if operator:
        text = "!=" if operator.group() == "<>" else operator.group()
        return Token("operator", text, position), operator.end()
    number = _number(source, position, before)
    if number:
        return number
    name = _NAME.match(source, position)
    if name:
        return Token("name", name.group(), position), name.end()
    if character in "(),.+-":
        return Token("punctuation", character, position), position + 1
    raise FilterSyntaxError(f"{character!r} means nothing here{_hint(character)}", source, position)


def _hint(character: str) -> str:
    if character in "!~^":
        return "; write NOT (…) or !="
    if character in "&|":
        return "; write AND or OR"
    if character in "[]{}":
        return "; lists are written IN ('a', 'b'), odd keys tags.`my key`"
    if character in "\u2018\u2019\u201c\u201d«»":
        return "; quote text with ' or \""
    return ""


def _string(source: str, position: int) -> tuple[Token, int]:
    text, end = _quoted(source, position, "a text")
    return Token("string", text, position), end


def _quoted(source: str, position: int, what: str) -> tuple[str, int]:
    quote = source[position]
    pieces: list[str] = []
    index = position + 1
    while True:
        close = source.find(_CLOSING[quote], index)
        if close < 0:
            raise FilterSyntaxError(f"{what} opens here and is never closed; add {quote}", source, position)
        pieces.append(source[index:close])
        if source[close + 1 : close + 2] != quote:  # a doubled quote is an escaped quote
            return "".join(pieces), close + 1
        pieces.append(quote)
        index = close + 2


def _number(source: str, position: int, before: list[Token]) -> tuple[Token, int] | None:
    # a minus after "now" is arithmetic, not a sign
    if source[position] == "-" and before and before[-1].is_word("NOW"):
        return None
    match = _NUMBER.match(source, position)
    if not match:
        return None
    value = float(match.group().replace("_", ""))
    unit = _UNIT.match(source, match.end())
    if unit:
        return Token("duration", source[position : unit.end()], position, value * UNIT_MS[unit.group()]), unit.end()
    end = match.end()
    if end < len(source) and (source[end].isalnum() or source[end] == "_"):
        raise FilterSyntaxError(
            f"a number with an unknown unit; units are {UNITS}, and text needs quotes", source, position
        )
    return Token("number", match.group().replace("_", ""), position, value), end
