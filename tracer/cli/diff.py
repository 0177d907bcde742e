"""``tracer diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, json_option, store_option

if TYPE_CHECKING:
    from tracer._api.traces import Trace
    from tracer._diff import TraceDiff
    from tracer.cli.screen import Screen


@click.command(
    "diff", epilog=examples("tracer diff 4f2a1b latest", "tracer diff 4f2a1b 9c0d77 --ignore temperature --json")
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--ignore", multiple=True, metavar="FIELD", help='Do not compare this field: "seed", "metadata.run_id".')
@click.option("--strict", is_flag=True, help="Ids, dates, times and white space count, too.")
@json_option("One JSON object: the first difference, and all of them by step.")
@store_option
def command(a: str, b: str, ignore: tuple[str, ...], strict: bool, as_json: bool, store_url: str | None) -> None:
    """The first difference between two traces: step, message and words.

    A and B are ids, first digits of ids, or "latest". The exit code is 1 if the traces differ, like that of diff.
    """
    from tracer._api.traces import trace_from_stored
    from tracer._diff import diff
    from tracer.cli.reading import find_trace, store_for_reading
    from tracer.cli.screen import Screen

    store = store_for_reading(store_url)
    found = diff(*(trace_from_stored(find_trace(store, each)) for each in (a, b)), ignore=ignore, strict=strict)
    screen = Screen()
    if as_json:
        screen.json(found.to_dict(), indent=screen.is_terminal)
    else:
        print_diff(screen, found)
    if found:
        raise click.exceptions.Exit(1)


def print_diff(screen: Screen, found: TraceDiff) -> None:
    """Print both traces, their first difference, and the steps of both with all differences."""
    from tracer._replay.differing import unified
    from tracer.cli.wording import clean, clean_line, how_many

    for side, trace in (("a", found.a), ("b", found.b)):
        screen.print(f"{side}  {_headline(trace)}")
    screen.print("")
    first = found.first
    if first is None:
        screen.print(f"No difference in {how_many(len(found.steps), 'step')}.")
        return
    screen.print(f"They part at {clean_line(' > '.join(first.step))}:")
    screen.print(f"  {clean_line(str(first))}")
    if isinstance(first.a, str) and isinstance(first.b, str):
        screen.print("\n".join(f"  {line}" for line in clean(unified(first.a, first.b)).splitlines()))
    screen.print("")
    for sign, depth, name, told in _lines(found):
        screen.print(f"{sign} {'  ' * min(depth, 12)}{clean_line(name)}{told}")


def _headline(trace: Trace) -> str:
    from tracer.cli.wording import clean_line, count, duration, how_many, money

    info = trace.info
    tokens = (info.token_usage or {}).get("total_tokens")
    facts = [
        info.trace_id,
        clean_line(info.name or "(no name)"),
        info.state,
        how_many(len(trace.data.spans), "step"),
        None if info.execution_duration is None else duration(int(info.execution_duration * 1e6)),
        None if tokens is None else f"{count(tokens)} tokens",
        money((info.cost or {}).get("total_cost")),
    ]
    return "  ".join(fact for fact in facts if fact)


def _lines(found: TraceDiff) -> list[tuple[str, int, str, str]]:
    """A line for each step: its sign, depth and name, and the places that differ."""
    lines = []
    for pair, differing in found.steps:
        sign = "-" if pair.b is None else "+" if pair.a is None else "~" if differing else " "
        places = [difference.where for difference in differing if difference.where]
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        told = f"  {', '.join(places[:3])}{more}" if places else ""
        lines.append((sign, len(pair.path) - 1, pair.path[-1], told))
    return lines
