"""``tracer stats``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, filter_option, json_option, store_option
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.cli.screen import Screen
    from tracer.store import StatisticsRow

_NS_PER_MS = 1_000_000


@click.command(
    "stats",
    epilog=examples(
        "tracer stats", "tracer stats --since 24h", "tracer stats --by name --filter \"tags.env = 'prod'\""
    ),
)
@click.option(
    "--by",
    "group_by",
    type=click.Choice(["model", "provider", "name", "type"]),
    default="model",
    show_default=True,
    help="Field by which the rows are grouped.",
)
@click.option("--since", metavar="TIME", help="Only steps of this last time: 30m, 24h, 7d.")
@filter_option
@json_option("One JSON object a line: latencies in ms, cost in USD.")
@store_option
def command(group_by: str, since: str | None, filter_string: str | None, as_json: bool, store_url: str | None) -> None:
    """Calls, errors, tokens, cost and latency percentiles by model, most calls first."""
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen, note
    from tracer.store.filter import parse_filter, read_duration

    try:
        since_ms = None if since is None else time.time() * 1000 - read_duration(since)
    except InvalidArgumentError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    store = store_for_reading(store_url)
    rows = store.statistics(group_by=group_by, filter=parse_filter(filter_string), since_ms=since_ms)
    screen = Screen()
    if as_json:
        for row in rows:
            screen.json({**row._asdict(), "total_tokens": row.total_tokens, "unpriced": row.unpriced})
    elif rows:
        print_statistics(screen, group_by, rows)
    else:
        note("no calls to a model." if group_by in ("model", "provider") else "no steps.")


def print_statistics(screen: Screen, group_by: str, rows: list[StatisticsRow]) -> None:
    """A line a group, and what the cost leaves out."""
    from rich.cells import cell_len

    from tracer.cli.wording import clean_line, clip, how_many

    names = ["calls", "errors", "in", "out", "cost", "p50", "p95", "p99"]
    table = [names, *(_cells(row) for row in rows)]
    widths = [max(cell_len(line[column]) for line in table) for column in range(len(names))]
    groups = [group_by, *(clean_line(row.group) for row in rows)]
    room = None if screen.width is None else max(12, screen.width - sum(widths) - 2 * len(widths))
    groups = [clip(group, room) for group in groups]
    width = max(map(cell_len, groups))
    for group, cells in zip(groups, table):
        numbers = "".join(f"  {' ' * (size - cell_len(cell))}{cell}" for cell, size in zip(cells, widths))
        screen.print(group + " " * (width - cell_len(group)) + numbers)
    unpriced, unmeasured = sum(row.unpriced for row in rows), sum(row.unmeasured for row in rows)
    if unpriced:
        screen.print(f"+ {how_many(unpriced, 'call')} without a known price, not in the cost")
    if unmeasured and group_by in ("model", "provider"):
        screen.print(f"{how_many(unmeasured, 'call')} failed or sent no token counts")
    if not all(row.exact for row in rows):
        screen.print("percentiles are within 5 %, from hourly roll-ups")


def _cells(row: StatisticsRow) -> list[str]:
    from tracer.cli.wording import count, duration, money

    latencies = (row.latency_p50_ms, row.latency_p95_ms, row.latency_p99_ms)
    return [
        count(row.calls),
        count(row.errors),
        count(row.input_tokens),
        count(row.output_tokens),
        money(row.cost) + ("+" if row.unpriced and row.priced else ""),
        *(duration(latency * _NS_PER_MS) for latency in latencies),
    ]
