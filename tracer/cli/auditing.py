"""``tracer audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, filter_option, json_option, store_option

if TYPE_CHECKING:
    from tracer._audit import Audit, Finding
    from tracer.cli.screen import Screen

_TRACES_NAMED = 3


@click.command("audit", epilog=examples("tracer audit", "tracer audit --filter \"name = 'agent'\" --json"))
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    help="How many traces to look at, the newest first.",
)
@filter_option
@json_option("One JSON object with all findings: cost in USD.")
@store_option
def command(limit: int, filter_string: str | None, as_json: bool, store_url: str | None) -> None:
    """Tokens and cost that calls to models spent without need, a day, with reason and place."""
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen
    from tracer.genai.auditing import audit_of_store
    from tracer.store.filter import parse_filter

    found = audit_of_store(store_for_reading(store_url), parse_filter(filter_string), limit)
    screen = Screen()
    if as_json:
        screen.json(found.to_dict())
    else:
        print_audit(screen, found)


def print_audit(screen: Screen, audit: Audit) -> None:
    """Print the total spending, then each finding."""
    from tracer.cli.wording import count, how_many, money

    days = "a day" if audit.days == 1 else f"{audit.days:.1f} days"
    spent = f"{count(audit.tokens)} tokens, {money(audit.cost) or 'no known price'}"
    screen.print(f"{how_many(audit.calls, 'call')} in {how_many(audit.traces, 'trace')} of {days}: {spent}")
    if not audit.findings:
        screen.print("Nothing was spent without need, as far as the records show.")
    for finding in audit.findings:
        _print_finding(screen, finding)


def _print_finding(screen: Screen, finding: Finding) -> None:
    from tracer.cli.wording import clean_line, count, how_many, money

    cost = "" if finding.cost_per_day is None else f", {money(finding.cost_per_day)} a day"
    screen.print("")
    screen.print(f"{finding.kind}: {clean_line(finding.reason)}")
    screen.print(f"  at {clean_line(finding.place)} of {clean_line(finding.step)}")
    screen.print(f"  {how_many(finding.calls, 'call')}, {count(finding.tokens_per_day)} tokens a day{cost}")
    more = len(finding.traces) - _TRACES_NAMED
    named = ", ".join(finding.traces[:_TRACES_NAMED]) + (f" and {more} more" if more > 0 else "")
    screen.print(f"  {'trace' if len(finding.traces) == 1 else 'traces'} {named}")
