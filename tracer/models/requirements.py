"""The packages that a model needs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from tracer.errors import InvalidArgumentError

_OURS = "tracer-llm"


def requirements_of(
    given: Sequence[str] | str | Path | None, code: Iterable[Path], *, is_pickled: bool = False
) -> list[str]:
    """The lines of requirements.txt: what the user gave (a list, or a file's path), else what the code imports."""
    if isinstance(given, (str, Path)):
        return _lines(Path(given))
    if given is not None:
        return [str(line) for line in given]
    owners = metadata.packages_distributions()
    names = {owner for path in code for module in _imported(path) for owner in _owners(module, owners)}
    names |= {"cloudpickle"} if is_pickled else set()
    lines = [f"{name}=={metadata.version(name)}" for name in names - {_OURS} if _is_installed(name)]
    return sorted([*lines, f"{_OURS}[models]=={metadata.version(_OURS)}"])


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise InvalidArgumentError(
            f"pip_requirements: there is no file {str(path)!r}; to name a package, write a list: [{str(path)!r}]."
        ) from error


def _owners(module: str, owners: Mapping[str, Sequence[str]]) -> list[str]:
    """The packages that a module comes from; several share what is imported as ``google.…``."""
    found = list(dict.fromkeys(owners.get(module.split(".")[0], ())))
    return found if len(found) < 2 else [name for name in found if _has(name, module)]


def _has(name: str, module: str) -> bool:
    place = module.replace(".", "/")
    beginnings = (f"{place}/__init__.", f"{place}.")
    return any(str(file).startswith(beginnings) for file in metadata.files(name) or ())


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _imported(path: Path) -> set[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError):  # said when the file is run
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
