"""``tracer projects``: the projects of a server, and what administrators did."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from tracer._json import JsonObject
from tracer.cli.administration import administration, server_option
from tracer.cli.options import Group, examples, json_option

Function = TypeVar("Function", bound=Callable[..., object])
_MOST = 2**53 - 1  # that a catalogue keeps
_HEADS = ("project", "made", "requests a minute", "bytes a minute")


@click.group(
    "projects",
    cls=Group,
    epilog=examples(
        "tracer projects create shop --store /srv/tracer",
        "tracer projects change shop --bytes-a-minute 50000000 --store https://traces.example.org",
        "tracer projects log --store /srv/tracer",
    ),
)
def command() -> None:
    """Make, list, limit and delete the projects of a server."""


def _limits(function: Function) -> Function:
    for name in ("bytes", "requests"):
        function = click.option(
            f"--{name}-a-minute",
            type=click.IntRange(0, _MOST),
            metavar="N",
            help=f"At most so many {name} a minute; 0 for no limit.",
        )(function)
    return function


def _given(requests_a_minute: int | None, bytes_a_minute: int | None) -> JsonObject:
    """The limits that are named, as the API has them."""
    given = {"requests_a_minute": requests_a_minute, "bytes_a_minute": bytes_a_minute}
    return {name: limit or None for name, limit in given.items() if limit is not None}


@command.command("create")
@click.argument("name")
@_limits
@json_option("The project as one JSON object.")
@server_option
def create_command(
    name: str, requests_a_minute: int | None, bytes_a_minute: int | None, as_json: bool, store_url: str | None
) -> None:
    """Make a project. NAME has small letters, digits, - and _."""
    from tracer.cli.screen import Screen, note

    with administration(store_url) as there:
        made = there.create_project(name, _given(requests_a_minute, bytes_a_minute))
    if as_json:
        Screen().json(made)
        return
    note(f"made the project {name}; `tracer keys create NAME --project {name} --role write` makes a key for programs")


@command.command("list")
@json_option("One JSON object a line.")
@server_option
def list_command(as_json: bool, store_url: str | None) -> None:
    """List projects: name, when they were made, limits."""
    from tracer.cli.screen import Screen
    from tracer.cli.table import aligned
    from tracer.cli.wording import count, moment

    with administration(store_url) as there:
        found, screen = there.projects(), Screen()
    if as_json:
        for project in found:
            screen.json(project)
        return
    rows = [
        (
            project["name"],
            moment(project["created_ns"]),
            count(project["requests_a_minute"]) or "-",
            count(project["bytes_a_minute"]) or "-",
        )
        for project in found
    ]
    for line in aligned([_HEADS, *rows]):
        screen.print(line)


@command.command("change")
@click.argument("name")
@_limits
@json_option("The project as one JSON object.")
@server_option
def change_command(
    name: str, requests_a_minute: int | None, bytes_a_minute: int | None, as_json: bool, store_url: str | None
) -> None:
    """Give a project other limits, from the next request on."""
    from tracer.cli.screen import Screen, note

    limits = _given(requests_a_minute, bytes_a_minute)
    if not limits:
        raise click.UsageError("there is nothing to change: name --requests-a-minute or --bytes-a-minute")
    with administration(store_url) as there:
        changed = there.change_project(name, limits)
    if as_json:
        Screen().json(changed)
    else:
        note(f"changed the project {name}")


@command.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option("What was deleted, as one JSON object.")
@server_option
def delete_command(name: str, yes: bool, as_json: bool, store_url: str | None) -> None:
    """Delete a project with its keys and everything that it has: traces, datasets, prompts, versions, models."""
    from tracer.cli.screen import Screen, confirm, note

    if not yes:
        confirm(f"Delete the project {name!r} with all its traces?")
    with administration(store_url) as there:
        there.delete_project(name)
    if as_json:
        Screen().json({"deleted": name})
    else:
        note(f"deleted the project {name}")


@command.command("log")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many at most.")
@json_option("One JSON object a line.")
@server_option
def log_command(limit: int, as_json: bool, store_url: str | None) -> None:
    """Show what administrators did, newest first: when, who, what."""
    from tracer.cli.screen import Screen
    from tracer.cli.table import aligned
    from tracer.cli.wording import moment

    with administration(store_url) as there:
        found, screen = there.acts(limit), Screen()
    if as_json:
        for act in found:
            screen.json(act)
        return
    for line in aligned([(moment(act["time_ns"]), act["who"], act["did"], act["what"]) for act in found]):
        screen.print(line)
