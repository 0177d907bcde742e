"""Information recorded when a model was logged: its version, with signature, example and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from tracer._json import JsonObject
from tracer._tracking.logged_model import LoggedModel
from tracer.models.manifest import Manifest
from tracer.models.signature import ModelSignature, signature_of_kind


@dataclass(eq=False)
class ModelInfo(LoggedModel):
    """A logged model: its version, and the content of its folder. A model that is only a folder has no ``model_id``."""

    signature: ModelSignature | None = None
    metadata: JsonObject = field(default_factory=dict)
    flavors: JsonObject = field(default_factory=dict)
    artifact_path: str = ""
    saved_input_example_info: JsonObject | None = None
    utc_time_created: str | None = None
    tracer_version: str | None = None

    @property
    def model_uri(self) -> str:
        """The URI that ``load_model`` takes."""
        return super().model_uri if self.model_id else self.artifact_path

    @property
    def model_uuid(self) -> str:
        """The id of the version."""
        return self.model_id

    @property
    def run_id(self) -> str | None:
        """The run in which the model was logged."""
        return self.source_run_id

    def get_input_schema(self) -> JsonObject | None:
        """The schema of the input, None if it is not known."""
        return None if self.signature is None else self.signature.inputs

    def get_output_schema(self) -> JsonObject | None:
        """The schema of the output, None if it is not known."""
        return None if self.signature is None else self.signature.outputs

    def get_params_schema(self) -> JsonObject | None:
        """The schema of the params, None if it is not known."""
        return None if self.signature is None else self.signature.params


def info_of(folder: Path, manifest: Manifest, version: LoggedModel | None = None) -> ModelInfo:
    """Information about a model, from its folder, and from its version in the store."""
    version = version or _unstored(folder, manifest)
    common = {each.name: getattr(version, each.name) for each in fields(LoggedModel)}
    example = {"artifact_path": manifest.input_example, "params": str(_has_params(folder, manifest)).lower()}
    said = manifest.signature
    return ModelInfo(
        **common,
        signature=ModelSignature.from_dict(said) if said else signature_of_kind(manifest.kind),
        metadata=manifest.metadata,
        flavors={"python_function": _flavor(manifest)},
        artifact_path=str(folder),
        saved_input_example_info=example if manifest.input_example else None,
        utc_time_created=manifest.created,
        tracer_version=manifest.tracer,
    )


def input_example(folder: Path, manifest: Manifest) -> Any:
    """The input of a model's example, None if there is none."""
    return _example(folder, manifest).get("input")


def _unstored(folder: Path, manifest: Manifest) -> LoggedModel:
    made = int(datetime.fromisoformat(manifest.created).timestamp() * 1000) if manifest.created else 0
    name = manifest.name or folder.name
    return LoggedModel(manifest.model_id or "", name, "", made, made, source_run_id=manifest.run_id)


def _has_params(folder: Path, manifest: Manifest) -> bool:
    return "params" in _example(folder, manifest)


def _example(folder: Path, manifest: Manifest) -> Mapping[str, Any]:
    if manifest.input_example is None:
        return {}
    found: Mapping[str, Any] = orjson.loads((folder / manifest.input_example).read_bytes())
    return found


def _flavor(manifest: Manifest) -> JsonObject:
    return {
        "loader_module": "tracer.models",
        "python_version": manifest.python,
        "model_code_path": manifest.code,
        "python_model": manifest.pickle,
        "code": "code" if manifest.code_paths else None,
        "config": manifest.config,
        "artifacts": manifest.artifacts,
        "env": {"requirements": manifest.requirements},
        "streamable": manifest.streams,
    }
