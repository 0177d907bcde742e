"""Programs in unusual environments record, and read back what they recorded, as elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.programs import ROOT

RECORDS_AND_READS = """
import tracer
tracer.configure(store="tracer.db")
with tracer.start_span("grüß Gott") as span:
    span.set_inputs({"city": "Łódź"})
[found] = tracer.search_traces("timestamp > now-1m AND timestamp < now+1m")
[span] = tracer.get_trace(found.trace_id).data.spans
assert (span.name, span.inputs) == ("grüß Gott", {"city": "Łódź"})
assert tracer.flush(timeout=60)
print(found.info.timestamp_ms)
"""


def run_in_shell(folder: Path, redirection: str = "", **environment: str) -> str:
    """Run the program in a folder; what it printed."""
    (folder / "program.py").write_text(RECORDS_AND_READS, encoding="utf-8")
    ran = subprocess.run(
        ["sh", "-c", f'exec "$0" -W error program.py {redirection}', sys.executable],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize("utf8_mode", ["0", "1"])
def test_a_program_with_the_locale_c_records(utf8_mode: str, tmp_path: Path, stored: Any) -> None:
    run_in_shell(tmp_path, LC_ALL="C", PYTHONUTF8=utf8_mode, PYTHONCOERCECLOCALE="0")

    assert stored.names() == {"grüß Gott": 1}


@pytest.mark.parametrize("timezone", ["Asia/Kathmandu", "XYZ+11:30"])
def test_times_are_right_in_every_timezone(timezone: str, tmp_path: Path, stored: Any) -> None:
    before = time.time()

    recorded_at = int(run_in_shell(tmp_path, TZ=timezone)) / 1000

    assert before - 1 <= recorded_at <= time.time() + 1
    assert stored.names() == {"grüß Gott": 1}


@pytest.mark.parametrize("redirection", ["<&-", "<&- 2>&-"])
def test_a_program_with_a_closed_stdin_records(redirection: str, tmp_path: Path, stored: Any) -> None:
    run_in_shell(tmp_path, redirection)

    assert stored.names() == {"grüß Gott": 1}


@pytest.mark.parametrize("home", ["missing/home", "file", ""])
def test_a_program_without_a_writable_home_records(home: str, tmp_path: Path, stored: Any) -> None:
    (tmp_path / "file").touch()

    run_in_shell(tmp_path, HOME=str(tmp_path / home) if home else "", XDG_STATE_HOME="")

    assert stored.names() == {"grüß Gott": 1}


def test_a_program_without_a_writable_home_keeps_what_a_server_cannot_take(tmp_path: Path, run: Any) -> None:
    home = tmp_path / "file"
    home.touch()

    kept = run(
        """
        tracer.set_tracking_uri("http://127.0.0.1:9")
        step("kept")
        from tracer._journal.locations import state_folder
        say(sum(b"kept" in file.read_bytes() for file in state_folder().rglob("*") if file.is_file()))
        os._exit(0)
        """,
        HOME=str(home),
        XDG_STATE_HOME="",
        TMPDIR=str(tmp_path),
    )

    assert kept == "1\n"
