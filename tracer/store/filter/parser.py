"""Reads a filter string by recursive descent; every error has its position and a hint.

expression := conjunction (OR conjunction)*
conjunction := negation (AND negation)*
negation := NOT negation | '(' expression ')' | comparison
comparison := field operator value | field [NOT] IN (value, …) | field IS [NOT] NULL
            | field [NOT] BETWEEN value AND value | field [NOT] LIKE text
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Union

from tracer.errors import FilterSyntaxError, InvalidArgumentError
from tracer.store.filter.expression import And, Comparison, Expression, Field, Not, Operator, Or, Scalar
from tracer.store.filter.fields import field_hint, find_field
from tracer.store.filter.lexer import Token, tokenize
from tracer.store.filter.values import read_value
from tracer.store.pattern import PIECE_LIMIT, has_long_piece

FindField = Callable[[list[str]], Union[Field, None]]

_KEYWORDS = ("AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "CONTAINS", "IS", "NULL", "BETWEEN")
_DEPTH_LIMIT = 100
_STACK_LIMIT = 45  # SQLite's own parser has room for 100; conditions, and the SQL around a filter, need some of it
_CONDITION_LIMIT = 500  # beyond it SQLite refuses the statement with an unclear error
_LIST_LIMIT = 10_000
_LENGTH_LIMIT = 500_000  # characters: a list of as many ids as there may be has fewer
_SEARCHED_LIMIT = 100  # words and parts that are looked up in the full-text index
_WORD = re.compile(r"[^\W_]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PATTERN_OPERATORS: dict[str, Operator] = {"LIKE": "LIKE", "ILIKE": "ILIKE", "CONTAINS": "CONTAINS"}
_FULLTEXT_OPERATORS = ("=", "!=", "LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE", "CONTAINS")


def parse_filter(
    source: str | None, find: FindField = find_field, hint: Callable[[list[str]], str] = field_hint
) -> Expression | None:
    """The expression of a filter string; None for none or an empty one. Raises FilterSyntaxError.

    ``find`` looks a field up, ``hint`` helps with unknown names; by default for the fields of traces.
    """
    if source is None:
        return None
    if not isinstance(source, str):
        raise InvalidArgumentError(
            f"filter_string is {type(source).__name__}, expected text such as \"status = 'ERROR' AND tokens > 9\""
        )
    if not source.strip():
        return None
    if len(source) > _LENGTH_LIMIT:
        raise FilterSyntaxError(
            f"the filter has {len(source)} characters, expected at most {_LENGTH_LIMIT}", source[:100], 0
        )
    half = _SURROGATE.search(source)
    if half:
        readable = _SURROGATE.sub("\ufffd", source)  # the message must be printable
        raise FilterSyntaxError(f"{half.group()!a} is half a character, which no text holds", readable, half.start())
    return _Parser(source, find, hint).parse()


class _Parser:
    def __init__(self, source: str, find: FindField, hint: Callable[[list[str]], str]) -> None:
        self._source = source
        self._find = find
        self._hint = hint
        self._tokens = tokenize(source)
        self._index = 0
        self._depth = 0
        self._conditions = 0
        self._listed = 0
        self._searched = 0
        self._deepest = (0, self._tokens[0])

    def parse(self) -> Expression:
        expression = self._expression()
        rest = self._peek()
        if rest.kind == "end":
            if _stack_of(expression) > _STACK_LIMIT:
                raise self._error(
                    "nested too deep; write fewer NOT and parentheses within each other", self._deepest[1]
                )
            return expression
        if rest.text == ")":
            raise self._error("this ) closes nothing", rest)
        raise self._error("expected AND, OR or the end here", rest)

    def _expression(self) -> Expression:
        parts = [self._conjunction()]
        while self._take_word("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self) -> Expression:
        parts = [self._negation()]
        while self._take_word("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self) -> Expression:
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            raise self._error(f"nested more than {_DEPTH_LIMIT} deep", self._peek())
        if self._depth > self._deepest[0]:
            self._deepest = (self._depth, self._peek())
        try:
            if self._take_word("NOT"):
                return Not(self._negation())
            opening = self._peek()
            if opening.text == "(" and opening.kind == "punctuation":
                return self._parenthesis(self._next())
            return self._comparison()
        finally:
            self._depth -= 1

    def _parenthesis(self, opening: Token) -> Expression:
        inner = self._expression()
        if not self._take_punctuation(")"):
            raise self._error(f"expected ) for the ( at position {opening.position}", self._peek())
        return inner

    def _comparison(self) -> Expression:
        first = self._peek()
        self._conditions += 1
        if self._conditions > _CONDITION_LIMIT:
            raise self._error(f"more than {_CONDITION_LIMIT} conditions; write name IN ('a', 'b', …) for many", first)
        field = self._field()
        token = self._next()
        if token.kind == "operator":
            return self._checked(field, _operator(token.text), token, first)
        if token.is_word("IS"):
            return self._null_test(field)
        negated = token.is_word("NOT")
        if negated:
            token = self._next()
        if token.is_word("IN"):
            return Comparison(field, "NOT IN" if negated else "IN", self._list(field))
        if token.is_word("BETWEEN"):
            return self._between(field, negated)
        if token.is_word(*_PATTERN_OPERATORS):
            return self._pattern(field, token, negated, first)
        if token.is_word("RLIKE", "REGEXP"):
            raise self._error(
                "there are no regular expressions; write LIKE 'a%', CONTAINS 'a', or several of them with OR", token
            )
        raise self._error(
            f"expected an operator (=, !=, <, <=, >, >=, LIKE, ILIKE, CONTAINS, IN, IS) after {first.text}", token
        )

    def _checked(self, field: Field, operator: Operator, token: Token, first: Token) -> Comparison:
        if field.kind == "fulltext" and operator not in _FULLTEXT_OPERATORS:
            raise self._error("text is searched with =, CONTAINS, LIKE or ILIKE", token)
        if field.kind in ("text", "state") and operator in ("<", "<=", ">", ">=") and field.kind == "state":
            raise self._error(f"{first.text} is not ordered; use =, != or IN", token)
        value = self._value(field)
        if field.kind == "fulltext":
            self._count_searched(_WORD.findall(str(value)), first)
        return Comparison(field, operator, value)

    def _count_searched(self, words: Sequence[str], first: Token) -> None:
        self._searched += len(words)
        if self._searched > _SEARCHED_LIMIT:
            raise self._error(
                f"text is searched for more than {_SEARCHED_LIMIT} words and parts; text CONTAINS finds a passage",
                first,
            )

    def _null_test(self, field: Field) -> Comparison:
        negated = self._take_word("NOT")
        if not self._take_word("NULL"):
            raise self._error("expected NULL or NOT NULL after IS", self._peek())
        if field.kind == "fulltext":
            raise self._error("text is searched with =, CONTAINS, LIKE or ILIKE", self._tokens[self._index - 1])
        return Comparison(field, "IS NOT NULL" if negated else "IS NULL")

    def _list(self, field: Field) -> tuple[Scalar, ...]:
        if field.kind == "fulltext":
            raise self._error("text is searched with =, CONTAINS, LIKE or ILIKE", self._peek())
        if not self._take_punctuation("("):
            raise self._error("expected a list after IN, e.g. IN ('a', 'b')", self._peek())
        values = [self._value(field)]
        while self._take_punctuation(","):
            self._listed += 1
            if self._listed > _LIST_LIMIT:
                raise self._error(f"more than {_LIST_LIMIT} values in lists", self._peek())
            values.append(self._value(field))
        if not self._take_punctuation(")"):
            raise self._error("expected , or ) in the list", self._peek())
        return tuple(values)

    def _between(self, field: Field, negated: bool) -> Expression:
        if field.kind in ("fulltext", "state"):
            raise self._error("BETWEEN needs a number, a duration, a timestamp or a text field", self._peek())
        low = self._value(field)
        if not self._take_word("AND"):
            raise self._error("expected AND between the two bounds of BETWEEN", self._peek())
        both = And((Comparison(field, ">=", low), Comparison(field, "<=", self._value(field))))
        return Not(both) if negated else both

    def _pattern(self, field: Field, token: Token, negated: bool, first: Token) -> Expression:
        word = token.text.upper()
        if field.kind in ("number", "duration", "timestamp"):
            raise self._error(f"{first.text} holds numbers; compare it with =, !=, <, <=, >, >= or IN", token)
        value = self._peek()
        if value.kind != "string":
            raise self._error(f"{word} needs a quoted text", value)
        self._next()
        if word != "CONTAINS" and has_long_piece(value.text):
            raise self._error(f"a part between two % has at most {PIECE_LIMIT} characters if one of them is _", value)
        if field.kind == "fulltext":
            self._count_searched((value.text,), first)
        comparison = Comparison(field, _PATTERN_OPERATORS[word], value.text)
        if not negated:
            return comparison
        if word == "CONTAINS":
            return Not(comparison)
        return Comparison(field, "NOT LIKE" if word == "LIKE" else "NOT ILIKE", value.text)

    def _field(self) -> Field:
        first = self._peek()
        path = [self._field_part()]
        while self._take_punctuation("."):
            path.append(self._field_part())
        if len(path) == 1 and path[0].upper() in _KEYWORDS and self._source[first.position] != "`":
            raise self._error(f"expected a field before {path[0]}", first)
        field = self._find(path)
        if field is None:
            raise self._error(f"unknown field {'.'.join(path)!r}; {self._hint(path)}", first)
        return field

    def _field_part(self) -> str:
        token = self._next()
        if token.kind == "name":
            return token.text
        if token.kind == "string" and self._index >= 2 and self._tokens[self._index - 2].text == ".":
            return token.text  # tags."odd key"
        if token.kind == "end":
            raise self._error("expected a condition here, the filter ends", token)
        if token.kind in ("string", "number", "duration"):
            raise self._error("a condition starts with a field, e.g. name = 'x'", token)
        raise self._error("expected a field here", token)

    def _value(self, field: Field) -> Scalar:
        token = self._next()
        offset = 0.0
        if token.is_word("NOW") and self._peek().text in ("+", "-") and self._peek().kind == "punctuation":
            sign = -1.0 if self._next().text == "-" else 1.0
            distance = self._next()
            if distance.kind != "duration":
                raise self._error("expected a duration such as 1h, 30m or 7d after now", distance)
            offset = sign * distance.number
        return read_value(field, token, offset, self._source)

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _next(self) -> Token:
        token = self._tokens[self._index]
        if token.kind != "end":
            self._index += 1
        return token

    def _take_word(self, word: str) -> bool:
        token = self._peek()
        if token.is_word(word) and self._source[token.position] != "`":
            self._index += 1
            return True
        return False

    def _take_punctuation(self, text: str) -> bool:
        token = self._peek()
        if token.kind == "punctuation" and token.text == text:
            self._index += 1
            return True
        return False

    def _error(self, message: str, token: Token) -> FilterSyntaxError:
        return FilterSyntaxError(message, self._source, token.position)


def _stack_of(expression: Expression) -> int:
    """Entries of the database's parser stack that the deepest place of the expression takes."""
    if isinstance(expression, Comparison):
        return 0
    if isinstance(expression, Not):
        return 2 + _stack_of(expression.part)
    # a parenthesis, and before it the left side with its AND or OR
    return max((3 if place else 1) + _stack_of(part) for place, part in enumerate(expression.parts))


def _operator(text: str) -> Operator:
    operators: dict[str, Operator] = {"=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
    return operators[text]
