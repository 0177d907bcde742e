"""A fork that holds for a whole program, which ``tracer fork`` starts."""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path

from tracer._api.traces import Trace
from tracer._replay.forking import fork

_GIVEN = "TRACER_FORK"


def begin() -> None:
    """Answer this process's calls from the trace that the environment names, until it ends.

    What it starts itself is live: two processes cannot tell which of them made a call of the trace.
    """
    given = json.loads(Path(os.environ.pop(_GIVEN)).read_bytes())
    forked = fork(Trace.from_dict(given["trace"]), at=given["at"], set=given["set"])
    forked.__enter__()
    atexit.register(forked.__exit__, None, None, None)
