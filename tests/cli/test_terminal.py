"""The command in a real terminal (a pty), in a pipe, and at its ends: ctrl-c, SIGTERM, a reader that goes away."""

from __future__ import annotations

import codecs
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.cli.conftest import START, TRACE_ID, chat, said, span
from tests.waiting import PATIENCE

fcntl = pytest.importorskip("fcntl")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

Write = Callable[..., None]
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-W", "error", "-c", "from tracer.cli import main; main()"]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A command that runs in a terminal of 80 columns."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._decode = codecs.getincrementaldecoder("utf-8")().decode  # a read may end within a character
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until a text has been shown."""
        deadline = time.monotonic() + PATIENCE
        while text not in COLOUR.sub("", self.shown):
            if time.monotonic() > deadline or not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} was not shown, but: {self.shown}")

    def end(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        try:
            return self.process.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running, and shows: {self.shown}") from None

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux's error once the other side is closed
            return False
        self.shown += self._decode(piece)
        return bool(piece)


@contextmanager
def in_terminal(*arguments: str, store: str, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TRACER_STORE": store, "TERM": "xterm-256color", **environment}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=slave, env=given, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def in_pipe(*arguments: str, store: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TRACER_STORE": store, **environment}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, env=given, timeout=PATIENCE, encoding="utf-8")


@pytest.fixture
def wide_trace(write: Write) -> None:
    """A trace whose names and texts are wide, long and deep."""
    write(
        span("エージェント" * 10, 1, type="AGENT"),
        *(span(f"step {n} " + "x" * 60, n, n - 1, type="SOMETHING_RATHER_LONG") for n in range(2, 20)),
        chat(20, 1, [said("user", "東京の天気は。" * 30)], [said("assistant", "word " * 200)]),
    )


def test_in_a_terminal_lines_are_coloured_and_no_wider_than_it(wide_trace: None, store_url: str) -> None:
    with in_terminal("show", "latest", "--full", store=store_url) as terminal:
        assert terminal.end() == 0

    lines = COLOUR.sub("", terminal.shown).splitlines()
    assert COLOUR.search(terminal.shown)
    assert max(map(cell_len, lines)) <= 80
    assert any("東京の天気は" in line for line in lines)


def test_a_character_that_two_reads_share_is_whole(write: Write, store_url: str) -> None:
    write(*(span("東" * 100, 1, trace_id=f"{number:032x}", type="AGENT") for number in range(1, 200)))

    with in_terminal("list", "--limit", "200", store=store_url, columns=320) as terminal:
        assert terminal.end() == 0

    assert terminal.shown.count("東" * 100) == 199


def test_list_in_a_terminal_fits_it(wide_trace: None, store_url: str) -> None:
    with in_terminal("list", store=store_url) as terminal:
        assert terminal.end() == 0

    header, line = COLOUR.sub("", terminal.shown).splitlines()
    assert header.split() == ["ID", "STARTED", "TIME", "TOKENS", "COST", "NAME"]
    assert line.startswith(TRACE_ID[:8] + " ")
    assert cell_len(line) <= 80


def test_no_color_is_respected(wide_trace: None, store_url: str) -> None:
    with in_terminal("show", store=store_url, NO_COLOR="1") as terminal:
        assert terminal.end() == 0

    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])", terminal.shown)


def test_a_pipe_gets_no_escape_and_whole_lines(wide_trace: None, store_url: str) -> None:
    ran = in_pipe("show", "latest", "--full", store=store_url)

    assert ran.returncode == 0
    assert "\x1b" not in ran.stdout
    assert "エージェント" * 10 in ran.stdout
    assert ("word " * 200).strip() in ran.stdout


def test_a_terminal_that_knows_no_unicode_gets_ascii(wide_trace: None, store_url: str) -> None:
    ran = in_pipe("show", "latest", store=store_url, PYTHONIOENCODING="ascii")

    assert ran.returncode == 0
    assert ran.stdout.isascii()
    assert "|- " in ran.stdout or "`- " in ran.stdout


def test_a_reader_that_goes_away_is_no_error(write: Write, store_url: str) -> None:
    write(*(span("x" * 2000, 1, trace_id=f"{number:032x}") for number in range(1, 300)))
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TRACER_STORE": store_url}

    with subprocess.Popen(
        [*COMMAND, "list", "--limit", "300"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=given
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read()

        assert (process.wait(PATIENCE), complaints) == (0, b"")


def test_tail_follows_and_ctrl_c_ends_it(write: Write, store_url: str) -> None:
    write(span("before", 1))
    start = {"kind": "start", "trace_id": "a" * 32, "span_id": "0" * 15 + "1", "name": "agent", "start": START}

    with in_terminal("tail", "--interval", "0.05", store=store_url) as terminal:
        terminal.wait_for("before")
        write(start)
        terminal.wait_for("running")
        write({**start, "json": {"tracer.inputs": "what was asked"}})
        terminal.wait_for("what was asked")
        write(span("agent", 1, trace_id="a" * 32, end=START + 2_000_000_000))
        terminal.wait_for("2.00 s")
        terminal.type(b"\x03")
        assert terminal.end() == 130

    assert "Traceback" not in terminal.shown
    assert terminal.shown.count("agent") == 3


def test_tail_waits_for_a_store_and_ends_on_sigterm(write: Write, store_url: str, tmp_path: Path) -> None:
    with in_terminal("tail", "--interval", "0.05", store=store_url) as terminal:
        terminal.wait_for("waiting for traces")
        assert not (tmp_path / "tracer.db").exists()
        write(span("the first", 1))
        terminal.wait_for("the first")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 143

    assert "Traceback" not in terminal.shown


def test_tail_as_json_lines_into_a_pipe_that_closes(write: Write, store_url: str) -> None:
    import json

    write(span("before", 1))
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TRACER_STORE": store_url}

    with subprocess.Popen(
        [*COMMAND, "tail", "--json", "--interval", "0.05"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=given
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["name"] == "before"
        write(span("after", 1, trace_id="b" * 32))
        assert json.loads(process.stdout.readline())["name"] == "after"
        process.stdout.close()
        write(span("unread", 1, trace_id="c" * 32))

        assert (process.wait(PATIENCE), process.stderr.read()) == (0, b"")


def test_export_in_a_terminal_prints_nothing_that_it_would_obey(write: Write, store_url: str) -> None:
    hostile = "\x1b[2J \x9b31m \u202egnp \u2066x \u200b \U000e0001 \x7f é 東"
    write(span("step", 1, json={"tracer.inputs": hostile}))

    piped = in_pipe("export", "latest", store=store_url)
    with in_terminal("export", "latest", store=store_url) as terminal:
        assert terminal.end() == 0

    line = terminal.shown.split("\r\n")[0]
    assert line.isprintable()
    assert "é 東" in line
    assert json.loads(line) == json.loads(piped.stdout)
    assert "\x9b31m \u202egnp" in piped.stdout
