"""``tracer server``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tracer.cli.administration import folder_of_projects
from tracer.cli.options import examples, store_option
from tracer.cli.serving import refuse_remote, run_projects, run_server, serving_options, settings_for

if TYPE_CHECKING:
    from tracer.server.logs import LogFormat


@click.command(
    "server",
    epilog=examples(
        "tracer server --host 0.0.0.0 --store /var/lib/tracer/traces.db",
        "TRACER_TOKEN=… tracer server --host 0.0.0.0 --allow-host traces.example.org",
        "tracer server --host 0.0.0.0 --store /var/lib/tracer/",
    ),
)
@serving_options
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines of text, or a JSON object a line, on standard error.",
)
@click.option("--log-requests", is_flag=True, help="A line for every request, too.")
@click.option(
    "--drain",
    "drain_seconds",
    type=click.FloatRange(0, 600),
    default=0,
    metavar="SECONDS",
    help="Go on so long after SIGTERM, while /ready says 503: for what has to send requests elsewhere first.",
)
@click.option(
    "--alerts",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Rules in TOML: what to look for, and whom to tell.",
)
@store_option
def command(
    host: str,
    port: int,
    token: str | None,
    allowed_hosts: tuple[str, ...],
    log_format: LogFormat,
    store_url: str | None,
    **others: Any,
) -> None:
    """Serve a store to other machines, or projects, each with a store and keys of its own, from a folder.

    Programs there send with tracer.set_tracking_uri("http://host:5000"), or with any OTLP exporter to
    http://host:5000/v1/traces and http://host:5000/v1/logs.
    """
    folder = folder_of_projects(store_url)
    if folder is not None:
        if click.get_current_context().get_parameter_source("token") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--token: a folder of projects has keys instead; `tracer keys create` makes them")
        run_projects(folder, settings_for(host, port, None, allowed_hosts, projects=True, **others), log_format)
        return
    refuse_remote(store_url)
    settings = settings_for(host, port, token, allowed_hosts, **others)
    run_server(store_url, settings, shows_token=token is None, log_format=log_format)
