"""``tracer demo``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tracer._distribution import install_advice
from tracer.cli.options import examples, store_option
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.cli.screen import Screen

DEFAULT_MODEL = "gpt-4o-mini"
_SECONDS_PER_REPLY, _SECONDS_PER_CHUNK = 0.15, 0.02


class DemoError(TracerError):
    """The demo cannot run as asked."""


@click.command(
    "demo",
    epilog=examples(
        "tracer demo",
        "OPENAI_API_KEY=… tracer demo --live --model gpt-4o",
        "OPENAI_API_KEY=- OPENAI_BASE_URL=http://localhost:8000/v1 tracer demo --live",
    ),
)
@click.option("--live", is_flag=True, help="Talk to a real provider: needs OPENAI_API_KEY, and takes OPENAI_BASE_URL.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model to ask.")
@store_option
def command(live: bool, model: str, store_url: str | None) -> None:
    """Run a small agent with the real openai package, trace it, and show what tracer saw.

    The agent asks a model which tools to use, runs them, asks two colleagues at once (async) and streams its decision.
    Without --live it talks to a server with scripted replies that the demo starts on this machine: no key, no cost.
    """
    _require_openai()
    import tracer
    from tracer.cli.reading import store_place
    from tracer.cli.screen import Screen
    from tracer.cli.wording import clean
    from tracer.demo.agent import QUESTION, TripAgent

    place = store_place(store_url)
    tracer.enable()
    tracer.openai.autolog()
    screen = Screen()
    with _provider(screen, live=live) as connection:
        agent = TripAgent(model=model, on_text=lambda piece: click.echo(clean(piece), nl=False), **connection)
        screen.print(f"\nyou    {QUESTION}")
        click.echo("agent  ", nl=False)
        try:
            agent.answer(QUESTION)
        except Exception as error:
            # the trace of a failure is of more use than that of a success
            click.echo()
            _show_trace(screen)
            raise DemoError(f"the agent failed: {type(error).__name__}: {error}") from error
        finally:
            tracer.openai.autolog(disable=True)
    click.echo("\n")
    _show_trace(screen)
    option = f" --store {shlex.quote(store_url)}" if store_url and store_url != os.environ.get("TRACER_STORE") else ""
    screen.wrapped(f"\nThe trace is in {place}. See all that was said, and what else is there:")
    screen.print(f"  tracer show latest --full{option}\n  tracer list{option}")


def _require_openai() -> None:
    try:
        import openai  # noqa: F401
    except ImportError:
        raise DemoError(
            f"the demo calls the openai package, which is not installed: {install_advice('openai')}"
        ) from None


@contextmanager
def _provider(screen: Screen, *, live: bool) -> Iterator[dict[str, str | None]]:
    """Base URL and key of the model's API; a line on the screen names the source of the replies."""
    if live:
        key = os.environ.get("OPENAI_API_KEY")
        if not key:
            raise click.UsageError("--live needs an API key in OPENAI_API_KEY. Without --live the demo needs none.")
        screen.wrapped(
            f"Live: the replies come from {os.environ.get('OPENAI_BASE_URL') or 'https://api.openai.com/v1'}."
        )
        yield {"base_url": os.environ.get("OPENAI_BASE_URL"), "api_key": key}
        return
    from tracer.demo.server import DemoServer

    with DemoServer(seconds_per_reply=_SECONDS_PER_REPLY, seconds_per_chunk=_SECONDS_PER_CHUNK) as server:
        screen.wrapped(
            "Scripted: no model is asked and no key needed. The real openai package talks over real HTTP to a server "
            f"that this demo runs at {server.base_url}. With --live it talks to a real provider."
        )
        yield {"base_url": server.base_url, "api_key": "scripted-demo"}


def _show_trace(screen: Screen) -> None:
    import tracer
    from tracer._engine.runtime import runtime
    from tracer.cli.reading import find_trace
    from tracer.cli.steps import steps_of
    from tracer.cli.tree import print_headline, print_tree

    trace_id = tracer.get_last_active_trace_id()
    if trace_id is None:
        raise DemoError("nothing was recorded: TRACER_ENABLED or TRACER_SAMPLE_RATE turn recording off.")
    runtime().sync()
    trace = find_trace(runtime().store(), trace_id)
    print_headline(screen, trace)
    screen.print()
    print_tree(screen, steps_of(trace.spans))
