"""Loading a saved model: its files are checked, then its code is run."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import orjson

from tracer._json import JsonMapping, JsonObject
from tracer._tracking.logged_model import LoggedModel, is_model_id, model_folder
from tracer._tracking.model_uris import MODELS_SCHEME, RUNS_SCHEME, model_of_uri
from tracer._tracking.versions import get_logged_model
from tracer.errors import InvalidArgumentError, ModelNotFoundError
from tracer.models.errors import ModelError
from tracer.models.from_code import as_model, config_from, model_from_code
from tracer.models.info import ModelInfo, info_of
from tracer.models.invocation import invocation_of
from tracer.models.loaded import LoadedModel
from tracer.models.manifest import MANIFEST, Manifest, read_manifest
from tracer.models.on_server import fetch_model
from tracer.models.other_spellings import refuse_others
from tracer.models.own_code import OwnCode
from tracer.models.plain_values import to_json
from tracer.models.python_model import PythonModel, PythonModelContext
from tracer.models.requirements import install_command
from tracer.models.trust import check_trust

_OTHER_SCHEMES = ("models:", "runs:", "mlflow-artifacts:", "s3:", "http:", "https:")


def load_model(
    model_uri: str | Path | LoggedModel,
    *,
    trust: bool = False,
    model_config: JsonMapping | str | Path | None = None,
    **others: object,
) -> LoadedModel:
    """The model of a URI or a folder.

    URIs are ``models:/<id>``, ``models:/<name>`` (its newest version), ``models:/<name>/<version>``,
    ``models:/<name>@<alias>`` of a registered model, and ``runs:/<run id>/<name>``.

    **This runs the code in the model's folder.** It is refused with UntrustedModelError unless you logged the model
    yourself on this machine, pass ``trust=True``, or list its folder in TRACER_TRUSTED_MODELS. ``model_config``
    replaces keys of the config that the model was logged with. Raises ModelNotFoundError, ModelError.
    """
    refuse_others("load_model", others, ("trust", "model_config"))
    folder = folder_of(model_uri)
    if not (folder / MANIFEST).is_file():
        raise ModelNotFoundError(f"no model in {folder}: there is no {MANIFEST}")
    check_trust(folder, trust=trust)
    manifest = _manifest(folder)
    config = {**_config(folder, manifest), **config_from(model_config)}
    artifacts = {name: str(folder / path) for name, path in manifest.artifacts.items()}
    context = PythonModelContext(config, artifacts)
    model = _model(folder, manifest, config)
    if inspect.iscoroutinefunction(model.load_context):
        raise ModelError(
            f"{type(model).__name__}.load_context is a coroutine, expected def load_context(self, context)"
        )
    model.load_context(context)
    return LoadedModel(model, context, manifest, folder)


def validate_serving_input(model_uri: str | Path | LoggedModel, serving_input: object, *, trust: bool = False) -> Any:
    """The served model's answer to a request's body, a dict or JSON text; raises the error if it is invalid."""
    body: object = serving_input
    if isinstance(body, (str, bytes)):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InvalidArgumentError(f"serving_input is no JSON: {error}") from error
    model = load_model(model_uri, trust=trust)
    invocation = invocation_of(body, model.manifest)
    return model.predict(invocation.data, invocation.params)


def predict(
    model_uri: str | Path | LoggedModel,
    input_data: Any = None,
    *,
    input_path: str | Path | None = None,
    output_path: str | Path | None = None,
    params: JsonMapping | None = None,
    env_manager: str | None = None,
    trust: bool = False,
    **others: object,
) -> Any:
    """The model's answer to an input, or to a request's body in a JSON file; ``output_path`` gets it as JSON."""
    others["env_manager"] = None if env_manager == "local" else env_manager
    refuse_others("predict", others, ("input_data", "input_path", "output_path", "params", "trust"))
    model = load_model(model_uri, trust=trust)
    if input_path is not None:
        invocation = invocation_of(orjson.loads(Path(input_path).read_bytes()), model.manifest)
        input_data, params = invocation.data, invocation.params
    answer = model.predict(input_data, params)
    if output_path is not None:
        Path(output_path).write_bytes(to_json(answer))
    return answer


def get_model_info(model_uri: str | Path | LoggedModel) -> ModelInfo:
    """Information recorded when a model was logged: signature, metadata and so on. No code of the model is run."""
    folder = folder_of(model_uri)
    manifest = _manifest(folder)
    model_id = manifest.model_id or ""
    is_of_store = is_model_id(model_id) and folder == model_folder(model_id)
    return info_of(folder, manifest, get_logged_model(model_id) if is_of_store else None)


def _manifest(folder: Path) -> Manifest:
    if not (folder / MANIFEST).is_file():
        raise ModelNotFoundError(f"no model in {folder}: there is no {MANIFEST}")
    return read_manifest(folder)


def folder_of(model_uri: str | Path | LoggedModel) -> Path:
    """The folder of a model by its URI. Raises ModelNotFoundError."""
    if isinstance(model_uri, ModelInfo):
        model_uri = model_uri.model_uri
    if isinstance(model_uri, LoggedModel):
        return _folder_of_version(model_uri)
    if isinstance(model_uri, Path):
        return model_uri
    if not isinstance(model_uri, str) or not model_uri.strip():
        raise InvalidArgumentError(f"model_uri: got {model_uri!r}, expected 'models:/<id or name>' or a folder's path.")
    is_ours = model_uri.startswith((MODELS_SCHEME, RUNS_SCHEME)) and not model_uri.startswith(f"{MODELS_SCHEME}/")
    if model_uri.startswith(_OTHER_SCHEMES) and not is_ours:
        raise InvalidArgumentError(
            f"model_uri: got {model_uri!r}; write models:/<name>, models:/<name>/<number>, models:/<name>@<alias>, "
            "models:/<id> (the model_uri of what log_model() gave), or a folder's path."
        )
    if not is_ours:
        return Path(model_uri.removeprefix("file://"))
    return _folder_of_version(model_of_uri(model_uri))


def _folder_of_version(model: LoggedModel) -> Path:
    folder = model_folder(model.model_id)
    if not folder.is_dir() and not fetch_model(model.model_id, folder):
        raise ModelNotFoundError(
            f"the version {model.name!r} ({model.model_id}) has no files at {folder}: it was made with "
            "create_external_model() or set_active_model(), not with log_model(), or on another machine"
        )
    return folder


def _config(folder: Path, manifest: Manifest) -> JsonObject:
    return config_from(folder / manifest.config) if manifest.config else {}


def _model(folder: Path, manifest: Manifest, config: JsonObject) -> PythonModel:
    code = OwnCode(folder, manifest.code_paths)
    try:
        if manifest.code:
            return model_from_code(folder / manifest.code, config, code)
        if manifest.pickle:
            with (folder / manifest.pickle).open("rb") as file:
                return as_model(code.unpickle(file))
    except ModuleNotFoundError as error:
        installed_by = install_command(folder / (manifest.requirements or "requirements.txt"))
        raise ModelError(
            f"the model in {folder} needs the module {error.name!r}, which is not there. If it is a package, install "
            f"what the model was logged with: {installed_by}. "
            "If it is a file or folder of yours, log the model again with code_paths=['its path']."
        ) from error
    raise ModelError(f"the manifest in {folder} names neither code nor a pickle")
