"""``tracer export``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from tracer.cli.options import examples, filter_option, store_option

if TYPE_CHECKING:
    from tracer.store import Store, TraceRow

_PAGE = 200


@click.command(
    "export",
    epilog=examples(
        "tracer export -o traces.jsonl",
        "tracer export latest",
        "tracer export --format parquet -o traces.parquet",
        "tracer export --filter \"timestamp > '2026-11-01'\" | gzip > november.jsonl.gz",
    ),
)
@click.argument("traces", nargs=-1, metavar="[ID|latest]...")
@filter_option
@click.option(
    "--format", "form", type=click.Choice(["otlp", "parquet"]), default="otlp", show_default=True,
    help="Lines of OTLP JSON, or a Parquet file with a row a span.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write, else stdout.")
@store_option
def command(
    traces: tuple[str, ...], filter_string: str | None, form: str, output: Path | None, store_url: str | None
) -> None:
    """Write traces as OTLP JSON lines or Parquet: the traces named, or those that meet a filter, or all, newest first.

    Each line is one trace as an OpenTelemetry ExportTraceServiceRequest, which the OpenTelemetry Collector and
    `tracer import` read. Tags, feedback and attachments travel along. With all traces go datasets, versions of apps,
    prompts, registered models and review queues, but not the files of logged models. A Parquet file has the spans
    alone.
    """
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import note
    from tracer.cli.wording import how_many
    from tracer.errors import InvalidArgumentError
    from tracer.export.lines import dataset_lines, otlp_line, otlp_lines_without_traces
    from tracer.export.records import whole_traces

    if traces and filter_string is not None:
        raise InvalidArgumentError("give trace ids or --filter, not both.")
    if form == "parquet" and output is None:
        raise InvalidArgumentError("a Parquet file is no text: name it with --output FILE.")
    store = store_for_reading(store_url)
    if form == "parquet" and output is not None:
        from tracer.export.parquet import write_parquet

        with whole_file(output) as file:
            number = write_parquet(store, _wanted(store, traces, filter_string), file)
        note(f"wrote {how_many(number, 'trace')} to {output}")
        return
    number, datasets = 0, [] if traces or filter_string is not None else store.datasets()
    with sink(output) as write:
        for stored in whole_traces(store, _wanted(store, traces, filter_string)):
            write(otlp_line(store, stored))
            number += 1
        for dataset in datasets:
            for line in dataset_lines(store, dataset):
                write(line)
        if not traces and filter_string is None:
            for line in otlp_lines_without_traces(store):
                write(line)
    also = f" and {how_many(len(datasets), 'dataset')}" if datasets else ""
    note(f"wrote {how_many(number, 'trace')}{also}" + (f" to {output}" if output else ""))


@contextmanager
def sink(output: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Writes to a file, which is there once it is whole, or to standard output."""
    if output is None:
        with _named("standard output"):
            yield _print if sys.stdout.isatty() else sys.stdout.buffer.write
            sys.stdout.buffer.flush()
        return
    with whole_file(output) as file:
        yield file.write


@contextmanager
def whole_file(output: Path) -> Iterator[IO[bytes]]:
    """A file that is there once it is whole."""
    if output.exists() and not output.is_file():  # a pipe or a device must not be replaced by a file
        with _named(str(output)), output.open("wb") as pipe:
            yield pipe
        return
    # written under another name first: a failed export never replaces a whole file with half of one
    unfinished = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        with _named(str(output), str(unfinished)):
            with unfinished.open("wb") as file:
                yield file
            os.replace(unfinished, output)
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def _named(place: str, other: str | None = None) -> Iterator[None]:
    """Give an error of the system that names no file, or the other one, this name."""
    try:
        yield
    except OSError as error:
        if error.filename not in (None, other):
            raise
        raise OSError(error.errno, error.strerror or str(error), place) from error


def _print(line: bytes) -> None:
    """Print a line to a terminal, with control characters of its content escaped."""
    from tracer.cli.wording import clean_json

    sys.stdout.buffer.write(clean_json(line.decode()).encode())


def _wanted(store: Store, names: tuple[str, ...], filter_string: str | None) -> Iterator[TraceRow]:
    from tracer.cli.reading import find_trace
    from tracer.store import TraceQuery
    from tracer.store.filter import parse_filter

    if names:
        yield from [find_trace(store, name).row for name in names]
        return
    condition, token = parse_filter(filter_string), None
    while True:
        page = store.find_traces(TraceQuery(filter=condition, limit=_PAGE, page_token=token))
        yield from page.traces
        token = page.next_page_token
        if token is None:
            return
