"""``tracer fork``."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import click

from tracer.cli.options import examples, store_option

_NS_PER_MS = 1_000_000


@click.command(
    "fork",
    epilog=examples(
        "tracer fork 4f2a1b --at 12 -- app.py",
        "tracer fork latest --at 12 --set model=gpt-4o --set messages[0]=@new.txt -- python app.py",
    ),
)
@click.argument("trace", metavar="TRACE")
@click.option("--at", required=True, metavar="STEP", help="The first step that is live: number, id or name.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change the requests that are made; @FILE is a text.",
)
@store_option
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED, metavar="PROGRAM [ARGUMENTS]...")
def command(trace: str, at: str, changes: tuple[str, ...], store_url: str | None, program: tuple[str, ...]) -> None:
    """Run a program again from a step of a recorded run: earlier steps come from the record, the rest is live.

    TRACE is an id, the first digits of one, or "latest"; the number of a step is its line in tracer show. Calls to
    models and tools before the step are answered from the trace. The new trace links to the old one.
    """
    from tracer._api.traces import trace_from_stored
    from tracer._journal.locations import absolute_url
    from tracer._replay.forking import fork
    from tracer._replay.whole_program import FORK
    from tracer.cli.reading import find_trace, store_for_reading, store_place
    from tracer.cli.running import command_line, run_program
    from tracer.cli.screen import note

    found = trace_from_stored(find_trace(store_for_reading(store_url), trace))
    asked = dict(map(_change, changes))
    with fork(found, at=at, set=asked) as forked:  # raises for wrong arguments now, before the program starts
        pass
    started = time.time_ns() // _NS_PER_MS
    with tempfile.TemporaryDirectory() as folder:
        # the trace itself: a program that has just begun cannot wait for threads that read a store
        file = Path(folder) / "fork.json"
        file.write_text(json.dumps({"trace": found.to_dict(), "at": forked.at, "set": asked}), encoding="utf-8")
        settings = {"TRACER_STORE": absolute_url(store_place(store_url).url), FORK: str(file)}
        code = run_program(command_line(program), {"TRACER_AUTOLOG": "all", **settings})
    try:
        _tell(found.trace_id, started, store_url)
    except Exception as error:  # the exit status is the program's
        note(f"tracer: what was recorded cannot be read now: {error}")
    sys.exit(code)


def _change(given: str) -> tuple[str, object]:
    path, equals, value = given.partition("=")
    if not equals:
        raise click.UsageError(f"--set {given}: expected FIELD=VALUE, as in --set model=gpt-4o")
    if value.startswith("@"):
        return path, Path(value[1:]).read_text(encoding="utf-8").rstrip("\n")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


def _tell(trace_id: str, since_ms: int, store_url: str | None) -> None:
    """One line on standard error: the new trace, and how to compare it."""
    from tracer import semconv
    from tracer._journal.locations import without_password
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import note
    from tracer.store import TraceQuery
    from tracer.store.filter import parse_filter

    condition = f"metadata.`{semconv.FORKED_TRACE}` = '{trace_id}' AND timestamp_ms >= {since_ms}"
    rows = store_for_reading(store_url).find_traces(TraceQuery(filter=parse_filter(condition), limit=10)).traces
    where = f" --store {without_password(store_url)}" if store_url else ""
    if not rows:
        note("tracer: nothing was recorded")
    for row in rows:
        note(f"tracer: recorded {row.trace_id}. To compare: tracer diff {trace_id} {row.trace_id}{where}")
