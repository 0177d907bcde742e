"""What holds for every SDK: a recorded program gives the same again, from a cassette and from its trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tracer
from tests.openai.server import Server


def gives_the_same_again(program: Callable[[], Any], server: Server, folder: Path) -> None:
    """The program is recorded, and replayed without the server."""
    cassette = folder / "cassette.jsonl"
    with tracer.record(cassette):
        first = program()
    tracer.flush()
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None
    asked = len(server.asked)

    for source in (cassette, trace_id):
        with tracer.replay(source):
            assert repr(program()) == repr(first)
    assert len(server.asked) == asked
