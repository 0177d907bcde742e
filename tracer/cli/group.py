"""The command group: loads a command when it is called, and turns errors into a message and an exit code."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any

import click

from tracer._distribution import NAME
from tracer.cli.wording import clean, clean_line
from tracer.errors import InvalidArgumentError, TracerError

_COMMANDS = {
    "run": ("tracer.cli.running", "Run a program and record it, without a change in it."),
    "demo": ("tracer.cli.demo", "Trace a small agent and show what tracer saw."),
    "list": ("tracer.cli.listing", "List traces, newest first."),
    "show": ("tracer.cli.show", "Show one trace: its steps, or everything that was said."),
    "diff": ("tracer.cli.diff", "Where two traces part: which step, message and words."),
    "fork": ("tracer.cli.forking", "Run a program again from a step of a recorded run."),
    "tail": ("tracer.cli.tail", "Follow traces as they happen."),
    "stats": ("tracer.cli.stats", "Calls, tokens, cost and latency by model."),
    "audit": ("tracer.cli.auditing", "What calls spent without need: why, where, how much."),
    "ui": ("tracer.cli.ui", "Look at traces in the browser."),
    "server": ("tracer.cli.server", "Serve a store to other machines."),
    "alerts": ("tracer.cli.alerts", "Check the rules of a server's alerts."),
    "projects": ("tracer.cli.projects", "Make, list, limit and delete the projects of a server."),
    "keys": ("tracer.cli.keys", "Make, list and revoke the keys of a server of projects."),
    "export": ("tracer.cli.exporting", "Write traces as OTLP JSON lines or Parquet."),
    "import": ("tracer.cli.importing", "Read OTLP JSON lines into the store."),
    "copy": ("tracer.cli.copying", "Copy a store into another, or what meets a filter."),
    "push": ("tracer.cli.pushing", "Send chosen traces to a server, redacted once more."),
    "delete": ("tracer.cli.deleting", "Delete the traces that meet a filter."),
    "policy": ("tracer.cli.policies", "How long which traces are kept."),
    "backup": ("tracer.cli.backup", "Copy a store while programs write to it."),
    "restore": ("tracer.cli.restore", "Make a store of a backup."),
    "dataset": ("tracer.cli.dataset", "Datasets of questions with their expected answers."),
    "versions": ("tracer.cli.versions", "Versions of an app side by side."),
    "evaluate": ("tracer.cli.evaluating", "Ask and score an app, and fail where it is not good enough."),
    "bisect": ("tracer.cli.bisecting", "Find the commit that made the answers worse."),
    "evaluations": ("tracer.cli.evaluations", "Earlier evaluations, and two of them compared."),
    "agreement": ("tracer.cli.agreement", "How far judges agree with people."),
    "models": ("tracer.cli.models", "Serve models that were logged, and register them."),
    "prompts": ("tracer.cli.prompts", "Prompts with versions and aliases."),
    "mcp": ("tracer.cli.mcp", "Serve traces to coding agents."),
    "migrate": ("tracer.cli.migrating", "Bring the tables of a ClickHouse store up to date."),
    "doctor": ("tracer.cli.doctor", "Check the installation, the SDKs and the store."),
}


class LazyGroup(click.Group):
    """Imports a command's module only when the command is used, so that help and completion stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = difflib.get_close_matches(args[0].lower(), _COMMANDS, n=1)
        if near and args[0] not in _COMMANDS:
            ctx.fail(f"No such command {clean_line(args[0])!r}; did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        # here and not around main(): click itself turns a broken pipe into exit code 1
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            raise click.exceptions.Exit(0) from None
        except (TracerError, OSError) as error:
            raise _as_click_error(error) from error


def _as_click_error(error: Exception) -> click.ClickException:
    if isinstance(error, InvalidArgumentError):
        return click.UsageError(clean(error))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return click.ClickException(clean(f"{where}{error.strerror or error}"))
    return click.ClickException(clean(error))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n  tracer demo\n  tracer list --filter \"status = 'ERROR'\"\n  tracer show latest --full",
)
@click.version_option(package_name=NAME, prog_name="tracer")
def tracer_command() -> None:
    """See what your LLM program did: every call, with its prompt, reply, tools, tokens, cost and time.

    Commands read ./tracer.db unless --store or the environment variable TRACER_STORE names another store.
    """
