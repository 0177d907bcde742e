"""``tracer migrate``."""

from __future__ import annotations

import click

from tracer.cli.options import examples, json_option, store_option
from tracer.cli.reading import store_place
from tracer.cli.screen import Screen
from tracer.errors import InvalidArgumentError


@click.command("migrate", epilog=examples("tracer migrate --store clickhouse://tracer:…@host:8123/traces"))
@json_option("One JSON object: the version of the tables before and after.")
@store_option
def command(as_json: bool, store_url: str | None) -> None:
    """Bring the tables of a ClickHouse store up to date.

    A store on a single server does so itself when it is opened, as a file does; one on a cluster waits for this
    command. It can be called again at any time, also after it failed.
    """
    place = store_place(store_url)
    if not place.url.startswith("clickhouse://"):
        raise InvalidArgumentError(f"{place} is no ClickHouse store: a file is brought up to date when it is opened.")
    from tracer.store.clickhouse import migrate_clickhouse

    before, after = migrate_clickhouse(place.url)
    if as_json:
        Screen().json({"store": str(place), "before": before, "after": after})
        return
    click.echo(f"{place}: {'is up to date' if before == after else 'brought up to date'}, schema {after}")
