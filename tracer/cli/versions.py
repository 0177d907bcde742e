"""``tracer versions``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, json_option, store_option

if TYPE_CHECKING:
    from tracer._tracking.comparison import VersionSummary
    from tracer.cli.screen import Screen

_NS_PER_MS = 1_000_000


@click.command(
    "versions",
    epilog=examples("tracer versions", "tracer versions my-agent-v1 my-agent-v2", "tracer versions --full my-agent-v2"),
)
@click.argument("versions", nargs=-1, metavar="[NAME|ID]…")
@click.option("--full", is_flag=True, help="What each version is: params, tags, config, input example.")
@click.option("--delete", is_flag=True, help="Delete the versions that are named. Their traces stay.")
@json_option("One JSON object a line: latencies in ms, cost in USD.")
@store_option
def command(versions: tuple[str, ...], full: bool, delete: bool, as_json: bool, store_url: str | None) -> None:
    """Put versions side by side: traces, errors, tokens, cost, latency percentiles and mean scores."""
    from tracer._tracking.comparison import compare_versions
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen, note

    if delete and (full or as_json or not versions):
        raise click.UsageError("--delete wants names or ids of versions, and no other option.")
    store_for_reading(store_url)
    summaries = compare_versions(*versions)
    screen = Screen()
    if delete:
        _delete(summaries)
    elif full:
        _print_full(screen, [each for each in summaries if versions or not each.deleted], as_json)
    elif as_json:
        for summary in summaries:
            screen.json(dataclasses.asdict(summary))
    elif summaries:
        for line in _table(summaries):
            screen.print(line)
    else:
        note("no versions; tracer.set_active_model('v1') makes one.")


def _delete(summaries: list[VersionSummary]) -> None:
    from tracer._tracking.versions import delete_logged_model
    from tracer.cli.screen import note
    from tracer.cli.wording import clean_line, how_many

    for summary in summaries:
        delete_logged_model(summary.model_id)
        stay = f"; {how_many(summary.traces, 'trace')} of it stay" if summary.traces else ""
        note(clean_line(f"deleted {summary.name} ({summary.model_id}){stay}"))


def _print_full(screen: Screen, summaries: list[VersionSummary], as_json: bool) -> None:
    from tracer.cli.version_details import details_of, lines_of

    for number, summary in enumerate(summaries):
        details = details_of(summary.model_id)
        if as_json:
            screen.json(details)
            continue
        if number:
            screen.print()
        for line in lines_of(details):
            screen.print(line)


def _table(summaries: list[VersionSummary]) -> list[str]:
    from rich.cells import cell_len

    from tracer.cli.wording import clean_line

    names = sorted({name for summary in summaries for name in summary.scores})
    heads = ["traces", "errors", "tokens", "cost", "p50", "p95", "p99", *map(clean_line, names)]
    table = [heads, *(_cells(summary, names) for summary in summaries)]
    first = ["version", *_labels(summaries)]
    width = max(map(cell_len, first))
    widths = [max(cell_len(line[column]) for line in table) for column in range(len(heads))]
    return [
        label + " " * (width - cell_len(label))
        + "".join(f"  {' ' * (size - cell_len(cell))}{cell}" for cell, size in zip(cells, widths))
        for label, cells in zip(first, table)
    ]  # fmt: skip


def _labels(summaries: list[VersionSummary]) -> list[str]:
    """Name of each version, with its id if the name is not unique."""
    from tracer.cli.wording import clean_line

    names = [summary.name for summary in summaries]
    return [
        clean_line(f"{summary.name} {summary.model_id}" if names.count(summary.name) > 1 else summary.name)
        + (" (deleted)" if summary.deleted else " (failed)" if summary.status == "FAILED" else "")
        for summary in summaries
    ]


def _cells(summary: VersionSummary, names: list[str]) -> list[str]:
    from tracer.cli.wording import count, duration, money

    latencies = (summary.latency_p50_ms, summary.latency_p95_ms, summary.latency_p99_ms)
    return [
        count(summary.traces),
        f"{summary.error_share:.0%}" if summary.traces else "-",
        count(summary.tokens),
        money(summary.cost),
        *("-" if latency is None else duration(latency * _NS_PER_MS) for latency in latencies),
        *(f"{summary.scores[name]:.3g}" if name in summary.scores else "-" for name in names),
    ]
