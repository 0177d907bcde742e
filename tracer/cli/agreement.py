"""``tracer agreement``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, filter_option, json_option, store_option

if TYPE_CHECKING:
    from tracer.cli.screen import Screen
    from tracer.genai.judge_agreement import Agreement


@click.command(
    "agreement",
    epilog=examples(
        "tracer agreement", "tracer agreement --judge correctness --human thumbs", "tracer agreement --json"
    ),
)
@click.option("--judge", metavar="NAME", help="Name of the judge's feedback; by default each that a model gave.")
@click.option("--human", metavar="NAME", help="Name of people's feedback; by default that of the judge's.")
@filter_option
@json_option("One JSON object a line, with the traces on which they disagree.")
@store_option
def command(
    judge: str | None, human: str | None, filter_string: str | None, as_json: bool, store_url: str | None
) -> None:
    """Show how far judges agree with people on the same traces: share, Cohen's kappa and who said what."""
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen, note
    from tracer.genai.judge_agreement import agreement

    store_for_reading(store_url)
    found = agreement(judge=judge, human=human, filter_string=filter_string)
    screen = Screen()
    for each in found:
        if as_json:
            screen.json(dataclasses.asdict(each))
        else:
            _print(screen, each)
    if not found and not as_json:
        note("no trace has feedback of both a judge and a person under one name; --human names another.")


def _print(screen: Screen, found: Agreement) -> None:
    from tracer.cli.wording import clean_line, count, how_many

    beyond = "-" if found.kappa is None else f"{found.kappa:.2f}"
    beside = "" if found.human == found.name else f" beside {found.human}"
    share = f"{how_many(found.traces, 'trace')}, agreed {found.agreed:.0%}"
    screen.print(clean_line(f"{found.name} by {found.judge}{beside}: {share}, kappa {beyond}"))
    labels = [clean_line(label) for label in found.confusion]
    width = max(len("judge says"), *map(len, labels)) + 2
    screen.print(f"  {'judge says'.ljust(width)}" + "".join(f"  people: {label}" for label in labels))
    for label, row in zip(labels, found.confusion.values()):
        cells = "".join(
            f"  {count(number):>{len('people: ') + len(said)}}" for said, number in zip(labels, row.values())
        )
        screen.print(f"  {label.ljust(width)}{cells}")
