"""The version in a notebook: a kernel runs cells in its event loop, to the user they are the main program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tracer
from tests.kernels import kernel

pytestmark = [
    pytest.mark.no_store,
    # jupyter_client's own, while it starts and ends a kernel
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
Cell = Callable[[str], str]
NAME = "tracer.get_logged_model(tracer.get_active_model_id()).name"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Runs a cell in a kernel, and gives what it printed."""
    with kernel(tmp_path_factory.mktemp("notebook")) as run:
        run("import asyncio, threading")
        yield lambda code: run(code).text


def test_what_a_cell_sets_holds_in_threads_and_later_cells(cell: Cell) -> None:
    cell("tracer.set_active_model('v1')")

    in_thread = f"thread = threading.Thread(target=lambda: print({NAME}))\nthread.start()\nthread.join()"
    assert cell(f"print({NAME})") == "v1"
    assert cell(in_thread) == "v1"
    assert cell("await asyncio.sleep(0)\ntracer.set_active_model('v2')") == ""
    assert cell(f"print({NAME})") == "v2"
    assert cell(in_thread) == "v2"


def test_what_a_task_sets_holds_there_alone(cell: Cell) -> None:
    cell("tracer.set_active_model('outside')")
    cell("async def inside():\n    tracer.set_active_model('inside')\n    await asyncio.sleep(0)")

    assert cell("await asyncio.gather(inside(), inside())") != "error"
    assert cell(f"print({NAME})") == "outside"
    assert cell(f"thread = threading.Thread(target=lambda: print({NAME}))\nthread.start()\nthread.join()") == "outside"


def test_a_loop_that_a_shell_runs_has_tasks_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("IPython", exc_type=ImportError)
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, tracer\n"
        "async def inside():\n"
        "    tracer.set_active_model('inside')\n"
        "tracer.set_active_model('outside')\n"
        "asyncio.run(inside())\n"
        f"print({NAME})\n"
    )
    root = Path(tracer.__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "IPYTHONDIR": str(tmp_path / "ipython")}

    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", program.read_text()],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.stdout.split()[-1:] == ["outside"], done.stderr
