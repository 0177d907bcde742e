"""`tracer doctor`: a line for each check, and a failing exit code when a check fails."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import tracer
from tests.cli.conftest import Ran, span
from tests.wheels import install_by_hand
from tracer._journal.dropped import note_dropped

Command = Callable[..., Ran]
Write = Callable[..., None]


def findings(ran: Ran) -> dict[tuple[str, str], tuple[str, str]]:
    found = (json.loads(line) for line in ran.lines)
    return {(one["about"], one["name"]): (one["verdict"], one["says"]) for one in found}


def test_doctor_passes_a_sound_installation(write: Write, tracer_command: Command, store_url: str) -> None:
    write(span("a", 1))

    ran = tracer_command("doctor", "--json")

    found = findings(ran)
    assert ran.code == 0
    assert found["store", "url"] == ("ok", store_url)
    assert found["store", "contents"] == ("ok", "1 trace")
    assert found["SDKs", "openai"][0] == "ok"
    assert {verdict for verdict, _ in found.values()} <= {"ok", "note"}
    assert "no problems found" in tracer_command("doctor").out


def test_doctor_passes_a_platform_for_which_hyperscan_is_not_made(
    tracer_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name == "hyperscan":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)

    ran = tracer_command("doctor", "--json")

    verdict, says = findings(ran)["versions", "hyperscan"]
    assert ran.code == 0
    assert (verdict, says[:13]) == ("note", "not installed")


def test_doctor_finds_a_second_distribution_with_a_package_tracer(
    tracer_command: Command, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("site")
    install_by_hand("tracer-llm", "9.1", {"tracer/__init__.py": "def trace(): ...\n"}, place)
    monkeypatch.syspath_prepend(str(place))

    ran = tracer_command("doctor", "--json")

    assert ran.code == 1
    verdict, says = findings(ran)["versions", "tracer-llm"]
    assert verdict == "problem"
    assert says.startswith(f"9.1 has a package tracer too, in {place / 'tracer'}: pip uninstall tracer-llm, then pip ")
    assert ("versions", "import tracer") not in findings(ran)


def test_doctor_finds_an_editable_installation_of_the_former_name(
    tracer_command: Command, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source")
    url = json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}})
    install_by_hand("tracer-llm", "0.1.0", {"tracer_llm-0.1.0.dist-info/direct_url.json": url}, place)
    monkeypatch.syspath_prepend(str(place))

    verdict, says = findings(tracer_command("doctor", "--json"))["versions", "tracer-llm"]

    assert verdict == "problem"
    assert says.startswith(f"0.1.0 has a package tracer too, in {source.resolve() / 'tracer'}: pip uninstall ")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("_pacer.pth", "{source}/src\n"),  # of hatchling and most others
        ("__editable___pacer_2_0_finder.py", "MAPPING: dict[str, str] = {{'tracer': '{source}/src/tracer'}}\n"),
        ("_pacer_editable_loader.py", "SOURCE = '{source}'\n"),
    ],
)
def test_doctor_finds_an_editable_installation_with_a_src_folder(
    file: str,
    text: str,
    tracer_command: Command,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source")
    package = source / "src" / "tracer"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    url = json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}})
    files = {file: text.format(source=source), "pacer-2.0.dist-info/direct_url.json": url}
    install_by_hand("pacer", "2.0", files, place)
    monkeypatch.syspath_prepend(str(place))

    verdict, says = findings(tracer_command("doctor", "--json"))["versions", "pacer"]

    assert verdict == "problem"
    assert says.startswith(f"2.0 has a package tracer too, in {package.resolve()}: pip uninstall pacer, then pip ")


def test_doctor_leaves_an_editable_installation_of_another_package_alone(
    tracer_command: Command, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source")
    (source / "tracer").mkdir()  # beside the package that is installed
    (source / "tracer" / "__init__.py").touch()
    url = json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}})
    files = {"_pacer.pth": f"{source}/src\n", "pacer-2.0.dist-info/direct_url.json": url}
    install_by_hand("pacer", "2.0", files, place)
    monkeypatch.syspath_prepend(str(place))

    assert ("versions", "pacer") not in findings(tracer_command("doctor", "--json"))


def test_doctor_shows_the_version_and_the_folder_that_are_imported(tracer_command: Command) -> None:
    says = findings(tracer_command("doctor", "--json"))["versions", "tracer"][1]

    assert says.startswith(f"{tracer.__version__} in {Path(tracer.__file__).resolve().parent}")


@pytest.mark.parametrize(("check", "about"), [("_settings", "settings"), ("_sdks", "SDKs"), ("_store", "store")])
def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    check: str, about: str, tracer_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AttributeError("module 'tracer' has no attribute 'x'")

    monkeypatch.setattr(f"tracer.cli.doctor.{check}", fail)

    ran = tracer_command("doctor", "--json")

    found = findings(ran)
    assert ran.code == 1
    assert found[about, "failed"][0] == "problem"
    assert "AttributeError" in found[about, "failed"][1]
    assert {"versions", "settings", "SDKs", "store"} == {name for name, _ in found} - {"journals"}


def test_doctor_notes_an_sdk_that_is_not_installed(tracer_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google", None)
    monkeypatch.setattr("tracer.cli.doctor._version", lambda distribution: None)
    for loaded in [name for name in sys.modules if name.startswith("google.genai")]:
        monkeypatch.delitem(sys.modules, loaded)

    ran = tracer_command("doctor", "--json")

    assert findings(ran)["SDKs", "gemini"] == ("note", "google-genai is not installed")


def test_without_a_store_doctor_makes_none(tracer_command: Command, tmp_path: Path) -> None:
    ran = tracer_command("doctor", "--json")

    assert ran.code == 0
    assert findings(ran)["store", "file"][0] == "note"
    assert list(tmp_path.iterdir()) == []


def test_doctor_counts_journals_of_dead_processes(tracer_command: Command, tmp_path: Path) -> None:
    import subprocess

    program = "import tracer, os; tracer.start_span_no_context('a').end(); os._exit(0)"
    environment = {
        **os.environ,
        "TRACER_STORE": str(tmp_path / "tracer.db"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)

    says = findings(tracer_command("doctor", "--json"))["journals", "dead"][1]

    assert says.startswith("1 of ended processes")


def test_doctor_counts_dropped_records(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    write(span("a", 1))
    assert ("journals", "dropped") not in findings(tracer_command("doctor", "--json"))
    journals = tmp_path / "tracer.db.journal"
    journals.mkdir(exist_ok=True)
    note_dropped(journals, "1-gone", 1200)
    note_dropped(journals, "2-gone", 34)

    ran = tracer_command("doctor", "--json")

    assert ran.code == 0
    verdict, says = findings(ran)["journals", "dropped"]
    assert (verdict, says.partition(" ever")[0]) == ("note", "1,234 records")


def test_doctor_finds_a_moved_door(tracer_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("openai._base_client.SyncAPIClient.request")

    ran = tracer_command("doctor", "--json")

    assert ran.code == 1
    verdict, says = findings(ran)["SDKs", "openai"]
    assert verdict == "problem"
    assert "cannot be traced" in says


def test_doctor_finds_invalid_settings(tracer_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_SAMPLE_RATE", "often")

    ran = tracer_command("doctor", "--json")

    assert ran.code == 1
    assert "TRACER_SAMPLE_RATE: got 'often'" in findings(ran)["settings", "environment"][1]


def test_doctor_notes_a_misspelt_setting(tracer_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_SAMPEL_RATE", "0.5")

    verdict, says = findings(tracer_command("doctor", "--json"))["settings", "TRACER_SAMPEL_RATE"]

    assert (verdict, "TRACER_SAMPLE_RATE" in says) == ("note", True)


@pytest.mark.parametrize("name", ["TRACER_TOKEN", "TRACER_SERVE_API_KEY", "TRACER_OIDC_SECRET"])
def test_doctor_does_not_show_a_secret_setting(
    name: str, tracer_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "tellnobody" * 4)

    out = tracer_command("doctor").out

    assert re.search(rf"{name}\s+\(not shown\)", out)
    assert "tellnobody" not in out


def test_doctor_finds_a_damaged_store(tracer_command: Command, tmp_path: Path) -> None:
    (tmp_path / "tracer.db").write_bytes(b"no database" * 100)

    ran = tracer_command("doctor")

    assert ran.code == 1
    assert "is not an SQLite database" in ran.out
    assert "1 problem found" in ran.out


def test_doctor_misses_files_of_attachments(tracer_command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "tracer.db.attachments"
    folder.mkdir()
    with tracer.start_span("look") as span:
        span.set_inputs({"picture": "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" + "AAAA" * 400})
    tracer.flush()
    assert tracer_command("doctor").code == 0
    [file] = folder.glob("*/*")
    file.unlink()

    ran = tracer_command("doctor")

    assert ran.code == 1
    assert f"1 file of them missing in {folder}" in " ".join(ran.out.split())
