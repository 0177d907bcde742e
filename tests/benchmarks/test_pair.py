"""Two checkouts are measured in one run, and each run is remembered; no time is judged."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import history, pair
from benchmarks.environments import ROOT
from benchmarks.figures import Row, Spread
from benchmarks.run import SMALL, Run
from benchmarks.sink import Sink

pytestmark = [pytest.mark.no_store, pytest.mark.slow, pytest.mark.before_a_release]

SIZE = dataclasses.replace(SMALL, rounds=1, chats=1, chunks=5)


@pytest.fixture
def run() -> Run:
    return Run(SIZE, {"tracer_autolog": pair.HERE}, Sink())


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of today."""
    folder = tmp_path / "clone"
    for name in ("tracer", "integrations"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.py").write_text("before\n")
    (folder / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(pair, "ROOT", folder)
    monkeypatch.setattr(history, "ROOT", folder)
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    who = (
        "-c",
        "user.name=n",
        "-c",
        "user.email=n@example.com",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "tag.gpgsign=false",
    )
    return subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(folder), "PATH": PATH},
    ).stdout.strip()


def commit(folder: Path, *options: str) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "m", *options)
    return git(folder, "rev-parse", "HEAD")


def a_row(ratio: float) -> Row:
    values = {"tracer_autolog": Spread.of([2 * ratio])}
    return Row("span.thread", "span", "µs", values, {"tracer_autolog": Spread.of([ratio])}, "the other")


def test_both_checkouts_do_the_same_by_turns(run: Run, tmp_path: Path) -> None:
    for name in ("tracer", "integrations", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)

    with run.sink:
        rows = pair.measure(run, tmp_path)

    assert run.left_out == {}
    assert {row.key for row in rows} >= {"span.thread", "bridged_span.process", "chat.small.thread", "sent.thread"}
    assert all(set(row.values) == {"tracer_autolog", "then"} and row.ratios for row in rows)
    assert len(list(pair.table(rows, "0" * 40))) == 1 + len(rows)


def test_the_other_one_is_what_is_in_its_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tracer").mkdir()
    (tmp_path / "tracer" / "__init__.py").write_text("raise RuntimeError('of another day')")

    with run.sink, pytest.raises(pair.CannotCompare, match="of another day"):
        pair.measure(run, tmp_path)


def test_without_a_commit_the_last_tag_counts_then_last_week(clone: Path) -> None:
    with pytest.raises(pair.CannotCompare, match="no tag, and no commit that is 7 days old"):
        pair.other_commit("")
    with pytest.raises(pair.CannotCompare, match="no commit v9"):
        pair.other_commit("v9")

    old = git(clone, "rev-parse", "HEAD")
    git(clone, "tag", "v1")
    commit(clone)

    assert pair.other_commit("") == pair.other_commit("v1") == pair.other_commit(old[:9]) == old


def test_a_checkout_has_the_library_as_it_was_and_leaves_the_clone_alone(clone: Path) -> None:
    old = git(clone, "rev-parse", "HEAD")
    (clone / "tracer" / "a.py").write_text("after\n")
    commit(clone)

    with pair.checkout(old) as folder:
        found = sorted(path.name for path in folder.iterdir())
        text = (folder / "tracer" / "a.py").read_text()

    assert (found, text) == (["integrations", "pyproject.toml", "tracer"], "before\n")
    assert not folder.exists()
    assert git(clone, "status", "--porcelain") == ""
    assert len(git(clone, "worktree", "list").splitlines()) == 1


def test_what_is_no_clone_is_not_compared_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--pair", "--size", "small", "--output", str(tmp_path / "out")])

    program.main()

    assert capsys.readouterr().out == "not compared: this clone has no tag, and no commit that is 7 days old\n"
    assert not (tmp_path / "out").exists()


def test_each_run_is_a_line_and_a_creep_is_seen(tmp_path: Path, clone: Path) -> None:
    history.remember(tmp_path, [a_row(1.0)], size="full")
    history.remember(tmp_path, [a_row(5.0)], size="small")
    history.remember(tmp_path, [a_row(1.04)], size="full")
    history.remember(tmp_path, [], size="full")
    (clone / "pyproject.toml").write_text("changed")
    history.remember(tmp_path, [a_row(1.08)], size="full")

    runs = [json.loads(line) for line in (tmp_path / history.NAME).read_text().splitlines()]
    head = git(clone, "rev-parse", "HEAD")[:12]
    assert [run["commit"] for run in runs] == [head, head, head, f"{head}+"]
    assert runs[0]["rows"] == {"span.thread": {"median": 2.0, "ratio": 1.0}}
    [line] = history.shown(history.lines(tmp_path))
    assert line.split() == ["span.thread", "ratio", "1.00", "1.04", "1.08"]


PATH = str(Path(shutil.which("git") or "/usr/bin/git").parent)
