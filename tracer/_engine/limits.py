"""Limits of calls: those that apply here, the spending under each, and whether one more call may be sent.

What was spent is kept in a small SQLite file beside the store, so that it counts for all threads and processes.
Global state: `in_use`, the blocks that this process inherited, and which day's leftovers were removed. Nothing here
runs before the first limit is made.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tracer import _ids
from tracer._engine.context import about_traces, running
from tracer._engine.span import LiveSpan
from tracer._fault import log_once, report
from tracer._journal.locations import absolute_url, journal_folder, with_project
from tracer._json import encode
from tracer._records.cost import cost_of
from tracer.config import LimitTerms
from tracer.errors import LimitExceededError

if TYPE_CHECKING:
    import sqlite3

    from tracer._engine.context import AnySpan
    from tracer._engine.runtime import Runtime
    from tracer._records.record import ChunksRecord

in_use = False  # whether this process ever had a limit: without one a call is not even asked for

_NEVER_WRITTEN = -1  # generation of a span that belongs to no process
_KEPT_DAYS = 8
_WAIT_SECONDS = 5.0
_CALLS_NAMED = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
  key TEXT, what TEXT, calls INTEGER, tokens INTEGER, cost REAL, unpriced INTEGER, day TEXT, PRIMARY KEY (key, what));
CREATE TABLE IF NOT EXISTS requests (key TEXT, digest BLOB, count INTEGER, day TEXT, PRIMARY KEY (key, digest));
CREATE TABLE IF NOT EXISTS shared_blocks (key TEXT PRIMARY KEY, day TEXT);
"""


class Spent(NamedTuple):
    """Spending under a limit: calls that were sent, and tokens and USD of those that have ended."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0  # calls without a known price, which are not in the cost unless the limit gives a price for them


@dataclass(eq=False)
class Block:
    """A limit inside of a block, or in a call of a function; the same one in threads and processes started there."""

    terms: LimitTerms
    file: Path
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    owner: object = None  # the `limit` that it belongs to
    process: int = field(default_factory=os.getpid)
    is_open: bool = True
    is_shared: bool = False  # with processes that were started in it

    @property
    def spent(self) -> Spent:
        """Spending so far: of this block, or with ``per=`` of the current trace, session, user or day."""
        key = key_of(self, None)
        with _transaction(self.file) as connection:
            return _spent(connection, key)

    def run(self, function: Any, *arguments: Any) -> Any:
        """Call the function inside the block."""
        token = blocks_here.set((*blocks_of_context(), self))
        try:
            return function(*arguments)
        finally:
            blocks_here.reset(token)


class Admission(NamedTuple):
    """A call that may be sent, and where its tokens and cost are added once they are known."""

    counted: tuple[tuple[Block, str], ...]  # with the key of each
    what: str


# the blocks that the running code is in, outermost first
blocks_here: ContextVar[tuple[Block, ...]] = ContextVar("tracer_limits", default=())
_of_process: tuple[Block, ...] = ()  # in which this process was started
_swept_on = ""


def blocks_of_context() -> tuple[Block, ...]:
    """The open blocks that the running code is in; threads and tasks started in one may go on after its end."""
    return tuple(block for block in blocks_here.get() if block.is_open)


def in_force() -> tuple[Block, ...]:
    """All limits that hold here."""
    blocks = (*_of_process, *blocks_of_context())
    terms = _runtime().settings.limit
    return blocks if terms is None else (Block(terms, counting_file(), key=""), *blocks)


def use() -> None:
    """Count calls from now on, also those of threads and processes that are started inside of a block."""
    global in_use
    if not in_use:
        in_use = True
        _follow_threads_and_processes()


def _runtime() -> Runtime:
    from tracer._engine.runtime import runtime  # not above: as it is made, it may find a limit in the environment

    return runtime()


def counting_file() -> Path:
    """The file with the spending, beside the store or among the user's journals."""
    settings = _runtime().settings
    journals = journal_folder(with_project(absolute_url(settings.store), settings.token))
    return journals.with_name(journals.name.removesuffix(".journal") + ".limits")


# ---- a call ----


class CountedSpan(LiveSpan):
    """The span of a call that is not recorded, and whose tokens count for a limit: never current, never written."""

    __slots__ = ()

    def __init__(self, unrecorded: AnySpan, name: str, span_type: str) -> None:
        trace_id = unrecorded.trace_id
        super().__init__(_runtime().recorder, name, span_type, trace_id if int(trace_id, 16) else _ids.trace_id(), None)
        self.generation = _NEVER_WRITTEN

    def attach(self) -> None:
        """It is not current: steps below it are not recorded either."""

    def set_json(self, key: str, value: object) -> bool:
        """Keep no content."""
        return False

    def set_json_list(self, items: Sequence[bytes]) -> None:
        """Keep no content."""

    def set_chunks(self, chunks: ChunksRecord) -> None:
        """Keep no content."""


def admit(
    blocks: tuple[Block, ...], span: LiveSpan, body: object, *, may_refuse: bool = True
) -> Admission | LimitExceededError | None:
    """Count a call that is about to be sent, or the error of the limit that refuses it; None if counting fails."""
    if not blocks:
        return None
    try:
        digest = _digest(span, body) if any(block.terms.repeats for block in blocks) else b""
        keys = tuple(key_of(block, span) for block in blocks)
        what = _what(span)
        with _transactions(blocks) as connections:
            counted = tuple((block, key) for block, key in zip(blocks, keys) if not _is_left(connections, block))
            for block, key in counted:
                connection = connections[block.file]
                reason = _reached(connection, block, key, span, digest)
                is_refused = block.terms.mode == "raise" and may_refuse
                error = _error(connection, block, key, reason, what, is_refused=is_refused) if reason else None
                if error is not None and is_refused:
                    return error
                if error is not None:
                    log_once(f"limit {key} {error.reached}", "tracer: %s", error)
            for file, connection in connections.items():
                here = [(key, block.terms) for block, key in counted if block.file == file]
                _count(connection, here, what, span, digest)
        return Admission(counted, what) if counted else None
    except Exception as fault:
        report("counting a call for its limit", fault)
        return None


def count_reported(span: LiveSpan, body: object, *, has_failed: bool) -> None:
    """Count a call that is over already, as a framework has reported it; never raises."""
    admission = admit(in_force(), span, body, may_refuse=False)
    if isinstance(admission, Admission):
        settle(admission, span, has_failed=has_failed)


def settle(admission: Admission, span: LiveSpan, *, has_failed: bool) -> None:
    """Add a call's tokens and cost, which are known at its end; never raises."""
    try:
        usage = span.token_usage
        tokens = (usage or {}).get("total_tokens", 0)
        price = cost_of({"attributes": span._plain, "start": span.start_time_ns}, usage)
        is_unpriced = price is None and not (has_failed and not usage)
        once = {(block.file, key): block for block, key in admission.counted}
        with _transactions(once.values()) as connections:
            for (file, key), block in once.items():
                cost = price["total_cost"] if price else _assumed(block.terms, tokens) if is_unpriced else 0.0
                connections[file].execute(
                    "UPDATE spent SET tokens = tokens + ?, cost = cost + ?, unpriced = unpriced + ?"
                    " WHERE key = ? AND what = ?",
                    (tokens, cost, is_unpriced, key, admission.what),
                )
                if is_unpriced and block.terms.cost and not block.terms.unpriced:
                    log_once(
                        f"unpriced {span.name}",
                        "tracer: the price of %s is not known, so that %s does not count it as cost; give tokens= or "
                        "calls= as well, or unpriced={'call': …} or {'million_tokens': …} in USD",
                        span.name,
                        block.terms,
                    )
    except Exception as fault:
        report("counting a call's tokens for its limit", fault)


def key_of(block: Block, span: LiveSpan | None) -> str:
    """Key of a limit's counts: of the block, the trace, the session, the user or the day."""
    terms = block.terms
    if terms.per is None:
        return block.key
    if terms.per == "day":
        return f"day {_today()} {terms.name}"
    trace_id = _trace_of(span)
    if terms.per == "trace":
        return f"trace {trace_id} {terms.name}"
    recorder = _runtime().recorder
    about = {**about_traces.get(), **recorder.belongs_to(trace_id)}
    value = about.get("session_id" if terms.per == "session" else "user")
    return f"trace {trace_id} {terms.name}" if value is None else f"{terms.per} {value!r} {terms.name}"


def _trace_of(span: LiveSpan | None) -> str:
    if span is not None:
        return span.trace_id
    current = running()
    return current.trace_id if current is not None else ""


def _digest(span: LiveSpan, body: object) -> bytes:
    """Digest of a request: of its content and the kind of call."""
    return hashlib.blake2b(span._name.encode() + b"\0" + encode(body), digest_size=16).digest()


def _what(span: LiveSpan) -> str:
    step = running()
    name = getattr(step, "_name", None)
    return f"{span.name} in {name}" if name else span.name


def _repeats_key(key: str, span: LiveSpan) -> str:
    """Key for counting identical requests: their trace; for a call outside of any step the key of the limit."""
    return key if span.parent_id is None else f"trace {span.trace_id}"


def _reached(
    connection: sqlite3.Connection, block: Block, key: str, span: LiveSpan, digest: bytes
) -> tuple[str, float, float] | None:
    """Name of the count that reached its limit, the count, and the limit."""
    terms, spent = block.terms, _spent(connection, key)
    for name, now, most in (
        ("cost", spent.cost, terms.cost),
        ("tokens", spent.tokens, terms.tokens),
        ("calls", spent.calls, terms.calls),
    ):
        if most is not None and now >= most:
            return name, now, most
    if terms.repeats is not None:
        row = connection.execute(
            "SELECT count FROM requests WHERE key = ? AND digest = ?", (_repeats_key(key, span), digest)
        ).fetchone()
        if row is not None and row[0] >= terms.repeats:
            return "repeats", row[0], terms.repeats
    return None


def _count(
    connection: sqlite3.Connection,
    counted: Sequence[tuple[str, LimitTerms]],
    what: str,
    span: LiveSpan,
    digest: bytes,
) -> None:
    day = _today()
    connection.executemany(
        "INSERT INTO spent (key, what, calls, tokens, cost, unpriced, day) VALUES (?, ?, 1, 0, 0, 0, ?)"
        " ON CONFLICT (key, what) DO UPDATE SET calls = calls + 1, day = excluded.day",
        [(key, what, day) for key in dict.fromkeys(key for key, _ in counted)],
    )
    repeated = {_repeats_key(key, span) for key, terms in counted if terms.repeats is not None}
    connection.executemany(
        "INSERT INTO requests (key, digest, count, day) VALUES (?, ?, 1, ?)"
        " ON CONFLICT (key, digest) DO UPDATE SET count = count + 1, day = excluded.day",
        [(key, digest, day) for key in repeated],
    )


def _spent(connection: sqlite3.Connection, key: str) -> Spent:
    row = connection.execute(
        "SELECT coalesce(sum(calls), 0), coalesce(sum(tokens), 0), coalesce(sum(cost), 0.0), coalesce(sum(unpriced), 0)"
        " FROM spent WHERE key = ?",
        (key,),
    ).fetchone()
    return Spent(*row)


def _is_left(connections: Mapping[Path, sqlite3.Connection], block: Block) -> bool:
    """Whether a block of the process that started this one was left there."""
    if block not in _of_process:
        return False
    row = connections[block.file].execute("SELECT 1 FROM shared_blocks WHERE key = ?", (block.key,)).fetchone()
    return row is None


def _assumed(terms: LimitTerms, tokens: int) -> float:
    prices = dict(terms.unpriced)
    return prices.get("call", 0.0) + prices.get("million_tokens", 0.0) * tokens / 1e6


def _error(
    connection: sqlite3.Connection,
    block: Block,
    key: str,
    reason: tuple[str, float, float],
    what: str,
    *,
    is_refused: bool,
) -> LimitExceededError:
    name, now, most = reason
    rows = connection.execute(
        "SELECT what, calls, tokens, cost FROM spent WHERE key = ? AND calls > 0 ORDER BY cost DESC, tokens DESC,"
        " calls DESC, what",
        (key,),
    ).fetchall()
    calls = [(row[0], Spent(*row[1:])) for row in rows]
    told = _told(block.terms, name, now, most, calls)
    does = "refused" if is_refused else "does not refuse"
    how = "; to be warned only, pass mode='warn'." if is_refused else "."
    return LimitExceededError(f"{block.terms} {does} {what!r}: {told}{how}", name, now, most)


def _told(terms: LimitTerms, name: str, now: float, most: float, calls: list[tuple[str, Spent]]) -> str:
    """Text about a reached limit: the calls that reached it, and how to allow more."""
    where = {None: "in this block", "day": "today (UTC)"}.get(terms.per, f"in this {terms.per}")
    if name == "repeats":
        reached = f"this very request was sent {now:g} times already"
    elif name == "cost":
        reached = f"{now:.6g} USD of {most:.6g} are spent {where}"
    else:
        reached = f"{now:g} of {most:g} {name} are used {where}"
    named = [
        f"{label}: {spent.calls} call{'' if spent.calls == 1 else 's'}, {spent.tokens} tokens, {spent.cost:.6g} USD"
        for label, spent in calls[:_CALLS_NAMED]
    ]
    if len(calls) > _CALLS_NAMED:
        named.append(f"{len(calls) - _CALLS_NAMED} more kinds of calls")
    spent_by = "; ".join(named) or "nothing yet"
    return f"{reached}. Spent by: {spent_by}. To allow more, raise {name}, as in {name}={most * 2:.6g}"


# ---- the file ----


@contextmanager
def _transaction(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one transaction, which no other process and no fork shares."""
    import sqlite3

    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=_WAIT_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'shared_blocks'").fetchone():
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
        _sweep(connection)
        yield connection
        connection.execute("COMMIT")


@contextmanager
def _transactions(blocks: Iterable[Block]) -> Iterator[dict[Path, sqlite3.Connection]]:
    """One transaction for each file: a program that changes its store in the middle of a block has two."""
    with ExitStack() as stack:
        yield {file: stack.enter_context(_transaction(file)) for file in sorted({block.file for block in blocks})}


def _sweep(connection: sqlite3.Connection) -> None:
    """Remove rows that are days old, once a day."""
    global _swept_on
    today = _today()
    if _swept_on != today:
        _swept_on = today
        oldest = time.strftime("%Y-%m-%d", time.gmtime(time.time() - _KEPT_DAYS * 86_400))
        for table in ("spent", "requests", "shared_blocks"):
            connection.execute(f"DELETE FROM {table} WHERE day < ?", (oldest,))


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


# ---- threads and processes ----


class _Inherited:
    """The blocks in which a process is started: unpickled there, they hold in it."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self._blocks = blocks

    def __reduce__(self) -> tuple[Any, ...]:
        return _inherit, tuple((block.terms, str(block.file), block.key) for block in self._blocks)


def _inherit(*blocks: tuple[LimitTerms, str, str]) -> _Inherited:
    global _of_process
    use()
    _of_process = tuple(Block(terms, Path(file), key) for terms, file, key in blocks)
    return _Inherited(_of_process)


def _follow_threads_and_processes() -> None:
    from multiprocessing.process import BaseProcess

    import wrapt

    def start_thread(wrapped: Any, thread: Any, args: Any, kwargs: Any) -> Any:
        blocks = blocks_of_context()
        if blocks:
            thread.run = partial(_run_thread, thread, blocks)
        return wrapped(*args, **kwargs)

    def start_process(wrapped: Any, process: Any, args: Any, kwargs: Any) -> Any:
        blocks = (*_of_process, *blocks_of_context())
        if blocks:
            try:
                share(blocks)
                process._config = {**process._config, "tracer_limits": _Inherited(blocks)}
            except Exception as fault:
                report("passing a limit to a process", fault)
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(threading, "Thread.start", start_thread)
    wrapt.wrap_function_wrapper(BaseProcess, "start", start_process)


def _run_thread(thread: threading.Thread, blocks: tuple[Block, ...]) -> None:
    """Run a thread in the blocks in which it was started: in its own context, so that others' contexts stay theirs."""
    vars(thread).pop("run", None)
    blocks_here.set(blocks)
    thread.run()


def share(blocks: tuple[Block, ...]) -> None:
    """Note that these blocks hold in other processes, too, until they are left."""
    for block in blocks:
        if not block.is_shared:
            block.is_shared = True
            with _transaction(block.file) as connection:
                connection.execute("INSERT OR IGNORE INTO shared_blocks(key, day) VALUES (?, ?)", (block.key, _today()))


def leave(block: Block) -> None:
    """End a block; never raises."""
    block.is_open = False
    if not block.is_shared or block.process != os.getpid():
        return
    try:
        with _transaction(block.file) as connection:
            connection.execute("DELETE FROM shared_blocks WHERE key = ?", (block.key,))
    except Exception as fault:
        report("leaving a limit", fault)
