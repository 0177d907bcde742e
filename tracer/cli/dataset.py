"""``tracer dataset``: look at datasets, fill them from traces and files, and write them to files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import orjson

from tracer.cli.options import Group, examples, filter_option, json_option, store_option
from tracer.errors import DatasetNotFoundError, InvalidArgumentError

if TYPE_CHECKING:
    from tracer.genai.datasets import DatasetRow, EvaluationDataset

Function = TypeVar("Function", bound=Callable[..., object])

_NAME_WIDTH = 28
_ID_DIGITS = 8
_SPLIT_WIDTH = 8
_MOST_ROWS = 10**9


@click.group(
    "dataset",
    cls=Group,
    epilog=examples(
        "tracer dataset create questions",
        'tracer dataset add questions --filter "feedback.good = false" --split test',
        "tracer dataset show questions",
    ),
)
@store_option
@click.pass_context
def command(context: click.Context, store_url: str | None) -> None:
    """Datasets of questions with their expected answers, for tracer.evaluate."""
    context.obj = store_url


def _row_filter_option(function: Function) -> Function:
    return click.option(
        "--filter", "filter_string", metavar="FILTER", help="Only rows that meet this, e.g. \"split = 'test'\"."
    )(function)


def _tag_option(function: Function) -> Function:
    return click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; may be repeated.")(function)


@command.command("list")
@json_option("One JSON object a line.")
@store_option
@click.pass_obj
def list_command(group_url: str | None, as_json: bool, store_url: str | None) -> None:
    """List datasets, newest first: name, number of rows, time of the last change, tags."""
    from tracer.cli import wording
    from tracer.cli.screen import Screen, note
    from tracer.genai.datasets import search_datasets

    _open(store_url or group_url)
    screen, found = Screen(), search_datasets()
    if as_json:
        for dataset in found:
            screen.json(_summary(dataset))
        return
    if not found:
        note("no datasets; `tracer dataset create NAME` makes one.")
        return
    screen.print(f"{'NAME':<{_NAME_WIDTH}}  {'ROWS':>9}  {'CHANGED':<19}  TAGS")
    for dataset in found:
        name = wording.clip(wording.clean_line(dataset.name), _NAME_WIDTH if screen.width else None)
        changed = wording.moment(dataset.last_update_time * 1_000_000)
        line = f"{_padded(name, _NAME_WIDTH)}  {wording.count(len(dataset)):>9}  {changed}  {_tags(dataset.tags)}"
        screen.print(wording.clip(line.rstrip(), screen.width))


def _summary(dataset: EvaluationDataset) -> dict[str, object]:
    names = ("name", "dataset_id", "tags", "created_time", "last_update_time")
    return {**{name: getattr(dataset, name) for name in names}, "rows": len(dataset)}


def _padded(text: str, width: int) -> str:
    from rich.cells import cell_len

    return text + " " * max(0, width - cell_len(text))


def _tags(tags: dict[str, str]) -> str:
    from tracer.cli.wording import clean_line

    return clean_line(", ".join(f"{key}={value}" for key, value in tags.items()))


@command.command("show", epilog=examples("tracer dataset show questions --filter \"split = 'test'\" --limit 50"))
@click.argument("name")
@_row_filter_option
@click.option(
    "--limit", type=click.IntRange(1, _MOST_ROWS), default=20, show_default=True, help="How many rows at most."
)
@json_option("One JSON object a line, as `tracer dataset export` writes it.")
@store_option
@click.pass_obj
def show_command(
    group_url: str | None, name: str, filter_string: str | None, limit: int, as_json: bool, store_url: str | None
) -> None:
    """Show the rows of a dataset, oldest first: id, split, inputs, expectations."""
    from itertools import islice

    from tracer.cli.screen import Screen, note
    from tracer.cli.wording import how_many

    _open(store_url or group_url)
    part = _part(name, filter_string)
    rows = list(islice(part.rows(), limit + 1))
    screen = Screen()
    if not rows:
        note("no row meets the filter." if filter_string else "no rows; `tracer dataset add` adds some.")
    elif not as_json:
        screen.print(f"{'ID':<{_ID_DIGITS + 2}}  {'SPLIT':<{_SPLIT_WIDTH}}  INPUTS  →  EXPECTATIONS")
    for row in rows[:limit]:
        if as_json:
            screen.json(_plain(row))
        else:
            screen.print(_line(row, screen.width))
    if len(rows) > limit and not as_json:
        note(f"There are more than {how_many(limit, 'row')}: --limit shows them.")


def _line(row: DatasetRow, width: int | None) -> str:
    from tracer.cli.wording import clean_line, clip

    row_id = row.id[: _ID_DIGITS + 2] if width else row.id
    split = _padded(clip(clean_line(row.split or ""), _SPLIT_WIDTH if width else None), _SPLIT_WIDTH)
    inputs, expected = _text(row.inputs), ", ".join(f"{key}: {_text(it)}" for key, it in row.expectations.items())
    left = None if width is None else max(20, (width - _ID_DIGITS - _SPLIT_WIDTH - 11) // (2 if expected else 1))
    shown = clip(clean_line(inputs), left)
    return f"{row_id}  {split}  {shown}" + (f"  →  {clip(clean_line(expected), left)}" if expected else "")


def _text(value: object) -> str:
    """A value in one line; of one argument that is a text, that."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
        return only
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@command.command("create", epilog=examples("tracer dataset create questions --tag team=search"))
@click.argument("name")
@_tag_option
@json_option("One JSON object: id and name.")
@store_option
@click.pass_obj
def create_command(
    group_url: str | None, name: str, tags: tuple[str, ...], as_json: bool, store_url: str | None
) -> None:
    """Make a dataset; one that is there gets the tags."""
    from tracer.cli.reading import store_place
    from tracer.cli.screen import tell
    from tracer.genai.datasets import create_dataset

    place = store_place(store_url or group_url)
    dataset = create_dataset(name, tags=_tags_of(tags))
    tell(as_json, {"dataset_id": dataset.dataset_id, "name": dataset.name}, f"{dataset.name!r} is in {place}")


def _tags_of(given: tuple[str, ...]) -> dict[str, str]:
    for tag in given:
        if not tag.partition("=")[0].strip() or "=" not in tag:
            raise InvalidArgumentError(f"--tag: got {tag!r}, expected KEY=VALUE.")
    return {key: value for key, _, value in (tag.partition("=") for tag in given)}


@command.command(
    "add",
    epilog=examples(
        "tracer dataset add questions latest",
        "tracer dataset add questions --filter \"status = 'ERROR'\" --split test --tag kind=hard",
    ),
)
@click.argument("name")
@click.argument("traces", nargs=-1, metavar="[ID|latest]...")
@filter_option
@click.option("--split", help="The split of the rows that are added, such as test.")
@_tag_option
@json_option("One JSON object: how many rows were added and changed, and traces left out.")
@store_option
@click.pass_obj
def add_command(
    group_url: str | None,
    name: str,
    traces: tuple[str, ...],
    filter_string: str | None,
    split: str | None,
    tags: tuple[str, ...],
    as_json: bool,
    store_url: str | None,
) -> None:
    """Add traces to a dataset: inputs and outputs of their roots, and their expectations."""
    from tracer._engine.runtime import runtime
    from tracer.cli.reading import find_trace
    from tracer.cli.screen import tell
    from tracer.cli.wording import how_many

    if bool(traces) == (filter_string is not None):
        raise InvalidArgumentError("give either trace ids or --filter.")
    _open(store_url or group_url)
    dataset = _dataset(name)
    runtime().sync()
    data = [find_trace(runtime().store(), trace).row.trace_id for trace in traces] or None
    done = dataset.add(data, filter_string=filter_string, split=split, tags=_tags_of(tags))
    skipped = f", {how_many(done.skipped, 'trace')} without inputs left out" if done.skipped else ""
    counts = {"added": done.added, "changed": done.changed, "skipped": done.skipped}
    tell(as_json, counts, f"added {how_many(done.added, 'row')}, changed {done.changed:,}{skipped}")


@command.command(
    "export",
    epilog=examples("tracer dataset export questions -o questions.jsonl", "tracer dataset export questions | wc -l"),
)
@click.argument("name")
@_row_filter_option
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write, else stdout.")
@store_option
@click.pass_obj
def export_command(
    group_url: str | None, name: str, filter_string: str | None, output: Path | None, store_url: str | None
) -> None:
    """Write the rows of a dataset as JSON lines, which `tracer dataset import` reads."""
    from tracer.cli.exporting import sink
    from tracer.cli.screen import note
    from tracer.cli.wording import how_many

    _open(store_url or group_url)
    part, number = _part(name, filter_string), 0
    with sink(output) as write:
        for row in part.rows():
            write(orjson.dumps(_plain(row)) + b"\n")
            number += 1
    note(f"wrote {how_many(number, 'row')}" + (f" to {output}" if output else ""))


def _plain(row: DatasetRow) -> dict[str, object]:
    names = ("id", "inputs", "outputs", "expectations", "tags", "split", "trace_id", "source")
    return {name: value for name in names if (value := getattr(row, name)) not in (None, {}) or name == "inputs"}


@command.command(
    "import",
    epilog=examples(
        "tracer dataset import questions questions.jsonl",
        "jq -c '{inputs: {question: .q}, expectations: {answer: .a}}' q.jsonl | tracer dataset import questions -",
    ),
)
@click.argument("name")
@click.argument("files", nargs=-1, required=True, metavar="FILE|-...", type=click.Path(allow_dash=True, path_type=Path))
@click.option("--split", help="The split of rows that have none.")
@_tag_option
@json_option("One JSON object: how many rows were added and changed.")
@store_option
@click.pass_obj
def import_command(
    group_url: str | None,
    name: str,
    files: tuple[Path, ...],
    split: str | None,
    tags: tuple[str, ...],
    as_json: bool,
    store_url: str | None,
) -> None:
    """Read JSON lines into a dataset, which is made if there is none: objects with inputs, and perhaps expectations."""
    from tracer.cli.importing import check_files, opened, readable
    from tracer.cli.reading import store_place
    from tracer.cli.screen import tell
    from tracer.cli.wording import how_many
    from tracer.genai.datasets import create_dataset

    check_files(files)
    place = store_place(store_url or group_url)
    dataset, added, changed = create_dataset(name), 0, 0
    for file in files:
        with opened(file) as lines:
            reader = _Rows(readable(str(file), lines))
            try:
                done = dataset.add(reader, split=split, tags=_tags_of(tags))
            except InvalidArgumentError as error:
                raise InvalidArgumentError(f"{file}, line {reader.number}{_at_line(str(error))}") from None
        added, changed = added + done.added, changed + done.changed
    words = f"added {how_many(added, 'row')} to {dataset.name!r} in {place}, changed {changed:,}"
    tell(as_json, {"added": added, "changed": changed}, words)


def _at_line(message: str) -> str:
    """A message about a row, without its place in the file's rows."""
    at_row = re.match(r"data\[\d+\]", message)
    return message[at_row.end() :] if at_row else f": {message}"


class _Rows:
    """The rows in JSON lines; ``number`` is that of the line that was read last."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[object]:
        for line in self._lines:
            self.number += 1
            if line.strip():
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise InvalidArgumentError(f"not JSON: {error}. Expected an object with inputs a line.") from None


@command.command(
    "delete",
    epilog=examples("tracer dataset delete questions", "tracer dataset delete questions --filter \"split = 'old'\""),
)
@click.argument("name")
@_row_filter_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option("One JSON object: how many rows were deleted.")
@store_option
@click.pass_obj
def delete_command(
    group_url: str | None, name: str, filter_string: str | None, yes: bool, as_json: bool, store_url: str | None
) -> None:
    """Delete a dataset with its rows; with --filter some rows alone."""
    from tracer.cli.screen import confirm, tell
    from tracer.cli.wording import how_many
    from tracer.genai.datasets import delete_dataset

    _open(store_url or group_url)
    part = _part(name, filter_string)
    deleted = len(part)
    if not yes:
        rows = how_many(deleted, "row")
        what = f"{rows} of {part.name!r}" if filter_string else f"{part.name!r} with {rows}"
        confirm(f"Delete {what}?")
    if filter_string:
        deleted = part.delete(filter_string=filter_string)
    else:
        delete_dataset(part.name)
    tell(as_json, {"deleted": deleted}, f"deleted {how_many(deleted, 'row')}")


def _open(store_url: str | None) -> None:
    """Configure the store. Raises NoStoreError rather than create one."""
    from tracer.cli.reading import NoStoreError, store_place

    place = store_place(store_url)
    if not place.exists():
        raise NoStoreError("datasets", place, "Make one with `tracer dataset create NAME`.")


def _part(name: str, filter_string: str | None) -> EvaluationDataset:
    dataset = _dataset(name)
    return dataset.search(filter_string) if filter_string else dataset


def _dataset(name: str) -> EvaluationDataset:
    from tracer.genai.datasets import get_dataset

    try:
        return get_dataset(name)
    except DatasetNotFoundError as error:
        raise DatasetNotFoundError(f"{error}, as does `tracer dataset create`") from None
