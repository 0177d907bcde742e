"""A length of time is written the same way wherever one is asked for: filters, options, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, span

Command = Callable[..., Ran]


@pytest.mark.parametrize("length", ["1500ms", "90s", "30m", "30min", "1.5h", "2 d", "2w", "0.1y"])
def test_every_place_takes_every_spelling(
    length: str, write: Callable[..., None], tracer_command: Command, tmp_path: Path
) -> None:
    write(span("one"))
    rules, policies = tmp_path / "alerts.toml", tmp_path / "policies.json"
    rule = f'[[rule]]\nname = "none"\nwhen = "traces < 1"\nwindow = "{length}"\n'
    rules.write_text(f'{rule}[channels.hook]\nwebhook = "http://127.0.0.1:9"\n')
    policies.write_text(f'[{{"keep": "{length}"}}]')

    ran = [
        tracer_command("list", "--filter", f"timestamp > now-{length.replace(' ', '')}"),
        tracer_command("stats", "--since", length),
        tracer_command("policy", "set", "rest", "--keep", length),
        tracer_command("policy", "run", "--dry-run", "--file", str(policies)),
        tracer_command("alerts", str(rules)),
    ]

    assert [each.code for each in ran] == [0] * 5, [each.err for each in ran]


def test_what_is_no_length_of_time_is_refused_with_the_same_words(
    write: Callable[..., None], tracer_command: Command, tmp_path: Path
) -> None:
    write(span("one"))
    rules, policies = tmp_path / "alerts.toml", tmp_path / "policies.json"
    rules.write_text('[[rule]]\nname = "none"\nwhen = "traces < 1"\nwindow = "5 parsec"\n')
    policies.write_text('[{"keep": "5 parsec"}]')

    ran = [
        tracer_command("stats", "--since", "5 parsec"),
        tracer_command("policy", "set", "rest", "--keep", "5 parsec"),
        tracer_command("policy", "run", "--file", str(policies)),
        tracer_command("alerts", str(rules)),
    ]
    filtered = tracer_command("list", "--filter", "timestamp > now-5parsec")

    units = "units are us, ms, s, m, min, h, d, w, y"
    words = f"got '5 parsec', expected a number and a unit such as 30m, 12h or 7d; {units}"
    assert [each.code for each in (*ran, filtered)] == [2] * 5
    assert [each.err for each in ran if words not in each.err.replace("\n", " ")] == []
    assert units in filtered.err


def test_a_policy_tells_its_times_as_it_takes_them(write: Callable[..., None], tracer_command: Command) -> None:
    write(span("one"))

    told = [tracer_command("policy", "set", "rest", "--keep", each).lines for each in ("90min", "36h", "2w", "0.5s")]

    assert told == [[f"rest: all traces: {each}"] for each in ("90m", "36h", "14d", "1s")]
