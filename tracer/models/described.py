"""Details of a logged model from its files, for a reader: code, config, input example, metadata."""

from __future__ import annotations

from pathlib import Path

import orjson

from tracer._json import JsonObject
from tracer.models.manifest import Manifest, read_manifest
from tracer.models.yaml_files import read_yaml

_SIZE_LIMIT = 1 << 20


def described(folder: Path, *, is_checked: bool = True) -> JsonObject:
    """Those of a model's folder that it has; ``is_checked`` compares every file with its digest first.

    A file of more than 1 MiB is left out, unless all are checked. Raises ModelError.
    """
    manifest: Manifest = read_manifest(folder, is_checked=is_checked)
    found: JsonObject = {"code": manifest.code or manifest.pickle, "metadata": manifest.metadata}
    for name, file in (("config", manifest.config), ("input_example", manifest.input_example)):
        if file and (is_checked or _is_small(folder, folder / file)):
            found[name] = _parsed(folder / file)
    return {name: value for name, value in found.items() if value}


def _is_small(folder: Path, path: Path) -> bool:
    is_inside = path.is_file() and folder.resolve() in path.resolve().parents
    return is_inside and path.stat().st_size <= _SIZE_LIMIT


def _parsed(path: Path) -> object:
    return orjson.loads(path.read_bytes()) if path.suffix == ".json" else read_yaml(path)
