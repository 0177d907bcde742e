"""``tracer show``."""

from __future__ import annotations

import click

from tracer.cli.options import examples, json_option, store_option


@click.command(
    "show",
    epilog=examples(
        "tracer show latest",
        "tracer show 4f2a1b --full",
        "tracer show latest --json | jq '.data.spans[].name'",
    ),
)
@click.argument("trace", metavar="[ID|latest]", default="latest")
@click.option("--full", is_flag=True, help="Also what was said: prompts, replies, tool calls, stack traces.")
@json_option("The whole trace as JSON, as Trace.to_json() gives it.")
@store_option
def command(trace: str, full: bool, as_json: bool, store_url: str | None) -> None:
    """Show one trace: its steps as a tree, with kind, tokens, cost, time and errors.

    A trace is named by its id, by the first digits of it, or as "latest", which is also the default.
    """
    from tracer._api.traces import trace_from_stored
    from tracer.cli.conversation import print_steps
    from tracer.cli.reading import find_trace, store_for_reading
    from tracer.cli.screen import Screen
    from tracer.cli.steps import steps_of
    from tracer.cli.tree import print_headline, print_tree

    stored = find_trace(store_for_reading(store_url), trace)
    screen = Screen()
    if as_json:
        screen.json(trace_from_stored(stored).to_dict(), indent=screen.is_terminal)
        return
    steps = steps_of(stored.spans)
    print_headline(screen, stored)
    screen.print()
    print_tree(screen, steps, is_numbered=True)  # as tracer fork --at takes them
    if full:
        print_steps(screen, steps)
