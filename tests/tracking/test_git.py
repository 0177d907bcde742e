"""Versions from the state of the code in git."""

from __future__ import annotations

import os
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
    clean, again = version(), version()
    (repository / "app.py").write_text("print(2)\n")
    changed, changed_again = version(), version()

    assert clean == again != changed == changed_again
    assert tracer.get_active_model_id() is None
    tags = tracer.get_logged_model(changed).tags
    assert tags["git.dirty"] == "true"
    assert "+print(2)" in tags["git.diff"]


def version() -> str:
    with tracer.enable_git_model_versioning() as context:
        assert context.active_model is not None
        return context.active_model.model_id


def test_a_commit_is_one_version_on_every_branch(repository: Path) -> None:
    on_main = version()
    git("checkout", "-q", "--detach")
    detached = version()
    git("remote", "set-url", "origin", "https://example.org/fork.git")

    assert on_main == detached == version()


def test_the_whole_change_is_told_whatever_git_is_set_to(repository: Path) -> None:
    git("config", "diff.relative", "true")
    git("config", "diff.shown.textconv", "touch ran;")
    (repository / ".gitattributes").write_text("*.py diff=shown\n")
    below = repository / "below"
    below.mkdir()
    (repository / "app.py").write_text("print(2)\n")
    os.chdir(below)

    tags = tracer.get_logged_model(version()).tags

    assert "+print(2)" in tags["git.diff"]
    assert list(repository.rglob("ran")) == []


def test_a_change_that_is_long_is_cut(repository: Path) -> None:
    (repository / "app.py").write_text("x = 1\n" * 100_000)
    first = version()
    (repository / "app.py").write_text("x = 1\n" * 99_999 + "x = 2\n")

    assert first != version()
    assert len(tracer.get_logged_model(first).tags["git.diff"]) < 70_000


def test_a_password_with_an_at_sign_is_left_out(repository: Path) -> None:
    git("remote", "set-url", "origin", "https://ann:pa@ss@example.org/app.git")

    assert tracer.get_logged_model(version()).tags["git.repository"] == "https://example.org/app.git"


def test_outside_of_a_repository_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)

    context = tracer.enable_git_model_versioning()

    assert (context.info, context.active_model, tracer.get_active_model_id()) == (None, None, None)
    assert "no version from git" in caplog.text
