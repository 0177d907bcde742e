"""``tracer mcp``: recorded traces for coding agents."""

from __future__ import annotations

import click

from tracer._distribution import install_advice
from tracer.cli.options import Group, examples, json_option, store_option

_CLIENTS = ("claude", "codex", "cursor", "vscode", "gemini")


@click.group(
    "mcp",
    cls=Group,
    invoke_without_command=True,
    epilog=examples(
        "tracer mcp install claude", "tracer mcp --store http://traces.example.org:5000", "tracer mcp --port 5100"
    ),
)
@click.option("--port", type=click.IntRange(1, 65535), help="Serve over HTTP on this port of 127.0.0.1, at /mcp.")
@store_option
@click.pass_context
def command(context: click.Context, port: int | None, store_url: str | None) -> None:
    """Serve traces to coding agents by the Model Context Protocol, over standard input and output.

    An agent lists, reads and searches traces, groups errors, and leaves feedback. `tracer mcp install` writes this
    server into an agent's settings.
    """
    if context.invoked_subcommand is not None:
        context.obj = store_url
        return
    from tracer.cli.reading import store_place

    store_place(store_url)
    try:
        from tracer._mcp_server.server import make_server, serve_http

        if port is None:
            make_server().run("stdio")
        else:
            click.echo(f"http://127.0.0.1:{port}/mcp", err=True)
            serve_http(port)
    except ImportError as error:
        raise click.ClickException(
            f"the server needs packages that are not installed ({error.name}): {install_advice('mcp')}"
        ) from error


@command.command("install", epilog=examples("tracer mcp install claude", "tracer mcp --store traces.db install cursor"))
@click.argument("client", type=click.Choice(_CLIENTS))
@json_option("One JSON object: the file, what stands in it, and whether it is new there.")
@click.pass_obj
def install(store_url: str | None, client: str, as_json: bool) -> None:
    """Write this server into the settings of a coding agent, and say what was written.

    claude, cursor, vscode and gemini read a file of the project, in this folder; codex reads ~/.codex/config.toml.
    """
    from tracer._mcp_server.install import command_of
    from tracer._mcp_server.install import install as write
    from tracer.cli.screen import Screen

    written = write(client, command_of(store_url))
    if as_json:
        Screen().json({"file": str(written.file), "entry": written.entry, "is_new": written.is_new})
        return
    click.echo(f"{'Written to' if written.is_new else 'It stands already in'} {written.file}:\n{written.entry}")
