"""The page about writing a provider: its example is the provider of the kit's tests, and its entry point works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.provider import invented
from tests.wheels import install_from_source

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "new-provider.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="([\w.]+)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL))

pytestmark = pytest.mark.no_store


def test_the_page_builds_the_provider_that_the_tests_use() -> None:
    assert FILES["tracer_acme.py"] == Path(invented.__file__).read_text(encoding="utf-8")
    assert len(FILES["tracer_acme.py"].splitlines()) <= 62
    assert len([line for line in FILES["tracer_acme.py"].splitlines() if line.strip()]) < 60


PROGRAM = """
import sys, tracer
tracer.acme.autolog()
assert "acme_sdk" not in sys.modules
import acme_sdk
acme_sdk.Client().chat([{"role": "user", "content": "?"}])
tracer.autolog(disable=True)
acme_sdk.Client().chat([{"role": "user", "content": "?"}])
print([trace.data.spans[0].name for trace in tracer.search_traces()])
"""


def test_a_package_with_the_entry_point_becomes_a_part_of_tracer(tmp_path: Path) -> None:
    site = install_from_source(FILES, tmp_path)
    (site / "acme_sdk.py").write_text(FILES["acme_sdk.py"], encoding="utf-8")

    path = os.pathsep.join([str(site), str(ROOT)])
    command = [sys.executable, "-c", PROGRAM]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "['chat acme-1']"
