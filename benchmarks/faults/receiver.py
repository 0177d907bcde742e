"""A server that keeps what it is sent, each request a file, so that it may be killed and come back.

``python -m benchmarks.faults.receiver folder port``
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks.sink import Sink

RECEIVER = "benchmarks.faults.receiver"
_ENDING = ".request"


def main(folder: str, port: str) -> None:
    """Serve until killed."""

    def keep(body: bytes) -> None:
        file = Path(folder, uuid.uuid4().hex)
        file.write_bytes(body)
        os.replace(file, file.with_suffix(_ENDING))

    with Sink(int(port), keep):
        threading.Event().wait()


def received(folder: Path) -> Iterator[bytes]:
    """The bodies of all requests."""
    return (file.read_bytes() for file in folder.glob(f"*{_ENDING}"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
