"""Bodies of requests to a model of any input: what stands for the input, and how the answer is wrapped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.models.manifest import Manifest
from tracer.models.plain_values import NotJsonError, to_json
from tracer.models.schema import is_table
from tracer.models.shape import ValidationError, mapping_of


@dataclass(frozen=True)
class Invocation:
    """Input and params of a request; ``is_wrapped``: whether the answer is ``{"predictions": …}``."""

    data: Any
    params: Any = None
    is_wrapped: bool = False


def invocation_of(body: object, manifest: Manifest) -> Invocation:
    """Input and params of a body: ``{"inputs": …, "params": …}`` and MLflow's other forms, else the body is the input.

    Raises ValidationError.
    """
    if not isinstance(body, Mapping):
        return Invocation(body, is_wrapped=manifest.kind == "python")
    key = next((key for key in _FORMS if key in body), None)
    if key is None and manifest.kind == "python" and "input" in body and set(body) <= {"input", "params"}:
        key = "input"
    if key is None:
        return _plain_invocation(dict(body), manifest)
    beside = next((name for name in body if name not in (key, "params")), None)
    if beside is not None:
        raise ValidationError(str(beside), f'stands beside "{key}", expected "params" alone')
    return Invocation(_FORMS.get(key, _as_it_is)(body[key]), body.get("params"), is_wrapped=True)


def convert_input_example_to_serving_input(input_example: Any) -> str | None:
    """The body of a request, as JSON text, for an input, or for a tuple of input and params."""
    if input_example is None:
        return None
    is_pair = isinstance(input_example, tuple) and len(input_example) == 2
    data: Any
    data, params = input_example if is_pair else (input_example, None)
    fields = mapping_of(data) if not is_table(data) else None
    body: JsonObject
    if fields is not None and {"messages", "input"} & fields.keys() and params is None:
        body = fields
    elif is_table(data):
        body = {"dataframe_split": data.to_dict("split", index=False)}
    else:
        body = {"inputs": data}
    try:
        return orjson.dumps(
            orjson.loads(to_json(body if params is None else {**body, "params": params})), option=orjson.OPT_INDENT_2
        ).decode()
    except NotJsonError as error:
        raise InvalidArgumentError(f"input_example: {error}, expected what a request can hold.") from error


def _plain_invocation(body: JsonObject, manifest: Manifest) -> Invocation:
    """A body that is the input; of a chat its params are apart, as far as the model's signature has them."""
    if manifest.kind != "python":
        return Invocation(body)
    names = manifest.signature.get("params", {}).get("properties", {})
    params = {name: body.pop(name) for name in names if name in body} if "messages" in body else {}
    return Invocation(body, params or None, is_wrapped="messages" not in body)


def _as_it_is(value: object) -> object:
    return value


def _split(value: object) -> object:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise ValidationError("dataframe_split", "is no table, expected {'columns': […], 'data': [[…]]}")
    return _frame("dataframe_split", value["data"], {"columns": value.get("columns"), "index": value.get("index")})


def _records(value: object) -> object:
    if not isinstance(value, list):
        raise ValidationError("dataframe_records", "is no list, expected [{'column': value}]")
    return _frame("dataframe_records", value, {})


def _frame(key: str, rows: list[Any], more: JsonObject) -> object:
    try:
        import pandas  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ValidationError(key, "needs pandas where the model is; or send {'inputs': […]}") from None
    try:
        return pandas.DataFrame(rows, **more)
    except (ValueError, TypeError, AssertionError) as error:
        raise ValidationError(key, f"is no table: {error}") from None


_FORMS: dict[str, Callable[[object], object]] = {
    "inputs": _as_it_is,
    "instances": _as_it_is,
    "dataframe_split": _split,
    "dataframe_records": _records,
}
