"""What must not be in the repository: names of machines, registries, absolute paths, secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"build", "dist", "venv", "node_modules", "__pycache__"}  # and hidden folders, but for .ci
TEXTS = {".py", ".md", ".toml", ".txt", ".svg", ".json", ".jsonl", ".yml", ".yaml", ".sh", ""}
pytestmark = pytest.mark.no_store

FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"/(?:home|Users)/[a-z]\w*/|/root/\w|/work/\w|/tmp/w/"),
    "an index of packages": re.compile(r"--(?:extra-)?index-url|files\.pythonhosted\.org|registry\.npmjs\.org"),
    "a key": re.compile(r"sk-(?:proj-)?[A-Za-z0-9]{40,}"),
}


def texts() -> Iterator[tuple[Path, str]]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not (name in LEFT_OUT or name.startswith("."))]
        for name in names:
            path = Path(folder) / name
            if path.suffix in TEXTS and path != Path(__file__) and ".db" not in name and name != ".git":
                yield path, path.read_text(encoding="utf-8", errors="replace")


def test_nothing_private_is_in_the_repository() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {what}: {match.group()}"
        for path, text in texts()
        for what, pattern in FORBIDDEN.items()
        for match in pattern.finditer(text)
    ]

    assert found == []


def test_no_module_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "common", "base", "manager", "misc"}

    of_mlflow = ROOT / "tracer" / "tracing" / "utils.py"  # programs written for it import from there
    found = [path for path in ROOT.glob("tracer/**/*.py") if path.stem.strip("_") in vague]

    assert [path.name for path in found if path != of_mlflow] == []


def test_every_python_file_says_its_job_in_its_first_line() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path, text in texts()
        if path.suffix == ".py" and text.strip() and not text.startswith(('"""', "#!"))
    ]

    assert silent == []


def test_any_is_rare() -> None:
    lines = [
        line
        for folder in ("tracer", "integrations")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    anys = sum(len(re.findall(r"\bAny\b", line)) for line in lines if not re.match(r"\s*(?:from|import)\b", line))

    assert anys / len(lines) < 0.025, f"{anys} in {len(lines)} lines"


def test_the_package_has_few_modules_beside_its_rooms() -> None:
    assert len(list((ROOT / "tracer").glob("*.py"))) <= 20


def test_no_module_of_integrations_imports_twice() -> None:
    twice = re.compile(r"^\s*(?:from|import) integrations|^if TYPE_CHECKING.*\n(?:    .*\n)+else:", re.MULTILINE)

    doubled = [path.name for path in (ROOT / "integrations").rglob("*.py") if twice.search(path.read_text("utf-8"))]

    assert doubled == []
