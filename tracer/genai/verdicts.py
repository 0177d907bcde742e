"""Verdicts of judges: the JSON schema that a model is given, and what is read from its reply."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError

YES_NO: JsonObject = {"type": "string", "enum": ["yes", "no"]}
NUMBERS: JsonObject = {"type": "array", "items": {"type": "integer"}}

_TYPES: dict[object, JsonObject] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    None: {"type": ["boolean", "number", "string"]},
}
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Verdict:
    """A judge's value, and its reasons."""

    value: Any
    rationale: str | None


def value_schema(value_type: Any) -> JsonObject:
    """The schema of a value of this type: bool, int, float, str, a list of one of them, a Literal, or None for any.

    Raises InvalidArgumentError.
    """
    origin, arguments = typing.get_origin(value_type), typing.get_args(value_type)
    if origin is Literal and all(isinstance(choice, str) for choice in arguments):
        return {"type": "string", "enum": list(arguments)}
    if origin is list and len(arguments) == 1 and isinstance(arguments[0], type) and arguments[0] in _TYPES:
        return {"type": "array", "items": _TYPES[arguments[0]]}
    if value_type is None or (isinstance(value_type, type) and value_type in _TYPES):
        return _TYPES[value_type]
    raise InvalidArgumentError(
        f"feedback_value_type: got {value_type!r}, expected bool, int, float, str, list[str] or Literal['good', 'bad']."
    )


def verdict_schema(value: JsonObject) -> JsonObject:
    """The schema of a whole reply; the rationale comes first, so that it is written before the value is."""
    properties = {"rationale": {"type": "string"}, "value": value}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def verdict_from(reply: Any, value: JsonObject) -> Verdict:
    """The verdict in a reply, a text or an object. Raises ValueError, which says what is wrong with it."""
    fields = reply if isinstance(reply, Mapping) else _object_in(_content(reply))
    if "value" not in fields:
        raise ValueError(f"the object has no value, only {', '.join(map(str, fields)) or 'nothing'}")
    rationale = fields.get("rationale")
    return Verdict(_checked(fields["value"], value), None if rationale is None else str(rationale))


def _content(reply: Any) -> str:
    """The text of a reply, of a message object too, as other libraries have them."""
    return reply if isinstance(reply, str) else str(getattr(reply, "content", reply))


def _object_in(text: str) -> JsonObject:
    """The first JSON object in a text that may have more around it."""
    text = _THOUGHTS.sub("", text)
    start = text.find("{")
    if start < 0:
        raise ValueError("it has no JSON object")
    try:
        found: JsonObject = json.JSONDecoder(strict=False).raw_decode(text, start)[0]
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg}") from None
    return found


def _checked(value: Any, schema: JsonObject) -> Any:
    choices = schema.get("enum")
    if choices is not None:
        said = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        for choice in choices:
            if str(said).strip().lower() == choice.lower():
                return choice
        raise ValueError(f"value is {value!r}, expected one of {', '.join(choices)}")
    kind = schema["type"]
    if kind == "array":
        if not isinstance(value, list):
            raise ValueError(f"value is {value!r}, expected a list")
        return [_checked(item, schema["items"]) for item in value]
    if isinstance(kind, list):
        if isinstance(value, (bool, int, float, str)):
            return value
    elif kind == "boolean":
        said = _WORDS.get(value.strip().lower()) if isinstance(value, str) else value
        if isinstance(said, bool):
            return said
    elif kind == "string":
        if isinstance(value, str):
            return value
    elif (number := _number(value)) is not None and (kind == "number" or number == int(number)):
        return int(number) if kind == "integer" else number
    raise ValueError(f"value is {value!r}, expected {kind if isinstance(kind, str) else ' or '.join(kind)}")


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
