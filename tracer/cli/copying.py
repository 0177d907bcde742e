"""``tracer copy``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, filter_option, json_option
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.export.copying import Copied
    from tracer.store import Store

to_token_option = click.option(
    "--to-token", envvar="TRACER_TO_TOKEN", show_envvar=True, metavar="TOKEN",
    help="Token of the server to send to, where it is not TRACER_TOKEN.",
)  # fmt: skip


@click.command(
    "copy",
    epilog=examples(
        "tracer copy traces.db https://tracer.example.org",
        "tracer copy https://tracer.example.org clickhouse://tracer:…@host:8123/traces",
        "tracer copy https://tracer.example.org errors.db --filter \"status = 'ERROR'\"",
    ),
)
@click.argument("from_url", metavar="FROM")
@click.argument("to_url", metavar="TO")
@filter_option
@click.option(
    "--from-token", envvar="TRACER_FROM_TOKEN", show_envvar=True, metavar="TOKEN",
    help="Token of the server FROM, where it is not TRACER_TOKEN.",
)  # fmt: skip
@to_token_option
@json_option("One JSON object: how much was copied, and how much was there.")
def command(
    from_url: str, to_url: str, filter_string: str | None, from_token: str | None, to_token: str | None, as_json: bool
) -> None:
    """Copy a store into another: a file, a server's or ClickHouse, either way; with a filter the traces that meet it.

    Ids stay. Run it again to go on after it was ended, or to bring what is new: what is there already is passed over.
    What was deleted in TO stays deleted.
    """
    from tracer._engine.runtime import runtime
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import tell
    from tracer.export.copying import Copying
    from tracer.store.filter import parse_filter

    condition = parse_filter(filter_string)
    ours = runtime().settings.token
    source = store_for_reading(from_url, token=from_token)
    with closing(opened_target(to_url, source, token=to_token or ours)) as target:
        copying = Copying(source, target)
        if condition is None:
            copying.experiments()
        with progress_bar("Copying", source.count_traces(condition)) as advance:
            for number in copying.traces(condition):
                advance(number)
        if condition is None:
            from tracer.models.copying import copy_model_files

            copying.others()
            copying.done.others["logged model"] = copy_model_files(source, target)
    tell(as_json, counted(copying.done, to_url), f"{told(copying.done, 'copied')} to {shown_url(to_url)}")


def opened_target(url: str, source: Store, *, token: str | None) -> Store:
    """The store to write to. Raises InvalidArgumentError for the one that is read."""
    from tracer._journal.locations import absolute_url
    from tracer.config import store_url
    from tracer.store import open_store

    place = absolute_url(store_url(url, "TO"))
    if place == source.url:
        raise InvalidArgumentError(f"{shown_url(url)} is the store that is read: name another one.")
    return open_store(place, token=token)


def shown_url(url: str) -> str:
    """The URL of a store without a password."""
    from tracer._journal.locations import without_password

    return without_password(url)


@contextmanager
def progress_bar(doing: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, in a terminal; called with the number of further records done."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield lambda number: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda number: bar.advance(task, number)


def counted(done: Copied, to_url: str) -> dict[str, object]:
    """Numbers of copied records, for programs."""
    others = {f"{what.replace(' ', '_')}s": number for what, number in done.others.items()}
    numbers = {"traces": done.traces, "spans": done.spans, "there": done.there, "deleted_there": done.deleted}
    return {"to": shown_url(to_url), **numbers, **others}


def told(done: Copied, doing: str) -> str:
    """Numbers of copied records, in words."""
    from tracer.cli.wording import how_many

    text = f"{doing} {how_many(done.traces, 'trace')} with {how_many(done.spans, 'span')}"
    text += "".join(f", {how_many(number, what)}" for what, number in done.others.items() if number)
    notes = [f"{done.there:,} there already"] if done.there else []
    notes += [f"{done.deleted:,} deleted there, and left so"] if done.deleted else []
    return f"{text} ({', '.join(notes)})" if notes else text
