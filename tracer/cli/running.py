"""``tracer run``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from tracer.cli.options import examples, store_option

_NS_PER_MS = 1_000_000
_BY_SIGNAL = 128  # added by shells to the number of the signal that ended a program


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog=examples(
        "tracer run app.py --question 'Where to?'",
        "tracer run --store runs.db --service shop -m shop.worker",
        "tracer run -- uvicorn app:app --workers 2",
        "tracer run -- pytest tests",
        "tracer run --record cassettes/refund.jsonl app.py",
    ),
)
@click.option(
    "--autolog",
    "names",
    metavar="NAMES",
    default="all",
    show_default=True,
    help="What to record: names of providers and otel, as in openai,otel.",
)
@store_option
@click.option("--service", metavar="NAME", help="Name of the service, for backends.")
@click.option("--experiment", metavar="NAME", help="Experiment that the traces belong to.")
@click.option("--sample-rate", type=click.FloatRange(0, 1), help="Part of the traces to record.")
@click.option("--no-content", is_flag=True, help="Record structure, tokens and times, and no prompts or replies.")
@click.option(
    "--record",
    "cassette",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Cassette to write, for tracer.replay.",
)
@click.option("--step", "steps", multiple=True, metavar="NAME", help="Traced function that is recorded into it, too.")
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED, metavar="PROGRAM [ARGUMENTS]...")
def command(
    names: str,
    store_url: str | None,
    service: str | None,
    experiment: str | None,
    sample_rate: float | None,
    no_content: bool,
    cassette: Path | None,
    steps: tuple[str, ...],
    program: tuple[str, ...],
) -> None:
    """Run a program and record it, without a change in it.

    PROGRAM is a Python file, -m and a module, or a command that starts Python, such as uvicorn or pytest. The processes
    that it starts are recorded as well. Ends with the program's own exit status.
    """
    from tracer._journal.locations import absolute_url
    from tracer.cli.screen import note
    from tracer.config import checked

    # now, with a message, and not in the program, which would only log it
    given = checked({"store": store_url, "service_name": service, "experiment": experiment})
    settings = {
        "TRACER_AUTOLOG": names,
        "TRACER_SERVICE_NAME": service,
        "TRACER_EXPERIMENT": experiment,
        "TRACER_SAMPLE_RATE": None if sample_rate is None else str(sample_rate),
        "TRACER_CAPTURE_CONTENT": "0" if no_content else None,
    }
    if store_url is not None:  # the same, whatever the program's folder is
        settings["TRACER_STORE"] = absolute_url(given["store"])
    started = time.time_ns() // _NS_PER_MS
    given_settings = {name: value for name, value in settings.items() if value is not None}
    with recorded_into(cassette, steps) as more:
        code = run_program(command_line(program), {**given_settings, **more})
    try:
        _tell(store_url, started)
    except Exception as error:  # the exit status is the program's
        note(f"tracer: what was recorded cannot be read now: {error}")
    sys.exit(code)


@contextmanager
def recorded_into(cassette: Path | None, steps: Sequence[str]) -> Iterator[dict[str, str]]:
    """Settings with which the processes of a program record their calls; the cassette is written when it has ended."""
    if cassette is None:
        if steps:
            raise click.UsageError("--step is recorded into a cassette: add --record FILE")
        yield {}
        return
    from tracer._replay.whole_program import RECORD, write_cassette
    from tracer.cli.screen import note
    from tracer.cli.wording import how_many

    with tempfile.TemporaryDirectory() as folder:
        calls, settings = Path(folder) / "calls", Path(folder) / "record.json"
        settings.write_text(json.dumps({"calls": str(calls), "steps": list(steps)}), encoding="utf-8")
        yield {RECORD: str(settings)}
        written = write_cassette(cassette, calls)
        note(f"tracer: {cassette} has {how_many(written, 'call')}")


def command_line(program: tuple[str, ...]) -> list[str]:
    """The command line that starts a program."""
    first = program[0]
    if first == "-m" or first.endswith((".py", ".pyw", ".pyz")):
        return [sys.executable, *program]
    found = shutil.which(first)
    if found is None:
        hint = f" To run it with Python: tracer run -m {first}" if first.replace(".", "").isidentifier() else ""
        raise click.UsageError(f"{first!r} is no Python file (.py), and no command of this name is found.{hint}")
    return [found, *program[1:]]


def run_program(command: list[str], settings: dict[str, str]) -> int:
    """A program's exit status as shells have it; it gets Ctrl-C from the terminal, other requests to end from here."""
    process = subprocess.Popen(command, env={**os.environ, **settings})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    code = process.wait()
    return code if code >= 0 else _BY_SIGNAL - code


def _tell(store_url: str | None, since_ms: int) -> None:
    """Print one line on standard error: the number of records since then, and the command to see them."""
    from tracer._journal.locations import without_password
    from tracer.cli.reading import store_for_reading, store_place
    from tracer.cli.screen import note
    from tracer.cli.wording import count, money
    from tracer.store.filter import parse_filter

    place = store_place(store_url)
    store = store_for_reading(store_url) if place.exists() else None
    traces = store.count_traces(parse_filter(f"timestamp_ms >= {since_ms}")) if store else 0
    if store is None or not traces:
        note(f"tracer: nothing was recorded in {place}")
        return
    rows = store.statistics(group_by="model", since_ms=since_ms)
    calls, costs = sum(row.calls for row in rows), [row.cost for row in rows if row.cost is not None]
    said = f"{count(traces)} trace{'' if traces == 1 else 's'}, {count(calls)} model call{'' if calls == 1 else 's'}"
    paid = f", {money(sum(costs))}" if costs else ""
    where = f" --store {without_password(store_url)}" if store_url else ""
    note(f"tracer: recorded {said}{paid}. To see them: tracer list{where}, or tracer ui{where}")
