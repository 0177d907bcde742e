"""``tracer migrate``."""

from __future__ import annotations

import click

from tracer.cli.options import examples, json_option, store_option
from tracer.cli.reading import store_place
from tracer.cli.screen import Screen
from tracer.errors import InvalidArgumentError


@click.command("migrate", epilog=examples("tracer migrate --store clickhouse://tracer:…@host:8123/traces"))
@json_option("One JSON object: the versions of the tables before and after, and those of each project.")
@click.option(
    "--projects", "is_of_projects", is_flag=True, help="Make the tables for projects where there are none yet."
)
@store_option
def command(as_json: bool, is_of_projects: bool, store_url: str | None) -> None:
    """Bring the tables of a ClickHouse store up to date, or of a server's projects.

    Tables on a single server are brought up to date when they are used, as a file is; those on a cluster wait for this
    command. It can be called again at any time, also after it failed.
    """
    place = store_place(store_url)
    if not place.url.startswith("clickhouse://"):
        raise InvalidArgumentError(f"{place} is no ClickHouse store: a file is brought up to date when it is opened.")
    from tracer._catalog.opening import has_projects
    from tracer.store.clickhouse import migrate_clickhouse

    projects: dict[str, tuple[int, int]] = {}
    if is_of_projects or has_projects(place.url):
        from tracer._catalog.clickhouse import migrate_projects

        (before, after), projects = migrate_projects(place.url)
    else:
        before, after = migrate_clickhouse(place.url)
    if as_json:
        of_projects = [{"project": name, "before": was, "after": now} for name, (was, now) in projects.items()]
        Screen().json({"store": str(place), "before": before, "after": after, "projects": of_projects})
        return
    for name, (was, now) in {str(place): (before, after), **projects}.items():
        click.echo(f"{name}: {'is up to date' if was == now else 'brought up to date'}, schema {now}")
