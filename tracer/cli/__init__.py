"""The ``tracer`` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED = 130  # exit code of shells for a program ended by ctrl-c


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 all right, 1 failed, 2 wrong usage, 130 ctrl-c."""
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    import click

    from tracer.cli.group import tracer_command
    from tracer.cli.screen import close_quietly

    try:
        code = tracer_command.main(list(arguments), prog_name="tracer", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:
        code = 0  # the reader of the output has closed the pipe
    close_quietly()
    return code if isinstance(code, int) else 0
