"""Turns a literal into a value of its field's kind; the error names the kind that the field expects."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone

from tracer.errors import FilterSyntaxError
from tracer.store.filter.expression import Field, Scalar
from tracer.store.filter.fields import known_states
from tracer.store.filter.lexer import Token
from tracer.store.numbers import finite


def read_value(field: Field, token: Token, now_offset_ms: float, source: str) -> Scalar:
    """The literal as a value of the field's kind. Raises FilterSyntaxError pointing at the literal."""
    if token.kind == "end":
        raise FilterSyntaxError("expected a value here, the filter ends", source, token.position)
    reader = {
        "text": _text,
        "fulltext": _text,
        "state": _state,
        "number": _number,
        "duration": _duration,
        "timestamp": _timestamp,
        "any": _any,
    }[field.kind]
    if token.is_word("NOW"):
        if field.kind != "timestamp":
            raise FilterSyntaxError(
                f"now is a timestamp, {field.name} holds {_kind_words(field)}", source, token.position
            )
        if not math.isfinite(now_offset_ms):
            raise FilterSyntaxError("no time is that far from now", source, token.position)
        return int(time.time() * 1000 + now_offset_ms)
    return reader(field, token, source)


def _text(field: Field, token: Token, source: str) -> Scalar:
    if token.kind == "string":
        return token.text
    raise FilterSyntaxError(_expected(field, token), source, token.position)


def _state(field: Field, token: Token, source: str) -> Scalar:
    if token.kind not in ("string", "name"):
        raise FilterSyntaxError(_expected(field, token), source, token.position)
    state = token.text.upper()
    if state not in known_states(field):
        raise FilterSyntaxError(
            f"unknown state {token.text!r}; states are {', '.join(known_states(field))}", source, token.position
        )
    return state


def _number(field: Field, token: Token, source: str) -> Scalar:
    if token.kind == "number":
        return _plain_number(token)
    if token.kind == "string":
        number = _finite(token.text)
        if number is not None:
            return number
    raise FilterSyntaxError(_expected(field, token), source, token.position)


def _finite(text: str) -> float | None:
    try:
        return finite(float(text))
    except ValueError:
        return None


def _duration(field: Field, token: Token, source: str) -> Scalar:
    if token.kind == "duration":
        return token.number
    return _number(field, token, source)


def _timestamp(field: Field, token: Token, source: str) -> Scalar:
    if token.kind == "number":
        return _plain_number(token)
    if token.kind == "string":
        moment = _iso_ms(token.text)
        if moment is not None:
            return moment
    if token.kind == "duration":
        raise FilterSyntaxError(
            f"{token.text} is a duration, not a time; write now-{token.text}", source, token.position
        )
    raise FilterSyntaxError(_expected(field, token), source, token.position)


def _any(field: Field, token: Token, source: str) -> Scalar:
    if token.kind == "string":
        return token.text
    if token.kind == "number":
        return _plain_number(token)
    if token.is_word("TRUE", "FALSE"):
        return token.text.upper() == "TRUE"
    raise FilterSyntaxError(_expected(field, token), source, token.position)


def _plain_number(token: Token) -> int | float:
    is_whole = token.text.lstrip("-").isdigit() and len(token.text) < 19
    return int(token.text) if is_whole else token.number


def _iso_ms(text: str) -> int | None:
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    try:
        # fromisoformat reads a trailing Z from Python 3.11 on only
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    try:
        return int(moment.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


def _expected(field: Field, token: Token) -> str:
    name = f"{field.name}.{field.key}" if field.key else field.name
    if token.kind == "name" or (token.kind in ("number", "duration") and field.kind in ("text", "fulltext")):
        return f"{name} holds {_kind_words(field)}; quote a text: '{token.text}'"
    return f"{name} holds {_kind_words(field)}, got {token.text!r}"


def _kind_words(field: Field) -> str:
    return {
        "text": "a text ('…')",
        "fulltext": "a text ('…')",
        "state": "a state ('OK', 'ERROR', …)",
        "number": "a number",
        "duration": "a duration (200ms, 1.5s, or a number of ms)",
        "timestamp": "a time (ms since the epoch, '2026-11-21T08:00:00Z', or now-1h)",
        "any": "a text ('…'), a number or true/false",
    }[field.kind]
