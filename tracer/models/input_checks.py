"""Checks of a PythonModel's input and params, by its type hints or by its signature."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from tracer._json import JsonMapping, JsonObject
from tracer.models.python_model import FunctionModel, PythonModel, input_name
from tracer.models.responses_agent import named
from tracer.models.schema import check, is_table

_NO_HINTS = (Any, object, None)


class InputChecks:
    """Checks before a model is asked: of its input by the type hint, else by the signature; of its params."""

    def __init__(self, model: PythonModel, signature: JsonObject) -> None:
        self._adapter = adapter_of(hints_for(model)[0])
        self._signature = signature

    def checked(self, data: object, params: JsonMapping | None) -> tuple[object, object]:
        """Input and params, the input converted to its type hint. Raises ValidationError, which names the place."""
        if self._adapter is not None:
            data = self._converted(data)
        elif self._signature.get("inputs"):
            check(data, self._signature["inputs"], "input")
        if params is not None and self._signature.get("params"):
            check(params, self._signature["params"], "params")
        return data, params

    def _converted(self, data: Any) -> object:
        from pydantic import ValidationError as PydanticError

        if is_table(data):  # a served one: its only column, or its records
            data = data.iloc[:, 0].tolist() if len(data.columns) == 1 else data.to_dict("records")
        try:
            return self._adapter.validate_python(data)
        except PydanticError as error:
            raise named(error, "input") from None


def adapter_of(hint: Any) -> Any:
    """Object that checks and converts values by a type hint; None for a hint that allows all or is not for data."""
    if any(hint is nothing for nothing in _NO_HINTS):
        return None
    try:
        from pydantic import TypeAdapter
    except ImportError:
        return None
    try:
        adapter: Any = TypeAdapter(hint)
        adapter.json_schema()  # fails for types that no request can hold
    except Exception:  # a hint may be anything, and run code of the user's
        return None
    return adapter


def hints_for(model: PythonModel) -> tuple[Any, Any]:
    """The type hints of a model's input and output, each None if there is none."""
    is_function = isinstance(model, FunctionModel)
    function: Callable[..., Any] = model.function if isinstance(model, FunctionModel) else model.predict
    try:
        hints = typing.get_type_hints(function)
        name = next(iter(inspect.signature(function).parameters), None) if is_function else input_name(function)
    except Exception:  # a callable object, or names that are known to type checkers alone
        return None, None
    return hints.get(name) if name else None, hints.get("return")
