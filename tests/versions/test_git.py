"""Versions from the state of the code in git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import tracer


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")
    git("init", "-q", "-b", "main")
    (folder / "app.py").write_text("print(1)\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    git("remote", "add", "origin", "https://ann:password@example.org/app.git")
    return folder


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_is_a_version(repository: Path) -> None:
    context = tracer.enable_git_model_versioning()
    model = tracer.get_logged_model(tracer.get_active_model_id() or "")

    commit = git("rev-parse", "HEAD")
    assert context.active_model is not None
    assert (model.model_id, model.name) == (context.active_model.model_id, f"main-{commit[:8]}")
    assert model.tags == {
        "git.branch": "main",
        "git.commit": commit,
        "git.dirty": "false",
        "git.repository": "https://example.org/app.git",
    }


def test_the_same_state_is_the_same_version_and_a_change_is_another(repository: Path) -> None:
    def version() -> str:
        with tracer.enable_git_model_versioning() as context:
            assert context.active_model is not None
            return context.active_model.model_id

    clean, again = version(), version()
    (repository / "app.py").write_text("print(2)\n")
    changed, changed_again = version(), version()

    assert clean == again != changed == changed_again
    assert tracer.get_active_model_id() is None
    tags = tracer.get_logged_model(changed).tags
    assert tags["git.dirty"] == "true"
    assert "+print(2)" in tags["git.diff"]


def test_outside_of_a_repository_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)

    context = tracer.enable_git_model_versioning()

    assert (context.info, context.active_model, tracer.get_active_model_id()) == (None, None, None)
    assert "no version from git" in caplog.text
