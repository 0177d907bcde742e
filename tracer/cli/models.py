"""``tracer models``: serve a model that was logged; models that are registered."""

from __future__ import annotations

import dataclasses

import click

from tracer._distribution import install_advice
from tracer.cli.options import Group, examples, json_option, store_option

_HELP = "?"  # value of --host for `-h` alone


@click.group("models", cls=Group, epilog=examples("tracer models serve models:/my-agent", "tracer models list"))
@store_option
@click.pass_context
def command(context: click.Context, store_url: str | None) -> None:
    """Serve models that were logged with tracer.models.log_model, and register them under a name."""
    context.obj = store_url


@command.command("list", epilog=examples("tracer models list", "tracer models list my-agent"))
@click.argument("name", required=False)
@json_option("One JSON object a line.")
@store_option
@click.pass_context
def list_command(context: click.Context, name: str | None, as_json: bool, store_url: str | None) -> None:
    """List the newest version of each registered model, or all versions of one."""
    from tracer._tracking.registered_models import search_model_versions, search_registered_models
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen, note
    from tracer.cli.table import aligned
    from tracer.cli.wording import short_moment

    store_for_reading(store_url or context.obj)
    versions = search_registered_models() if name is None else search_model_versions()
    found = [version for version in versions if name in (None, version.name)]
    screen = Screen()
    if as_json:
        for version in found:
            screen.json(dataclasses.asdict(version))
        return
    if not found:
        note(f"no registered models{f' called {name}' if name else ''}; `tracer models register URI NAME` makes one.")
        return
    heads = ("model", "version", "aliases", "registered", "loads")
    rows = [
        (each.name, each.version, ", ".join(each.aliases) or "-", short_moment(each.creation_timestamp * 1_000_000),
         each.model_id)
        for each in found
    ]  # fmt: skip
    for line in aligned([heads, *rows]):
        screen.print(line)


@command.command("register", epilog=examples("tracer models register models:/m-… my-agent"))
@click.argument("model_uri", metavar="URI")
@click.argument("name")
@json_option("The version as one JSON object, as `tracer models list` gives it.")
@store_option
@click.pass_context
def register_command(context: click.Context, model_uri: str, name: str, as_json: bool, store_url: str | None) -> None:
    """Register a logged model under a name. URI is models:/ID, models:/NAME/VERSION or runs:/RUN/NAME."""
    from tracer._tracking.registered_models import register_model
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import tell

    store_for_reading(store_url or context.obj)
    version = register_model(model_uri, name)
    tell(as_json, dataclasses.asdict(version), f"registered {version.model_uri}")


@command.command("alias", epilog=examples("tracer models alias my-agent champion 3"))
@click.argument("name")
@click.argument("alias")
@click.argument("version", required=False)
@click.option("--delete", is_flag=True, help="Take the alias away.")
@json_option("One JSON object: name, alias, and the version that it is now.")
@store_option
@click.pass_context
def alias_command(
    context: click.Context,
    name: str,
    alias: str,
    version: str | None,
    delete: bool,
    as_json: bool,
    store_url: str | None,
) -> None:
    """Let models:/NAME@ALIAS be a version from now on, or take the alias away."""
    from tracer._tracking.registered_models import delete_registered_model_alias, set_registered_model_alias
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import tell

    if (version is None) != delete:
        raise click.UsageError("give a VERSION or --delete.")
    store_for_reading(store_url or context.obj)
    if version is None:
        delete_registered_model_alias(name, alias)
        tell(as_json, {"name": name, "alias": alias, "version": None}, f"{name} has no alias {alias} now.")
    else:
        set_registered_model_alias(name, alias, version)
        done = {"name": name, "alias": alias, "version": int(version)}
        tell(as_json, done, f"models:/{name}@{alias} is version {version} now.")


@command.command(
    "serve",
    epilog=examples(
        "tracer models serve models:/my-agent",
        "tracer models serve models:/my-agent/3 --port 8000 --workers 4",
        "tracer models serve ./saved-model --host 0.0.0.0 --api-key $KEY",
    ),
)
@click.argument("model_uri", metavar="URI", required=False)
@click.option("-m", "--model-uri", "other_uri", metavar="URI", help="The same as the argument.")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, is_flag=False, flag_value=_HELP,
              help="Address to listen on; `-h` alone shows this.")  # fmt: skip
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=5001, show_default=True,
              help="Port; 0 for a free one.")  # fmt: skip
@click.option("-w", "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@click.option("--threads", type=click.IntRange(1), default=40, show_default=True, help="Requests at once in a process.")
@click.option("-t", "--timeout", type=click.FloatRange(0, min_open=True), default=300.0, show_default=True,
              help="Seconds for an answer; of a stream, between its pieces.")  # fmt: skip
@click.option("--max-body-bytes", type=click.IntRange(1), default=20_000_000, show_default=True,
              help="A request's body may be as long as this.")  # fmt: skip
@click.option("--api-key", envvar="TRACER_SERVE_API_KEY", show_envvar=True, metavar="KEY",
              help="Answer only requests with `Authorization: Bearer KEY`.")  # fmt: skip
@click.option("--allow-host", "allowed_hosts", multiple=True, metavar="NAME",
              help="A DNS name by which a server without a key answers; may be repeated.")  # fmt: skip
@click.option("--env-manager", metavar="local", help="Where the model runs: in this Python, and nowhere else.")
@click.option("--trust", is_flag=True, help="Run the code of a model also if you have not logged it yourself.")
@store_option
@click.pass_context
def serve_command(
    context: click.Context,
    model_uri: str | None,
    other_uri: str | None,
    host: str,
    port: int,
    workers: int,
    threads: int,
    timeout: float,
    max_body_bytes: int,
    api_key: str | None,
    allowed_hosts: tuple[str, ...],
    env_manager: str | None,
    trust: bool,
    store_url: str | None,
) -> None:
    """Serve a model behind OpenAI's API: POST /v1/chat/completions, /v1/responses, and more.

    URI is models:/NAME, models:/NAME/VERSION, models:/NAME@ALIAS, models:/ID or a folder. Its code is run.
    """
    from tracer.cli.reading import NoStoreError, store_place
    from tracer.cli.screen import note

    if host == _HELP:
        click.echo(context.get_help())
        return
    if env_manager not in (None, "local"):
        raise click.UsageError(
            f"--env-manager {env_manager}: the model runs in this Python. Make an environment with the "
            "requirements.txt of the model's folder, and run `tracer models serve` there."
        )
    if (model_uri is None) == (other_uri is None):
        raise click.UsageError("Give the model's URI, such as models:/my-agent, once.")
    model_uri = model_uri or other_uri or ""
    place = store_place(store_url or context.obj)
    if model_uri.startswith("models:/") and not place.exists():
        raise NoStoreError("models", place, "Log one with tracer.models.log_model first, or name a model's folder.")
    try:
        from tracer.models.serving import Serving, serve
        from tracer.models.serving_app import Limits
    except ImportError as error:
        advice = install_advice("server", "models")
        raise click.ClickException(f"{error}. Serving needs more: {advice}") from error
    if api_key is None and host not in ("127.0.0.1", "localhost", "::1"):
        note("Everybody who reaches this port can use the model: --api-key asks for a key.")
    serve(
        Serving(model_uri, trust, host, port, workers),
        Limits(timeout, max_body_bytes, threads, api_key or None, host, allowed_hosts),
        on_ready=lambda model, url: click.echo(f"Serving {model.name} ({model.model_id or model.path}) at {url}/v1"),
    )
