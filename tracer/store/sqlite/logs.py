"""Joins log records with the spans that they belong to, whichever comes first.

A record whose span is not there waits in the table ``logs``, for a bounded time and in a bounded number. A record that
comes after its span makes the store write the span anew, in a block and at a position of its own; the old record stays
in its block and does not count any more (the table ``replaced``), until the block has nothing else and is dropped.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from tracer import _fault
from tracer._json import JsonObject
from tracer.store.decode import DecodedTrace, NewSpan, SpanFacts, new_span, span_facts
from tracer.store.shape import attachment_content, put_in_shape
from tracer.store.sql import marks
from tracer.store.sqlite import blocks
from tracer.store.sqlite.hours import remove_spans
from tracer.store.sqlite.indexing import is_indexed_block, take_out
from tracer.store.sqlite.known import in_parts
from tracer.store.sqlite.schema import POSITION_BITS, POSITION_MASK
from tracer.store.text import span_text

WAIT_NS: Final = 3_600 * 10**9
WAITING_BYTES: Final = 64 << 20
_LEAST_BYTES = 1024  # that each record counts as at least, so that at most 65,536 wait
_COUNTER = "SELECT value FROM counters WHERE name = 'log'"


class TraceChangedError(Exception):
    """Another process has changed a trace while an append to it was planned."""


class WaitingLog(NamedTuple):
    """A record in the table, and its number."""

    id: int
    record: JsonObject


@dataclass(frozen=True, slots=True)
class Replaced:
    """A stored span that is written anew, or merged into another one."""

    row_id: int
    block: int
    facts: SpanFacts
    text: str


@dataclass(slots=True)
class Joined:
    """The spans of one append to a trace together with log records."""

    spans: list[NewSpan]
    replaced: list[Replaced] = field(default_factory=list)
    aliases: Mapping[str, str] = field(default_factory=dict)
    waiting: list[JsonObject] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)  # out of the table
    updates: list[JsonObject] = field(default_factory=list)  # of the trace
    attachments: list[JsonObject] = field(default_factory=list)


def newest_log(connection: sqlite3.Connection) -> int:
    """The number of the newest record that ever waited; 0 if none did."""
    return int(connection.execute(_COUNTER).fetchone()[0])


def waiting_logs(
    connection: sqlite3.Connection, traces: Mapping[str, DecodedTrace], *, after: int = 0
) -> dict[str, list[WaitingLog]]:
    """The records that wait for spans in these traces, in the order in which they came."""
    wanted: dict[int, str] = {}
    for part in in_parts(list(traces)):
        rows = connection.execute(
            f"SELECT trace_id, span_id, id FROM logs WHERE trace_id IN ({marks(part)}) AND id > ?", (*part, after)
        )
        names = {trace_id: traces[trace_id].names() for trace_id in part}
        wanted.update({number: trace_id for trace_id, span_id, number in rows if span_id in names[trace_id]})
    found: dict[str, list[WaitingLog]] = {}
    for number, trace_id in sorted(wanted.items()):
        row = connection.execute("SELECT record FROM logs WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise TraceChangedError
        found.setdefault(trace_id, []).append(WaitingLog(number, orjson.loads(row[0])))
    return found


def join(
    connection: sqlite3.Connection,
    num: int,
    stored: Mapping[str, SpanFacts],
    decoded: DecodedTrace,
    waiting: Sequence[WaitingLog],
) -> Joined:
    """The new spans of a trace, and the stored ones that are written anew, with the content of log records.

    Raises TraceChangedError if another process has changed the trace meanwhile.
    """
    new = {span_id: span for span_id, span in decoded.spans.items() if span_id not in stored}
    joined = Joined([])
    known = _aliases(connection, num)
    joined.aliases = {alias: id for alias, id in decoded.aliases.items() if id in new and alias not in known}
    aliases = {**joined.aliases, **known}
    logs: dict[str, list[JsonObject]] = {}
    for alias, span_id in joined.aliases.items():
        if alias in stored and alias not in new:
            made = _stored(connection, num, stored[alias])
            if made.joined.get("made"):  # from log records, before the span itself came
                joined.replaced.append(made.replaced())
                logs.setdefault(span_id, []).extend(made.joined["logs"])
    for log in (*(each.record for each in waiting), *decoded.logs):
        named = str(log["span_id"])
        logs.setdefault(aliases.get(named, named), []).append(log)
    for span_id, found in logs.items():
        if span_id in new:
            new[span_id] = _with_logs(orjson.loads(new[span_id].line), found, joined) or new[span_id]
        elif span_id in stored:
            old = _stored(connection, num, stored[span_id])
            replaced = old.replaced()  # now: the record is taken apart
            span = _with_logs(old.record, found, joined)
            if span is not None:
                joined.replaced.append(replaced)
                new[span_id] = span
        elif any("span" in log for log in found):
            span = _with_logs(None, found, joined)
            if span is not None:
                new[span_id] = span
        else:
            joined.waiting += [log for log in decoded.logs if aliases.get(log["span_id"], log["span_id"]) == span_id]
            continue
        names = {log["span_id"] for log in found}
        joined.taken += [each.id for each in waiting if each.record["span_id"] in names]
    joined.spans = list(new.values())
    return joined


def _with_logs(record: JsonObject | None, logs: Sequence[JsonObject], joined: Joined) -> NewSpan | None:
    """A span with the content of log records; None if nothing is new, or they cannot be read."""
    # imported here: only log records need the dialects
    from tracer.dialects.logs import with_logs

    with _fault.guard("joining log records with a span"):
        found = with_logs(record, logs)
        if found is None:
            return None
        span, about_trace = found
        put_in_shape(span)
        made = new_span(span_facts(span), span, orjson.dumps(span))
        joined.attachments += [attachment for log in logs for attachment in log.get("attachments", ())]
        if about_trace is not None:
            joined.updates.append(about_trace)
        return made
    return None


def _aliases(connection: sqlite3.Connection, num: int) -> dict[str, str]:
    return dict(connection.execute("SELECT alias, span_id FROM aliases WHERE trace = ?", (num,)).fetchall())


@dataclass(frozen=True, slots=True)
class _Stored:
    row_id: int
    block: int
    facts: SpanFacts
    record: JsonObject

    @property
    def joined(self) -> JsonObject:
        """The log records that are part of it."""
        return self.record.get("joined") or {}

    def replaced(self) -> Replaced:
        """The span as a replaced one."""
        return Replaced(self.row_id, self.block, self.facts, span_text(self.record))


def _stored(connection: sqlite3.Connection, num: int, facts: SpanFacts) -> _Stored:
    low = num << POSITION_BITS
    row = connection.execute(
        f"SELECT s.id, c.id, {blocks.PACKED}, (s.id & {POSITION_MASK}) - c.first"
        " FROM spans s JOIN chunks c ON c.id = s.chunk WHERE s.id BETWEEN ? AND ? AND s.span_id = ?",
        (low, low | POSITION_MASK, facts.span_id),
    ).fetchone()
    if row is None:
        raise TraceChangedError
    row_id, block, *packed, offset = row
    return _Stored(row_id, block, facts, blocks.unpack(*packed)[offset])


# ---- under the lock


def remove_replaced(connection: sqlite3.Connection, replaced: Sequence[Replaced]) -> None:
    """Take spans that are written anew out of the tables, the sums and the full-text index."""
    remove_spans(connection, [span.facts for span in replaced])
    for span in replaced:
        if span.text and is_indexed_block(connection, span.block):
            take_out(connection, [(span.row_id, span.text)])
        connection.execute("DELETE FROM spans WHERE id = ?", (span.row_id,))
        connection.execute("INSERT INTO replaced(id, chunk) VALUES (?, ?)", (span.row_id, span.block))
        _drop_if_unused(connection, span)


def _drop_if_unused(connection: sqlite3.Connection, span: Replaced) -> None:
    low = span.row_id & ~POSITION_MASK
    has_spans = connection.execute(
        "SELECT 1 FROM spans WHERE id BETWEEN ? AND ? AND chunk = ?", (low, low | POSITION_MASK, span.block)
    ).fetchone()
    if not (has_spans or connection.execute("SELECT 1 FROM chunks WHERE base = ?", (span.block,)).fetchone()):
        connection.execute("DELETE FROM chunks WHERE id = ?", (span.block,))
        connection.execute("DELETE FROM replaced WHERE chunk = ?", (span.block,))


def write_aliases(connection: sqlite3.Connection, num: int, aliases: Mapping[str, str]) -> None:
    """Store the ids by which log records name spans."""
    connection.executemany(
        "INSERT OR IGNORE INTO aliases(trace, alias, span_id) VALUES (?, ?, ?)",
        [(num, alias, span_id) for alias, span_id in aliases.items()],
    )


def write_waiting(connection: sqlite3.Connection, newest: int, logs: Sequence[JsonObject]) -> int:
    """Let log records wait for their spans, and drop those that waited too long; the number of the newest."""
    now = time.time_ns()
    for log in logs:
        line = orjson.dumps(log)
        newest += max(len(line), _LEAST_BYTES)
        connection.execute(
            "INSERT OR IGNORE INTO logs(id, trace_id, span_id, digest, received, record) VALUES (?,?,?,?,?,?)",
            (newest, log["trace_id"], log["span_id"], hashlib.sha256(line).digest()[:16], now, line),
        )
    connection.execute("DELETE FROM logs WHERE received < ? OR id <= ?", (now - WAIT_NS, newest - WAITING_BYTES))
    return newest


def forget(connection: sqlite3.Connection, taken: Sequence[int]) -> None:
    """Take records that are part of a span out of the table."""
    connection.executemany("DELETE FROM logs WHERE id = ?", [(number,) for number in taken])


def content_of(attachments: Sequence[JsonObject]) -> dict[str, tuple[str, bytes]]:
    """Media type and content of attachments by their digests; without invalid ones."""
    found: dict[str, tuple[str, bytes]] = {}
    for record in attachments:
        with _fault.guard("reading an attachment of a log record"):
            found[str(record["id"])] = (str(record.get("mime")), attachment_content(record))
    return found
