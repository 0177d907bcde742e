"""Imports run downward only: a module imports from its own floor or from those below it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store

# the longest prefix counts; a new module needs a place here
FLOORS = {
    "integrations": 6,
    "tracer.cli": 6,
    "tracer.demo": 6,
    "tracer.server": 5,
    "tracer.__main__": 6,
    "tracer": 4,
    "tracer._fluent": 4,
    "tracer._configure": 4,
    "tracer.annotate": 4,
    "tracer.provider": 4,
    "tracer.models": 5,
    "tracer.evaluation": 4,
    "tracer.scoring": 4,
    "tracer.comparison": 3,
    "tracer._runtime": 3,
    "tracer._traced": 3,
    "tracer._call": 3,
    "tracer._chunk_log": 3,
    "tracer._doorkeeper": 3,
    "tracer._replacements": 3,
    "tracer._session_recording": 3,
    "tracer._steps": 3,
    "tracer.query": 3,
    "tracer.versions": 3,
    "tracer.find_versions": 3,
    "tracer.logged_model": 3,
    "tracer.runs": 3,
    "tracer.experiments": 3,
    "tracer.git_versions": 3,
    "tracer.span": 2,
    "tracer._stored_trace": 2,
    "tracer.store": 2,
    "tracer.export": 2,
    "tracer.config": 1,
    "tracer.record": 1,
    "tracer.redact": 1,
    "tracer.cost": 1,
    "tracer.otlp_json": 1,
    "tracer.dialects": 1,
    "tracer.messages": 1,
    "tracer._media": 1,
    "tracer._operation": 1,
    "tracer._doors": 1,
    "tracer._session": 1,
    "tracer._awaited": 1,
    "tracer._exit": 0,
    "tracer._late": 0,
    "tracer.semconv": 0,
    "tracer.errors": 0,
    "tracer._fault": 0,
    "tracer._json": 0,
    "tracer._secrets": 0,
    "tracer._resent": 0,
}
ENGINE = ("tracer._",)  # private modules without an entry of their own: the journal, the drainer and what they need
ENGINE_FLOOR = 2


def modules() -> Iterator[tuple[str, Path]]:
    for folder in ("tracer", "integrations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def floor_of(module: str) -> int:
    candidates = [prefix for prefix in FLOORS if module == prefix or module.startswith(prefix + ".")]
    best = max(candidates, key=len)
    if best == "tracer" and module != "tracer":
        assert module.startswith(ENGINE), f"{module} has no floor: give it one in {Path(__file__).name}"
        return ENGINE_FLOOR
    return FLOORS[best]


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """What a module imports when it is loaded; imports inside functions are for what is optional or late."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or is_for_type_checkers(node):
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield node.lineno, below if below in MODULES else node.module


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


MODULES = dict(modules())


def test_imports_run_downward_only() -> None:
    upward = []
    for module, path in MODULES.items():
        for line, imported in imports_of(path):
            is_ours = imported.split(".")[0] in ("tracer", "integrations") and imported != "tracer"
            if is_ours and floor_of(imported) > floor_of(module):
                upward.append(f"{path.relative_to(ROOT)}:{line}: {module} imports {imported}")

    assert upward == []


def test_only_the_top_floor_imports_the_package_as_users_do() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for module, path in MODULES.items()
        for line, imported in imports_of(path)
        if imported == "tracer" and floor_of(module) < FLOORS["tracer.cli"]
    ]

    assert found == []


def test_integrations_have_no_package_file_and_no_name_of_the_core() -> None:
    names = {path.name for path in (ROOT / "integrations").iterdir()}

    assert "__init__.py" not in names
    assert names & {path.name for path in (ROOT / "tracer").iterdir()} - {"__pycache__"} == set()


def test_provider_modules_import_no_sdk_at_their_top() -> None:
    allowed = {"tracer", "integrations", "orjson"} | sys.stdlib_module_names

    found = [
        f"{path.name}:{line}: {imported}"
        for module, path in MODULES.items()
        if module.startswith("integrations")
        for line, imported in imports_of(path)
        if imported.split(".")[0] not in allowed
    ]

    assert found == []
