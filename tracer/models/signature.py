"""Signatures: the schemas of a model's input, output and params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError
from tracer.models.chat import ChatCompletionRequest, ChatCompletionResponse
from tracer.models.input_checks import adapter_of, hints_for
from tracer.models.python_model import PythonModel
from tracer.models.schema import schema_of, schema_of_params, schema_of_shape


@dataclass(frozen=True)
class ModelSignature:
    """Inputs, outputs and params of a model, in JSON Schema; a side that is not known is None.

    Each side may also be given as a type hint, such as ``list[str]`` or a pydantic class.
    """

    inputs: Any = None
    outputs: Any = None
    params: Any = None

    def __post_init__(self) -> None:
        if (self.inputs, self.outputs, self.params) == (None, None, None):
            raise InvalidArgumentError("a signature needs inputs, outputs or params; write infer_signature(example)")
        for side in ("inputs", "outputs", "params"):
            object.__setattr__(self, side, _as_schema(side, getattr(self, side)))

    def to_dict(self) -> JsonObject:
        """The sides that are known."""
        sides = {"inputs": self.inputs, "outputs": self.outputs, "params": self.params}
        return {side: schema for side, schema in sides.items() if schema is not None}

    @classmethod
    def from_dict(cls, values: JsonMapping) -> ModelSignature:
        """The signature from the result of ``to_dict``."""
        return cls(values.get("inputs"), values.get("outputs"), values.get("params"))

    def __repr__(self) -> str:
        sides = (f"{side}: {orjson.dumps(schema).decode()}" for side, schema in self.to_dict().items())
        return "\n".join(sides)


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: Mapping[str, object] | None = None
) -> ModelSignature:
    """The signature of values like these: texts, numbers, lists, dicts, DataFrames, arrays."""
    return ModelSignature(
        None if model_input is None else schema_of(model_input),
        None if model_output is None else schema_of(model_output),
        None if params is None else schema_of_params(params),
    )


def signature_of_kind(kind: str) -> ModelSignature | None:
    """The signature of every model of a kind; None for models of any input and output."""
    if kind == "chat":
        return ModelSignature(schema_of_shape(ChatCompletionRequest), schema_of_shape(ChatCompletionResponse))
    if kind == "responses":
        from tracer.types.responses import ResponsesAgentRequest, ResponsesAgentResponse

        return ModelSignature(ResponsesAgentRequest.model_json_schema(), ResponsesAgentResponse.model_json_schema())
    return None


def signature_for(
    model: PythonModel, kind: str, given: ModelSignature | None, example: tuple[object, Any] | None
) -> JsonObject:
    """The signature that a model is logged with: the one given, else by its type hints, else by its example."""
    if given is not None and not isinstance(given, ModelSignature):
        raise InvalidArgumentError(f"signature: got {given!r:.80}, expected what infer_signature(example) gives.")
    if given is not None or kind != "python":
        return {} if given is None else _copied(given.to_dict())
    data, params = example or (None, None)
    takes, gives = map(adapter_of, hints_for(model))
    inputs = takes.json_schema() if takes is not None else None if data is None else schema_of(data)
    sides = {
        "inputs": inputs,
        "outputs": None if gives is None else gives.json_schema(),
        "params": schema_of_params(params) if isinstance(params, Mapping) else None,
    }
    return _copied({side: schema for side, schema in sides.items() if schema})


def with_output(signature: JsonObject, output: object) -> JsonObject:
    """A signature with the schema of the example's prediction, unless it has one."""
    schema = None if output is None else schema_of(output)
    return _copied({**signature, "outputs": schema}) if schema and "outputs" not in signature else signature


def _copied(signature: JsonObject) -> JsonObject:
    """Without objects that are shared: YAML would write them as references."""
    copied: JsonObject = orjson.loads(orjson.dumps(signature))
    return copied


def _as_schema(side: str, given: Any) -> JsonObject | None:
    if given is None or isinstance(given, dict):
        return given
    adapter = adapter_of(given)
    if adapter is None:
        raise InvalidArgumentError(
            f"{side}: got {given!r:.80}, expected a JSON Schema, a type hint such as list[str], or what "
            "infer_signature(example) gives"
        )
    schema: JsonObject = adapter.json_schema()
    return schema
