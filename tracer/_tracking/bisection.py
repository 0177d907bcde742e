"""Which commit made an app's answers worse: evaluations of commits between a good and a bad one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tracer._api.queries import get_trace
from tracer._replay.whole_program import TOOLS
from tracer._tracking import git as git_of
from tracer._tracking.evaluation_result import EvaluationResult
from tracer.errors import InvalidArgumentError

_ENDS_OF_EVALUATE = (0, 1)  # exit codes with which there is a result
_LONGEST_ERROR = 500


class Bisection:
    """Evaluates commits of a repository, each in a folder of its own, against the good one."""

    def __init__(self, root: Path, file: Path, store: str, scorers: Sequence[str], significance: float) -> None:
        self.told: dict[str, str] = {}  # outcome of each commit that was tried
        self._root, self._file, self._store = root, file, store
        self._scorers, self._significance = scorers, significance
        self._baseline: EvaluationResult | None = None
        self._tools: Path | None = None

    def begin(self, good: str, folder: Path, *, live_tools: bool) -> None:
        """Evaluate the good commit; its tools answer for those of the others. Raises InvalidArgumentError."""
        self._baseline = self._evaluate(good, folder)
        if self._baseline is None:
            raise InvalidArgumentError(f"of the good commit: {self.told[good]}")
        missing = [name for name in self._scorers if all(row.score(name) is None for row in self._baseline.rows)]
        if missing:
            known = sorted({score.name for row in self._baseline.rows for score in row.scores})
            raise InvalidArgumentError(f"there is no score {', '.join(missing)}; there are {', '.join(known)}")
        if not live_tools:
            traces = [get_trace(row.trace_id) for row in self._baseline.rows if row.trace_id]
            self._tools = folder / "tools.json"
            self._tools.write_text(json.dumps([trace.to_dict() for trace in traces if trace]), encoding="utf-8")

    def is_bad(self, commit: str, folder: Path) -> bool | None:
        """Whether a score got worse; None where the commit cannot be evaluated."""
        result = self._evaluate(commit, folder)
        if result is None or self._baseline is None:
            return None
        comparison = result.compare(self._baseline)
        worse = [
            name for name in comparison.got_worse(self._significance) if not self._scorers or name in self._scorers
        ]
        scores = (comparison.scores[name] for name in worse or self._scorers or comparison.scores)
        self.told[commit] = ", ".join(
            f"{score.name}: worse in {score.worse} rows, better in {score.better}" for score in scores
        )
        return bool(worse)

    def _evaluate(self, commit: str, folder: Path) -> EvaluationResult | None:
        checkout, saved = folder / commit[:12], folder / f"{commit[:12]}.json"
        git("worktree", "add", "--quiet", "--detach", str(checkout), commit, folder=self._root)
        try:
            target = checkout / self._file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((self._root / self._file).read_bytes())  # every commit answers the same questions
            asked = ("evaluate", str(target), "--version", f"git-{commit[:12]}", "--save", str(saved))
            ran = subprocess.run(
                [sys.executable, "-m", "tracer", *asked, "--store", self._store],
                cwd=target.parent,
                env={**os.environ, "TRACER_AUTOLOG": "all", **({TOOLS: str(self._tools)} if self._tools else {})},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            git("worktree", "remove", "--force", str(checkout), folder=self._root)
        if ran.returncode in _ENDS_OF_EVALUATE and saved.exists():
            return EvaluationResult.load(saved)
        self.told[commit] = f"it cannot be evaluated: {ran.stderr.strip()[-_LONGEST_ERROR:]}"
        return None


def first_bad(commits: Sequence[str], is_bad: Callable[[str], bool | None]) -> list[str]:
    """The first bad one of commits of which the last is bad; several where the ones between cannot be judged."""
    known: dict[int, bool | None] = {len(commits) - 1: True}
    good, bad = -1, len(commits) - 1
    while True:
        between = [index for index in range(good + 1, bad) if index not in known]
        if not between:
            return list(commits[good + 1 : bad + 1])
        middle = min(between, key=lambda index: abs(index - (good + bad) / 2))
        known[middle] = is_bad(commits[middle])
        if known[middle] is not None:
            good, bad = (good, middle) if known[middle] else (middle, bad)


def commits_between(root: Path, good: str, bad: str) -> list[str]:
    """The commits after the good one up to the bad one, the oldest first. Raises InvalidArgumentError."""
    found = git("rev-list", "--reverse", "--first-parent", f"{good}..{bad}", "--", folder=root).split()
    if not found:
        raise InvalidArgumentError(f"there is no commit after {good} up to {bad}")
    return found


def git(*arguments: str, folder: Path) -> str:
    """Output of a git command, however long it takes. Raises InvalidArgumentError with git's message."""
    try:
        return git_of.git(*arguments, folder=folder, seconds=None)
    except git_of.GitError as error:
        raise InvalidArgumentError(f"git {' '.join(arguments)}: {error}") from error
