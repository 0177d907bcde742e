"""Nothing that a user can set, call or type goes without a word in docs/."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import click
import pytest

import tracer
from tracer.cli.group import tracer_command
from tracer.config import ENVIRONMENT
from tracer.store.filter import fields

DOCS = Path(__file__).resolve().parents[2] / "docs"
ALL_PAGES = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))

pytestmark = pytest.mark.no_store


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_setting_and_its_variable_is_described() -> None:
    described = page("configuration.md")
    settings = inspect.signature(tracer.configure).parameters

    assert [name for name in settings if f"| `{name}` |" not in described] == []
    assert [variable for variable in ENVIRONMENT.values() if f"`{variable}`" not in described] == []


def test_every_command_and_option_is_described() -> None:
    described = page("cli.md")
    context = click.Context(tracer_command)

    missing = []
    for name in tracer_command.list_commands(context):
        command = tracer_command.get_command(context, name)
        assert command is not None
        if f"## `tracer {name}" not in described:
            missing.append(name)
        section = described.partition(f"## `tracer {name}")[2].partition("\n## ")[0]
        below = command.commands.values() if isinstance(command, click.Group) else ()
        for parameter in [parameter for one in (command, *below) for parameter in one.params]:
            if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name != "store_url":
                missing += [f"{name} {option}" for option in parameter.opts[-1:] if f"`{option}" not in section]
    assert missing == []


def test_every_field_of_the_filter_grammar_is_described() -> None:
    described = page("reading.md")

    assert [name for name in fields._PLAIN if f"`{name}`" not in described] == []
    assert [name for name in ("tags", "metadata", "feedback", "expectation") if f"`{name}." not in described] == []


@pytest.mark.parametrize(
    "room",
    [
        "tracer", "tracer.dialects", "tracer.genai", "tracer.genai.judges", "tracer.genai.scorers", "tracer.models",
        "tracer.provider", "tracer.pyfunc", "tracer.server", "tracer.types.llm", "tracer.types.responses",
    ],
)  # fmt: skip
def test_every_public_name_is_mentioned(room: str) -> None:
    names = importlib.import_module(room).__all__

    assert [name for name in names if not re.search(rf"\b{name}\b", ALL_PAGES)] == []


def test_every_error_is_described() -> None:
    names = [name for name, kind in vars(tracer.errors).items() if isinstance(kind, type) and not name.startswith("_")]

    assert [name for name in names if f"| `{name}` |" not in page("reading.md")] == []
