"""Every file and function that docs/architecture.md names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w./-]+\.(?:py|tsx?)|[\w-]+/[\w./-]*)(?:::([\w.]+))?`", PAGE)))

pytestmark = pytest.mark.no_store


def names_in(node: ast.AST, above: str = "") -> Iterator[str]:
    """Functions, classes, methods and constants of a Python file."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield above + child.name
            yield from names_in(child, f"{above}{child.name}.")
        elif isinstance(child, ast.Assign):
            yield from (above + target.id for target in child.targets if isinstance(target, ast.Name))
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            yield above + child.target.id
        elif isinstance(child, (ast.If, ast.Try)):
            yield from names_in(child, above)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=["::".join(filter(None, each)) for each in NAMED])
def test_what_the_page_names_is_there(file: str, name: str) -> None:
    path = ROOT / file
    assert path.exists()

    if path.suffix == ".py" and name:
        assert name in set(names_in(ast.parse(path.read_text(encoding="utf-8"))))
    elif name:
        assert re.search(rf"\b(?:function|const|class) {name}\b", path.read_text(encoding="utf-8"))


def test_the_page_names_files_and_functions() -> None:
    assert len(NAMED) > 60
    assert sum(bool(name) for _, name in NAMED) > 40


def test_every_room_is_in_the_picture() -> None:
    picture = PAGE.partition("```mermaid")[2].partition("```")[0]
    rooms = [path.parent.name for path in ROOT.glob("tracer/*/__init__.py")]

    assert [room for room in rooms if not re.search(rf"\b{room}\b", picture)] == []


def test_every_word_of_the_glossary_is_explained_once() -> None:
    words = re.findall(r"\*\*(\w+)\*\*", PAGE.partition("## Words")[2])

    assert len(words) == len(set(words))
