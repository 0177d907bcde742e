"""``tracer bisect`` finds the commit that made the answers worse, in a real repository."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import tracer
from tests.cli.conftest import Ran
from tests.cli.json_shapes import check_shape

EVALUATION = """
from app import answer as predict_fn
from tracer.genai.scorers import exact_match
data = [
    {"inputs": {"country": country}, "expectations": {"capital": capital}}
    for country, capital in (("Peru", "Lima"), ("Mali", "Bamako"))
]
scorers = [exact_match(name="right")]
"""
APP = """
import os
import tracer

@tracer.trace(span_type="TOOL")
def look_up(country):
    with open(os.environ["LOOKED_UP"], "a") as file:
        file.write(country + " ")
    return {{"Peru": "Lima", "Mali": "Bamako"}}[country]

@tracer.trace
def answer(country):
    return look_up(country){mistake}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., str]:
    """Commits an app; gives the commit."""
    folder = tmp_path / "repository"
    folder.mkdir()

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        ran = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    git("init", "--quiet")

    def commit(message: str, app: str) -> str:
        (folder / "app.py").write_text(app)
        git("add", "app.py")
        git("commit", "--quiet", "--allow-empty", "-m", message)
        return git("rev-parse", "HEAD")

    return commit


def app(mistake: str = "", *, note: str = "") -> str:
    return APP.format(mistake=mistake) + f"# {note}\n"


def test_the_first_bad_commit_is_named_and_tools_do_not_run_again(
    repository: Callable[..., str], tracer_command: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKED_UP", str(tmp_path / "looked-up.txt"))
    commits = [repository(f"Version {number}", app(note=str(number))) for number in range(3)]
    commits.append(repository("It does not even run", "raise SystemExit(3)"))
    culprit = repository("Add a word", app(" + '!'"))
    commits += [culprit, *(repository(f"Version {number}", app(" + '!'", note=str(number))) for number in range(5, 8))]
    file = tmp_path / "repository" / "evaluation.py"  # was never committed
    file.write_text(EVALUATION)

    ran = tracer_command("bisect", "--good", commits[0], "--bad", "HEAD", "--json", str(file))

    assert ran.code == 0, ran.err
    check_shape("bisect", ran.out)
    found = json.loads(ran.out)
    assert found["first_bad"] == [commits[3], culprit]  # the one before it cannot be evaluated
    assert len(found["tried"]) < len(commits) - 1
    assert found["tried"][culprit] == "right: worse in 2 rows, better in 0"
    assert sorted((tmp_path / "looked-up.txt").read_text().split()) == ["Mali", "Peru"]
    assert subprocess.run(["git", "worktree", "list"], cwd=file.parent, capture_output=True).stdout.count(b"\n") == 1
    assert {trace.info.model_id is not None for trace in tracer.search_traces("name = 'answer'")} == {True}


def test_what_cannot_be_searched_is_told(
    repository: Callable[..., str], tracer_command: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKED_UP", str(tmp_path / "looked-up.txt"))
    good = repository("Good", app())
    repository("As good", app(note="again"))
    file = tmp_path / "repository" / "evaluation.py"
    file.write_text(EVALUATION)

    same = tracer_command("bisect", "--good", good, "--bad", "HEAD", str(file))
    assert (same.code, "HEAD is no worse than" in same.err) == (1, True)
    none = tracer_command("bisect", "--good", "HEAD", "--bad", good, str(file))
    assert (none.code, "there is no commit after HEAD up to" in none.err) == (2, True)
    nobody = tracer_command("bisect", "--good", "nobody", "--bad", good, str(file))
    assert (nobody.code, "nobody" in nobody.err) == (2, True)
    unknown = tracer_command("bisect", "--good", good, "--bad", "HEAD", "--scorer", "kindness", str(file))
    assert (unknown.code, "there is no score kindness; there are right" in unknown.err) == (2, True)
