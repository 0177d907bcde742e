"""`tracer.replay` and `tracer.record`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias, get_args

from tracer._replay import keys, places
from tracer._replay import steps as functions
from tracer._replay.matching import Match, Matching
from tracer._replay.session import Record, Session, unanswerable
from tracer._replay.sources import Given, Source, source_of
from tracer.errors import CassetteError, InvalidArgumentError, check_flags

Step: TypeAlias = "str | Callable[..., Any]"

# One replay or recording is under way in a process, the innermost: threads that the program starts belong to it.
_lock = threading.RLock()
_sessions: list[Session] = []


def _current() -> Session | None:
    return _sessions[-1] if _sessions else None


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    for session in _sessions:
        session.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Replay:
    """A block in which requests are answered from a cassette or from traces, recorded into a cassette, or both."""

    def __init__(
        self, source: Source, session: Session, steps: Sequence[Step], *, allow_redacted: bool = False
    ) -> None:
        self._source = source
        self._is_kept = True
        self._steps = steps
        self._restore: list[Callable[[], bool]] = []
        self._session = session
        self._allow_redacted = allow_redacted
        self._keys: Callable[[], None] = lambda: None

    def __enter__(self) -> Replay:
        session = self._session
        session.recorded.clear()
        session.mismatch, session.is_live = None, False
        self._restore = self._replaced(session)
        try:
            session.calls = self._source.calls(session)
            if session.record != "all":
                self._check_replies(session)
            with _lock:
                places.install(_current)
                _sessions.append(session)
        except BaseException:
            self._put_back()
            raise
        if session.record is None and not session.stays_live and session.later is None:
            self._keys = keys.stand_in()
        return self

    def _replaced(self, session: Session) -> list[Callable[[], bool]]:
        return functions.replaced(self._steps, session)

    def _put_back(self) -> None:
        while self._restore:
            self._restore.pop()()
        with _lock:
            if not _sessions:
                places.remove()
        self._keys()

    def _check_replies(self, session: Session) -> None:
        refused = [] if self._allow_redacted else unanswerable(session.calls)
        if refused:
            raise CassetteError(
                f"{session.name}, {refused[0].place}: the reply had a secret, which was replaced by [REDACTED]. "
                "To replay it with that word in it, write allow_redacted=True."
            )
        functions.check(session.calls, session)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session = self._session
        with _lock, suppress(ValueError):
            _sessions.remove(session)
        self._put_back()
        if self._is_kept and (session.recorded or session.record == "all"):
            try:
                self._source.write(session.lines())
            except OSError as fault:
                if error is None:
                    raise CassetteError(f"the cassette {session.name} cannot be written: {fault}") from fault
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise the mismatch that the program, or a thread of it, has swallowed."""
        mismatch, self._session.mismatch = self._session.mismatch, None
        if mismatch is not None:
            raise mismatch

    def forget_failures(self) -> None:
        """Keep nothing of what was recorded if a call failed: the next recording is to be a better one."""
        self._is_kept = not any(recording.has_failed for recording in self._session.recorded)
        self._session.mismatch = None

    @property
    def unused(self) -> int:
        """Recorded calls that were not asked for until now."""
        return sum(not call.is_used for call in self._session.calls)


def replay(
    source: Given,
    *,
    match: Match = "lenient",
    ignore: str | Iterable[str] = (),
    pace: Literal["fast", "recorded"] = "fast",
    record: Record | None = None,
    live: Literal["after_first_miss"] | None = None,
    steps: Iterable[Step] = (),
    allow_redacted: bool = False,
) -> Replay:
    """Answer HTTP requests from a cassette or from traces inside a ``with`` block: the real SDK, no network, no key.

    ``source`` is the path of a cassette, the id of a trace, a `Trace`, a list of them, or a filter such as
    ``"name = 'agent' AND status = 'OK'"``. A trace has what was said, not the bytes of it: a cassette that
    `tracer.record` made is exact.

    A request is answered by the recorded one with the same method, path and body, each of which answers once, in the
    order of the file where several are the same. ``match="lenient"`` overlooks ids, dates and white space in texts,
    ``"strict"`` nothing, ``"ordered"`` is lenient and takes calls in the order of the file only. ``ignore`` names
    fields that do not count, at any depth (``"seed"``) or by their path (``"metadata.run_id"``).

    ``steps`` names functions that are answered from the cassette instead of being run, where they were recorded: by
    the name of their span, or the functions themselves, traced or not.

    A request that is not recorded raises `tracer.errors.ReplayMismatchError`, which names the difference.
    ``record="new"`` sends it instead and adds it to the cassette, ``record="all"`` sends all and replaces the cassette;
    ``live="after_first_miss"`` sends it and all that follow. ``pace="recorded"`` waits as the provider did. Raises
    `tracer.errors.CassetteError` before anything runs if the cassette is missing, is none, or lacks parts of replies
    that were secrets (``allow_redacted=True`` replays them with ``[REDACTED]``).
    """
    _check("match", match, get_args(Match))
    _check("pace", pace, ("fast", "recorded"))
    _check("record", record, (None, *get_args(Record)))
    _check("live", live, (None, "after_first_miss"))
    check_flags(allow_redacted=allow_redacted)
    matching = Matching(match, (ignore,) if isinstance(ignore, str) else tuple(ignore))
    found = source_of(source, is_recorded=record is not None)
    session = Session(found.name, matching=matching, pace=pace, record=record, stays_live=live is not None)
    return Replay(found, session, list(steps), allow_redacted=allow_redacted)


def record(path: str | os.PathLike[str], *, steps: Iterable[Step] = ()) -> Replay:
    """Record the HTTP requests and replies of a ``with`` block exactly, into a cassette for `tracer.replay`.

    The file is replaced when the block ends; a call that differs from an earlier recording in ids and times only keeps
    its line. Secrets are replaced as in traces; headers of requests are left out. ``steps`` names functions whose
    arguments and results are recorded too.
    """
    return replay(Path(path), record="all", steps=steps)


def _check(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise InvalidArgumentError(f"{name}={value!r}: expected one of {', '.join(map(repr, known))}")
