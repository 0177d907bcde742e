"""``tracer server``."""

from __future__ import annotations

from typing import Any

import click

from tracer.cli.options import examples, store_option
from tracer.cli.serving import refuse_remote, run_server, serving_options, settings_for


@click.command(
    "server",
    epilog=examples(
        "tracer server --host 0.0.0.0 --store /var/lib/tracer/traces.db",
        "TRACER_TOKEN=… tracer server --host 0.0.0.0 --allow-host traces.example.org",
    ),
)
@serving_options
@store_option
def command(
    host: str, port: int, token: str | None, allowed_hosts: tuple[str, ...], store_url: str | None, **trying: Any
) -> None:
    """Serve a store to other machines.

    Programs there send with tracer.set_tracking_uri("http://host:5000"), or with any OTLP exporter to
    http://host:5000/v1/traces and http://host:5000/v1/logs.
    """
    refuse_remote(store_url)
    run_server(store_url, settings_for(host, port, token, allowed_hosts, **trying), shows_token=token is None)
