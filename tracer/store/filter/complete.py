"""Completion of a filter at the cursor: fields, operators, values, and words that join conditions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tracer._late import late_pattern
from tracer.errors import FilterSyntaxError
from tracer.semconv import SpanType
from tracer.store.filter.expression import Field
from tracer.store.filter.fields import described_fields, find_field, known_states
from tracer.store.filter.lexer import Token, tokenize

ItemKind = Literal["field", "operator", "value", "keyword", "condition"]
_LIMIT = 30
_ORDERED = ("=", "!=", "<", "<=", ">", ">=", "IN (", "BETWEEN", "IS NULL", "IS NOT NULL")
_TEXTUAL = ("=", "!=", "LIKE", "ILIKE", "CONTAINS", "IN (", "NOT IN (", "IS NULL", "IS NOT NULL")
_OPERATORS = {
    "text": _TEXTUAL,
    "any": (*_TEXTUAL, "<", "<=", ">", ">="),
    "state": ("=", "!=", "IN (", "NOT IN ("),
    "fulltext": ("CONTAINS", "=", "LIKE", "ILIKE"),
}
_TIMES = ("now-15m", "now-1h", "now-24h", "now-7d", "now-30d")
_DURATIONS = ("100ms", "1s", "10s", "1min")
_COLON = late_pattern(r"""(?<![^\s(])(?P<field>[A-Za-z_][\w.-]*):(?P<value>\S*|'[^']*|"[^"]*)$""")
_JOINING = ("AND", "OR")
_FROM_STORE = frozenset(
    {
        "name",
        "model",
        "provider",
        "session",
        "user",
        "model_id",
        "version",
        "experiment",
        "failed_step",
        "exception",
        "span.model",
        "span.provider",
    }
)
_SPAN_TYPES = sorted(value for name, value in vars(SpanType).items() if name.isupper())


@dataclass(frozen=True)
class Item:
    """A proposal."""

    text: str
    kind: ItemKind
    detail: str | None = None


@dataclass(frozen=True)
class Completion:
    """Proposals for the characters from ``start`` to ``end``."""

    start: int
    end: int
    items: list[Item]


def complete(source: str, cursor: int, values_of: Callable[[str], list[str]]) -> Completion:
    """Proposals at the cursor; ``values_of`` gives the values that a field has in the store."""
    before = source[:cursor]
    conditions = _colon_conditions(before, values_of)
    if conditions:
        start, items = conditions
        return Completion(start, cursor, items[:_LIMIT])
    started, start = _started(before)
    try:
        tokens = tokenize(before[:start])[:-1]
    except FilterSyntaxError:
        return Completion(cursor, cursor, [])
    found = _matching(_items(tokens, started, values_of), started)
    return Completion(start, _end(source, cursor), found[:_LIMIT])


def _colon_conditions(before: str, values_of: Callable[[str], list[str]]) -> tuple[int, list[Item]] | None:
    """Conditions for ``field:value``, as other tools write them, and their position; None where it is none."""
    written = _COLON.search(before)
    field = find_field(written["field"].split(".")) if written else None
    if written is None or field is None:
        return None
    try:
        open_field, _ = _last_field(tokenize(before[: written.start()])[:-1])
    except FilterSyntaxError:
        return None
    if open_field is not None:
        return None
    value = written["value"].strip("'\"")
    texts = _conditions(written["field"], field, value, values_of)
    return written.start(), [Item(text, "condition") for text in texts]


def _conditions(name: str, field: Field, value: str, values_of: Callable[[str], list[str]]) -> list[str]:
    if field.kind == "fulltext":
        return [f"{name} CONTAINS {_quoted(value).text}"]
    if field.kind in ("number", "duration", "timestamp"):
        operator = re.match("[<>]=?|=", value)
        amount = value[operator.end() :] if operator else value
        return (
            [f"{name} {sign} {amount}" for sign in ([operator[0]] if operator else ["=", ">", "<"])] if amount else []
        )
    known = _matching(_values(field, values_of), value)
    equal = [f"{name} = {item.text}" for item in known]
    given = _quoted(value).text
    if field.kind == "state":
        return equal
    more = [f"{name} = {given}", f"{name} CONTAINS {given}"] if value else []
    first = [text for text in equal if text in more]
    # several values contain the text and none equals it: propose all of them by CONTAINS
    if not first and len(equal) > 1:
        first = more[1:]
    return list(dict.fromkeys([*first, *equal, *more]))


def _started(before: str) -> tuple[str, int]:
    """The unfinished piece at the cursor, and its position."""
    quote = _open_quote(before)
    if quote is not None:
        return before[quote:], quote
    start = len(before)
    while start and (before[start - 1].isalnum() or before[start - 1] in "_.`-%"):
        start -= 1
    return before[start:], start


def _open_quote(before: str) -> int | None:
    opened: int | None = None
    for place, letter in enumerate(before):
        if opened is None and letter in "'\"":
            opened = place
        elif opened is not None and letter == before[opened]:
            opened = None
    return opened


def _end(source: str, cursor: int) -> int:
    end = cursor
    while end < len(source) and (source[end].isalnum() or source[end] in "_."):
        end += 1
    if _open_quote(source[:end]) is not None and source[end : end + 1] in ("'", '"'):
        end += 1
    return end


def _items(tokens: list[Token], started: str, values_of: Callable[[str], list[str]]) -> list[Item]:
    field, tokens_after = _last_field(tokens)
    if field is None:
        return [*_fields(started, values_of), Item("NOT", "keyword"), Item("(", "keyword")]
    if not tokens_after:
        return [Item(operator, "operator") for operator in _OPERATORS.get(field.kind, _ORDERED)]
    if _wants_value(tokens_after):
        return _values(field, values_of)
    return [Item(word, "keyword") for word in _JOINING]


def _last_field(tokens: list[Token]) -> tuple[Field | None, list[Token]]:
    """The field of the unfinished condition, and its tokens; None where a condition begins."""
    start = 0
    between = False
    for place, token in enumerate(tokens):
        between = between or token.is_word("BETWEEN")
        if token.is_word("AND") and between:
            between = False  # this AND is part of BETWEEN
        elif token.is_word("AND", "OR"):
            start = place + 1
    while start < len(tokens) and (tokens[start].is_word("NOT") or tokens[start].text == "("):
        start += 1
    path: list[str] = []
    while start < len(tokens) and tokens[start].kind in ("name", "string"):
        path.append(tokens[start].text)
        start += 1
        if not (start < len(tokens) and tokens[start].text == "."):
            break
        start += 1
    return (find_field(path) if path else None), tokens[start:]


def _wants_value(tokens: list[Token]) -> bool:
    last = tokens[-1]
    opened = any(token.text == "(" for token in tokens) and not any(token.text == ")" for token in tokens)
    return (
        last.kind == "operator"
        or last.is_word("LIKE", "ILIKE", "CONTAINS", "BETWEEN", "AND")
        or (opened and last.text in ("(", ","))
    )


def _fields(started: str, values_of: Callable[[str], list[str]]) -> list[Item]:
    if started.lower().startswith("tags."):
        return [Item(f"tags.{_key(key)}", "field", "tag") for key in values_of("tags")]
    return [Item(name, "field", detail) for name, detail in described_fields()]


def _key(key: str) -> str:
    is_plain = key.replace("_", "a").replace("-", "a").isalnum()
    return key if is_plain else "`" + key.replace("`", "``") + "`"


def _values(field: Field, values_of: Callable[[str], list[str]]) -> list[Item]:
    if field.kind == "state":
        return [Item(f"'{state}'", "value") for state in known_states(field)]
    if field.kind == "timestamp":
        return [Item(text, "value") for text in _TIMES]
    if field.kind == "duration":
        return [Item(text, "value") for text in _DURATIONS]
    if field.name == "span.type":
        return [Item(f"'{text}'", "value") for text in _SPAN_TYPES]
    if field.name == "tag" and field.key:
        return [_quoted(value) for value in values_of(f"tags.{field.key}")]
    if field.name in _FROM_STORE:
        return [_quoted(value) for value in values_of(field.name)]
    return []


def _quoted(value: str) -> Item:
    return Item("'" + value.replace("'", "''") + "'", "value")


def _matching(items: list[Item], started: str) -> list[Item]:
    """Items that begin with the written text, then those that contain it."""
    wanted = started.lower().strip("'\"")
    if not wanted:
        return items
    starting = [item for item in items if item.text.lower().strip("'\"").startswith(wanted)]
    containing = [item for item in items if wanted in item.text.lower() and item not in starting]
    return [*starting, *containing]
