"""Conversations of the real SDK with a stand-in for Claude Code, and the trees that were stored."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="tests/run.py makes an environment with it")

import claude_agent_sdk
from claude_agent_sdk import ClaudeAgentOptions

import tracer
from tests.claude_agent_sdk.script import Step
from tests.garbage import collect_garbage
from tests.trees import Trees


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK leaves streams open: its old versions always, the new ones when a loop over its messages is left."""
    for item in items:
        if "claude_agent_sdk" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


PROGRAM = Path(__file__).with_name("claude.py")


@pytest.fixture(autouse=True)
def autolog(own_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("CLAUDE"):
            monkeypatch.delenv(name)
    tracer.claude_agent_sdk.autolog()
    yield
    tracer.claude_agent_sdk.autolog(disable=True)
    collect_garbage()
    from tracer._claude_agent_sdk.steps import steps  # type: ignore[import-not-found, unused-ignore]

    assert steps._open == {}  # in no case is a step left open
    assert tracer.get_current_active_span() is None


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, as a program that can be started by its path."""
    path = tmp_path_factory.mktemp("claude") / "claude"
    path.write_text(f"#!{sys.executable} -IS\n{PROGRAM.read_text()}")
    path.chmod(0o755)
    return path


class Scripted:
    """Options for a process that follows a script, and what it was sent."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.script = folder / "script.json"

    def options(self, *steps: Step, **given: Any) -> ClaudeAgentOptions:
        self.script.write_text(json.dumps(steps))
        settings: dict[str, Any] = {"cli_path": str(self.program), "env": {"CLAUDE_SCRIPT": str(self.script)}, **given}
        return ClaudeAgentOptions(**settings)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The lines that the SDK wrote."""
        return [json.loads(line) for line in self.script.with_suffix(".log").read_text().splitlines()]


@pytest.fixture
def claude(program: Path, tmp_path: Path) -> Scripted:
    return Scripted(program, tmp_path)


@pytest.fixture
def ask(claude: Scripted) -> Callable[..., list[Any]]:
    """``ask(*steps, prompt=…, **options)`` makes one query, and gives its messages."""

    def run(*steps: Step, prompt: Any = "Capital of Peru?", **given: Any) -> list[Any]:
        async def main() -> list[Any]:
            options = claude.options(*steps, **given)
            return [message async for message in claude_agent_sdk.query(prompt=prompt, options=options)]

        return asyncio.run(main())

    return run


@pytest.fixture
def stored() -> Trees:
    return Trees()
