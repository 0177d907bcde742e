"""The real server as a user starts it, and traces in the store that it serves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tracer
from tests.openai.server import Server
from tests.web import stories


@contextmanager
def served(store_file: Path, *options: str) -> Iterator[str]:
    """``tracer ui`` over a store, as a process of its own; its address."""
    command = [sys.executable, "-u", "-m", "tracer", "ui", "--store", str(store_file), "--no-open", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACER_")}
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if found := re.search(r"http://[\w.:-]+", line):
            return found.group()
    raise AssertionError(f"the server ended: {said}")


class TraceIds:
    """The ids of the traces that the stories recorded."""

    support: str
    failing: str
    kinds: str
    hostile: str
    long: str
    interrupted: str


def record_stories(store_url: str) -> TraceIds:
    """Fill a store with every kind of trace that the pages show."""
    trace_ids = TraceIds()
    tracer.configure(store=store_url)
    openai_server = Server()
    try:
        with stories.recorded(openai_server) as client:
            for turn in range(6):
                trace_ids.support = stories.support_agent(
                    client, openai_server, session=f"chat-{turn // 3}", version=f"shop-v{1 + turn % 2}"
                )
            trace_ids.failing = stories.failing_chain()
            trace_ids.kinds = stories.many_kinds()
            trace_ids.hostile = stories.many_kinds(hostile=True)
            trace_ids.long = stories.long_trace(5000)
            trace_ids.interrupted = stories.interrupted(store_url)
            stories.dataset_and_queue()
    finally:
        tracer.reset()
        openai_server.close()
    return trace_ids
