"""``tracer server`` as a process, for programs that measure or kill one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server_process(store_url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of a store in a process of its own, and its URL; it is killed where it has not ended."""
    command = [sys.executable, "-m", "tracer", "server", "--port", "0", "--store", store_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "http://" in line)
        # what it logs must go somewhere: a full pipe would stop it
        threading.Thread(target=process.stdout.read, daemon=True).start()
        try:
            yield process, "http://" + line.partition("http://")[2].split()[0].rstrip("/.,")
        finally:
            process.kill()
