"""Saving models into a folder or as a version in the store; their input example is run first."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tracer._fault import logger
from tracer._json import JsonMapping, JsonObject
from tracer._readable_names import readable_name
from tracer._tracking.checks import checked_texts
from tracer._tracking.logged_model import LoggedModel, model_folder
from tracer._tracking.registered_models import register_model
from tracer._tracking.registry import checked_name
from tracer._tracking.versions import finalize_logged_model, make_model
from tracer.errors import InvalidArgumentError
from tracer.models.errors import ModelError
from tracer.models.loaded import LoadedModel
from tracer.models.loading import load_model
from tracer.models.saving import Parts, example_of, write_model
from tracer.semconv import EXAMPLE


def save_model(
    path: str | Path,
    python_model: object,
    *,
    model_config: JsonMapping | str | Path | None = None,
    input_example: object = None,
    artifacts: Mapping[str, str | Path] | None = None,
    code_paths: Sequence[str | Path] | None = None,
    pip_requirements: Sequence[str] | str | Path | None = None,
    metadata: JsonMapping | None = None,
    refuse_secrets: bool = False,
) -> Path:
    """Write a model into a folder, and run its input example; see :func:`log_model` for the arguments."""
    folder = Path(path)
    parts = _parts(
        python_model, model_config, input_example, artifacts, code_paths, pip_requirements, metadata, refuse_secrets
    )
    manifest = write_model(folder, parts)
    try:
        _run_example(load_model(folder, trust=True), example_of(input_example, manifest.kind))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def log_model(
    name: str | None = None,
    python_model: object = None,
    *,
    model_config: JsonMapping | str | Path | None = None,
    input_example: object = None,
    artifacts: Mapping[str, str | Path] | None = None,
    code_paths: Sequence[str | Path] | None = None,
    pip_requirements: Sequence[str] | str | Path | None = None,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    metadata: JsonMapping | None = None,
    model_type: str | None = None,
    registered_model_name: str | None = None,
    refuse_secrets: bool = False,
) -> LoggedModel:
    """Save a model beside the store as a new version of this name: load it with its ``model_uri``.

    ``python_model`` is the path of a file that calls ``set_model``, an instance of ChatModel or PythonModel, or a
    function (both are pickled). ``model_config`` is a dict or the path of a YAML file. ``artifacts`` are files by name;
    ``code_paths`` are modules that the model imports. ``input_example`` is an input, or a tuple of input and params,
    which is run through ``predict``; the default for a ChatModel is a greeting, and ``False`` runs nothing. What seems
    to be a key or a password in config, example or metadata is warned of, or refused with ``refuse_secrets=True``
    (InvalidArgumentError). ``registered_model_name`` registers it, too, as `register_model` does. Raises ModelError if
    the example fails.
    """
    if python_model is None:
        raise InvalidArgumentError(
            "log_model() got no python_model; give the path of a file that calls set_model(), "
            "an instance of ChatModel or PythonModel, or a function."
        )
    name = readable_name() if name is None else _checked_name(name)
    if registered_model_name is not None:
        checked_name(registered_model_name)  # before anything is logged
    parts = _parts(
        python_model, model_config, input_example, artifacts, code_paths, pip_requirements, metadata, refuse_secrets
    )
    fields: JsonObject = {
        "tags": checked_texts("tags", tags),
        "params": checked_texts("params", params),
        "model_type": model_type,
    }
    model = make_model(name, status="PENDING", even_if_off=True, **fields)
    folder = model_folder(model.model_id)
    try:
        manifest = write_model(folder, parts, name=name, model_id=model.model_id)
        _run_example(load_model(folder, trust=True), example_of(input_example, manifest.kind))
    except BaseException as error:
        finalize_logged_model(model.model_id, "FAILED", f"{type(error).__name__}: {error}")
        shutil.rmtree(folder, ignore_errors=True)
        raise
    model = finalize_logged_model(model.model_id, "READY")
    if registered_model_name is not None:
        register_model(model, registered_model_name)
    return model


def _parts(
    python_model: object,
    model_config: JsonMapping | str | Path | None,
    input_example: object,
    artifacts: Mapping[str, str | Path] | None,
    code_paths: Sequence[str | Path] | None,
    pip_requirements: Sequence[str] | str | Path | None,
    metadata: JsonMapping | None,
    refuse_secrets: bool,
) -> Parts:
    return Parts(
        python_model=python_model,
        model_config=model_config,
        input_example=input_example,
        artifacts=artifacts or {},
        code_paths=code_paths or (),
        pip_requirements=pip_requirements,
        metadata=metadata or {},
        refuse_secrets=refuse_secrets,
    )


def _run_example(model: LoadedModel, example: tuple[object, Any] | None) -> None:
    if example is None:
        logger.info("tracer: the model %s has no input example, so nothing was run", model.name)
        return
    try:
        prediction = model.begin()
        prediction.tag(EXAMPLE, "true")
        model.predict(*example, into=prediction)
    except Exception as error:
        raise ModelError(
            f"the model {model.name!r} was not logged, since its input example fails: {type(error).__name__}: {error}."
            " Give another input_example, or input_example=False to log it without running it."
        ) from error


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or "/" in name or ":" in name or name.startswith("."):
        raise InvalidArgumentError(f"name: got {name!r}, expected a text such as 'my-agent' without / and :.")
    return name
