"""``tracer push``."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import click

from tracer.cli.copying import counted, opened_target, progress_bar, shown_url, to_token_option, told
from tracer.cli.options import examples, json_option, store_option
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.export.copying import Thing

_KINDS = ("trace", "run", "version")


@click.command(
    "push",
    epilog=examples(
        "tracer push \"tags.show = 'yes'\" --to https://tracer.example.org",
        "tracer push \"session = 's-42'\" --redact '\\bACME-\\d+' --dry-run",
    ),
)
@click.argument("filter_string", metavar="FILTER")
@click.option(
    "--to", "to_url", required=True, envvar="TRACER_PUSH_TO", show_envvar=True, metavar="URL",
    help="The server, or another store, to send them to.",
)  # fmt: skip
@to_token_option
@click.option("--redact", "patterns", multiple=True, metavar="PATTERN", help="A regular expression to redact as well.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent and redacted, and send nothing.")
@json_option("One JSON object: how much was sent, and what was redacted.")
@store_option
def command(
    filter_string: str, to_url: str, to_token: str | None, patterns: tuple[str, ...], dry_run: bool, as_json: bool,
    store_url: str | None,
) -> None:  # fmt: skip
    """Send the traces that meet FILTER to a team's server, redacted once more by the rules of this version.

    With them go the runs and versions that they name. What is there already is passed over.
    """
    from tracer._engine.runtime import runtime
    from tracer._redaction.redactor import Redactor
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen, note
    from tracer.export.copying import Copying
    from tracer.store.filter import parse_filter

    condition = parse_filter(filter_string)
    if condition is None:
        raise InvalidArgumentError("FILTER is empty: name the traces, or use tracer copy for all of them.")
    redact = Redactor([*runtime().settings.redact, *patterns])
    source = store_for_reading(store_url)
    with closing(opened_target(to_url, source, token=to_token or runtime().settings.token)) as target:
        copying = Copying(source, target, redact=redact, dry_run=dry_run)
        with progress_bar("Pushing", source.count_traces(condition)) as advance:
            for number in copying.traces(condition):
                advance(number)
    if as_json:
        Screen().json({**counted(copying.done, to_url), "dry_run": dry_run, **_for_programs(copying.done.redacted)})
        return
    note(f"{told(copying.done, 'would push' if dry_run else 'pushed')} to {shown_url(to_url)}")
    _print_redacted(copying.done.redacted)


def _fields(redacted: dict[Thing, Counter[str]]) -> Counter[str]:
    return sum(redacted.values(), Counter())


def _for_programs(redacted: dict[Thing, Counter[str]]) -> dict[str, object]:
    fields = [{"field": name, "texts": number} for name, number in sorted(_fields(redacted).items())]
    ids = {f"redacted_{kind}s": [thing.id for thing in redacted if thing.kind == kind] for kind in _KINDS}
    return {"redacted": fields, **ids}


def _print_redacted(redacted: dict[Thing, Counter[str]]) -> None:
    from tracer.cli.wording import clean_line, how_many

    fields = _fields(redacted)
    if not fields:
        click.echo("redacted nothing more")
        return
    kinds = Counter(thing.kind for thing in redacted)
    where = ", ".join(how_many(kinds[kind], kind) for kind in _KINDS if kinds[kind])
    click.echo(f"redacted {how_many(sum(fields.values()), 'text')} more in {where}:")
    for name, number in sorted(fields.items()):
        click.echo(f"  {clean_line(name)}: {number}")
    for thing in redacted:
        click.echo(thing.id if thing.kind == "trace" else f"{thing.kind} {clean_line(thing.id)}")
