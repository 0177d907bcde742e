"""No page and no message has a command that fetches a package of another owner in place of tracer.

tracer is not on an index yet, and the packages that an index has under names such as `tracer` and `tracer-llm` are not
ours: until it is published, an installer gets it from a folder and never by a name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracer._distribution import NAME

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store

KINDS = {
    "pages": [
        *ROOT.glob("*.md"),
        ROOT / "llms.txt",
        *(ROOT / "docs").rglob("*.md"),
        *(path for path in (ROOT / "docs" / "deploy").rglob("*") if path.is_file()),
    ],
    "modules": [path for room in ("tracer", "integrations", "benchmarks") for path in (ROOT / room).rglob("*.py")],
    "page of the UI": [*(ROOT / "web").glob("*.py"), *(ROOT / "web" / "src").rglob("*.ts*")],
}

OPTIONS = r"(?:[ \t]+-[\w-]+(?:(?:=|[ \t]+)[^\s`;&|-][^\s`;&|]*)?)*[ \t]+"  # before a subcommand, values included
COMMAND = re.compile(
    rf"""\b(?: (?:pip[\d.]*|pipx|uv|uv{OPTIONS}(?:pip|tool)|poetry|pdm|rye|hatch|pixi|conda|mamba|npm|pnpm|yarn|bun)
              {OPTIONS}(?:install|download|wheel|add|run|upgrade|update|exec|dlx|i)
            | uvx | npx | bunx | easy_install )\b
        (?P<arguments>[^\n`;&|]*)""",
    re.VERBOSE,
)
CONTINUATION = re.compile(r"\\[ \t]*\r?\n")
IN_A_CLONE = " in a clone of tracer"  # the only other place for the word behind an install command
DEPENDENCIES = re.compile(r"\b(?:dependencies\s*=\s*\[|requires\s*=\s*\()(?P<arguments>[^\])]*)")
OURS = re.compile(r"(?<![\w./:@{-])(?-i:(?!TRACER_))tracer(?:[-_.]?[a-z0-9]+)*(?![\w/])", re.IGNORECASE)
WITH_EXTRAS = re.compile(r"(?<![\w./-])tracer[-_][\w-]+\[[a-z]", re.IGNORECASE)
FORMER_NAME = re.compile(r"tracer[-_]llm", re.IGNORECASE)


def texts(path: Path) -> Iterator[str]:
    """A page as a whole; of a module the string literals, with … for the values in an f-string."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield source
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def mistakes(text: str) -> list[str]:
    """Commands and dependencies that would have tracer looked up in an index, and names that are not its own."""
    text = CONTINUATION.sub(" ", text.replace(IN_A_CLONE, ""))
    asking = [*COMMAND.finditer(text), *DEPENDENCIES.finditer(text)]
    found = [asked[0].strip() for asked in asking if OURS.search(asked["arguments"])]
    found += [name[0] for name in WITH_EXTRAS.finditer(text)]
    is_a_sentence = " " in text
    return found + ([name[0] for name in FORMER_NAME.finditer(text)] if is_a_sentence else [])


@pytest.mark.parametrize("kind", KINDS)
def test_no_install_command_fetches_a_package_of_another_owner(kind: str) -> None:
    found = {
        str(path.relative_to(ROOT)): [mistake for text in texts(path) for mistake in mistakes(text)]
        for path in KINDS[kind]
    }

    assert len(found) > 20
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install tracer",
        "pip install Tracer-Autolog",
        f"pip install {NAME}",
        f"run `pip install -U {NAME}`",
        "pip install 'tracer-llm[openai]'",
        "python -m pip install openai tracer==1.0",
        f"pip -q install {NAME}",
        "pip --quiet install tracer",
        "pip3 --log=pip.log -v --timeout 5 install tracer",
        "pip --cache-dir wheels install tracer",
        f"pip download {NAME}",
        f"pip wheel --no-deps {NAME}",
        f"pip install \\\n    {NAME}",
        "pip \\\n  --quiet \\\n  install openai \\\n  tracer",
        f"uv --quiet pip --verbose install {NAME}",
        f"uv add {NAME}",
        f"uv pip install {NAME}",
        "uvx tracer demo",
        f"pipx install {NAME}",
        "pipx run tracer demo",
        f"poetry add {NAME}",
        "npx tracer-web",
        "npm install tracer",
        f"install `{NAME}[otlp]`",
        f'dependencies = ["acme", "{NAME}"]',
        "the package is called tracer-llm",
    ],
)
def test_a_command_that_names_tracer_to_an_index_is_found(text: str) -> None:
    assert mistakes(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "pip install '.[openai]' && tracer demo",
        "pip install '.[server]' in a clone of tracer, or pip install 'starlette>=0.41'",
        "`pip install openai` and `tracer ui`",
        "pip install -e '.[dev]'",
        "pip --quiet install '.[openai]'\ntracer demo",
        "pip wheel . && tracer demo",
        "pip install \\\n    '.[openai]'\ntracer demo",
        f"pip uninstall {NAME}",
        "# in a clone of tracer\npip install '.[openai]'\ntracer demo",
        f"{NAME} is not on PyPI yet",
        "python web/bundle.py npm run dev",
    ],
)
def test_a_command_that_installs_a_clone_or_another_package_is_no_mistake(text: str) -> None:
    assert mistakes(text) == []
