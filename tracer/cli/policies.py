"""``tracer policy``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from tracer.cli.copying import progress_bar, shown_url
from tracer.cli.options import Group, examples, filter_option, json_option, store_option
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.store.rows import StoredPolicy

_FIELDS = {"filter": "filter", "keep": "keep_seconds", "sample": "sample", "after": "after_seconds"}
_SHOWN_IN = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@click.group(
    "policy",
    cls=Group,
    epilog=examples(
        "tracer policy set errors --filter \"status = 'ERROR'\" --keep forever",
        "tracer policy list",
        "tracer policy run --dry-run",
    ),
)
def command() -> None:
    """Policies for how long traces are kept.

    A trace is kept for the longest time of the policies whose filters it meets; without any it is kept for
    ever. Servers, `tracer ui` too, keep the policies in the background; for a file alone there is `tracer policy run`.
    """


@command.command("list")
@json_option("One JSON object a policy and line.")
@store_option
def listed(as_json: bool, store_url: str | None) -> None:
    """The policies of a store."""
    from tracer.cli.reading import store_for_reading

    for policy in store_for_reading(store_url).policies():
        _print(policy, as_json=as_json)


@command.command(
    "set",
    epilog=examples(
        "tracer policy set errors --filter \"status = 'ERROR'\" --keep forever",
        'tracer policy set rated --filter "feedbacks > 0" --keep forever',
        "tracer policy set rest --keep 90d --sample 5% --after 7d",
    ),
)
@click.argument("name")
@filter_option
@click.option("--keep", required=True, metavar="TIME", help="How long from the trace's start: 90d, 12h, 2w; forever.")
@click.option("--sample", metavar="PART", help="The part of them that stays so long: 5% or 0.05.")
@click.option("--after", metavar="TIME", help="When those outside of the sample go.")
@json_option("One JSON object: the policy.")
@store_option
def put(
    name: str, filter_string: str | None, keep: str, sample: str | None, after: str | None, as_json: bool,
    store_url: str | None,
) -> None:  # fmt: skip
    """Make a policy, or give the one of this name another content."""
    from tracer.cli.reading import store_for_reading
    from tracer.store.policies import checked_policy

    given = {"name": name, "filter": filter_string, "keep": keep, "sample": sample, "after": after}
    policy = checked_policy(_read(given, "--"), _called("--"))
    _print(store_for_reading(store_url).write_policy(policy), as_json=as_json)


@command.command("remove")
@click.argument("name")
@json_option("One JSON object: the name.")
@store_option
def remove(name: str, as_json: bool, store_url: str | None) -> None:
    """Remove a policy."""
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import tell

    store = store_for_reading(store_url)
    if name not in [policy.name for policy in store.policies()]:
        raise InvalidArgumentError(f"there is no policy {name!r}. `tracer policy list` shows them.")
    store.delete_policy(name)
    tell(as_json, {"removed": name}, f"removed the policy {name}")


@command.command("run")
@click.option("--dry-run", is_flag=True, help="Say how many traces would go, and delete none.")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file with a list of policies to use instead of the store's.",
)  # fmt: skip
@json_option("One JSON object: the store, and how many traces were deleted.")
@store_option
def run(dry_run: bool, file: Path | None, as_json: bool, store_url: str | None) -> None:
    """Delete the traces whose time is over, now."""
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import tell
    from tracer.cli.wording import how_many
    from tracer.store.parts import delete_in_parts
    from tracer.store.policies import all_over_before, expired

    store = store_for_reading(store_url)
    policies = store.policies() if file is None else _policies_in(file)
    if not policies:
        raise InvalidArgumentError("there are no policies yet. `tracer policy set` makes one.")
    before = all_over_before(policies)
    number = 0 if dry_run or before is None else store.delete_older(before)
    with progress_bar("Looking", store.count_traces()) as advance:
        for found in expired(store, policies):
            if dry_run:
                number += len(found.trace_ids)
            else:
                number += sum(delete_in_parts(store, found.trace_ids, found.condition))
            advance(len(found.trace_ids))
    while not dry_run and store.release_space(whole=True):
        pass
    place = shown_url(store.url)
    words = f"{'would delete' if dry_run else 'deleted'} {how_many(number, 'trace')} from {place}"
    tell(as_json, {"store": place, "traces": number, "dry_run": dry_run}, words)


def _policies_in(file: Path) -> list[StoredPolicy]:
    from tracer.store.policies import stored_policy

    try:
        given = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"{file}: not JSON: {error}") from None
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise InvalidArgumentError(f'{file}: expected a list such as [{{"name": "rest", "keep": "90d"}}]')
    checked = [_of_file({"name": f"{n}", **each}, f"{file}[{n}]") for n, each in enumerate(given)]
    names = [each["name"] for each in checked]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidArgumentError(f"{file}: two policies are called {twice!r:.80}; give each a name of its own.")
    return [stored_policy(each, 0, 0) for each in checked]


def _of_file(given: dict[str, Any], place: str) -> dict[str, Any]:
    from tracer.store.policies import checked_policy

    unknown = given.keys() - {"name", *_FIELDS}
    if unknown or "keep" not in given:
        raise InvalidArgumentError(f"{place}: has {', '.join(given)}; expected name, {', '.join(_FIELDS)}.")
    try:
        return checked_policy(_read(given), _called())
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{place}: {error}") from None


def _called(before: str = "") -> dict[str, str]:
    """What people call the fields of a policy."""
    return {field: f"{before}{name}" for name, field in _FIELDS.items()}


def _read(given: dict[str, Any], before: str = "") -> dict[str, Any]:
    """A policy of texts such as 90d and 5% as the store has it; with ``before`` the names are options."""
    policy = {"name": given["name"], "filter": given.get("filter")}
    policy["keep_seconds"] = _seconds(given["keep"], f"{before}keep")
    if given.get("sample") is not None:
        policy["sample"] = _part(given["sample"], f"{before}sample")
    if given.get("after") is not None:
        policy["after_seconds"] = _seconds(given["after"], f"{before}after")
    return policy


def _seconds(given: object, name: str) -> int | None:
    if given in (None, "forever"):
        return None
    from tracer.store.filter import read_duration
    from tracer.store.policies import MOST_SECONDS

    try:
        seconds = math.ceil(read_duration(str(given)) / 1000)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{name}: {error}, or forever.") from None
    if seconds > MOST_SECONDS:
        raise InvalidArgumentError(f"{name}: got {given!r:.40}, expected a hundred years at most, or forever.")
    return seconds


def _part(given: object, name: str) -> float:
    text = str(given).strip()
    try:
        part = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        part = -1.0
    if not 0 <= part <= 1:
        raise InvalidArgumentError(f"{name}: got {given!r:.40}, expected a part such as 5% or 0.05.")
    return part


def _print(policy: StoredPolicy, *, as_json: bool) -> None:
    from tracer.cli.screen import Screen

    if not as_json:
        Screen().print(_told(policy))
        return
    after = _time(policy.after_seconds) if policy.sample < 1 else None
    kept = {"keep": _time(policy.keep_seconds), "sample": policy.sample, "after": after}
    Screen().json({"name": policy.name, "filter": policy.filter, **kept})


def _told(policy: StoredPolicy) -> str:
    from tracer.cli.wording import clean_line

    kept = _time(policy.keep_seconds)
    if policy.sample < 1:
        kept = f"{policy.sample * 100:g}% {kept}, the rest {_time(policy.after_seconds)}"
    return clean_line(f"{policy.name}: {policy.filter or 'all traces'}: {kept}")


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "forever"
    unit = next(unit for unit, size in _SHOWN_IN.items() if unit == "s" or (seconds and seconds % size == 0))
    return f"{seconds // _SHOWN_IN[unit]}{unit}"
