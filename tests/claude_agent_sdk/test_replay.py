"""What a program of its own asks cannot be replayed, and is told before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="tests/run.py makes an environment with it")

import tracer
from tests.claude_agent_sdk.conftest import Scripted
from tests.claude_agent_sdk.script import assistant, init, result, text
from tracer.errors import CassetteError, ReplayMismatchError


def test_the_program_is_not_started_in_a_recording_or_a_replay(ask: Any, claude: Scripted, tmp_path: Path) -> None:
    steps = (init(), assistant(text("Lima.")), result())
    cassette = tmp_path / "c.jsonl"

    with tracer.record(cassette), pytest.raises(CassetteError, match="through a program of its own"):
        ask(*steps)
    with pytest.raises(ReplayMismatchError, match="through a program of its own"), tracer.replay(cassette):
        ask(*steps)
    assert not claude.script.with_suffix(".log").exists()

    assert ask(*steps)
