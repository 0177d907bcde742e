"""``tracer server``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tracer.cli.administration import folder_of_projects, place_for_projects, refuse_projects
from tracer.cli.options import examples, store_option
from tracer.cli.serving import refuse_remote, run_projects, run_server, server_packages, serving_options, settings_for

if TYPE_CHECKING:
    from tracer.server.logs import LogFormat
    from tracer.server.oidc.rules import Oidc


@click.command(
    "server",
    epilog=examples(
        "tracer server --host 0.0.0.0 --store /var/lib/tracer/traces.db",
        "TRACER_TOKEN=… tracer server --host 0.0.0.0 --allow-host traces.example.org",
        "tracer server --host 0.0.0.0 --store /var/lib/tracer/",
        "tracer server --host 0.0.0.0 --projects --store clickhouse://tracer:…@host:8123/traces",
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
@click.option(
    "--oidc-issuer", metavar="URL", help="People sign in to the page at this OpenID Connect provider; with projects."
)
@click.option("--oidc-client", metavar="ID", help="The id that the provider has given this server.")
@click.option(
    "--oidc-secret-file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The secret that the provider has given it; else it is in TRACER_OIDC_SECRET.",
)
@click.option(
    "--oidc-role",
    "oidc_roles",
    multiple=True,
    metavar="ROLES:PROJECT=WHO",
    help="Whom to let in: an e-mail address, @DOMAIN or CLAIM=VALUE. The first that fits counts; may be repeated.",
)
@click.option(
    "--projects",
    "has_projects",
    is_flag=True,
    help="Serve projects, each with a store and keys of its own: in a folder, or in ClickHouse with a database each.",
)
@store_option
def command(
    host: str,
    port: int,
    token: str | None,
    allowed_hosts: tuple[str, ...],
    log_format: LogFormat,
    oidc_issuer: str | None,
    oidc_client: str | None,
    oidc_secret_file: str | None,
    oidc_roles: tuple[str, ...],
    has_projects: bool,
    store_url: str | None,
    **others: Any,
) -> None:
    """Serve a store to other machines, or projects, each with a store and keys of its own, from a folder or ClickHouse.

    Programs there send with tracer.set_tracking_uri("http://host:5000"), or with any OTLP exporter to
    http://host:5000/v1/traces and http://host:5000/v1/logs.
    """
    projects = place_for_projects(store_url) if has_projects else folder_of_projects(store_url)
    if oidc_issuer is not None:
        others["oidc"] = _provider(oidc_issuer, oidc_client, oidc_secret_file, oidc_roles)
    elif oidc_client or oidc_secret_file or oidc_roles:
        raise click.UsageError("--oidc-issuer is missing: the URL of the provider")
    if projects is not None:
        if click.get_current_context().get_parameter_source("token") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--token: projects have keys instead; `tracer keys create` makes them")
        run_projects(str(projects), settings_for(host, port, None, allowed_hosts, projects=True, **others), log_format)
        return
    refuse_remote(store_url)
    refuse_projects(store_url)
    settings = settings_for(host, port, token, allowed_hosts, **others)
    run_server(store_url, settings, shows_token=token is None, log_format=log_format)


def _provider(issuer: str, client: str | None, secret_file: str | None, roles: tuple[str, ...]) -> Oidc:
    with server_packages():
        from tracer.server.oidc.rules import Oidc

    if secret_file is None:
        secret = os.environ.get("TRACER_OIDC_SECRET")
    else:
        try:
            secret = Path(secret_file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise click.ClickException(f"cannot read {secret_file}: {error}") from error
    return Oidc(issuer, client or "", secret or None, roles)
