"""``tracer keys``: the keys of a server of projects."""

from __future__ import annotations

import click

from tracer.cli.administration import administration, server_option
from tracer.cli.options import Group, examples, json_option

_HEADS = ("key", "project", "roles", "made", "last used", "name")


@click.group(
    "keys",
    cls=Group,
    epilog=examples(
        "tracer keys create checkout --project shop --role write --store /srv/tracer",
        "tracer keys list --store https://traces.example.org",
        "tracer keys revoke k-1f2e3d4c5b6a --store /srv/tracer",
    ),
)
def command() -> None:
    """Make, list and revoke the keys of a server of projects."""


@command.command("create", epilog=examples("tracer keys create ann --project shop --role read --role write"))
@click.argument("name")
@click.option("--project", default="default", show_default=True, metavar="NAME", help="The project that it opens.")
@click.option(
    "--role",
    "roles",
    type=click.Choice(["write", "read", "metrics", "admin"]),
    multiple=True,
    required=True,
    help="What it is for: write to send, read to see everything of the project, admin for projects and keys.",
)
@json_option("The key as one JSON object, with its secret.")
@server_option
def create_command(name: str, project: str, roles: tuple[str, ...], as_json: bool, store_url: str | None) -> None:
    """Make a key, and print it: it is shown this once. NAME says whose it is."""
    from tracer.cli.screen import Screen, note

    with administration(store_url) as there:
        made = there.create_key(name, project, roles)
    if as_json:
        Screen().json(made)
        return
    Screen().print(made["secret"])
    note(f"{made['id']}, {' and '.join(made['roles'])} of {project}. Programs have it in TRACER_TOKEN. It is not kept.")


@command.command("list")
@click.option("--project", metavar="NAME", help="Only keys of this project.")
@json_option("One JSON object a line.")
@server_option
def list_command(project: str | None, as_json: bool, store_url: str | None) -> None:
    """List keys: id, project, roles, when they were made and last used, name; never what they are."""
    from tracer.cli.screen import Screen
    from tracer.cli.table import aligned
    from tracer.cli.wording import moment

    with administration(store_url) as there:
        found, screen = there.keys(project), Screen()
    if as_json:
        for key in found:
            screen.json(key)
        return

    def used(key: dict[str, int | None]) -> str:
        if key["revoked_ns"] is not None:
            return f"revoked {moment(key['revoked_ns'])}"
        if key["expires_ns"] is not None:
            return f"signed in until {moment(key['expires_ns'])}"
        return "never" if key["last_used_ns"] is None else moment(key["last_used_ns"])

    rows = [
        (key["id"], key["project"], ",".join(key["roles"]), moment(key["created_ns"]), used(key), key["name"])
        for key in found
    ]
    for line in aligned([_HEADS, *rows]):
        screen.print(line)


@command.command("revoke")
@click.argument("key_id", metavar="KEY")
@json_option("What was revoked, as one JSON object.")
@server_option
def revoke_command(key_id: str, as_json: bool, store_url: str | None) -> None:
    """Let a key open nothing any more, from its next request on. KEY is its id, as `tracer keys list` has it."""
    from tracer.cli.screen import Screen, note

    with administration(store_url) as there:
        there.revoke_key(key_id)
    if as_json:
        Screen().json({"revoked": key_id})
    else:
        note(f"revoked {key_id}")
