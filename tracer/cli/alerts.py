"""``tracer alerts``."""

from __future__ import annotations

import time

import click

from tracer._distribution import install_advice
from tracer.cli.options import examples, store_option
from tracer.cli.reading import store_for_reading
from tracer.cli.wording import clean_line


@click.command("alerts", epilog=examples("tracer alerts alerts.toml", "tracer alerts alerts.toml --tell"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--tell", "tells", is_flag=True, help="Send every channel a message, to see whether it arrives.")
@store_option
def command(file: str, tells: bool, store_url: str | None) -> None:
    """Check a file of rules for `tracer server --alerts`: what each measures now, and whether it holds."""
    try:
        from tracer.server.alerts.rules import read_rules
        from tracer.server.alerts.telling import NotToldError, tell
        from tracer.server.alerts.watching import does_hold, measured, trial_message
    except ImportError as error:
        raise click.ClickException(
            f"alerts need packages that are not installed ({error.name}): {install_advice('server')}"
        ) from error
    rules = read_rules(file)
    store, now = store_for_reading(store_url), time.time()
    for rule in rules.rules:
        value, traces = measured(rule, store, now)
        found = "nothing to measure" if value is None else f"{rule.when.measure} {rule.when.shown(value)}"
        state = "holds" if does_hold(rule, value, traces) else "does not hold"
        click.echo(clean_line(f"{rule.name}: {rule.when} ({rule.window}): {found} of {traces} traces, {state}"))
    failed = 0
    for name, channel in rules.channels.items() if tells else ():
        try:
            tell(channel, trial_message(now))
        except NotToldError as error:
            failed += 1
            click.echo(clean_line(f"channel {name}: {error}"), err=True)
        else:
            click.echo(clean_line(f"channel {name}: told"))
    if failed:
        raise click.exceptions.Exit(1)
