"""Programs that write to ClickHouse themselves, without a server of tracer between."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.store.records import found
from tracer.store import open_store

SHORT = """
import tracer
with tracer.start_span("step"):
    pass
"""


def test_a_program_that_ends_at_once_has_written_its_traces(url: str) -> None:
    environment = {**os.environ, "TRACER_STORE": url}
    ran = subprocess.run([sys.executable, "-X", "dev", "-c", SHORT], env=environment, capture_output=True, text=True)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(found(open_store(url))) == 1
