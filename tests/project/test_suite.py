"""The suite gives the same results however it was started."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forked import Forking
from tests.run import ALONE, FRAMEWORKS, PROVIDERS, public_modules

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store
HEAVY_BESIDE = [ROOT / "tests" / "replay" / "sdks.py"]  # what tests of that lane import


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_programs_that_tests_start_have_the_signals_default_in_a_background_job() -> None:
    names = ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"]
    program = f"""
import signal, subprocess, sys
for name in {names}:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
import tests.conftest
for name in {names}:
    signal.raise_signal(getattr(signal, name))  # this process goes on ignoring it
    started = f"import signal; signal.raise_signal(signal.{{name}})"
    print(subprocess.run([sys.executable, "-c", started], stderr=subprocess.DEVNULL).returncode)
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert (ran.stdout.split(), ran.stderr) == ([str(-getattr(signal, name)) for name in names], "")


def test_editors_type_checker_reads_what_users_import() -> None:
    read = public_modules()

    assert {"tracer/__init__.py", "tracer/genai/scorers.py", "tracer/server/__init__.py"} <= set(read)
    assert "integrations/openai.py" in read
    assert [path for path in read if "/_" in path.replace("/__init__.py", "")] == []


def test_workers_load_the_sdks_of_few_providers() -> None:
    """Each worker loads what any test of the suite imports: those of all providers take ten seconds."""
    imported = {path: imports(path) for path in sorted((ROOT / "tests").rglob("*.py"))}
    heavy = {path for path, names in imported.items() if names & {"anthropic", "google", "mistralai", "agents", "mcp"}}
    while more := {path for path, names in imported.items() if names & set(map(module, heavy))} - heavy:
        heavy |= more

    apart = [ROOT / path for path in (*PROVIDERS, *FRAMEWORKS, *ALONE, "tests/web", "tests/frameworks")]
    assert [path for path in heavy if not any(path.is_relative_to(place) for place in apart)] == HEAVY_BESIDE


def imports(path: Path) -> set[str]:
    """What a file imports as it is loaded: packages of others, and modules of tests."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name if name.startswith("tests.") else name.partition(".")[0] for name in found}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_a_forked_program_is_like_one_that_is_started(tmp_path: Path, forking: Forking) -> None:
    (tmp_path / "beside.py").write_text("HERE = __name__")
    file = tmp_path / "program.py"
    file.write_text("""
import atexit, os, sys
import beside
atexit.register(print, "ended")
print(__name__, sys.argv[1:], os.getcwd(), sorted(os.environ), beside.HERE, sys.stdin.read(), "tracer" in sys.modules)
sys.exit("wrong")
""")

    for command in ([str(file), "a"], ["-m", "program", "a"]):
        forked = forking.run(*command, cwd=tmp_path, env={"LC_CTYPE": "C.UTF-8", "MINE": "1"})
        started = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={"LC_CTYPE": "C.UTF-8", "MINE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

        assert "['LC_CTYPE', 'MINE'] beside  False\nended\n" in started.stdout
        assert (forked.returncode, forked.stdout, forked.stderr) == (1, started.stdout, "wrong\n")


def test_a_test_that_hangs_ends_the_run_and_says_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import threading\ndef test_it(): threading.Event().wait()\n")
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-o", "faulthandler_timeout=0.5"]

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:tracer", *settings, str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert ran.returncode == 1
    assert "Timeout (0:00:00.500000)!" in ran.stderr
    assert "in test_it" in ran.stderr
