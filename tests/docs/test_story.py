"""The story of docs/improving.md: its files are written and its commands run, in their order, as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.forked import Forking
from tests.openai.replies import chat
from tests.openai.server import Asked, Scripted, Server, reply

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "improving.md").read_text(encoding="utf-8")
BLOCK = re.compile(r'^```(?:python title="(?P<name>\S+)"|sh(?: exit=(?P<code>\d+))?)\n(?P<text>.*?)^```', re.M | re.S)

pytestmark = pytest.mark.no_store


def shop(asked: Asked) -> Scripted:
    """A model that knows what its instructions say, and a judge that compares."""
    system, user = (message["content"] for message in asked.json["messages"])
    if "response_format" in asked.json:
        said, expected = (
            user.partition(f"<{tag}>\n")[2].partition("\n<")[0] for tag in ("answer", "expected_response")
        )
        text = json.dumps({"rationale": f"It says {said}", "value": "yes" if said == expected else "no"})
    elif "Sunday" in user:
        text = "We are closed on Sundays."
    else:
        text = "Yes, within 30 days." if "30 days" in system else "No, never after two weeks."
    return reply(chat({"role": "assistant", "content": text}))


@pytest.fixture
def model() -> Iterator[Server]:
    running = Server()
    running.will(shop)
    yield running
    running.close()


def run(line: str, forking: Forking, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line of a block: Python's and tracer's commands with the SDK loaded, others by the shell."""
    command, *arguments = shlex.split(line)
    if command not in ("python", "tracer"):
        return subprocess.run(
            ["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
        )
    given = [*(["-m", "tracer"] if command == "tracer" else []), *arguments]
    return forking.run(*given, cwd=folder, env=environment)


def test_the_story_of_a_bad_answer_runs(model: Server, forking: Forking, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OPENAI_BASE_URL": f"{model.url}/v1",
        "OPENAI_API_KEY": "scripted",
    }
    folder = tmp_path / "shop"
    folder.mkdir()
    printed = []
    for block in BLOCK.finditer(PAGE):
        if block["name"]:
            (folder / block["name"]).write_text(block["text"], encoding="utf-8")
            continue
        *before, last = block["text"].splitlines()
        output = ""
        for line, code in (*((line, 0) for line in before), (last, int(block["code"] or 0))):
            ran = run(line, forking, folder, environment)
            assert ran.returncode == code, f"{line}\n{ran.stdout}\n{ran.stderr}"
            output += ran.stdout
        printed.append(output)

    asked, found, _, first, better, worse, agreed = printed
    assert asked == "We are closed on Sundays.\nNo, never after two weeks.\n"
    assert "May I return shoes" in found
    assert len((folder / "shop.jsonl").read_text().splitlines()) == 2
    assert re.search(r"^correctness/mean +0\.5$", first, re.M)
    assert re.search(r"^correctness +0\.5 +1 +1 +0 +1 +1$", better, re.M)
    assert [line.split()[0] for line in better.splitlines() if line.startswith("shop-v")] == ["shop-v1", "shop-v2"]
    assert "✗ correctness got worse: worse in 1, better in 0" in worse
    assert "correctness by openai:/gpt-4.1-mini: 2 traces, agreed 100%, kappa 1" in agreed
