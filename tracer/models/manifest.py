"""The manifest of a saved model, ``model.yaml``: the files in the folder and how to load the model from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import get_origin, get_type_hints

from tracer._json import JsonObject
from tracer._tracking.digest import digest_of
from tracer.errors import InvalidArgumentError
from tracer.models.errors import ModelError
from tracer.models.signing import SIGNATURE, sign
from tracer.models.yaml_files import read_yaml, write_yaml

MANIFEST = "model.yaml"
FORMAT = 1


@dataclass
class Manifest:
    """Paths are relative to the folder; ``files`` has the sha256 of each file."""

    kind: str  # "chat", "responses" or "python"
    format: int = FORMAT
    name: str | None = None
    model_id: str | None = None
    created: str | None = None
    tracer: str | None = None
    python: str | None = None
    code: str | None = None
    pickle: str | None = None
    code_paths: list[str] = field(default_factory=list)
    config: str | None = None
    input_example: str | None = None
    requirements: str | None = None
    artifacts: dict[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    signature: JsonObject = field(default_factory=dict)
    run_id: str | None = None
    streams: bool = False
    files: dict[str, str] = field(default_factory=dict)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder that is complete but for it, and sign it."""
    manifest.files = {name: digest_of(folder / name) for name in files_in(folder)}
    rewrite_manifest(folder, manifest)


def rewrite_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder whose files are as they were, and sign it."""
    write_yaml(
        folder / MANIFEST, {key: value for key, value in asdict(manifest).items() if value not in (None, [], {})}
    )
    sign(folder, MANIFEST)


def read_manifest(folder: Path, *, is_checked: bool = True) -> Manifest:
    """The manifest of a folder; raises ModelError if it is invalid or a file was changed since it was saved.

    Without ``is_checked`` the files are not read: nothing of such a model may be loaded.
    """
    try:
        values = read_yaml(folder / MANIFEST)
        known = {key: value for key, value in values.items() if key in Manifest.__dataclass_fields__}
        manifest = Manifest(**known)
        _check_types(manifest)
    except (InvalidArgumentError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / MANIFEST} is no manifest of a model: {error}") from error
    if manifest.format > FORMAT:
        raise ModelError(f"the model in {folder} was saved by a newer version of tracer ({manifest.tracer}); upgrade")
    _check_paths(folder, manifest)
    if is_checked:
        _check_files(folder, manifest)
    return manifest


def _check_types(manifest: Manifest) -> None:
    for name, hint in get_type_hints(Manifest).items():
        if not isinstance(getattr(manifest, name), get_origin(hint) if get_origin(hint) in (list, dict) else hint):
            raise TypeError(f"{name} is {getattr(manifest, name)!r}")
    paths = (*manifest.code_paths, *manifest.artifacts.values(), *manifest.files, *manifest.files.values())
    if not all(isinstance(path, str) for path in paths):
        raise TypeError("a path is no text")


def _check_paths(folder: Path, manifest: Manifest) -> None:
    named = [manifest.code, manifest.pickle, manifest.config, manifest.input_example, manifest.requirements]
    for name in (*filter(None, named), *manifest.code_paths, *manifest.artifacts.values(), *manifest.files):
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name:
            raise ModelError(f"{folder / MANIFEST} names {name!r}, which is outside of the model's folder")
    unlisted = [name for name in filter(None, named[:4]) if name not in manifest.files]
    unlisted += [name for name in files_in(folder) if name.startswith("code/") and name not in manifest.files]
    if unlisted:
        raise ModelError(f"{folder / MANIFEST} does not list the file {unlisted[0]}, which is part of the model")


def _check_files(folder: Path, manifest: Manifest) -> None:
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"the model in {folder} lacks the file {name}")
        if digest_of(path) != digest:
            raise ModelError(f"the file {name} of the model in {folder} was changed since it was saved; log it anew")


def files_in(folder: Path) -> list[str]:
    """The files of a model but for its manifest and signature."""
    beside = (folder / MANIFEST, folder / SIGNATURE)
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in beside)
    return [path.relative_to(folder).as_posix() for path in paths if "__pycache__" not in path.parts]
