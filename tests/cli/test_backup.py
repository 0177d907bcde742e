"""A store is copied while a program writes to it, and a restored copy answers the same."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import tracer
from tests.cli.conftest import Ran
from tests.store.records import found, span
from tracer._catalog.folder import FolderCatalog
from tracer._journal.locations import models_folder_of
from tracer.cli.backup import copy_projects
from tracer.server import ServerSettings, running_server
from tracer.server.alerts.state import state_of
from tracer.store import open_store

PICTURE = hashlib.sha256(b"hi").hexdigest()
ATTACHMENT = json.dumps({"kind": "attachment", "id": PICTURE, "mime": "image/png", "content": "aGk="}).encode()
WRITER = """
import tracer
for number in range(100_000):
    with tracer.start_span(f"step {number}") as span:
        span.set_inputs({"number": number})
    if number % 50 == 0:
        tracer.flush()
    if number == 200:
        print("ready", flush=True)
"""


def test_a_backup_answers_the_same_after_the_store_is_gone(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    with tracer.start_span("agent") as span:
        span.set_inputs({"picture": "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" + "AAAA" * 400})
    tracer.log_feedback(trace_id=span.trace_id, name="good", value=True)
    tracer.genai.create_dataset("questions").add(span.trace_id)
    before = tracer_command("export").out

    saved = tracer_command("backup", str(tmp_path / "copy"))
    assert (saved.code, "1 traces and more are in" in saved.err) == (0, True)
    restored = tracer_command("restore", str(tmp_path / "copy"), "--store", str(tmp_path / "new" / "other.db"))

    assert (restored.code, "has 1 traces" in restored.err) == (0, True), restored.err
    assert tracer_command("export", "--store", str(tmp_path / "new" / "other.db")).out == before != ""
    assert sorted(os.listdir(tmp_path / "copy")) == ["tracer.db"]


def test_a_store_that_is_being_written_is_copied_whole(
    tracer_command: Callable[..., Ran], tmp_path: Path, own_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.provider.installed.names", lambda: ["ollama"])  # to load all SDKs takes long
    environment = {**os.environ, "TRACER_STORE": own_store}
    with subprocess.Popen([sys.executable, "-c", WRITER], env=environment, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        for number in range(3):
            assert tracer_command("backup", str(tmp_path / f"copy-{number}")).code == 0
        assert writer.poll() is None
        writer.kill()
    counts = []
    for number in range(3):
        store = str(tmp_path / f"store-{number}.db")
        restored = tracer_command("restore", str(tmp_path / f"copy-{number}"), "--store", store)
        counts.append(int(restored.err.split(" has ")[1].split()[0].replace(",", "")))
        assert tracer_command("doctor", "--store", store).code == 0
    assert 200 <= counts[0] <= counts[1] <= counts[2]


def test_logged_models_travel_along(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import tracer\n"
        "class Echo(tracer.pyfunc.PythonModel):\n"
        "    def predict(self, model_input): return model_input\n"
        "tracer.models.set_model(Echo())\n"
    )
    info = tracer.pyfunc.log_model(name="echo", python_model=str(tmp_path / "model.py"))
    assert tracer_command("backup", str(tmp_path / "copy")).code == 0
    store = f"sqlite:///{tmp_path / 'other.db'}"
    assert tracer_command("restore", str(tmp_path / "copy"), "--store", store).code == 0

    tracer.set_tracking_uri(store)

    assert tracer.pyfunc.load_model(info.model_uri).predict(["a"]) == ["a"]


def test_what_alerts_have_told_travels_along(
    tracer_command: Callable[..., Ran], tmp_path: Path, own_store: str
) -> None:
    with tracer.start_span("agent"):
        pass
    tracer.flush()
    state_of(own_store).begin("errors", 1.0, 0.5, [("chat", {"text": "errors"})])
    assert tracer_command("backup", str(tmp_path / "copy")).code == 0
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert tracer_command("restore", str(tmp_path / "copy"), "--store", other).code == 0

    assert [(event.rule, event.value) for event in state_of(other).open_events()] == [("errors", 0.5)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes that are files")
def test_a_backup_that_broke_off_is_none_and_a_restore_that_did_leaves_nothing(
    tracer_command: Callable[..., Ran], tmp_path: Path, own_store: str
) -> None:
    with tracer.start_span("agent"):
        pass
    tracer.flush()
    models, broken, whole = Path(models_folder_of(own_store)), tmp_path / "broken", tmp_path / "whole"
    models.mkdir()
    os.mkfifo(models / "model")  # which cannot be copied
    failed = tracer_command("backup", str(broken))
    (models / "model").unlink()
    (models / "model").write_text("a model")
    refused = tracer_command("restore", str(broken), "--store", str(tmp_path / "a.db"))
    assert tracer_command("backup", str(whole)).code == 0
    (whole / "models" / "model").unlink()
    os.mkfifo(whole / "models" / "model")
    failed_to_restore = tracer_command("restore", str(whole), "--store", str(tmp_path / "b" / "b.db"))

    assert (failed.code, f"{models / 'model'} cannot be copied" in failed.err) == (1, True), failed.err
    assert (refused.code, "is no backup" in refused.err) == (2, True), refused.err
    assert (failed_to_restore.code, list((tmp_path / "b").iterdir())) == (1, []), failed_to_restore.err


def test_a_project_that_is_deleted_during_a_backup_is_not_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, copy = tmp_path / "all", tmp_path / "copy"
    with closing(FolderCatalog(source)) as catalog:
        catalog.start()
        for name in ("early", "late"):
            with closing(catalog.open_store(catalog.create_project(name, by="a test"))) as store:
                store.append([span("a" * 32, "b" * 16)])

        def delete_early(models: Path, _: Path) -> None:
            if models.name.startswith("late"):
                catalog.remove_store(catalog.delete_project("early", by="a test"))

        monkeypatch.setattr("tracer.store.sqlite.backup.copy_folder", delete_early)
        assert copy_projects(source, copy) == 1

    assert [path.name[:4] for path in (copy / "projects").glob("*.db")] == ["late"]
    assert not list((copy / "projects").glob("early*"))


def test_nothing_is_overwritten(tracer_command: Callable[..., Ran], tmp_path: Path, own_store: str) -> None:
    with tracer.start_span("agent"):
        pass
    tracer.flush()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    assert tracer_command("backup", str(tmp_path / "copy")).code == 0

    for ran, told in (
        (tracer_command("backup", str(tmp_path / "full")), "is not empty"),
        (tracer_command("restore", str(tmp_path / "copy")), "is there already"),
        (tracer_command("restore", str(tmp_path / "full"), "--store", str(tmp_path / "x.db")), "is no backup"),
        (tracer_command("backup", str(tmp_path / "y"), "--store", "http://127.0.0.1:9"), "is a server"),
    ):
        assert (ran.code, told in ran.err) == (2, True), ran.err
    (tmp_path / "copy" / "tracer.db").write_bytes((tmp_path / "copy" / "tracer.db").read_bytes()[:9000])
    broken = tracer_command("restore", str(tmp_path / "copy"), "--store", str(tmp_path / "z.db"))
    assert broken.code == 1
    assert not (tmp_path / "z.db").exists()


def test_a_folder_of_projects_is_copied_while_its_server_runs_and_its_keys_open_the_copy(
    tracer_command: Callable[..., Ran], tmp_path: Path
) -> None:
    source, copy, again = (tmp_path / name for name in ("all", "copy", "again"))
    with closing(FolderCatalog(source)) as catalog:
        catalog.start()
        catalog.create_project("shop", by="a test")
        _, key = catalog.create_key("checkout", "shop", ["read", "write"], by="a test")
        models = catalog._file(catalog.project("shop"))
    models = models.with_name(f"{models.name}.models")
    projects = ServerSettings(port=0, projects=True)
    state_of(str(source), of_projects=True).begin("errors", 1.0, 0.5, [])
    with running_server(source, projects) as url, closing(open_store(url, token=key)) as store:
        store.append([ATTACHMENT, span("a" * 32, "b" * 16, json={"tracer.inputs": f"tracer-attachment:{PICTURE}"})])
        (models / "m-1").mkdir(parents=True)
        (models / "m-1" / "MLmodel").write_text("a model")
        saved = tracer_command("backup", str(copy), "--store", str(source), "--json")
        store.append([span("c" * 32, "d" * 16)])
    restored = tracer_command("restore", str(copy), "--store", str(again), "--json")

    assert (saved.code, restored.code) == (0, 0), saved.err + restored.err
    assert json.loads(saved.out) == {"folder": str(copy), "projects": 1}
    assert json.loads(restored.out) == {"store": str(again), "projects": 1}
    with running_server(again, projects) as url, closing(open_store(url, token=key)) as store:
        assert found(store) == ["a" * 32]
        assert store.attachment(PICTURE) == ("image/png", b"hi")
    assert [event.rule for event in state_of(str(again), of_projects=True).open_events()] == ["errors"]
    assert [file.name for file in again.glob("projects/*.attachments/*/*")] == [PICTURE]
    assert (again / "projects" / models.name / "m-1" / "MLmodel").read_text() == "a model"
    for full in ("backup", "restore"):
        assert tracer_command(full, str(copy), "--store", str(again)).code != 0
