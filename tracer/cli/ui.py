"""``tracer ui``."""

from __future__ import annotations

from typing import Any

import click

from tracer.cli.options import examples, store_option
from tracer.cli.serving import refuse_remote, run_server, serving_options, settings_for


@click.command("ui", epilog=examples("tracer ui", "tracer ui --store november.db --port 5001 --no-open"))
@serving_options
@click.option("--no-open", is_flag=True, help="Leave the browser alone.")
@store_option
def command(
    host: str,
    port: int,
    token: str | None,
    allowed_hosts: tuple[str, ...],
    no_open: bool,
    store_url: str | None,
    **trying: Any,
) -> None:
    """Look at traces in the browser. What programs do meanwhile shows at once. Ctrl-c ends it."""
    refuse_remote(store_url)
    settings = settings_for(host, port, token, allowed_hosts, **trying)
    run_server(store_url, settings, shows_token=token is None, opens_browser=not no_open)
