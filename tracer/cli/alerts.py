"""``tracer alerts``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from tracer._distribution import install_advice
from tracer._json import JsonObject
from tracer.cli.administration import projects_of
from tracer.cli.options import examples, json_option, store_option
from tracer.cli.reading import store_for_reading
from tracer.cli.screen import Screen
from tracer.cli.wording import clean_line
from tracer.errors import InvalidArgumentError, TracerError

if TYPE_CHECKING:
    from tracer.server.alerts.rules import Rule
    from tracer.store import Store


@click.command(
    "alerts",
    epilog=examples(
        "tracer alerts alerts.toml",
        "tracer alerts alerts.toml --tell",
        "tracer alerts alerts.toml --store /var/lib/tracer/",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--tell", "tells", is_flag=True, help="Send every channel a message, to see whether it arrives.")
@json_option("One JSON object: what was found of each rule, and of each channel whether it was told.")
@store_option
def command(file: str, tells: bool, as_json: bool, store_url: str | None) -> None:
    """Check a file of rules for `tracer server --alerts`: what each measures now, and whether it holds."""
    try:
        from tracer.server.alerts.rules import read_rules
        from tracer.server.alerts.telling import NotToldError, tell
        from tracer.server.alerts.watching import does_hold, measured, trial_message
    except ImportError as error:
        raise click.ClickException(
            f"alerts need packages that are not installed ({error.name}): {install_advice('server')}"
        ) from error
    projects, now = projects_of(store_url), time.time()
    is_server = projects is None and (store_url or "").startswith(("http://", "https://"))
    rules = read_rules(file, of_projects=None if is_server else projects is not None)
    if is_server and any(rule.project is not None for rule in rules.rules):
        raise InvalidArgumentError(
            "--store is a server's URL, and a key opens one project: check rules of projects with the folder or the"
            " ClickHouse address that the server has as its --store"
        )
    found: list[JsonObject] = []
    for rule, store in _with_stores(rules.rules, store_url, projects):
        value, traces = measured(rule, store, now)
        asked = {
            "name": rule.name,
            "project": rule.project,
            "when": str(rule.when),
            "window": rule.window,
            "filter": rule.filter,
        }
        found.append({**asked, "value": value, "traces": traces, "holds": does_hold(rule, value, traces)})
        if not as_json:
            shown = "nothing to measure" if value is None else f"{rule.when.measure} {rule.when.shown(value)}"
            state = "holds" if found[-1]["holds"] else "does not hold"
            name = rule.name if rule.project is None else f"{rule.name} of {rule.project}"
            click.echo(clean_line(f"{name}: {rule.when} ({rule.window}): {shown} of {traces} traces, {state}"))
    told: list[JsonObject] = []
    for name, channel in rules.channels.items() if tells else ():
        fault = None
        try:
            tell(channel, trial_message(now))
        except NotToldError as error:
            fault = str(error)
        told.append({"name": name, "told": fault is None, "fault": fault})
        if not as_json:
            click.echo(clean_line(f"channel {name}: {fault or 'told'}"), err=fault is not None)
    if as_json:
        Screen().json({"rules": found, "channels": told})
    if not all(channel["told"] for channel in told):
        raise click.exceptions.Exit(1)


def _with_stores(rules: Sequence[Rule], store_url: str | None, projects: str | None) -> Iterator[tuple[Rule, Store]]:
    """Each rule with the store that it is about."""
    if projects is None:
        store = store_for_reading(store_url)
        yield from ((rule, store) for rule in rules)
        return
    from tracer._catalog.catalog import NotInCatalogError
    from tracer._catalog.opening import has_projects, open_catalog

    if not has_projects(projects):
        raise TracerError(f"{projects} has no projects; name the --store of the server")
    with closing(open_catalog(projects)) as catalog:
        for rule in rules:
            try:
                project = catalog.project(rule.project or "")
            except NotInCatalogError as error:
                raise TracerError(f"rule {rule.name!r}: {error}") from None
            with closing(catalog.open_store(project)) as store:
                yield rule, store
