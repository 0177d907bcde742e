"""Common parts of ``tracer ui`` and ``tracer server``: options, store, and the running server."""

from __future__ import annotations

import os
import secrets
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tracer._distribution import install_advice
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.server import ServerSettings
    from tracer.server.logs import LogFormat

Function = TypeVar("Function", bound=Callable[..., object])
_RECOVER_SECONDS = 5.0
_FIRST_KEY = "The first administrator's key, of the project default, which is shown this once"


def serving_options(function: Function) -> Function:
    """Options for the address and for access."""
    options = (
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.option(
            "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="0 takes any free one."
        ),
        click.option(
            "--token",
            envvar="TRACER_TOKEN",
            show_envvar=True,
            metavar="TEXT",
            help="What callers have to know. On other addresses than 127.0.0.1 one is made where none is given.",
        ),
        click.option(
            "--allow-host",
            "allowed_hosts",
            multiple=True,
            metavar="NAME",
            help="A DNS name by which the server is called, beside localhost; may be repeated.",
        ),
        click.option(
            "--try-again",
            is_flag=True,
            help="The page may make calls of models, to providers whose key is in the environment.",
        ),
        click.option(
            "--try-endpoint",
            "try_endpoints",
            multiple=True,
            metavar="URL[=VARIABLE]",
            help="Another server of models for that, and the variable with its key; may be repeated.",
        ),
        click.option(
            "--try-limit",
            type=click.IntRange(1),
            default=200,
            show_default=True,
            metavar="N",
            help="At most so many of these calls an hour.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@contextmanager
def server_packages() -> Iterator[None]:
    """Report the packages to install where an import of the server fails."""
    try:
        yield
    except ImportError as error:
        raise click.ClickException(
            f"the server needs packages that are not installed ({error.name}): {install_advice('server')}"
        ) from error


def settings_for(
    host: str, port: int, token: str | None, allowed_hosts: tuple[str, ...], **others: Any
) -> ServerSettings:
    """Checked settings, with a new token if one is needed and none was given."""
    with server_packages():
        from tracer.server.settings import ServerSettings, is_loopback
    if token is None and not is_loopback(host) and not others.get("projects"):
        token = secrets.token_urlsafe(24)
    return ServerSettings(host, port, token, allowed_hosts, **others)


def run_server(
    store_url: str | None,
    settings: ServerSettings,
    *,
    shows_token: bool,
    opens_browser: bool = False,
    log_format: LogFormat = "text",
) -> None:
    """Serve a store until ctrl-c; a token from the user is not printed."""
    from tracer._engine.runtime import runtime
    from tracer.cli.reading import store_place
    from tracer.server.app import create_app
    from tracer.server.logs import announce, write_log
    from tracer.server.serve import listen, serve

    place = store_place(store_url)
    is_read_only = place.file is not None and place.file.exists() and not os.access(place.file, os.W_OK)
    app = create_app(runtime().store, settings, place=str(place), read_only=is_read_only)
    listening = listen(settings)
    runtime().store()  # opened before the server starts: its error is printed in the terminal
    page = _page(settings, listening.getsockname()[1])
    recoverer = _Recoverer()
    write_log(log_format)

    def ready() -> None:
        link = _link(page, settings.token if shows_token else None)
        if log_format == "json":
            announce(f"tracer serves {place} at {page}")
            if link != page:  # the only place where the token is shown
                announce("a token was made for this start; the link has it", link=link)
        else:
            click.echo(f"tracer serves {place}\n  {link}\nctrl-c ends it", err=True)
        recoverer.start()
        if opens_browser:
            # every user of the machine can see the browser's arguments
            link = _link(page, app.state.codes.make() if settings.token else None)
            threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()

    try:
        serve(app, listening, ready=ready)
    finally:
        recoverer.stop()


def run_projects(url: str, settings: ServerSettings, log_format: LogFormat) -> None:
    """Serve projects until ctrl-c; the first time the first administrator's key is printed."""
    from tracer._catalog.opening import open_catalog
    from tracer.server.logs import announce, write_log
    from tracer.server.projects.app import create_app_of_projects
    from tracer.server.serve import listen, serve

    catalog = open_catalog(url)
    listening = listen(settings)
    page = _page(settings, listening.getsockname()[1])
    app = create_app_of_projects(catalog, settings)
    key = catalog.start()  # after all that may fail: it is shown this once
    write_log(log_format)

    served = f"tracer serves the projects in {catalog.place}"

    def ready() -> None:
        if log_format == "json":
            announce(f"{served} at {page}")
            if key is not None:
                announce(_FIRST_KEY, key=key)
            return
        click.echo(f"{served}\n  {page}", err=True)
        if key is not None:
            click.echo(f"{_FIRST_KEY}:\n  {key}", err=True)
        click.echo("ctrl-c ends it", err=True)

    try:
        serve(app, listening, ready=ready)
    finally:
        catalog.close()


def _link(page: str, token: str | None) -> str:
    return f"{page}#token={token}" if token else page


def _page(settings: ServerSettings, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{shown}:{port}/"


class _Recoverer:
    """Recovers the journals of dead processes, so that their traces are shown."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tracer-recovery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        from tracer._engine.runtime import runtime
        from tracer._fault import guard

        while True:
            with guard("looking for journals of dead processes"):
                runtime().sync()
            if self._ended.wait(_RECOVER_SECONDS):
                return


def refuse_remote(store_url: str | None) -> None:
    """Refuse the URL of a server: only a local store can be served."""
    url = store_url or os.environ.get("TRACER_STORE", "")
    if url.startswith(("http://", "https://")):
        raise InvalidArgumentError(f"{url} is a tracer server already: open it in a browser.")
