"""Saving models into a folder or as a version in the store; their input example is run first."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tracer._fault import guard, logger
from tracer._json import JsonMapping, JsonObject
from tracer._readable_names import readable_name
from tracer._tracking.checks import checked_texts
from tracer._tracking.logged_model import model_folder
from tracer._tracking.registered_models import register_model
from tracer._tracking.registry import checked_name
from tracer._tracking.versions import finalize_logged_model, make_model
from tracer.errors import InvalidArgumentError
from tracer.models.errors import ModelError
from tracer.models.info import ModelInfo, info_of
from tracer.models.loaded import LoadedModel
from tracer.models.loading import load_model
from tracer.models.manifest import Manifest, rewrite_manifest
from tracer.models.on_server import upload_model
from tracer.models.other_spellings import refuse_others
from tracer.models.saving import Parts, example_of, write_model
from tracer.models.signature import ModelSignature, with_output
from tracer.semconv import EXAMPLE


def save_model(
    path: str | Path,
    python_model: object,
    *,
    model_config: JsonMapping | str | Path | None = None,
    input_example: object = None,
    signature: ModelSignature | None = None,
    artifacts: Mapping[str, str | Path] | None = None,
    code_paths: Sequence[str | Path] | None = None,
    pip_requirements: Sequence[str] | str | Path | None = None,
    extra_pip_requirements: Sequence[str] | None = None,
    metadata: JsonMapping | None = None,
    refuse_secrets: bool = False,
    **others: object,
) -> Path:
    """Write a model into a folder, and run its input example; see :func:`log_model` for the arguments."""
    refuse_others("save_model", others, _ARGUMENTS)
    folder = Path(path)
    parts = Parts(
        python_model, model_config, input_example, artifacts or {}, code_paths or (), pip_requirements,
        extra_pip_requirements or (), signature, metadata or {}, refuse_secrets,
    )  # fmt: skip
    manifest = write_model(folder, parts)
    try:
        _try_example(folder, manifest, input_example)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def log_model(
    name: str | None = None,
    python_model: object = None,
    *,
    artifact_path: str | None = None,
    model_config: JsonMapping | str | Path | None = None,
    input_example: object = None,
    signature: ModelSignature | None = None,
    artifacts: Mapping[str, str | Path] | None = None,
    code_paths: Sequence[str | Path] | None = None,
    pip_requirements: Sequence[str] | str | Path | None = None,
    extra_pip_requirements: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    metadata: JsonMapping | None = None,
    model_type: str | None = None,
    registered_model_name: str | None = None,
    refuse_secrets: bool = False,
    **others: object,
) -> ModelInfo:
    """Save a model beside the store as a new version of this name: load it with its ``model_uri``.

    Where the store is a server, the model's files are sent there, and other machines can load it. ``python_model`` is
    the path of a file that calls ``set_model``, an instance of ChatModel, ResponsesAgent or PythonModel, or a function
    (objects are pickled). ``model_config`` is a dict or the path of a YAML file. ``artifacts`` are files by name;
    ``code_paths`` are modules that the model imports. ``input_example`` is an input, or a tuple of input and params,
    which is run through ``predict``; the default for a ChatModel or ResponsesAgent is a greeting, and ``False`` runs
    nothing. ``signature`` is what ``infer_signature`` gives; without it a PythonModel's is that of its type hints, or
    of the example. What seems to be a key or a password in config, example or metadata is warned of, or refused with
    ``refuse_secrets=True`` (InvalidArgumentError). ``artifact_path`` is another word for ``name``.
    ``registered_model_name`` registers it, too, as `register_model` does. Raises ModelError if the example fails,
    StoreError if a server does not take the files.
    """
    refuse_others("log_model", others, _ARGUMENTS)
    if python_model is None:
        raise InvalidArgumentError(
            "log_model() got no python_model; give the path of a file that calls set_model(), "
            "an instance of ChatModel, ResponsesAgent or PythonModel, or a function."
        )
    name = _name(name, artifact_path)
    if registered_model_name is not None:
        checked_name(registered_model_name)  # before anything is logged
    parts = Parts(
        python_model, model_config, input_example, artifacts or {}, code_paths or (), pip_requirements,
        extra_pip_requirements or (), signature, metadata or {}, refuse_secrets,
    )  # fmt: skip
    said: JsonObject = {
        "tags": checked_texts("tags", tags),
        "params": checked_texts("params", params),
        "model_type": model_type,
    }
    model = make_model(name, status="PENDING", even_if_off=True, **said)
    folder = model_folder(model.model_id)
    try:
        manifest = write_model(folder, parts, name=name, model_id=model.model_id, run_id=model.source_run_id)
        _try_example(folder, manifest, input_example)
        upload_model(model.model_id, folder)
    except BaseException as error:
        finalize_logged_model(model.model_id, "FAILED", f"{type(error).__name__}: {error}")
        shutil.rmtree(folder, ignore_errors=True)
        raise
    logged = info_of(folder, manifest, finalize_logged_model(model.model_id, "READY"))
    if registered_model_name is not None:
        register_model(logged, registered_model_name)
    return logged


_ARGUMENTS = [*(part.name for part in fields(Parts)), "name", "artifact_path", "path", "tags", "params", "model_type"]


def _try_example(folder: Path, manifest: Manifest, given: object) -> None:
    """Run a model's example, and add what it gave to the signature."""
    loaded = load_model(folder, trust=True)
    example = example_of(given, manifest.kind)
    if example is None:
        logger.info("tracer: the model %s has no input example, so nothing was run", loaded.name)
        return
    output = _run_example(loaded, example)
    if manifest.kind == "python":
        with guard("reading a signature from an example's output"):
            signature = with_output(manifest.signature, output)
            if signature != manifest.signature:
                manifest.signature = signature
                rewrite_manifest(folder, manifest)


def _run_example(model: LoadedModel, example: tuple[object, Any]) -> object:
    try:
        prediction = model.begin()
        prediction.tag(EXAMPLE, "true")
        return model.predict(*example, into=prediction)
    except Exception as error:
        raise ModelError(
            f"the model {model.name!r} was not logged, since its input example fails: {type(error).__name__}: {error}."
            " Give another input_example, or input_example=False to log it without running it."
        ) from error


def _name(name: str | None, artifact_path: str | None) -> str:
    if name is not None and artifact_path is not None:
        raise InvalidArgumentError(f"log_model() got name={name!r} and artifact_path={artifact_path!r}; give the name.")
    given: object = artifact_path if name is None else name
    if given is None:
        return readable_name()
    if not isinstance(given, str) or not given.strip() or "/" in given or ":" in given or given.startswith("."):
        raise InvalidArgumentError(f"name: got {given!r}, expected a text such as 'my-agent' without / and :.")
    return given
