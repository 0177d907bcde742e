"""Opik, sending to a server that is hosted by oneself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import opik

from benchmarks.faults.receiver import RECEIVER, received


def record_into(folder: Path, server: str) -> None:
    """Send to the server; nothing has read these variables yet."""
    os.environ.update(OPIK_URL_OVERRIDE=f"{server}/api", OPIK_CHECK_TLS_CERTIFICATE="false")


def record(name: str, work: Callable[[], object] = int) -> None:
    """A block, with work in it."""
    with opik.start_as_current_span(name):
        work()


def stored(folder: Path, server: str) -> list[str]:
    """What the server was sent; a span that comes again with the same id is the same one."""
    batches = [json.loads(body) for body in received(folder) if body.startswith(b"{")]
    spans = {span["id"]: span.get("name") for batch in batches for span in batch.get("spans", [])}
    return [name for name in spans.values() if name]


def serve(folder: Path, port: int) -> list[str]:
    """A server that keeps what it is sent."""
    return ["-m", RECEIVER, str(folder), str(port)]
