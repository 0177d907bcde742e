"""A model that is logged with a server as the store: its files go there, and other machines load and serve it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tracer
from tests.models.conftest import ROOT, WriteModel
from tests.models.serve import Served
from tracer.errors import ModelNotFoundError, StoreError
from tracer.models import ModelError, get_model_info, load_model, log_model
from tracer.server import ServerSettings, running_server

TOKEN = "a-token-of-many-characters"
LOADER = """
import sys, tracer
from tracer.models import load_model
print(load_model("models:/sizes", trust=sys.argv[1] == "trust").predict("ab"))
"""


SIZES = """
class Sizes(PythonModel):
    def load_context(self, context):
        from pathlib import Path
        self.size = Path(context.artifacts["large"]).stat().st_size
    def predict(self, model_input: str) -> int:
        return len(model_input) + self.size
set_model(Sizes())
"""
LARGE = 9 << 20  # three parts


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server with a token, which is this process's store."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "here"))
    settings = ServerSettings(port=0, token=TOKEN, max_model_bytes=20 << 20)
    with running_server(f"sqlite:///{tmp_path / 'server.db'}", settings) as url:
        tracer.configure(store=url, token=TOKEN)
        yield url
        tracer.reset()


@pytest.fixture
def sizes(write_model: WriteModel, folder: Path) -> dict[str, Any]:
    """Arguments for log_model, with an artifact of several parts and an empty one."""
    (folder / "large.bin").write_bytes(os.urandom(LARGE))
    (folder / "empty").touch()
    path = write_model(SIZES, "sizes.py")
    return {"python_model": path, "artifacts": {"large": "large.bin", "none": "empty"}, "input_example": "x"}


def elsewhere(
    program: str, server: str, tmp_path: Path, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program as on another machine: with state, and so a key, of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "there"),
                   "TRACER_STORE": server, "TRACER_TOKEN": TOKEN, **more}  # fmt: skip
    (tmp_path / "cwd").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path / "cwd", env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def tree(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_another_machine_loads_a_model_once_it_trusts_it(sizes: dict[str, Any], server: str, tmp_path: Path) -> None:
    info = log_model("sizes", **sizes)

    untrusted = elsewhere(LOADER, server, tmp_path, "no")
    trusted = elsewhere(LOADER, server, tmp_path, "trust")
    (copy,) = (tmp_path / "there").rglob(f"{info.model_id}")
    listed = elsewhere(LOADER, server, tmp_path, "no", TRACER_TRUSTED_MODELS=str(copy.parent))

    assert "UntrustedModelError" in untrusted.stderr
    assert "you have not logged it on this machine" in untrusted.stderr
    assert (trusted.returncode, trusted.stdout) == (0, f"{LARGE + 2}\n"), trusted.stderr
    assert (listed.returncode, listed.stdout) == (0, f"{LARGE + 2}\n"), listed.stderr
    assert tree(tmp_path / "server.db.models" / info.model_id) == tree(info.artifact_location) == tree(copy)
    assert len(tracer.search_traces(model_id=info.model_id)) == 3


def test_who_logged_a_model_gets_it_again_from_the_server(sizes: dict[str, Any], server: str) -> None:
    info = log_model("sizes", **sizes)
    shutil.rmtree(info.artifact_location)

    assert get_model_info("models:/sizes").signature == info.signature
    assert load_model("models:/sizes/1").predict("ab") == LARGE + 2


def test_a_model_is_served_from_another_machine(sizes: dict[str, Any], server: str, tmp_path: Path) -> None:
    log_model("sizes", **sizes)
    tracer.flush()
    settings = {"XDG_STATE_HOME": str(tmp_path / "there"), "TRACER_TOKEN": TOKEN}

    with pytest.raises(AssertionError, match="--trust"):
        Served("models:/sizes", server, **settings)
    served = Served("models:/sizes", server, "--trust", **settings)
    try:
        answer = httpx.post(f"{served.root}/invocations", json={"inputs": "abc"}, timeout=60).json()
    finally:
        assert served.close() == 0, served.errors

    assert answer == {"predictions": LARGE + 3}


def test_what_the_server_changed_is_refused_and_not_kept(sizes: dict[str, Any], server: str, tmp_path: Path) -> None:
    info = log_model("sizes", **sizes)
    other = log_model("other", lambda text: text, input_example="x")
    kept = tmp_path / "server.db.models"
    shutil.rmtree(info.artifact_location)

    (kept / info.model_id / "sizes.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(ModelError, match=r"sizes\.py .* was changed"):
        load_model("models:/sizes", trust=True)
    shutil.rmtree(kept / info.model_id)
    shutil.copytree(kept / other.model_id, kept / info.model_id)
    with pytest.raises(ModelError, match="the server gave the files of"):
        load_model("models:/sizes", trust=True)
    shutil.rmtree(kept / info.model_id)
    with pytest.raises(ModelNotFoundError, match="no model is called 'sizes'; logged are: other"):
        load_model("models:/sizes")

    assert not list(info.artifact_location.parent.glob(f"*{info.model_id}*"))


def test_deleting_a_version_deletes_its_files_here_and_there(
    sizes: dict[str, Any], server: str, tmp_path: Path
) -> None:
    info = log_model("sizes", **sizes)
    other = log_model("other", lambda text: text, input_example="x")

    tracer.delete_logged_model(info.model_id)

    assert not info.artifact_location.exists()
    assert [path.name for path in (tmp_path / "server.db.models").iterdir()] == [other.model_id]
    with pytest.raises(ModelNotFoundError, match="no model is called 'sizes'; logged are: other"):
        load_model("models:/sizes")


def test_a_model_that_the_server_does_not_take_is_not_logged(
    write_model: WriteModel, server: str, folder: Path
) -> None:
    (folder / "large.bin").write_bytes(bytes(21 << 20))
    path = write_model(SIZES, "sizes.py")

    with pytest.raises(StoreError, match="more than 20971520 bytes"):
        log_model("sizes", path, artifacts={"large": "large.bin"})

    (failed,) = tracer.search_logged_models()
    assert (failed.status, failed.artifact_location.exists()) == ("FAILED", False)


def test_files_go_to_a_server_alone(folder: Path) -> None:
    info = log_model("double", lambda number: 2 * number, input_example=1)

    assert load_model("models:/double").predict(2) == 4
    assert sorted(info.artifact_location.parent.iterdir()) == [info.artifact_location]
