"""What gets installed: the content of the wheel, a fresh environment, and the README's commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.wheels import install_by_hand

ROOT = Path(__file__).resolve().parents[2]
SDKS = (
    "openai", "ollama", "anthropic", "mistralai", "agents", "openai_agents", "genai", "google_genai", "boto3",
    "botocore", "claude_agent_sdk", "cohere", "groq", "huggingface_hub", "langchain_core", "langgraph", "litellm",
    "mcp", "together",
)  # fmt: skip
pytestmark = pytest.mark.no_store


def run(command: Sequence[str | Path], cwd: Path = ROOT) -> str:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # hatchling is among what the tests need, so nothing is downloaded for the build
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)])
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_with_its_providers_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0].partition("-")[0] for name in names} == {
        "tracer",
        "tracer_autolog",
        "tracer_autolog.pth",
        "tracer_autolog.py",
    }
    assert {"tracer/openai.py", "tracer/py.typed", "tracer/cli/__init__.py"} <= set(names)
    assert not [name for name in names if "integrations" in name or "tests" in name or name.endswith((".pyc", ".db"))]
    sources = [path for folder in ("tracer", "integrations") for path in (ROOT / folder).rglob("*.py")]
    assert sum(name.endswith(".py") for name in names) == len(sources)


def environment_with(wheel: Path, folder: Path) -> tuple[Path, Path]:
    """A Python that has the wheel and what it needs, but no SDK; and its site-packages."""
    venv.create(folder / "env", system_site_packages=False, with_pip=False)
    (installed,) = (folder / "env" / "lib").glob("python*/site-packages")
    zipfile.ZipFile(wheel).extractall(installed)
    # what the wheel needs comes from this environment, without the SDKs that it must do without
    here = Path(run([sys.executable, "-c", "import orjson; print(orjson.__path__[0])"]).strip()).parent
    needed = folder / "needed"
    needed.mkdir()
    (needed / "google").mkdir()  # of several packages, one of them an SDK
    for path in (*here.iterdir(), *(here / "google").glob("[!_]*")):
        name = path.relative_to(here)
        if name.parts[-1].split("-")[0] not in (*SDKS, "tracer", "tracer_autolog", "google") and path.suffix != ".pth":
            (needed / name).symlink_to(path)
    # relative: Python reads such a file in an encoding that may not spell the whole path
    (installed / "needed.pth").write_text(os.path.relpath(needed, installed))
    return folder / "env" / "bin" / "python", installed


def test_the_wheel_works_where_no_checkout_and_no_sdk_is(wheel: Path, tmp_path: Path) -> None:
    python, _ = environment_with(wheel, tmp_path)
    program = """
import tracer, tracer.openai, importlib.util
assert "site-packages" in tracer.__file__ and "site-packages" in tracer.openai.__file__, tracer.__file__
assert importlib.util.find_spec("integrations") is None
from tracer.provider.installed import find_provider_module, names
def is_there(module):
    package, _, _ = module.rpartition(".")
    return (not package or is_there(package)) and importlib.util.find_spec(module) is not None
assert not [name for name in names() if is_there(find_provider_module(name).provider.module)]
tracer.openai.autolog()
with tracer.start_span("works"):
    pass
print(tracer.get_trace(tracer.get_last_active_trace_id()).data.spans[0].name)
"""

    assert run([python, "-I", "-c", program], cwd=tmp_path).strip() == "works"


def test_doctor_tells_when_the_imported_tracer_is_of_another_distribution(wheel: Path, tmp_path: Path) -> None:
    python, installed = environment_with(wheel, tmp_path)

    def doctor(*options: str) -> subprocess.CompletedProcess[str]:
        command = [python, "-m", "tracer", "doctor", *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    def problems_of_versions() -> dict[str, str]:
        ran = doctor("--json")
        assert ran.stderr == ""
        assert '"about":"store"' in ran.stdout.replace(" ", "")
        findings = [json.loads(line) for line in ran.stdout.splitlines()]
        assert findings, ran.stderr
        return {
            one["name"]: one["says"] for one in findings if (one["about"], one["verdict"]) == ("versions", "problem")
        }

    before = problems_of_versions()
    install_by_hand("tracer-llm", "9.1", {"tracer/__init__.py": "def trace(): ...\n"}, installed)
    problems = problems_of_versions()

    assert before == {}
    folder = installed.resolve() / "tracer"
    assert problems["tracer-llm"].startswith(f"9.1 has a package tracer too, in {folder}: pip uninstall tracer-llm")
    assert problems["import tracer"].startswith(f"the one imported, {folder}, is from tracer-llm 9.1")
    told = doctor()
    assert (told.returncode, told.stderr) == (1, "")
    assert "problems found" in told.stdout


def test_doctor_tells_when_a_copy_is_imported_instead_of_what_is_installed(wheel: Path, tmp_path: Path) -> None:
    python, installed = environment_with(wheel, tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(installed / "tracer", copy / "tracer")
    with (copy / "tracer" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write('__version__ = "0.0.7"\n')

    def versions(path: Path) -> dict[str, tuple[str, str]]:
        ran = subprocess.run(
            [python, "-m", "tracer", "doctor", "--json"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return {one["name"]: (one["verdict"], one["says"]) for one in map(json.loads, ran.stdout.splitlines())}

    found = versions(copy)

    shadowed, ours = copy.resolve() / "tracer", installed.resolve() / "tracer"
    version = wheel.name.split("-")[1]
    assert found["tracer"] == ("ok", f"0.0.7 in {shadowed}; installed is tracer-autolog {version}")
    verdict, says = found["import tracer"]
    assert verdict == "problem"
    assert says.startswith(f"the one imported, {shadowed}, is not that of tracer-autolog {version}, {ours}: remove it")


def test_doctor_is_reached_past_a_strange_package_on_pythonpath(wheel: Path, tmp_path: Path) -> None:
    python, _ = environment_with(wheel, tmp_path)
    strange = tmp_path / "strange" / "tracer"
    strange.mkdir(parents=True)
    (strange / "__init__.py").touch()

    def ran(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, *options],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(strange.parent)}, capture_output=True, text=True,
            timeout=60,
        )  # fmt: skip

    assert "tracer.__main__" in ran("-m", "tracer", "doctor").stderr
    assert ran("-c", "import tracer; print(tracer.__file__)").stdout.strip() == str(strange / "__init__.py")
    assert ran("-I", "-m", "tracer", "doctor").returncode == 0


def test_a_bare_checkout_works_in_place(tmp_path: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tracer.openai; print(tracer.openai.__file__)"

    found = run([sys.executable, "-c", program], cwd=tmp_path).strip()

    assert Path(found) == ROOT / "integrations" / "openai.py"


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    last_command = readme.rpartition("```sh\n")[2].partition("\n```")[0]

    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == f"exec {last_command}"


def test_the_version_is_the_same_everywhere(wheel: Path) -> None:
    import tracer

    assert wheel.name.split("-")[1] == tracer.__version__
