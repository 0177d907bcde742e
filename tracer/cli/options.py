"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

_ANY_LENGTH = 10_000

Function = TypeVar("Function", bound=Callable[..., object])

STORE_HELP = "Store to use: a URL such as sqlite:///tracer.db, or the path of a file.  [default: sqlite:///tracer.db]"


class Group(click.Group):
    """A command of several, whose help has the whole first sentence of each."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([
                (name, command.get_short_help_str(_ANY_LENGTH)) for name, command in commands if command is not None
            ])  # fmt: skip


def store_option(function: Function) -> Function:
    """``--store URL``, else TRACER_STORE, else the default."""
    return click.option(
        "--store", "store_url", metavar="URL", envvar="TRACER_STORE", show_envvar=True, help=STORE_HELP
    )(function)


def json_option(help: str) -> Callable[[Function], Function]:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def filter_option(function: Function) -> Function:
    """``--filter``, in the grammar of search_traces."""
    return click.option(
        "--filter", "filter_string", metavar="FILTER", help="Only traces that meet this, e.g. \"status = 'ERROR'\"."
    )(function)


def examples(*lines: str) -> str:
    """An epilog of examples, without wrapping."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
