"""Output of commands: colours and widths for a terminal, plain and whole lines for a pipe."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Mapping

import click
import orjson
from rich.console import Console
from rich.text import Text

from tracer.cli.wording import clean, clean_json, clean_line
from tracer.errors import InvalidArgumentError

_NARROWEST = 60
_ASCII = str.maketrans(
    {
        "─": "-", "│": "|", "├": "|", "└": "`", "━": "=", "→": ">", "✓": "+", "✗": "x", "▸": ">", "…": "~", "·": "-",
        "µ": "u",
    }
)  # fmt: skip


def _replace_what_cannot_be_encoded(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_ASCII)
    return "".join(letter if letter.isascii() else "?" for letter in text), error.end


codecs.register_error("tracer-terminal", _replace_what_cannot_be_encoded)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Left to the command line, which exits with 0; rich would exit with 1."""
        raise BrokenPipeError


class Screen:
    """Prints to standard output. ``width`` is None, for lines of any length, if that is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="tracer-terminal")
        self._console = console or _Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.is_terminal = sys.stdout.isatty() if console is None else console.is_terminal
        self.width: int | None = max(_NARROWEST, self._console.width) if self.is_terminal else None

    def print(self, line: str | Text = "") -> None:
        """One line; a string is printed without markup."""
        self._console.print(line if isinstance(line, Text) else Text(line), soft_wrap=True)

    def wrapped(self, text: str | Text, *, indent: int = 0, style: str = "") -> None:
        """Text with its own line ends, wrapped to the terminal's width and indented."""
        body = text if isinstance(text, Text) else Text(clean(text), style=style)
        lines: Iterable[Text] = body.split("\n", allow_blank=True)
        if self.width is not None:
            available = self.width - indent
            lines = [piece for line in lines for piece in (line.wrap(self._console, available) or [Text("")])]
        for line in lines:
            self.print(Text(" " * indent) + line)

    def json(self, value: object, *, indent: bool = False) -> None:
        """A value as JSON, one line or indented."""
        options = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
        self.json_text(orjson.dumps(value, option=options, default=str).decode())

    def json_text(self, text: str) -> None:
        """JSON that is encoded already."""
        sys.stdout.write(clean_json(text) + "\n")

    def flush(self) -> None:
        """Flush the output: a pipe is buffered."""
        sys.stdout.flush()


def tell(as_json: bool, done: Mapping[str, object], words: str) -> None:
    """Say what was done: as one JSON object to standard output, or in words to standard error."""
    if as_json:
        Screen().json(done)
    else:
        note(words)


def confirm(question: str) -> None:
    """Ask before something is deleted. Raises InvalidArgumentError where nobody answers, click.Abort for a no."""
    try:
        click.confirm(clean_line(question), abort=True, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        print(file=sys.stderr)
        raise InvalidArgumentError("nobody said that it may be deleted: say so with --yes.") from None


def note(message: str) -> None:
    """A remark beside the output, on standard error."""
    print(clean(message), file=sys.stderr)


def close_quietly() -> None:
    """Flush, and after a closed pipe discard further output, which would fail while Python shuts down."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(devnull, stream.fileno())
