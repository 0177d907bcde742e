"""The packages that a model needs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path


def requirements_of(given: Sequence[str] | str | Path | None, code: Iterable[Path]) -> list[str]:
    """The lines of requirements.txt: what the user gave (a list, or a file's path), else what the code imports."""
    if isinstance(given, (str, Path)):
        return [line.strip() for line in Path(given).read_text(encoding="utf-8").splitlines() if line.strip()]
    if given is not None:
        return [str(line) for line in given]
    owners = metadata.packages_distributions()
    names = {owner for path in code for module in _imported(path) for owner in owners.get(module, ())[:1]}
    return sorted(f"{name}=={metadata.version(name)}" for name in names | {"tracer-llm"} if _is_installed(name))


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
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
