"""Models from code: a Python file names its model with ``set_model``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError
from tracer.models.errors import ModelError
from tracer.models.own_code import OwnCode
from tracer.models.python_model import FunctionModel, PythonModel
from tracer.models.yaml_files import read_yaml


@dataclass
class _Loading:
    """A model's file while it runs: the models that it has set, and its config."""

    config: JsonObject
    models: list[tuple[PythonModel, JsonObject]] = field(default_factory=list)  # with the caller's globals


_loading: ContextVar[_Loading | None] = ContextVar("tracer_model_file", default=None)


def set_model(model: object) -> None:
    """Name the model of a file: an instance of ChatModel, ResponsesAgent or PythonModel, or a function.

    If the file is run by itself, and not loaded as a model, this only checks the argument.
    """
    checked = as_model(model)
    loading = _loading.get()
    if loading is not None:
        loading.models.append((checked, sys._getframe(1).f_globals))


def as_model(model: object) -> PythonModel:
    """An object as a model. Raises InvalidArgumentError."""
    if isinstance(model, PythonModel):
        return model
    if isinstance(model, type):
        raise InvalidArgumentError(f"got the class {model.__name__}, expected an instance: {model.__name__}().")
    if callable(getattr(model, "predict", None)):
        raise InvalidArgumentError(
            f"got {type(model).__name__}, which has a predict() but is no model. "
            f"Write class {type(model).__name__}(tracer.models.ChatModel) or (tracer.models.PythonModel)."
        )
    if callable(model):
        return FunctionModel(model)
    raise InvalidArgumentError(
        f"got {model!r}, expected an instance of tracer.models.ChatModel, ResponsesAgent or PythonModel, a function, "
        "or the path of a file that calls set_model()."
    )


class ModelConfig:
    """The config that a model was logged with, to be read at the top of its file.

    ``development_config`` (a dict, or the path of a YAML file) applies while the file is run by itself.
    """

    def __init__(self, *, development_config: JsonMapping | str | Path | None = None) -> None:
        loading = _loading.get()
        if loading is not None and (loading.config or development_config is None):
            self._values = loading.config
        elif development_config is not None:
            self._values = config_from(development_config)
        else:
            raise InvalidArgumentError(
                "ModelConfig: there is no config here. Log the model with model_config=…, or write "
                "ModelConfig(development_config='config.yaml') for running the file by itself."
            )

    def get(self, key: str, default: object = None) -> Any:
        """The value of a key."""
        return self._values.get(key, default)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def to_dict(self) -> JsonObject:
        """The whole config."""
        return dict(self._values)


def config_from(config: JsonMapping | str | Path | None) -> JsonObject:
    """A config from a dict or the path of a YAML (or JSON) file. Raises InvalidArgumentError."""
    if config is None:
        return {}
    values = _read_config(Path(config)) if isinstance(config, (str, Path)) else config
    if not isinstance(values, Mapping):
        raise InvalidArgumentError(
            f"model_config: got {config!r}, expected a dict or the path of a YAML file with one."
        )
    return dict(values)


def _read_config(path: Path) -> object:
    try:
        return read_yaml(path)
    except OSError as error:
        problem = "there is no file" if isinstance(error, FileNotFoundError) else f"cannot read ({error.strerror})"
        raise InvalidArgumentError(
            f"model_config: {problem} {str(path)!r} (here is {Path.cwd()}), expected a dict, or a YAML file with one."
        ) from error


def model_from_code(path: Path, config: JsonObject, code: OwnCode) -> PythonModel:
    """Run a model's file and return the model that it set. Raises ModelError, or the exception of the file."""
    loading = _Loading(config)
    token = _loading.set(loading)
    try:
        module = code.run(path)
    finally:
        _loading.reset(token)
    # a module that the file imports may be a model's file too, and set a model when it is run
    own = [model for model, scope in loading.models if scope is vars(module)] or [model for model, _ in loading.models]
    if not own:
        raise ModelError(f"{path.name} has not called tracer.models.set_model(…), so it names no model")
    return own[-1]
