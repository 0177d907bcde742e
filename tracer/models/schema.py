"""Schemas of values, in JSON Schema: inferred from an example, and checked."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from tracer._json import JsonObject
from tracer.models.shape import Shape, ValidationError, hints_of, mapping_of

Schema = JsonObject
ANYTHING: Schema = {}
_TEXT: Schema = {"type": "string"}
_EXAMPLE_ITEMS = 1000  # of a list, from which its schema is made
_EXAMPLE_ROWS = 20
# schema for the messages of an example: all messages that the chat schema allows
CHAT_MESSAGES: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"role": _TEXT},
        "required": ["role"],
        "anyOf": [{"required": [name]} for name in ("content", "tool_calls", "function_call", "refusal", "audio")],
    },
}
_NAMES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_WORDS = {
    "string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a dict",
}  # fmt: skip


def schema_of(value: Any) -> Schema:
    """The schema of values like this one; that of a table is the schema of its records."""
    if is_table(value):
        value = value.head(_EXAMPLE_ROWS).to_dict("records")
    elif hasattr(value, "tolist"):  # an array, or a number of one
        value = value.tolist()
    kind = next((name for type_, name in _NAMES.items() if isinstance(value, type_)), None)
    if kind is not None:
        return {"type": kind}
    if isinstance(value, (list, tuple)):
        items = ANYTHING if not value else schema_of(value[0])
        for item in value[1:_EXAMPLE_ITEMS]:
            items = _common(items, schema_of(item))
        return {"type": "array", "items": items}
    fields = mapping_of(value)
    return ANYTHING if fields is None else _schema_of_fields(fields)


def _schema_of_fields(fields: JsonObject) -> Schema:
    if _is_chat(fields):
        others = {name: schema_of(item) for name, item in fields.items() if name != "messages"}
        return {"type": "object", "properties": {"messages": CHAT_MESSAGES, **others}, "required": ["messages"]}
    properties = {name: schema_of(item) for name, item in fields.items()}
    required = [name for name, item in fields.items() if item is not None]
    return {"type": "object", "properties": properties, "required": required}


def _is_chat(fields: JsonObject) -> bool:
    messages = fields.get("messages")
    return isinstance(messages, (list, tuple)) and all("role" in (mapping_of(item) or ()) for item in messages)


def schema_of_params(params: Mapping[str, object]) -> Schema:
    """The schema of params like these, none of which is required."""
    return {"type": "object", "properties": {str(name): schema_of(value) for name, value in params.items()}}


def _common(one: Schema, other: Schema) -> Schema:
    """The schema of values of either."""
    if one == other:
        return one
    kinds = {one.get("type"), other.get("type")}
    if kinds == {"integer", "number"}:
        return {"type": "number"}
    if kinds == {"array"}:
        return {"type": "array", "items": _common(one["items"], other["items"])}
    if kinds == {"object"} and "anyOf" not in one:
        shared = one["properties"].keys() & other["properties"].keys()
        properties = {**other["properties"], **one["properties"]}
        properties |= {name: _common(one["properties"][name], other["properties"][name]) for name in shared}
        required = [name for name in one["required"] if name in other["required"]]
        return {"type": "object", "properties": properties, "required": required}
    return ANYTHING


def check(value: Any, schema: Schema, path: str) -> None:
    """Raise ValidationError, which names the place, unless the value is of the schema."""
    kind = schema.get("type")
    if kind is None:
        return
    if hasattr(value, "tolist") and not getattr(value, "ndim", 0):
        value = value.tolist()
    if is_table(value) or hasattr(value, "tolist"):
        _check_table(value, schema, path)
    elif kind == "object":
        _check_fields(value, schema, path)
    elif kind == "array":
        if not isinstance(value, (list, tuple)):
            raise ValidationError(path, _expected(value, "a list"))
        for index, item in enumerate(value):
            check(item, schema["items"], f"{path}[{index}]")
    elif not _is_a(value, kind):
        raise ValidationError(path, _expected(value, _WORDS[kind]))


def _check_fields(value: Any, schema: Schema, path: str) -> None:
    fields = mapping_of(value)
    if fields is None:
        names = ", ".join(schema.get("properties", ()))
        raise ValidationError(path, _expected(value, f"a dict with {names}" if names else "a dict"))
    for name in schema.get("required", ()):
        if fields.get(name) is None:
            raise ValidationError(f"{path}.{name}", "is missing")
    choices = [choice["required"][0] for choice in schema.get("anyOf", ())]
    if choices and not any(name in fields for name in choices):
        raise ValidationError(f"{path}.{choices[0]}", "is missing")
    for name, item in fields.items():
        if item is not None:
            check(item, schema.get("properties", {}).get(name, ANYTHING), f"{path}.{name}")


def _check_table(value: Any, schema: Schema, path: str) -> None:
    """Check a table's columns, or that an array is allowed; their values have types of their own."""
    records = schema.get("items", {}) if schema.get("type") == "array" else schema
    if is_table(value):
        missing = [name for name in records.get("required", ()) if name not in value.columns]
        if missing:
            raise ValidationError(f"{path}.{missing[0]}", f"is missing; the columns are {', '.join(map(str, value))}")
    elif schema["type"] not in ("array", "number", "integer"):
        raise ValidationError(path, f"is {type(value).__name__}, expected {_WORDS[schema['type']]}")


def is_table(value: Any) -> bool:
    """Whether a value is a DataFrame."""
    return hasattr(value, "columns") and hasattr(value, "to_dict")


def _is_a(value: Any, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, (int, float, numbers.Real)):
        return False
    return kind == "number" or isinstance(value, numbers.Integral) or float(value).is_integer()


def _expected(value: object, words: str) -> str:
    return "is missing" if value is None else f"is {value!r:.80} ({type(value).__name__}), expected {words}"


def schema_of_shape(hint: Any) -> Schema:
    """The schema of a type of the chat schema."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Shape):
        properties = {name: schema_of_shape(field) for name, field in hints_of(hint).items()}
        return {"type": "object", "properties": properties, "required": hint.required_fields()}
    if origin is list:
        return {"type": "array", "items": schema_of_shape(inner[0])}
    if origin is dict or hint is dict:
        return {"type": "object"}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is Union or type(hint).__name__ == "UnionType":
        choices = [schema_of_shape(choice) for choice in inner if choice is not type(None)]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {"type": _NAMES[hint]} if hint in _NAMES else ANYTHING
