"""`tracer policy`: policies are set, listed, removed, tried and run, those of a store and those of a file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import Ran, span
from tracer.store import open_store
from tracer.store.policies import checked_policy

Command = Callable[..., Ran]
Write = Callable[..., None]
DAY = 86400 * 1_000_000_000


def write_of_ages(write: Write) -> None:
    """A trace of today, one of last week, and one of last year."""
    now = time.time_ns()
    for number, days in enumerate((0, 8, 400), start=1):
        start = now - days * DAY
        write(span("step", trace_id=f"{number:032x}", start=start, end=start + 5))


def test_policies_are_set_listed_and_removed(write: Write, tracer_command: Command) -> None:
    write(span("one"))
    made = tracer_command("policy", "set", "rest", "--keep", "90d", "--sample", "5%", "--after", "1w")
    tracer_command("policy", "set", "errors", "--filter", "status = 'ERROR'", "--keep", "forever")

    listed = tracer_command("policy", "list").lines
    as_json = orjson.loads(tracer_command("policy", "list", "--json").lines[1])
    removed = tracer_command("policy", "remove", "errors")
    missing = tracer_command("policy", "remove", "errors")

    assert made.lines == ["rest: all traces: 5% 90d, the rest 7d"]
    assert listed == ["errors: status = 'ERROR': forever", "rest: all traces: 5% 90d, the rest 7d"]
    assert as_json == {"name": "rest", "filter": "", "keep": "90d", "sample": 0.05, "after": "7d"}
    assert (removed.code, missing.code) == (0, 2)
    assert len(tracer_command("policy", "list").lines) == 1


def test_a_run_deletes_what_is_over_and_a_dry_one_only_says_how_many(
    write: Write, tracer_command: Command, store_url: str
) -> None:
    write_of_ages(write)
    tracer_command("policy", "set", "all", "--keep", "30d")

    dry = tracer_command("policy", "run", "--dry-run")
    before = open_store(store_url).count_traces()
    ran = tracer_command("policy", "run")

    assert (dry.err.startswith("would delete 1 trace from "), before) == (True, 3)
    assert ran.err.startswith("deleted 1 trace from ")
    assert open_store(store_url).count_traces() == 2


def test_policies_of_a_file_count_instead_of_the_stores(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    write_of_ages(write)
    file = tmp_path / "policies.json"
    file.write_text('[{"keep": "1d"}, {"name": "old ones", "filter": "timestamp < now-300d", "keep": "forever"}]')

    none = tracer_command("policy", "run")
    ran = tracer_command("policy", "run", "--file", str(file), "--dry-run")

    assert (none.code, "there are no policies yet" in none.err) == (2, True)
    assert ran.err.startswith("would delete 1 trace from ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keep": "200y"}, "{}keep: got '200y', expected a hundred years at most, or forever."),
        ({"keep": "1x"}, "{}keep: got '1x', expected a number and a unit"),
        ({"keep": "9d", "sample": "150%", "after": "1d"}, "{}sample: got '150%', expected a part such as 5% or 0.05."),
        ({"keep": "9d", "sample": "nan", "after": "1d"}, "{}sample: got 'nan', expected a part"),
        ({"keep": "9d", "sample": "5%", "after": "1x"}, "{}after: got '1x', expected a number and a unit"),
        ({"keep": "9d", "sample": "5%"}, "{0}sample and {0}after belong together: which part is kept"),
        ({"keep": "9d", "after": "1d"}, "{0}sample and {0}after belong together: which part is kept"),
        ({"keep": "1d", "sample": "5%", "after": "9d"}, "{0}after is longer than {0}keep"),
    ],
)
def test_what_is_wrong_has_the_name_that_it_was_given_with(
    options: dict[str, str], said: str, write: Write, tracer_command: Command, tmp_path: Path
) -> None:
    write(span("one"))
    file = tmp_path / "policies.json"
    file.write_bytes(orjson.dumps([{"keep": "1d"}, {"name": "x", **options}]))

    put = tracer_command("policy", "set", "x", *[part for name in options for part in (f"--{name}", options[name])])
    ran = tracer_command("policy", "run", "--file", str(file))

    assert (put.code, put.err.startswith(f"Error: {said.format('--')}")) == (2, True)
    assert (ran.code, ran.err.startswith(f"Error: {file}[1]: {said.format('')}")) == (2, True)


def test_two_policies_of_one_name_in_a_file_are_refused(write: Write, tracer_command: Command, tmp_path: Path) -> None:
    write(span("one"))
    file = tmp_path / "policies.json"
    file.write_text('[{"name": "rest", "keep": "1d"}, {"name": " rest", "keep": "90d"}]')

    ran = tracer_command("policy", "run", "--file", str(file))

    assert (ran.code, ran.err) == (2, f"Error: {file}: two policies are called 'rest'; give each a name of its own.\n")


def test_a_stored_policy_whose_filter_is_none_any_more_is_named(
    write: Write, tracer_command: Command, store_url: str
) -> None:
    write_of_ages(write)
    tracer_command("policy", "set", "all", "--keep", "30d")
    with contextlib.closing(open_store(store_url)) as store:
        old = {**checked_policy({"name": "of old", "keep_seconds": 5}), "filter": "no_such_field = 1"}
        store.write_policy(old)
        assert store.count_traces() == 3

        for arguments in ((), ("--dry-run",)):
            ran = tracer_command("policy", "run", *arguments)
            assert ran.code == 2
            assert "the policy 'of old' has a filter that is none, so no policy is kept to" in ran.err
        assert store.count_traces() == 3


def test_a_time_that_is_none_is_refused(write: Write, tracer_command: Command) -> None:
    write(span("one"))

    ran = tracer_command("policy", "set", "rest", "--keep", "ninety days")

    assert (ran.code, "expected a number and a unit such as 30m, 12h or 7d" in ran.err) == (2, True)
