"""Checks of arguments that must be strings or numbers; each error shows the fix."""

from __future__ import annotations

from collections.abc import Mapping

from tracer.errors import InvalidArgumentError


def checked_texts(name: str, values: Mapping[str, str] | None) -> dict[str, str]:
    """The mapping, if its keys and values are strings; else an InvalidArgumentError that shows the fix."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise InvalidArgumentError(f"{name}: got {values!r}, expected a dict such as {{'temperature': '0.7'}}.")
    wrong = [(key, value) for key, value in values.items() if not (isinstance(key, str) and isinstance(value, str))]
    if wrong:
        given = ", ".join(f"{key!r} is {value!r} ({type(value).__name__})" for key, value in wrong)
        fixed = {str(key): value if isinstance(value, str) else str(value) for key, value in values.items()}
        raise InvalidArgumentError(f"{name}: {given}, expected str. Write {name}={fixed!r}.")
    return dict(values)


def checked_numbers(name: str, values: Mapping[str, float]) -> dict[str, float]:
    """The mapping, if its values are numbers; else an InvalidArgumentError."""
    if not isinstance(values, Mapping):
        raise InvalidArgumentError(f"{name}: got {values!r}, expected a dict such as {{'accuracy': 0.9}}.")
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidArgumentError(f"{name}: {key!r} is {value!r} ({type(value).__name__}), expected a number.")
    return {str(key): float(value) for key, value in values.items()}


def checked_text(name: str, value: object) -> str:
    """The value, if it is a non-empty string; else an InvalidArgumentError."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgumentError(f"{name}: got {value!r}, expected a text that is not empty.")
    return value
