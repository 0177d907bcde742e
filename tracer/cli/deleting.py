"""``tracer delete``."""

from __future__ import annotations

import sys

import click

from tracer.cli.copying import progress_bar, shown_url
from tracer.cli.options import examples, json_option, store_option
from tracer.errors import InvalidArgumentError


@click.command(
    "delete",
    epilog=examples(
        'tracer delete "timestamp < now-90d" --dry-run',
        "tracer delete \"tags.env = 'test'\" --yes",
    ),
)
@click.argument("filter_string", metavar="FILTER")
@click.option("--dry-run", is_flag=True, help="Say how many there are, and delete none.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option("One JSON object: the store, and how many traces were deleted.")
@store_option
def command(filter_string: str, dry_run: bool, yes: bool, as_json: bool, store_url: str | None) -> None:
    """Delete the traces that meet FILTER, with all that belongs to them, here or on a server.

    They are gone at once for everybody. What their programs still send does not bring them back; `tracer import` does.
    """
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import tell
    from tracer.cli.wording import how_many
    from tracer.store.filter import parse_filter
    from tracer.store.parts import delete_in_parts, trace_ids_of

    condition = parse_filter(filter_string)
    if condition is None:
        raise InvalidArgumentError('FILTER is empty. For all traces write "timestamp > 0".')
    store = store_for_reading(store_url)
    number = store.count_traces(condition)
    place = shown_url(store.url)
    if dry_run or not number:
        words = f"{'would delete' if dry_run else 'deleted'} {how_many(number, 'trace')} from {place}"
        tell(as_json, {"store": place, "traces": number, "dry_run": dry_run}, words)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidArgumentError(f"{how_many(number, 'trace')} would be deleted: say so with --yes.")
        click.confirm(f"Delete {how_many(number, 'trace')} from {place} for good?", abort=True, err=True)
    deleted = 0
    with progress_bar("Deleting", number) as advance:
        for trace_ids in trace_ids_of(store, condition):
            # those that come to meet the filter meanwhile stay
            for part in delete_in_parts(store, trace_ids[: number - deleted], condition):
                deleted += part
                advance(part)
            if deleted >= number:
                break
    while store.release_space(whole=True):
        pass
    done = {"store": place, "traces": deleted, "dry_run": False}
    tell(as_json, done, f"deleted {how_many(deleted, 'trace')} from {place}")
