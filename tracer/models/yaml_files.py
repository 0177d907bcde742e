"""YAML files, read with the safe loader, which runs no code."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from tracer._distribution import install_advice
from tracer.errors import InvalidArgumentError


def read_yaml(path: Path) -> Any:
    """Content of a YAML or JSON file. Raises InvalidArgumentError, or OSError."""
    yaml = _yaml()
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InvalidArgumentError(f"{path} is no YAML: {error}") from error


def write_yaml(path: Path, value: object) -> None:
    """Write a value as readable YAML."""
    text = _yaml().safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")


def _yaml() -> ModuleType:
    try:
        import yaml
    except ImportError as error:
        raise ImportError(f"models are described in YAML: {install_advice('models')}") from error
    return yaml
