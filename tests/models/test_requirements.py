"""requirements.txt of a logged model: no installer takes another owner's package for tracer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from tests.models.conftest import WriteModel
from tracer._distribution import NAME, installed_version
from tracer.models import ModelError, load_model, log_model
from tracer.models.manifest import read_manifest, write_manifest

MODEL = "import click\nset_model(lambda x: x)"
Installed = Callable[[dict[str, object] | None], None]


@pytest.fixture
def installed_from(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Pretends that tracer was installed from what a direct_url.json names (PEP 610); None: from an index."""

    find = metadata.distribution

    def install(source: dict[str, object] | None) -> None:
        class Distribution(metadata.PathDistribution):
            def read_text(self, filename: str | os.PathLike[str]) -> str | None:
                return source and json.dumps(source) if filename == "direct_url.json" else super().read_text(filename)

        def distribution(name: str) -> metadata.Distribution:
            found = find(name)
            return Distribution(found._path) if name == NAME else found  # type: ignore[attr-defined]

        monkeypatch.setattr("tracer.models.requirements.metadata.distribution", distribution)

    return install


def requirements_of_a_model(path: Path, given: list[str] | None = None) -> list[str]:
    model = log_model("needs", path, pip_requirements=given)
    return (model.artifact_location / "requirements.txt").read_text().splitlines()


def write_wheel(folder: Path, name: str, version: str) -> None:
    """A package that anybody could have put on an index."""
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        info = f"{stem}.dist-info"
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: models\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def picked_by_pip(file: Path, index: Path) -> set[str]:
    """The packages that pip would install for a requirements file from an index."""
    report = index / "report.json"
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--no-index"]
    subprocess.run(
        [*pip, "--quiet", "--find-links", str(index), "--report", str(report), "-r", str(file)], check=True, timeout=120
    )
    return {each["metadata"]["name"] for each in json.loads(report.read_text())["install"]}


def test_pip_never_takes_a_strangers_package_for_tracer(write_model: WriteModel, tmp_path: Path) -> None:
    for name in (NAME, "tracer-llm", "tracer"):
        write_wheel(tmp_path, name, str(installed_version()))
    for name in ("click", "PyYAML"):
        write_wheel(tmp_path, name, metadata.version(name))

    model = log_model("needs", write_model(MODEL))

    assert picked_by_pip(model.artifact_location / "requirements.txt", tmp_path) == {"click", "PyYAML"}


def test_tracer_from_a_clone_is_named_in_a_comment(write_model: WriteModel, installed_from: Installed) -> None:
    path = write_model(MODEL)
    for source in (None, {"url": "file:///srv/ann/tracer", "dir_info": {"editable": True}}):
        installed_from(source)

        lines = requirements_of_a_model(path)

        assert [line for line in lines if "tracer" in line] == lines[:1]
        assert lines[0].startswith(f"# tracer {installed_version()} ")


def test_tracer_from_a_url_is_named_by_this_url(write_model: WriteModel, installed_from: Installed) -> None:
    path = write_model(MODEL)

    installed_from(
        {
            "url": "https://example.com/tracer.git",
            "vcs_info": {"vcs": "git", "commit_id": "4c0ffee", "requested_revision": "main"},
        }
    )
    from_git = requirements_of_a_model(path)[0]
    installed_from({"url": "https://example.com/t.zip", "archive_info": {}, "subdirectory": "python"})
    from_archive = requirements_of_a_model(path)[0]

    assert from_git == f"{NAME}[models] @ git+https://example.com/tracer.git@4c0ffee"
    assert from_archive == f"{NAME}[models] @ https://example.com/t.zip#subdirectory=python"


def test_a_version_of_tracer_in_pip_requirements_is_replaced(write_model: WriteModel) -> None:
    kept = ["click>=8", f"{NAME} @ git+https://example.com/tracer.git", "tracer-tools==1", "-e ./mine"]
    given = [f"{NAME}==0.1.0", "Tracer_Autolog", "tracer-llm[models] >= 0.1", *kept]

    lines = requirements_of_a_model(write_model(MODEL), given)

    assert [line[:8] for line in lines[:3]] == ["# tracer"] * 3
    assert lines[3:] == kept


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("tracer", []),
        ("tracer==0.1.0", []),
        ("Tracer[models] >= 0.1 ; python_version > '3.9'", []),
        (f"-e {NAME}", []),
        (f"--editable={NAME}[models]", []),
        ("-e tracer", []),
        (f"--find-links https://example.com/wheels {NAME}", ["--find-links https://example.com/wheels"]),
        ("--pre tracer-llm>=0.1", ["--pre"]),
    ],
)
def test_no_line_with_a_name_of_tracer_is_written(write_model: WriteModel, given: str, options: list[str]) -> None:
    lines = requirements_of_a_model(write_model(MODEL), [given, "click"])

    assert [line for line in lines if not line.startswith("# tracer ")] == [*options, "click"]
    assert len(lines) == len(options) + 2


def test_lines_that_only_look_like_tracer_are_written(write_model: WriteModel) -> None:
    given = [
        "tracer @ git+https://example.com/tracer.git",
        "tracer/dist/tracer_autolog-0.1.0-py3-none-any.whl",
        "-e ./tracer",
        "-e git+https://example.com/tracer.git#egg=other",
        "--find-links https://example.com/tracer",
        "tracer-tools",
        "# tracer",
    ]

    assert requirements_of_a_model(write_model(MODEL), given) == given


def test_a_model_with_the_former_requirements_loads_and_its_advice_leaves_them_out(write_model: WriteModel) -> None:
    folder = log_model("old", write_model(MODEL)).artifact_location
    manifest = read_manifest(folder)
    (folder / "requirements.txt").write_text("click==8.1\ntracer-llm[models]==0.1.0\n")
    write_manifest(folder, manifest)
    assert load_model(folder).predict(1) == 1

    (folder / "model_file.py").write_text("import no_such_package")
    write_manifest(folder, manifest)

    with pytest.raises(ModelError, match=r"was logged with: pip install 'click==8\.1'\. If"):
        load_model(folder)


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("yaml", "PyYAML"),
        ("typing_extensions", "typing_extensions"),  # one file
        ("_pytest.fixtures", "pytest"),
        ("_cffi_backend", "cffi"),  # compiled, without a folder
        ("opentelemetry.trace", "opentelemetry-api"),  # one name, many packages
        ("opentelemetry.sdk.trace", "opentelemetry-sdk"),
        ("nowhere_to_be_found", None),
    ],
)
def test_a_module_is_named_by_the_package_that_has_it(
    write_model: WriteModel, module: str, package: str | None
) -> None:
    path = write_model(f"try:\n    import {module}\nexcept ImportError:\n    pass\nset_model(lambda x: x)")

    names = {line.split("==")[0] for line in requirements_of_a_model(path)[1:]}

    assert names == {"PyYAML"} | ({package} if package else set())
