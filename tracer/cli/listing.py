"""``tracer list``."""

from __future__ import annotations

import click

from tracer.cli.options import examples, filter_option, json_option, store_option


@click.command(
    "list",
    epilog=examples(
        "tracer list",
        "tracer list --filter \"status = 'ERROR' AND timestamp > '2026-11-01'\"",
        "tracer list --filter \"model = 'gpt-4o' AND tokens > 1000\" --limit 50",
        "tracer list --json | jq -r .trace_id",
    ),
)
@filter_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@click.option("--page", "page_token", metavar="TOKEN", help="The page after: the token that the page before named.")
@json_option("One JSON object a line, as trace.info.to_dict() gives it.")
@store_option
def command(
    filter_string: str | None, limit: int, page_token: str | None, as_json: bool, store_url: str | None
) -> None:
    """List traces, newest first: id, start, state, time, tokens, cost, name and what was asked."""
    from tracer._api.traces import info_from_row
    from tracer.cli.reading import store_for_reading
    from tracer.cli.rows import COLUMNS, WIDE_COLUMNS, line_of
    from tracer.cli.screen import Screen, note
    from tracer.store import TraceQuery
    from tracer.store.filter import parse_filter

    query = TraceQuery(filter=parse_filter(filter_string), limit=limit, page_token=page_token)
    page = store_for_reading(store_url).find_traces(query)
    screen = Screen()
    if page.traces and not as_json:
        screen.print(COLUMNS if screen.width else WIDE_COLUMNS)
    for row in page.traces:
        if as_json:
            screen.json(info_from_row(row).to_dict())
        else:
            screen.print(line_of(row, screen.width))
    if not page.traces and not as_json:
        note("no trace meets the filter." if filter_string else "no traces.")
    if page.next_page_token:
        note(f"There are more: add --page {page.next_page_token}")
