"""Everything that CI runs, in lanes side by side: ``python3 tests/run.py``.

Makes the environments that it needs under build/. The lanes are lint and types; the tests of the providers; all others
but the page's; the page's in Chromium; the page's own checks; the SDKs whose newest version the suite's environment
does not have; frameworks, and the ClickHouse store, in environments of their own. The output of the greatest part is
shown as it comes, that of other lanes when a step has ended. Arguments go to pytest, which then runs the tests that
they choose in the place of all of these. What is run before a release beside this stands in CONTRIBUTING.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.environment import make_environment  # noqa: E402
from web.bundle import NODE_PACKAGE  # noqa: E402

OLDEST = (3, 10)
WORKERS = (os.cpu_count() or 1) + 1  # of pytest-xdist: tests wait for a third of their time
# providers whose packages are heavy, or at odds with others': in an environment of their own
APART = {
    "bedrock", "claude_agent_sdk", "cohere", "groq", "huggingface", "langchain", "litellm", "mcp", "together",
}  # fmt: skip
_NAMES = [file.stem for file in sorted((ROOT / "integrations").glob("[!_]*.py"))]
WITH_ALL_SDKS = ("tests/cli/test_doctor.py", "tests/replay/test_other_sdks.py", "tests/replay/test_traces.py")
PROVIDERS = [*(f"tests/{name}" for name in _NAMES if name not in APART), *WITH_ALL_SDKS]
FRAMEWORKS = [f"tests/{name}" for name in _NAMES if name in APART]
# with packages of that environment
ALONE = (
    "tests/deploy/test_chart.py",
    "tests/engine/test_trio.py",  # where it is installed, each HTTP client loads it
    "tests/export/test_parquet.py",
    "tests/provider/test_shadows.py",
    "tests/replay/test_aiohttp.py",
    "tests/replay/test_snapshots.py",
)
INSIDE = ("cli", "demo", "dialects", "otlp", "server", "store")  # rooms of tracer/ from whose modules no user imports
SHARED_MEMORY = Path("/dev/shm")
# tests are collected meanwhile, and begin when it is there (tests/conftest.py)
PAGE_BUILT = ROOT / "build" / "page-built"
SHARED_MEMORY_BYTES = 4 << 30
GIVEN_WAY = 5  # as `nice` counts: a third of what others get


class Step(NamedTuple):
    """One command of a lane."""

    name: str
    command: Sequence[str]
    is_shown: bool = False  # as it runs, not when it has ended
    gives_way: bool = False  # to the lanes that take longest, which wait for other things too


class Ended(NamedTuple):
    """How a step ended."""

    name: str
    code: int
    seconds: float


def main(pytest_arguments: list[str]) -> int:
    """Run everything, print how each step ended, and return the number of steps that failed."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {sys.version.split()[0]} is too old: run this with Python {OLDEST[0]}.{OLDEST[1]} or newer")
    started = time.monotonic()
    PAGE_BUILT.unlink(missing_ok=True)
    with ThreadPoolExecutor(max_workers=8) as pool, files_in_memory():  # a lane each
        # the browser comes from the system's packages, and the page from its own, beside the environment
        browser = pool.submit(run, Step("browser", [sys.executable, "tests/web/chromium.py"]))
        page = pool.submit(build_page)
        python = make_environment("test-env", "-e", ".[dev]")
        ended = [Ended("environment", 0, time.monotonic() - started)]
        running = [pool.submit(run_lane, static_checks(python))]
        if not pytest_arguments:
            ended.append(run(collection(python)))
        running += [pool.submit(run_lane, steps) for steps in suite_lanes(python, pytest_arguments)]
        ended += [browser.result(), *page.result()]
        running += [pool.submit(run_lane, steps) for steps in page_lanes(python, pytest_arguments)]
        if not pytest_arguments:
            running += [pool.submit(test_frameworks)]
            clickhouse = Step("clickhouse", [sys.executable, "tests/clickhouse/run.py", "--quick"])
            running += [pool.submit(run_lane, [clickhouse])]
        ended += [step for lane in running for step in lane.result()]
    for name, code, seconds in ended:
        print(f"{name:<11} {'passed' if code == 0 else f'FAILED ({code})'} in {seconds:.0f} s", flush=True)
    print(f"{'all':<11} in {time.monotonic() - started:.0f} s", flush=True)
    return sum(step.code != 0 for step in ended)


def static_checks(python: str) -> list[Step]:
    """What reads the code; and last a small benchmark of it, beside an earlier commit."""
    return [
        Step("lint", [python, "-m", "ruff", "check", "."], gives_way=True),
        Step("types", [python, "-m", "mypy"], gives_way=True),
        Step("pyright", [python, "-m", "pyright", "--pythonpath", python, *public_modules()], gives_way=True),
        Step("pair", [python, "-m", "benchmarks", "--size", "small", f"--pair={os.environ.get('PAIRED_WITH', '')}"]),
    ]


def public_modules() -> list[str]:
    """What users' editors read too, with a type checker that is not mypy, which reads all modules."""
    modules = [path.relative_to(ROOT) for room in ("integrations", "tracer") for path in (ROOT / room).rglob("*.py")]
    public = [path for path in modules if not any(re.match("_(?!_init__)", part) for part in path.parts)]
    return sorted(str(path) for path in public if path.parts[1] not in INSIDE or path.name == "__init__.py")


def build_page() -> list[Ended]:
    """Install the page's packages, and build the page, with a Node of their own: pip takes long with all the rest."""
    try:
        python = make_environment("node-env", NODE_PACKAGE)
        return run_lane([Step(command, [python, "web/bundle.py", command]) for command in ("install", "build")])
    finally:
        PAGE_BUILT.touch()


def collection(python: str) -> Step:
    """Compiles what the tests import: processes that begin at once would each compile all of it for themselves."""
    others = [argument for folder in ("tests/web", *FRAMEWORKS) for argument in ("--ignore", folder)]
    return Step("collection", [python, "-m", "pytest", "--collect-only", "-qqq", *others])


def suite_lanes(python: str, pytest_arguments: list[str]) -> list[list[Step]]:
    """The suite, or the tests that the arguments choose."""
    pytest = [python, "-m", "pytest"]
    if pytest_arguments:
        return [[Step("tests", [*pytest, *pytest_arguments], is_shown=True)]]
    left_out = ("tests/web", *PROVIDERS, *FRAMEWORKS)
    others = ["-m", "not before_a_release", *(f"--ignore={place}" for place in left_out)]
    return [
        # apart from the others, whose workers need not load all SDKs
        [Step("providers", [*pytest, *PROVIDERS], gives_way=True)],
        [Step("tests", [*pytest, "-n", str(WORKERS), "--dist", "worksteal", *others], is_shown=True)],
    ]


def page_lanes(python: str, pytest_arguments: list[str]) -> list[list[Step]]:
    """What runs beside the suite from then on."""
    page_checks = [Step("web", [python, "web/bundle.py", "check"], gives_way=True)]
    if pytest_arguments:
        return [page_checks]
    return [
        # apart from the other tests, which run event loops of their own, as the browser's driver does
        [Step("page", [python, "-m", "pytest", "tests/web"])],
        page_checks,
        [Step("versions", [python, "tests/provider/versions.py", "--newest"], gives_way=True)],
    ]


def test_frameworks() -> list[Ended]:
    """Test the providers of frameworks in an environment of their own."""
    python = make_environment("frameworks-env", "-e", ".[dev,frameworks]")
    return run_lane([Step("frameworks", [python, "-m", "pytest", *FRAMEWORKS, *ALONE], gives_way=True)])


def run_lane(steps: Sequence[Step]) -> list[Ended]:
    """Run one step after the other, whether they fail or not."""
    return [run(step) for step in steps]


def run(step: Step) -> Ended:
    """Run one step with its output printed."""
    started = time.monotonic()
    title = f"\n== {step.name}: {' '.join(step.command[1:])}"
    if step.is_shown:
        print(title, flush=True)
    # a file: a pipe would end only with the last process that a test has left
    with tempfile.TemporaryFile() as said:
        output = None if step.is_shown else said
        with subprocess.Popen(
            step.command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as process:
            if step.gives_way and hasattr(os, "setpriority"):
                os.setpriority(os.PRIO_PROCESS, process.pid, GIVEN_WAY)
        if not step.is_shown:
            said.seek(0)
            print(f"{title}\n{said.read().decode(errors='replace')}", end="", flush=True)
    return Ended(step.name, process.returncode, time.monotonic() - started)


def environment() -> dict[str, str]:
    """The caller's variables, but none that would make each of hundreds of programs compile tracer anew.

    Nor does pydantic look through all packages for plugins in each of them.
    """
    left_out = ("PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING")
    variables = {name: value for name, value in os.environ.items() if name not in left_out}
    # UTF-8: what the tests' programs print does not depend on the locale of the shell
    return {**variables, "PYTHONUTF8": "1", "PYDANTIC_DISABLE_PLUGINS": "1", "TESTS_BEGIN_AFTER": str(PAGE_BUILT)}


@contextmanager
def files_in_memory() -> Iterator[None]:
    """Keep the tests' files in shared memory, where there is room: most of a store's time is waiting for the disk."""
    named = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    if named or not has_room(SHARED_MEMORY):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="tracer-tests-", dir=SHARED_MEMORY, ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # tests read as other users
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        yield


def has_room(folder: Path) -> bool:
    """Whether the tests' files fit into a folder."""
    if not os.access(folder, os.W_OK):
        return False
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize > SHARED_MEMORY_BYTES


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
