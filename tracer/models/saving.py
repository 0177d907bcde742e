"""Writing a model into a folder, readable and movable to any place."""

from __future__ import annotations

import platform
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import orjson

from tracer._distribution import installed_version
from tracer._engine.runtime import runtime
from tracer._fault import logger
from tracer._journal.locations import is_remote, journal_folder, store_path
from tracer._json import JsonMapping, JsonObject, encode, to_plain
from tracer._redaction.secrets import without_secrets
from tracer._tracking.logged_model import models_folder
from tracer.errors import InvalidArgumentError, check_flags
from tracer.models.from_code import as_model, config_from, model_from_code
from tracer.models.kinds import kind_name
from tracer.models.manifest import Manifest, write_manifest
from tracer.models.own_code import OwnCode
from tracer.models.pickling import pickle_model, source_of
from tracer.models.plain_values import NotJsonError, to_json
from tracer.models.python_model import PythonModel, has_stream
from tracer.models.requirements import requirements_of
from tracer.models.signature import ModelSignature, signature_for
from tracer.models.yaml_files import write_yaml

_DEFAULT_EXAMPLES = {
    "chat": {"messages": [{"role": "user", "content": "Hello!"}]},
    "responses": {"input": [{"role": "user", "content": "Hello!"}]},
}
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".venv")


@dataclass
class Parts:
    """Content of the folder, as the user gave it."""

    python_model: object
    model_config: JsonMapping | str | Path | None = None
    input_example: object = None
    artifacts: Mapping[str, str | Path] = field(default_factory=dict)
    code_paths: Sequence[str | Path] = ()
    pip_requirements: Sequence[str] | str | Path | None = None
    extra_pip_requirements: Sequence[str] = ()
    signature: ModelSignature | None = None
    metadata: JsonMapping = field(default_factory=dict)
    refuse_secrets: bool = False


def write_model(
    folder: Path, parts: Parts, *, name: str | None = None, model_id: str | None = None, run_id: str | None = None
) -> Manifest:
    """Write the whole folder or nothing."""
    check_flags(refuse_secrets=parts.refuse_secrets)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidArgumentError(f"path: {folder} exists already; give a folder that is new or empty.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    beside.mkdir(mode=0o755)
    try:
        manifest = _write_parts(beside, parts)
        manifest.name, manifest.model_id, manifest.run_id = name, model_id, run_id
        write_manifest(beside, manifest)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return manifest


def _write_parts(folder: Path, parts: Parts) -> Manifest:
    manifest = Manifest(
        kind="python",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        tracer=installed_version(),
        python=platform.python_version(),
        metadata=to_plain(dict(parts.metadata)),
    )
    config = config_from(parts.model_config)
    manifest.code_paths = [_copied(folder, Path(path), "code", "code_paths") for path in parts.code_paths]
    if isinstance(parts.python_model, (str, Path)):
        model, manifest.code = _from_file(folder, Path(parts.python_model), config, manifest.code_paths)
    else:
        model = as_model(parts.python_model)
        manifest.pickle = "model.pkl"
        pickle_model(model, folder / "model.pkl", manifest.code_paths)
    manifest.kind = kind_name(model)
    manifest.streams = has_stream(model)
    example = example_of(parts.input_example, manifest.kind)
    manifest.signature = signature_for(model, manifest.kind, parts.signature, example)
    if config:
        manifest.config = "config.yaml"
        write_yaml(folder / "config.yaml", to_plain(config))
        _check_secrets(encode(config), "model_config", parts.refuse_secrets)
    for key, path in parts.artifacts.items():
        manifest.artifacts[key] = _copied(folder, Path(path), f"artifacts/{_checked_key(key)}", "artifacts")
    _check_secrets(encode(manifest.metadata), "metadata", parts.refuse_secrets)
    _write_example(folder, manifest, parts.input_example, parts.refuse_secrets)
    sources = [path for path in folder.rglob("*.py") if "artifacts" not in path.relative_to(folder).parts]
    if manifest.pickle:
        sources += filter(None, [source_of(model)])
    manifest.requirements = "requirements.txt"
    lines = requirements_of(parts.pip_requirements, sources, is_pickled=manifest.pickle is not None)
    lines += requirements_of(parts.extra_pip_requirements, ())
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return manifest


def _from_file(folder: Path, path: Path, config: JsonObject, code_paths: Sequence[str]) -> tuple[PythonModel, str]:
    if not path.is_file():
        raise InvalidArgumentError(
            f"python_model: there is no file {str(path)!r}, expected one that calls set_model()."
        )
    if path.suffix != ".py":
        raise InvalidArgumentError(f"python_model: got {path.name!r}, expected a Python file that calls set_model().")
    shutil.copyfile(path, folder / path.name)
    # run at its original place, so that a traceback leads there
    return model_from_code(path.absolute(), config, OwnCode(folder, code_paths)), path.name


def _checked_key(key: object) -> str:
    if not isinstance(key, str) or not key.strip() or key in (".", "..") or set(key) & set("/\\:\0"):
        raise InvalidArgumentError(f"artifacts: got the name {key!r}, expected a text such as 'words' without / and :.")
    return key


def _copied(folder: Path, path: Path, into: str, argument: str) -> str:
    if not path.exists():
        raise InvalidArgumentError(f"{argument}: there is no file or folder {str(path)!r}.")
    name = f"{into}/{path.absolute().name}"
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, ignore=_left_out(folder))
    else:
        shutil.copyfile(path, target)
    return name


def _left_out(folder: Path) -> Callable[[str, list[str]], set[str]]:
    """A filter for copying a folder: without files of Python and git, and without the store and its folders."""
    url = runtime().store_url()
    store = {models_folder().resolve(), journal_folder(url).resolve()}
    if not is_remote(url):
        file = store_path(url).resolve()
        store |= {file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm"))}

    def left_out(place: str, names: list[str]) -> set[str]:
        here = Path(place).resolve()
        ours = {name for name in names if here / name in store or here / name == folder.resolve()}
        return ours | _IGNORED(place, names)

    return left_out


def example_of(given: object, kind: str) -> tuple[object, Any] | None:
    """Input and params of the input example, None if nothing is to be run."""
    given = _DEFAULT_EXAMPLES.get(kind) if given is None else given
    if given is None or given is False:
        return None
    return given if isinstance(given, tuple) and len(given) == 2 else (given, None)


def _write_example(folder: Path, manifest: Manifest, given: object, refuse_secrets: bool) -> None:
    example = example_of(given, manifest.kind)
    if example is None:
        return
    data, params = example
    try:
        stored = to_json({"input": data, **({} if params is None else {"params": params})})
    except NotJsonError as error:
        raise InvalidArgumentError(
            f"input_example: {error}, expected what a request can hold, or a DataFrame or an array."
        ) from error
    _check_secrets(stored, "input_example", refuse_secrets)
    manifest.input_example = "input_example.json"
    (folder / "input_example.json").write_bytes(orjson.dumps(orjson.loads(stored), option=orjson.OPT_INDENT_2))


def _check_secrets(stored: bytes, argument: str, refuse: bool) -> None:
    if without_secrets(stored) != stored:
        if refuse:
            raise InvalidArgumentError(
                f"{argument} seems to hold a key or a password, which would be kept in clear in the model's folder. "
                "Read it from the environment in load_context(), or pass refuse_secrets=False."
            )
        logger.warning(
            "tracer: %s seems to hold a key or a password, and is kept in clear in the model's folder; "
            "read it from the environment in load_context() instead",
            argument,
        )
