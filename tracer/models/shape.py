"""Dataclasses that check and convert their fields by their annotations; errors name the field."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError

S = TypeVar("S", bound="Shape")


class ValidationError(InvalidArgumentError):
    """An invalid value; ``field`` is its path, such as ``messages[0].content``."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}" if field else problem)

    def below(self, outer: str) -> ValidationError:
        """The same problem, with the path of the outer field."""
        if not self.field:
            return ValidationError(outer, self.problem)
        return ValidationError(f"{outer}{'' if self.field.startswith('[') else '.'}{self.field}", self.problem)


class Shape:
    """A dataclass of the chat schema. Nested fields accept dicts, other mappings and objects of providers."""

    leaves_out_none = True  # where it is recorded (tracer/_encoding/foreign.py)

    def __post_init__(self) -> None:
        for name, hint in hints_of(type(self)).items():
            setattr(self, name, _coerced(getattr(self, name), hint, name))
        self._check()

    def _check(self) -> None:
        """Check several fields together."""

    def to_dict(self) -> JsonObject:
        """As plain values, without those that are None."""
        return {name: _plain(value) for name in hints_of(type(self)) if (value := getattr(self, name)) is not None}

    @classmethod
    def from_dict(cls: type[S], values: object) -> S:
        """From a dict, another mapping or an object with fields; unknown fields are left out."""
        if isinstance(values, cls):
            return values
        given = mapping_of(values)
        if given is None:
            raise ValidationError("", f"got {_short(values)}, expected {_article(cls.__name__)} or a dict")
        cls._look_for_missing(given)
        return cls(**{name: value for name, value in given.items() if name in hints_of(cls)})

    @classmethod
    def required_fields(cls) -> list[str]:
        """The names of the fields without a default."""
        missing = dataclasses.MISSING
        return [
            field.name
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]
            if field.default is missing and field.default_factory is missing
        ]

    @classmethod
    def _look_for_missing(cls, given: JsonMapping) -> None:
        for name in cls.required_fields():
            if name not in given:
                near = difflib.get_close_matches(name, [str(key) for key in given], n=1)
                raise ValidationError(name, f"is missing{f'; is {near[0]!r} meant?' if near else ''}")


def mapping_of(value: object) -> JsonObject | None:
    """The fields of a mapping, a pydantic object or a dataclass; None for anything else."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, Shape):
        return value.to_dict()
    for name in ("model_dump", "to_dict", "dict"):
        method = getattr(value, name, None)
        if callable(method) and not isinstance(value, type):
            found = method()
            return dict(found) if isinstance(found, Mapping) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return None


_known_hints: dict[type, JsonObject] = {}


def hints_of(shape: type) -> dict[str, object]:
    """The annotations of a shape's fields, evaluated once."""
    if shape not in _known_hints:
        hints = get_type_hints(shape)
        _known_hints[shape] = {field.name: hints[field.name] for field in dataclasses.fields(shape)}
    return _known_hints[shape]


def _coerced(value: object, hint: object, path: str) -> object:
    """The value, converted to the annotated type. Raises ValidationError."""
    if hint is Any:
        return value
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _one_of(value, get_args(hint), path)
    if origin is Literal:
        if value not in get_args(hint):
            raise ValidationError(path, f"is {_short(value)}, expected {' or '.join(map(repr, get_args(hint)))}")
        return value
    if origin is list:
        return _list(value, get_args(hint)[0], path)
    if origin is dict:
        return _dict(value, get_args(hint)[1], path)
    if isinstance(hint, type) and issubclass(hint, Shape):
        try:
            return hint.from_dict(value)
        except ValidationError as error:
            raise error.below(path) from None
    return _scalar(value, hint, path)


def _one_of(value: object, hints: tuple[object, ...], path: str) -> object:
    if value is None and type(None) in hints:
        return None
    candidates = [hint for hint in hints if hint is not type(None)]
    errors = []
    for hint in candidates:
        try:
            return _coerced(value, hint, path)
        except ValidationError as error:
            errors.append(error)
    deepest = max(errors, key=lambda error: len(error.field))
    if deepest.field != path or len(candidates) == 1:
        raise deepest
    raise ValidationError(path, _expected(value, " or ".join(_words(hint) for hint in candidates)))


def _list(value: object, hint: object, path: str) -> list[object]:
    if isinstance(value, tuple):
        value = list(value)
    if not isinstance(value, list):
        raise ValidationError(path, _expected(value, f"a list of {_words(hint, several=True)}"))
    return [_coerced(item, hint, f"{path}[{index}]") for index, item in enumerate(value)]


def _dict(value: object, hint: object, path: str) -> JsonObject:
    if not isinstance(value, Mapping):
        found = mapping_of(value)
        if found is None:
            raise ValidationError(path, _expected(value, "a dict"))
        value = found
    for key in value:
        if not isinstance(key, str):
            raise ValidationError(path, f"has the key {key!r} ({type(key).__name__}), expected keys that are texts")
    return {key: _coerced(item, hint, f"{path}.{key}") for key, item in value.items()}


def _scalar(value: object, hint: Any, path: str) -> object:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ValidationError(path, _expected(value, _words(hint)))
    return value


def _plain(value: object) -> object:
    if isinstance(value, Shape):
        return value.to_dict()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


_WORDS: dict[object, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a dict",
    list: "a list",
}


def _words(hint: object, *, several: bool = False) -> str:
    origin = get_origin(hint) or hint
    if several:
        many: dict[object, str] = {str: "texts", int: "whole numbers", float: "numbers", dict: "dicts"}
        return many.get(origin) or f"{getattr(origin, '__name__', 'values')} objects or dicts"
    if origin is list:
        return f"a list of {_words(get_args(hint)[0], several=True)}" if get_args(hint) else "a list"
    return _WORDS.get(origin) or _article(getattr(origin, "__name__", str(origin)))


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"


def _expected(value: object, words: str) -> str:
    if value is None:
        return f"is missing, expected {words}"
    return f"is {_short(value)} ({type(value).__name__}), expected {words}"


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # of any __repr__
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else text[:79] + "…"
