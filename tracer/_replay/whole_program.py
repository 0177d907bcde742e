"""Replays of a whole program, started by a command: a fork, or a recording of its calls."""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from tracer._api.traces import Trace
from tracer._fault import guard
from tracer._json import JsonObject
from tracer._replay import cassette
from tracer._replay.cassette import Recorded, line_of
from tracer._replay.forking import fork
from tracer._replay.replaying import Replay
from tracer._replay.session import Session, renewed
from tracer._replay.steps import replaced_when_known
from tracer._replay.traced_calls import tool_calls

FORK, RECORD, TOOLS = "TRACER_FORK", "TRACER_RECORD", "TRACER_TOOLS"  # of the environment: files


def begin() -> None:
    """Begin the fork or recording that the environment names, until this process ends."""
    blocks: list[Replay] = []
    if FORK in os.environ:
        file = Path(os.environ[FORK])
        if not file.exists():  # the program that was forked has ended, and left this process
            return
        given = json.loads(file.read_bytes())
        forked = fork(Trace.from_dict(given["trace"]), at=given["at"], set=given["set"])
        forked.share(file.with_suffix(".used"))
        blocks.append(forked)
    elif RECORD in os.environ:
        given = json.loads(Path(os.environ[RECORD]).read_bytes())
        blocks.append(_Recording(Path(given["calls"]), given["steps"]))
    elif TOOLS in os.environ:
        traces = [Trace.from_dict(each) for each in json.loads(Path(os.environ[TOOLS]).read_bytes())]
        session = Session("the record", calls=tool_calls(traces), lets_through=True)
        replaced_when_known({call.request["url"] for call in session.calls}, session)
    for block in blocks:
        block.__enter__()
        atexit.register(block.__exit__, None, None, None)


class _Recording(Replay):
    """Appends each call to a file when it is over, as other processes of the program do."""

    def __init__(self, calls: Path, steps: Sequence[str]) -> None:
        super().__init__(_Nothing(), Session(str(calls), record="all", keep=partial(_append, calls)), ())
        self._is_kept = False  # each call is in the file already
        self._names = steps

    def _replaced(self, session: Session) -> list[Callable[[], bool]]:
        return replaced_when_known(self._names, session)

    def __enter__(self) -> Replay:
        super().__enter__()
        os.register_at_fork(after_in_child=self._session.recorded.clear)
        return self

    def __exit__(self, *raised: object) -> None:
        self._session.end_open()
        super().__exit__(*raised)  # type: ignore[arg-type]


class _Nothing:
    """A source without calls."""

    name = ""

    def calls(self, session: Session) -> list[Recorded]:
        return []

    def write(self, lines: Iterable[str]) -> None:
        pass


def _append(calls: Path, content: JsonObject, start_ns: int) -> None:
    with guard("recording a call"):
        line = f"{start_ns} {line_of(content)}\n".encode()
        with open(calls, "ab", buffering=0) as file:
            file.write(line)


def write_cassette(path: Path, calls: Path) -> int:
    """Make a cassette of the calls that a program's processes have appended; the number of its calls."""
    lines = calls.read_text(encoding="utf-8").split("\n") if calls.exists() else []
    found = sorted((int(start), json.loads(line)) for start, _, line in (each.partition(" ") for each in lines if each))
    earlier = cassette.read(path) if path.exists() else []
    cassette.write(path, renewed(earlier, (content for _, content in found)))
    return len(found)
