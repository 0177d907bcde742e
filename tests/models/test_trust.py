"""Trust in models: those that this user logged load from any folder, others only after the user's consent."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.models.serve import Served
from tracer.errors import InvalidArgumentError, ModelNotFoundError, UntrustedModelError
from tracer.models import ModelError, load_model, log_model


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def somebody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From here on this is another user, or the same one on another machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state of somebody else"))


def edit_manifest(folder: Path, change: Callable[[str], str]) -> None:
    (folder / "model.yaml").write_text(change((folder / "model.yaml").read_text()))


def test_a_pickle_in_a_downloaded_store_is_not_run(folder: Path, tmp_path: Path) -> None:
    import pickle

    model = log_model("assistant", lambda text: text, input_example="x")
    tracer.flush()
    place = model.artifact_location
    before = hashlib.sha256((place / "model.pkl").read_bytes()).hexdigest()
    (place / "model.pkl").write_bytes(pickle.dumps(Evil(tmp_path / "evil")))
    after = hashlib.sha256((place / "model.pkl").read_bytes()).hexdigest()
    edit_manifest(place, lambda text: text.replace(before, after))
    with zipfile.ZipFile(tmp_path / "store.zip", "w") as archive:
        for path in [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".zip" and "state" not in p.parts]:
            archive.write(path, path.relative_to(tmp_path))
    zipfile.ZipFile(tmp_path / "store.zip").extractall(tmp_path / "downloaded")
    tracer.configure(store=tmp_path / "downloaded" / "tracer.db")

    with pytest.raises(UntrustedModelError, match="downloaded, or logged by somebody else"):
        load_model("models:/assistant")
    assert not (tmp_path / "evil").exists()


def test_another_process_of_the_same_user_loads_what_was_logged(echo: Path, own_store: str) -> None:
    log_model("echo", echo)
    tracer.flush()
    program = f"""
import tracer
from tracer.models import load_model
tracer.configure(store={own_store!r})
print(load_model("models:/echo").name)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout == "echo\n", done.stderr


def test_a_project_that_is_moved_keeps_its_models(echo: Path, tmp_path: Path) -> None:
    log_model("echo", echo)
    tracer.flush()
    tracer.configure(store=tmp_path / "another.db")
    (tmp_path / "moved").mkdir()
    for path in tmp_path.glob("tracer.db*"):
        shutil.move(path, tmp_path / "moved" / path.name)
    tracer.configure(store=tmp_path / "moved" / "tracer.db")

    assert load_model("models:/echo").name == "echo"


def test_what_somebody_else_logged_says_how_to_trust_it(
    echo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = log_model("echo", echo)
    somebody_else(monkeypatch, tmp_path)

    with pytest.raises(UntrustedModelError) as caught:
        load_model(model.model_uri)
    setting = re.search(r"export (TRACER_TRUSTED_MODELS=.+)", str(caught.value))
    assert setting is not None
    name, _, value = shlex.split(setting[1])[0].partition("=")  # as a shell reads it
    assert load_model(model.model_uri, trust=True).name == "echo"
    monkeypatch.setenv(name, value)
    assert load_model(model.model_uri).name == "echo"


def test_serving_what_somebody_else_logged(
    echo: Path, own_store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = log_model("echo", echo)
    tracer.flush()
    somebody_else(monkeypatch, tmp_path)

    with pytest.raises(AssertionError, match="TRACER_TRUSTED_MODELS="):
        Served(model.model_uri, own_store)
    served = Served(model.model_uri, own_store, "--trust")
    assert served.close() == 0, served.errors


def test_processes_that_log_their_first_model_at_once_agree_on_a_key(folder: Path, own_store: str) -> None:
    program = """
import sys
from tracer.models import save_model
sys.stdin.read()
save_model(sys.argv[1], lambda x: x)
"""
    started = [
        subprocess.Popen([sys.executable, "-c", program, f"model-{number}"], stdin=subprocess.PIPE)
        for number in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(60) for process in started] == [0] * 4

    assert [load_model(f"model-{number}").predict(number) for number in range(4)] == [0, 1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_the_key_is_readable_by_its_user_alone(echo: Path, tmp_path: Path) -> None:
    log_model("echo", echo)

    (key,) = (tmp_path / "state").rglob("models.key")
    assert (stat.S_IMODE(key.stat().st_mode), stat.S_IMODE(key.parent.stat().st_mode)) == (0o600, 0o700)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_a_folder_that_everybody_can_write_is_not_trusted(echo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = log_model("echo", echo)
    (model.artifact_location / "echo.py").chmod(0o666)

    with pytest.raises(UntrustedModelError, match="can be written by everybody"):
        load_model(model.model_uri)
    assert load_model(model.model_uri, trust=True)
    monkeypatch.setenv("TRACER_TRUSTED_MODELS", str(model.artifact_location.parent))
    assert load_model(model.model_uri)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_a_folder_that_a_group_can_write_is_not_trusted_unless_it_is_the_users_own(
    echo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grp
    import pwd

    model = log_model("echo", echo)
    model.artifact_location.chmod(0o775)
    group = model.artifact_location.stat().st_gid
    user = pwd.struct_passwd(("ada", "x", os.getuid(), group, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: user)

    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group(("ada", "x", group, [])))
    assert load_model(model.model_uri)
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group(("staff", "x", group, [])))
    if group != 0:
        with pytest.raises(UntrustedModelError, match="can be written by a group"):
            load_model(model.model_uri)
    if os.getuid() == 0:
        os.chown(model.artifact_location, -1, 12345)
        with pytest.raises(UntrustedModelError, match="can be written by a group"):
            load_model(model.model_uri)


def test_a_manifest_that_points_outside_is_refused(echo: Path) -> None:
    model = log_model("echo", echo)
    edit_manifest(model.artifact_location, lambda text: text.replace("code: echo.py", "code: ../../echo.py"))

    with pytest.raises(UntrustedModelError):
        load_model(model.model_uri)
    with pytest.raises(ModelError, match="outside of the model's folder"):
        load_model(model.model_uri, trust=True)


@pytest.mark.parametrize(
    "line", ["code: 5", "files: [a]", "artifacts: x", "format: new", "code_paths: 5", "kind: null"]
)
def test_a_manifest_of_other_types_is_refused(echo: Path, line: str) -> None:
    model = log_model("echo", echo)
    edit_manifest(
        model.artifact_location,
        lambda text: re.sub(rf"(?m)^{line.split(':')[0]}:.*(\n[ -].*)*", "", text) + f"{line}\n",
    )

    with pytest.raises(ModelError, match="no manifest"):
        load_model(model.model_uri, trust=True)


def test_files_that_the_manifest_does_not_list_are_refused(echo: Path, folder: Path) -> None:
    (folder / "words.py").write_text("WORDS = []\n")
    model = log_model("echo", echo, code_paths=["words.py"])
    (model.artifact_location / "code" / "openai.py").write_text("raise SystemExit\n")

    with pytest.raises(ModelError, match=r"does not list the file code/openai\.py"):
        load_model(model.model_uri)


def test_an_id_in_the_store_is_no_path(echo: Path, own_store: str, tmp_path: Path) -> None:
    model = log_model("echo", echo)
    tracer.flush()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(model.artifact_location, elsewhere)
    with sqlite3.connect(own_store.removeprefix("sqlite:///")) as store:
        store.execute("UPDATE models SET model_id = ?", (str(elsewhere),))

    with pytest.raises(ModelNotFoundError):
        load_model("models:/echo")
    (stored,) = tracer.search_logged_models()
    with pytest.raises(InvalidArgumentError, match="32 hexadecimal digits"):
        load_model(stored)
