"""What language models read of the documentation is made from the pages, and the skill of coding agents is right."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKILL = ROOT / "docs" / "skills" / "tracer" / "SKILL.md"

pytestmark = pytest.mark.no_store


def test_the_index_for_models_is_that_of_the_pages() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "llms.py"))

    assert (ROOT / "llms.txt").read_text(encoding="utf-8") == made["short"](), "run: python3 docs/llms.py"
    pages = sorted(page.name for page in (ROOT / "docs").glob("*.md"))
    assert sorted(Path(path).name for _, path in made["pages"]()) == pages
    whole = made["full"]()
    assert all((ROOT / path).read_text(encoding="utf-8").strip() in whole for _, path in made["pages"]())


def test_the_commands_of_the_skill_exist() -> None:
    commands = set(re.findall(r"\btracer ([a-z]+)\b", SKILL.read_text(encoding="utf-8").partition("---\n\n")[2]))
    from tracer.cli.group import _COMMANDS

    assert commands <= {*_COMMANDS}
    assert {"list", "show", "diff", "fork", "run"} <= commands


def test_the_test_of_the_skill_passes(tmp_path: Path) -> None:
    [source] = re.findall(r'```python title="test_search.py"\n(.*?)^```', SKILL.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "test_search.py").write_text(source)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tracer._replay.pytest_plugin", "-p", "no:tracer", "-q"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout
