"""Takes in a decoded batch, so that what is sent twice, by two servers, or after a crash in the middle counts once.

Spans and facts go into tables that keep one row for each key, whatever is inserted how often: they are the truth. The
row of a trace, from which lists and sums come, is made of all of them anew (rolled.py) and replaces the row before. Its
version is a number that was drawn after the spans were written and before they were read. Of two servers that change
one trace at once, the one that draws later reads what the other wrote, so that the row with the greater version has
all. A server that dies in between leaves spans without their trace's row: the sender was not answered and sends again.

Change numbers are drawn the same way, and a reader must not pass one that is not visible yet. So a writer looks, once
its numbers can be seen, whether a greater one was there before, and if so gives its changes a new number.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import orjson

from tracer._json import JsonObject
from tracer.store.clickhouse import documents
from tracer.store.clickhouse.connection import Connection, Row
from tracer.store.clickhouse.logs import join, named_spans
from tracer.store.clickhouse.rolled import Known, RecordOf, trace_row
from tracer.store.clickhouse.spans import (
    ENDED,
    SHOWN,
    SPAN_COLUMNS,
    SpanCells,
    ended_row,
    facts_of,
    hidden_row,
    is_ended,
    running_of,
    started_row,
)
from tracer.store.sqlite.append import process_row
from tracer.store.sqlite.decode import DecodedBatch, DecodedTrace
from tracer.store.sqlite.logs import content_of
from tracer.store.sqlite.plan import attachments_in
from tracer.store.sqlite.trace_updates import TraceUpdates

_TRACES_AT_ONCE = 1000
_CHANGE_TRIES = 5
_NUMBER_BITS = 52
_PLACE_BITS = 12
Lives = Mapping[str, int]


def append(connection: Connection, batch: DecodedBatch) -> None:
    """Write the batch. Raises StoreError; what was written until then does no harm."""
    ids = list(batch.traces)
    starts = range(0, len(ids), _TRACES_AT_ONCE)
    parts = [stored_rows(connection, ids[start : start + _TRACES_AT_ONCE], batch.restored) for start in starts]
    _write_alone(connection, batch, _attachments_of_gone(batch, {trace_id for part in parts for trace_id in part}))
    for stored in parts:
        part = {trace_id: batch.traces[trace_id] for trace_id in stored}
        if not part:
            continue
        lives = {trace_id: each.life for trace_id, each in stored.items()}
        connection.insert_in_parts("spans", _span_rows(part, lives))
        connection.insert_in_parts("facts", _fact_rows(part, lives))
        roll_up(connection, stored, _records_in(part))


def _attachments_of_gone(batch: DecodedBatch, kept: Set[str]) -> Set[str]:
    """The attachments that traces which were deleted name, and none of the others."""
    gone = batch.traces.keys() - kept
    if not gone:
        return gone
    named: dict[bool, set[str]] = {True: set(), False: set()}
    for trace_id, decoded in batch.traces.items():
        named[trace_id in gone] |= attachments_in([span.line for span in decoded.spans.values()])
    return named[True] - named[False]


class Stored(NamedTuple):
    """A trace's row as it is: in which life, what it was made of, when the trace was first heard of, its change."""

    life: int = 0
    digest: str = ""
    born: int = 0
    seq: int = 0


def stored_rows(connection: Connection, trace_ids: Sequence[str], restored: Set[str]) -> dict[str, Stored]:
    """What is stored of each trace, without those that were deleted: of these the restored ones begin another life."""
    found = dict.fromkeys(trace_ids, Stored())
    for trace_id, deleted, *cells in connection.rows(
        "SELECT trace_id, deleted, life, digest, born, seq FROM traces FINAL WHERE trace_id IN ?", [trace_ids]
    ):
        stored = Stored(*cells)
        if not deleted:
            found[trace_id] = stored
        elif trace_id in restored:
            found[trace_id] = Stored(stored.life + 1)
        else:
            del found[trace_id]
    return found


def _span_rows(traces: Mapping[str, DecodedTrace], lives: Lives) -> Iterable[Row]:
    place = 0
    for trace_id, decoded in traces.items():
        for span in decoded.spans.values():
            yield ended_row(trace_id, lives[trace_id], (place := place + 1), span, decoded.owner)
        for start in decoded.starts.values():
            yield started_row(trace_id, lives[trace_id], (place := place + 1), start)


def _fact_rows(traces: Mapping[str, DecodedTrace], lives: Lives) -> Iterable[Row]:
    place = 0
    for trace_id, decoded in traces.items():
        for kind, records in (
            ("trace", decoded.updates), ("assessment", _newest_last(decoded.assessments)), ("log", decoded.logs),
        ):  # fmt: skip
            for record in records:
                place += 1
                yield fact(trace_id, lives[trace_id], kind, _digest(record), place, record)


def _newest_last(records: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """Of several records of one id and time in one batch the last counts, of those in several batches the first."""
    return records[::-1]


def fact(trace_id: str, life: int, kind: str, key: str, place: int, record: JsonObject) -> Row:
    """A row of what records other than spans tell."""
    line = orjson.dumps(record).decode()
    return {"trace_id": trace_id, "life": life, "kind": kind, "key": key, "place": place, "record": line}


def _digest(record: JsonObject) -> str:
    return hashlib.blake2b(orjson.dumps(record, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _records_in(traces: Mapping[str, DecodedTrace]) -> dict[tuple[str, str], bytes]:
    return {
        (trace_id, span_id): span.line
        for trace_id, decoded in traces.items()
        for span_id, span in decoded.spans.items()
    }


def roll_up(
    connection: Connection, stored: Mapping[str, Stored], records: Mapping[tuple[str, str], bytes] | None = None
) -> None:
    """Write the rows of traces anew, where they change; ``records`` are those that are at hand."""
    lives = {trace_id: each.life for trace_id, each in stored.items()}
    number = connection.number()
    all_known = _read_known(connection, lives)
    if _join_logs(connection, all_known):
        number = connection.number()
        all_known = _read_known(connection, lives)
    names = {name for known in all_known.values() if (name := _experiment_of(known))}
    experiments = documents.experiment_numbers(connection, names) if names else {}
    rows: list[Row] = []
    unchanged: dict[str, int] = {}
    for trace_id, known in all_known.items():
        old = stored[trace_id]
        known.born = min(known.born or old.born, old.born or known.born)
        if not known.has_more_than_logs():
            continue
        row = trace_row(known, experiments, _record_reader(connection, known, {} if known.logs else records or {}))
        if row["digest"] == old.digest:
            unchanged[trace_id] = old.seq
        else:
            rows.append({**row, "seq": number, "version": version_of(known.life, number)})
    connection.insert_in_parts("traces", rows)
    untold = _untold(connection, unchanged)
    write_changes(connection, number, [row["trace_id"] for row in rows] + untold)


def _untold(connection: Connection, changes: Mapping[str, int]) -> list[str]:
    """The traces whose writer died before it made their change known."""
    if not changes:
        return []
    numbers = sorted(set(changes.values()))
    told = {row[0] for row in connection.rows("SELECT DISTINCT seq FROM changes WHERE seq IN ?", [numbers])}
    return [trace_id for trace_id, number in changes.items() if number not in told]


def version_of(life: int, number: int, *, deleted: bool = False) -> int:
    """The version of a trace's row: a deletion goes before all that is written in the same life."""
    return (2 * life + int(deleted)) << _NUMBER_BITS | number


def write_changes(connection: Connection, number: int, trace_ids: Sequence[str]) -> None:
    """Make changes known under a number that no reader can have passed."""
    if not trace_ids:
        return
    for _ in range(_CHANGE_TRIES):
        rows = [{"seq": number, "place": place, "trace_id": trace_id} for place, trace_id in enumerate(trace_ids)]
        connection.insert("changes", rows)
        if int(connection.rows("SELECT max(seq) FROM changes")[0][0]) <= number:
            return
        number = connection.number()


def _join_logs(connection: Connection, all_known: Mapping[str, Known]) -> bool:
    """Write spans anew that log records tell of; whether there were any."""
    with_logs = {trace_id: known for trace_id, known in all_known.items() if known.logs}
    named = {trace_id: named_spans(known.logs, known.aliases) for trace_id, known in with_logs.items()}
    if not with_logs:
        return False
    records: dict[str, dict[str, JsonObject]] = {trace_id: {} for trace_id in with_logs}
    for trace_id, life, span_id, record in connection.rows(
        f"SELECT trace_id, life, span_id, record FROM spans FINAL WHERE trace_id IN ? AND span_id IN ?"
        f" AND rank >= {ENDED} AND {SHOWN}",
        [list(with_logs), sorted(set().union(*named.values()))],
    ):
        if life == with_logs[trace_id].life and span_id in named[trace_id]:
            records[trace_id][span_id] = orjson.loads(record)
    spans: list[Row] = []
    facts: list[Row] = []
    for trace_id, known in with_logs.items():
        joined = join(known.logs, known.aliases, records[trace_id])
        spans += [ended_row(trace_id, known.life, place, span, known.owner) for place, span in enumerate(joined.spans)]
        spans += [hidden_row(trace_id, known.life, span_id) for span_id in joined.hidden]
        facts += [fact(trace_id, known.life, "trace", _digest(each), 0, each) for each in joined.updates]
    connection.insert_in_parts("spans", spans)
    connection.insert_in_parts("facts", facts)
    return bool(spans or facts)


def _experiment_of(known: Known) -> str | None:
    updates = TraceUpdates()
    updates.apply(known.updates)
    return updates.value("experiment")


def _read_known(connection: Connection, lives: Lives) -> dict[str, Known]:
    ids = list(lives)
    known: dict[str, Known] = {}
    gone: dict[str, set[str]] = defaultdict(set)
    for trace_id, life, kind, key, record in connection.rows(
        "SELECT trace_id, life, kind, key, record FROM facts FINAL WHERE trace_id IN ?"
        " ORDER BY trace_id, at, place, key",
        [ids],
    ):
        if life != lives[trace_id]:
            continue
        one = known.setdefault(trace_id, Known(trace_id, life))
        if kind == "gone":
            gone[trace_id].add(key)
        else:
            {"trace": one.updates, "assessment": one.assessments, "log": one.logs}[kind].append(orjson.loads(record))
    owners: dict[str, list[str]] = defaultdict(list)
    for life, *cells in connection.rows(
        f"SELECT life, {SPAN_COLUMNS} FROM spans FINAL WHERE trace_id IN ? AND {SHOWN}"
        " ORDER BY trace_id, at, place, span_id",
        [ids],
    ):
        span = SpanCells._make(cells)
        if life != lives[span.trace_id]:
            continue
        one = known.setdefault(span.trace_id, Known(span.trace_id, life))
        one.digests.update(span.digests)
        born = span.at << _PLACE_BITS | min(span.place, (1 << _PLACE_BITS) - 1)
        one.born = min(one.born or born, born)
        if span.owner:
            owners[span.trace_id].append(span.owner)
        one.aliases.update((alias, span.span_id) for alias in span.known_as if alias not in one.aliases)
        if is_ended(span):
            one.spans.append(facts_of(span))
        else:
            one.running.append(running_of(span, gone[span.trace_id]))
    for trace_id, found in owners.items():
        known[trace_id].owner = found[0]
    return known


def _record_reader(connection: Connection, known: Known, records: Mapping[tuple[str, str], bytes]) -> RecordOf:
    def record_of(span_id: str) -> JsonObject:
        line: Any = records.get((known.trace_id, span_id))
        if line is None:
            found = connection.rows(
                "SELECT record FROM spans FINAL WHERE trace_id = ? AND life = ? AND span_id = ?",
                [known.trace_id, known.life, span_id],
            )
            line = found[0][0] if found else ""
        return orjson.loads(line) if line else {}

    return record_of


def _write_alone(connection: Connection, batch: DecodedBatch, left_out: Set[str]) -> None:
    """Write what belongs to no trace, without some attachments."""
    logs = [
        record for decoded in batch.traces.values() for log in decoded.logs for record in log.get("attachments", ())
    ]
    found = {**batch.attachments, **content_of(logs)}
    attachments = {digest: content for digest, content in found.items() if digest not in left_out}
    if attachments:
        documents.write_attachments(connection, attachments)
    processes = [process_row(record) for record in batch.processes if record.get("owner")]
    connection.insert(
        "processes",
        [{"owner": owner, "pid": pid, "time": time, "resource": resource} for owner, pid, time, resource in processes],
    )
    documents.write_experiments(connection, batch.experiments)
    documents.write_models(connection, batch.models)
    documents.write_runs(connection, batch.runs)
    documents.write_registered(connection, batch.registered)
