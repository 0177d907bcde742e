"""Every Python example of the README and of docs/ runs, page by page, with a store of its own and no network."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked import Forking
from tests.ollama.replies import answer
from tests.openai.server import Server
from tracer.demo.server import DemoServer

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SKILL = ROOT / "docs" / "skills" / "tracer" / "SKILL.md"
FENCED = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TITLED = re.compile(r'^```python title="(\w+\.py)"\n(.*?)^```', re.MULTILINE | re.DOTALL)
EXAMPLES = {page.name: FENCED.findall(page.read_text(encoding="utf-8")) for page in [*PAGES, SKILL]}
# examples with packages that an environment apart has: they run with the tests of their providers
APART = (
    "bedrock.md", "claude_agent_sdk.md", "cohere.md", "huggingface.md", "langchain.md", "litellm.md", "mcp.md",
)  # fmt: skip
FILES = {
    page.name: TITLED.findall(page.read_text(encoding="utf-8")) for page in [*PAGES, SKILL]
}  # what examples import

pytestmark = pytest.mark.no_store


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@pytest.fixture(scope="module")
def ollama_server() -> Iterator[Server]:
    running = Server()
    running.will(answer)
    yield running
    running.close()


@pytest.mark.parametrize("page", [page for page, examples in EXAMPLES.items() if examples and page not in APART])
def test_the_examples_of_a_page_run(
    page: str, server: DemoServer, ollama_server: Server, forking: Forking, tmp_path: Path
) -> None:
    for name, source in FILES[page]:
        (tmp_path / name).write_text(source, encoding="utf-8")
    program = tmp_path / "page.py"
    program.write_text("\n\n".join(EXAMPLES[page]), encoding="utf-8")

    ran = forking.run(
        str(program),
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "scripted",
            "OLLAMA_HOST": ollama_server.url,
        },
    )

    assert ran.returncode == 0, ran.stderr
    assert "tracer failed" not in ran.stderr


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [page.name for page in PAGES[1:] if f"docs/{page.name}" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
