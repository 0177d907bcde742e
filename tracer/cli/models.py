"""``tracer models``: serve a model that was logged."""

from __future__ import annotations

import click

from tracer._distribution import install_advice
from tracer.cli.options import examples, store_option


@click.group("models", epilog=examples("tracer models serve models:/my-agent"))
@store_option
@click.pass_context
def command(context: click.Context, store_url: str | None) -> None:
    """Serve models that were logged with tracer.models.log_model."""
    context.obj = store_url


@command.command(
    "serve",
    epilog=examples(
        "tracer models serve models:/my-agent",
        "tracer models serve models:/my-agent/3 --port 8000 --workers 4",
        "tracer models serve ./saved-model --host 0.0.0.0 --api-key $KEY",
    ),
)
@click.argument("model_uri", metavar="URI")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=5001, show_default=True, help="Port; 0 for a free one.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@click.option("--threads", type=click.IntRange(1), default=40, show_default=True, help="Requests at once in a process.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=300.0, show_default=True,
              help="Seconds for an answer; of a stream, between its pieces.")  # fmt: skip
@click.option("--max-body-bytes", type=click.IntRange(1), default=20_000_000, show_default=True,
              help="A request's body may be as long as this.")  # fmt: skip
@click.option("--api-key", envvar="TRACER_SERVE_API_KEY", show_envvar=True, metavar="KEY",
              help="Answer only requests with `Authorization: Bearer KEY`.")  # fmt: skip
@click.option("--allow-host", "allowed_hosts", multiple=True, metavar="NAME",
              help="A DNS name by which a server without a key answers; may be repeated.")  # fmt: skip
@click.option("--trust", is_flag=True, help="Run the code of a model also if you have not logged it yourself.")
@store_option
@click.pass_context
def serve_command(
    context: click.Context,
    model_uri: str,
    host: str,
    port: int,
    workers: int,
    threads: int,
    timeout: float,
    max_body_bytes: int,
    api_key: str | None,
    allowed_hosts: tuple[str, ...],
    trust: bool,
    store_url: str | None,
) -> None:
    """Serve a model behind OpenAI's API: POST /v1/chat/completions, and more.

    URI is models:/NAME, models:/NAME/VERSION, models:/ID or a folder. Its code is run.
    """
    from tracer.cli.reading import NoStoreError, store_place
    from tracer.cli.screen import note

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
