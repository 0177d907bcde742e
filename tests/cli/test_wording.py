"""How values read: durations, money, sizes, and text cut to a width."""

from __future__ import annotations

from collections.abc import Callable

import click
import pytest

from tests.cli.conftest import Ran
from tracer.cli import wording
from tracer.cli.group import tracer_command as root

pytestmark = pytest.mark.no_store
MS = 1_000_000


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (None, ""),
        (-5, "0 µs"),
        (12_345, "12 µs"),
        (999_499, "999 µs"),
        (999_500, "1.0 ms"),
        (9.94 * MS, "9.9 ms"),
        (620 * MS, "620 ms"),
        (999.5 * MS, "1.00 s"),
        (1840 * MS, "1.84 s"),
        (9_999 * MS, "10.0 s"),
        (59_994 * MS, "60.0 s"),
        (61_000 * MS, "1 min 01 s"),
        (3_599_600 * MS, "1 h 00 min"),
    ],
)
def test_durations(ns: float | None, shown: str) -> None:
    assert wording.duration(ns) == shown


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (None, ""),
        (0, "$0"),
        (0.00031, "$0.00031"),
        (0.0000123, "$0.000012"),
        (0.0999, "$0.100"),
        (0.12, "$0.12"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money(usd: float | None, shown: str) -> None:
    assert wording.money(usd) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (12 << 20, "12 MiB"), (5 << 40, "5120 GiB")]
)
def test_sizes(number: int, shown: str) -> None:
    assert wording.size(number) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("hello", None, "hello"), ("hello", 5, "hello"), ("hello", 4, "hel…"), ("日本語", 4, "日…"), ("hello", 0, "")],
)
def test_texts_are_cut_by_terminal_cells(text: str, width: int | None, shown: str) -> None:
    assert wording.clip(text, width) == shown


def test_moments_far_from_today_do_not_fail() -> None:
    assert wording.moment(10**30)
    assert wording.short_moment(-(10**30))


def test_json_for_a_terminal_means_the_same() -> None:
    text = '{"a": "\x9b \u2028\U000e0001",\n "b": "ü🙂"}'

    assert wording.clean_json(text) == '{"a": "\\u009b \\u2028\\udb40\\udc01",\n "b": "ü🙂"}'


def test_the_help_of_commands_with_commands_has_whole_sentences(tracer_command: Callable[..., Ran]) -> None:
    found = {name: root.get_command(click.Context(root), name) for name in root.list_commands(click.Context(root))}
    names = [name for name, command in found.items() if isinstance(command, click.Group)]
    assert "dataset" in names

    for name in names:
        listed = tracer_command(name, "--help").out.partition("Commands:\n")[2].partition("\n\n")[0]
        assert listed.endswith("."), name
        assert "..." not in listed, name
