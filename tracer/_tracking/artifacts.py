"""Files of runs, in a folder beside the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

from tracer._engine.runtime import runtime
from tracer._json import encode, loads
from tracer._tracking.runs import chosen_run, run_folder
from tracer.errors import InvalidArgumentError

_YAML = (".yaml", ".yml")


def log_text(text: str, artifact_file: str, *, run_id: str | None = None) -> None:
    """Keep a text as a file of the active run, or of the one of an id; ``artifact_file`` is its path in the run.

    Secrets are taken out as they are from spans. Raises InvalidArgumentError where the store is a server.
    """
    if not isinstance(text, str):
        raise InvalidArgumentError(f"text: got {type(text).__name__}, expected a string; log_dict() takes a dict.")
    _new_file(artifact_file, run_id).write_text(_redacted(text), encoding="utf-8")


def log_dict(dictionary: Mapping[str, Any] | list[Any], artifact_file: str, *, run_id: str | None = None) -> None:
    """Keep a dict or a list as a file of a run: YAML where its path ends in .yaml or .yml, else JSON.

    As `log_text` otherwise.
    """
    plain = _redacted(loads(encode(dictionary)))
    path = _new_file(artifact_file, run_id)
    if path.suffix not in _YAML:
        path.write_text(json.dumps(plain, indent=2, ensure_ascii=False), encoding="utf-8")
        return
    try:
        import yaml  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError("a file that ends in .yaml needs `pip install pyyaml`; .json needs nothing") from error
    path.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")


def log_artifact(
    local_path: str | PathLike[str], artifact_path: str | None = None, *, run_id: str | None = None
) -> None:
    """Keep a copy of a file or a folder in a run, or in the folder ``artifact_path`` of it, as it is."""
    source = Path(local_path)
    if not source.exists():
        raise InvalidArgumentError(f"local_path: there is no file {str(source)!r}.")
    inside = source.name if artifact_path is None else f"{artifact_path}/{source.name}"
    target = _new_file(inside, run_id)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """The folder of the active run's files, or the path of one of them."""
    folder = run_folder(chosen_run(None))
    return str(folder if artifact_path is None else folder / _checked(artifact_path))


def _new_file(artifact_file: str, run_id: str | None) -> Path:
    path = run_folder(chosen_run(run_id)) / _checked(artifact_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _checked(given: str) -> PurePosixPath:
    path = PurePosixPath(str(given).replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0]:
        raise InvalidArgumentError(f"got {given!r} as a path in the run, expected one such as 'notes/answer.txt'.")
    return path


def _redacted(value: Any) -> Any:
    return loads(runtime().recorder.redact(encode({"value": value})))["value"]
