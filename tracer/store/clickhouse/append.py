"""Takes in a decoded batch, so that records sent twice, by two servers, or again after a crash count once.

Spans and facts go into tables that keep one row for each key, however often it is inserted: they are the truth. The
row of a trace, from which lists and sums come, is made of all of them anew (rolled.py) and replaces the row before. Its
version is a number that was drawn after the spans were written and before they were read. Of two servers that change
one trace at once, the one that draws later reads what the other wrote, so that the row with the greater version has
all. A server that dies in between leaves spans without their trace's row: the sender was not answered and sends again.

Change numbers are drawn the same way, and a reader must not pass one that is not visible yet. So a writer checks, once
its numbers are visible, whether a greater one was there before, and if so gives its changes a new number.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import orjson

from tracer._json import JsonObject
from tracer.store.clickhouse import documents
from tracer.store.clickhouse.attachments import delete_unused_attachments, write_attachments
from tracer.store.clickhouse.connection import Connection, Row
from tracer.store.clickhouse.logs import join, named_spans
from tracer.store.clickhouse.places import hour_of, spans_of, traces_of
from tracer.store.clickhouse.rolled import Known, RecordOf, trace_row
from tracer.store.clickhouse.spans import (
    DIGESTS,
    ENDED,
    SHOWN,
    SPAN_COLUMNS,
    SPAN_ROW,
    SpanCells,
    SpanRow,
    ended_row,
    facts_of,
    hidden_row,
    is_ended,
    running_of,
    started_row,
)
from tracer.store.decode import DecodedBatch, DecodedTrace
from tracer.store.rollup import Running
from tracer.store.sqlite.append import process_row
from tracer.store.sqlite.logs import content_of
from tracer.store.sqlite.plan import attachments_in
from tracer.store.trace_updates import TraceUpdates

_TRACES_AT_ONCE = 1000
_CHANGE_TRIES = 5
_NUMBER_BITS = 52
_PLACE_BITS = 12
Lives = Mapping[str, int]
Attachments = Mapping[str, tuple[str, bytes]]  # media type and content by digest


def append(connection: Connection, batch: DecodedBatch) -> None:
    """Write the batch. Raises StoreError; the part written until then does no harm."""
    ids = list(batch.traces)
    starts = range(0, len(ids), _TRACES_AT_ONCE)
    parts = [stored_rows(connection, ids[start : start + _TRACES_AT_ONCE], batch.restored) for start in starts]
    left_out = _attachments_of_gone(batch, {trace_id for part in parts for trace_id in part})
    sent = {digest: each for digest, each in _attachments_sent(batch).items() if digest not in left_out}
    write_attachments(connection, sent)
    _write_alone(connection, batch)
    for stored in parts:
        part = {trace_id: batch.traces[trace_id] for trace_id in stored}
        if not part:
            continue
        lives = {trace_id: each.life for trace_id, each in stored.items()}
        digests: dict[str, set[str]] = defaultdict(set)
        connection.insert_in_parts("spans", _span_rows(part, lives, digests), SPAN_ROW)
        facts = list(_fact_rows(part, lives))
        connection.insert_in_parts("facts", facts)
        new = _New({name: each for name, each in part.items() if _is_simple(each, stored[name])}, digests, facts)
        roll_up(connection, stored, _records_in(part), new, sent)
    delete_unused_attachments(connection, left_out)  # which came before


def _attachments_of_gone(batch: DecodedBatch, kept: Set[str]) -> Set[str]:
    """The attachments that only deleted traces name."""
    gone = batch.traces.keys() - kept
    if not gone:
        return gone
    named: dict[bool, set[str]] = {True: set(), False: set()}
    for trace_id, decoded in batch.traces.items():
        named[trace_id in gone] |= attachments_in([span.line for span in decoded.spans.values()])
    return named[True] - named[False]


class Stored(NamedTuple):
    """The stored row of a trace: life, digest of its sources, arrival of its first record, change number.

    ``hours`` are those in which it has rows.
    """

    life: int = 0
    digest: str = ""
    born: int = 0
    seq: int = 0
    hours: frozenset[int] = frozenset()


def stored_rows(connection: Connection, trace_ids: Sequence[str], restored: Set[str]) -> dict[str, Stored]:
    """The stored row of each trace but deleted ones; a restored trace that was deleted begins another life."""
    found = dict.fromkeys(trace_ids, Stored())
    of_these = traces_of(trace_ids)
    for trace_id, (deleted, *cells), hours in connection.rows(
        f"SELECT trace_id, {_NEWEST}, groupUniqArray(hour) FROM traces WHERE {of_these.text} GROUP BY trace_id",
        of_these.parameters,
    ):
        stored = Stored(*cells)._replace(hours=frozenset(hours))
        if not deleted:
            found[trace_id] = stored
        elif trace_id in restored:
            found[trace_id] = Stored(stored.life + 1, hours=stored.hours)
        else:
            del found[trace_id]
    return found


# that of a deletion, else the one in the trace's own hour
_NEWEST = "argMax((deleted, life, digest, born, seq), (version, 2 - deleted))"


def _span_rows(traces: Mapping[str, DecodedTrace], lives: Lives, digests: dict[str, set[str]]) -> Iterable[SpanRow]:
    """The rows of spans; the digests of their attachments are put by trace into ``digests``."""
    place = 0
    for trace_id, decoded in traces.items():
        for span in decoded.spans.values():
            row = ended_row(trace_id, lives[trace_id], (place := place + 1), span, decoded.owner)
            if row[DIGESTS]:
                digests[trace_id].update(row[DIGESTS])
            yield row
        for start in decoded.starts.values():
            row = started_row(trace_id, lives[trace_id], (place := place + 1), start)
            if row[DIGESTS]:
                digests[trace_id].update(row[DIGESTS])
            yield row


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
    """A row with the facts of a record that is no span."""
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


class _New(NamedTuple):
    """Traces of which nothing was stored before this batch; most of them are in it as a whole."""

    traces: Mapping[str, DecodedTrace]
    digests: Mapping[str, set[str]]
    facts: Sequence[Row]


_NOTHING_NEW = _New({}, {}, ())
_NOTHING_SENT: Attachments = {}


def _is_simple(decoded: DecodedTrace, stored: Stored) -> bool:
    return stored == Stored() and not decoded.logs and not decoded.aliases


def roll_up(
    connection: Connection,
    stored: Mapping[str, Stored],
    records: Mapping[tuple[str, str], bytes] | None = None,
    new: _New = _NOTHING_NEW,
    sent: Attachments = _NOTHING_SENT,
) -> None:
    """Write the rows of traces anew if they change; ``records``, ``new`` and ``sent`` are already in memory."""
    lives = {trace_id: each.life for trace_id, each in stored.items()}
    number = connection.number()
    all_known = _known_at_hand(connection, new) if new.traces else {}
    others = {trace_id: life for trace_id, life in lives.items() if trace_id not in all_known}
    if others:
        all_known.update(_read_known(connection, others))
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
    _write_rows(connection, rows, {row["trace_id"]: _hours(all_known[row["trace_id"]]) for row in rows}, stored)
    naming = [known for row in rows if (known := all_known[row["trace_id"]]).digests]
    if naming:
        _look_again(connection, naming, sent)
    untold = _untold(connection, unchanged)
    write_changes(connection, number, [row["trace_id"] for row in rows] + untold)


def _look_again(connection: Connection, naming: Sequence[Known], sent: Attachments) -> None:
    """Write anew what a deletion took before rows named it; delete the attachments of traces that went meanwhile."""
    content = {**sent, **_of_logs(log for known in naming for log in known.logs)}
    named = set().union(*(known.digests for known in naming))
    write_attachments(connection, {digest: content[digest] for digest in named & content.keys()})
    there = stored_rows(connection, [known.trace_id for known in naming], frozenset())
    gone = (known.digests for known in naming if known.trace_id not in there)
    delete_unused_attachments(connection, set().union(*gone))


def _hours(known: Known) -> set[int]:
    return {hour_of(span.start) for span in known.spans} | {hour_of(run.facts.start) for run in known.running}


def _write_rows(
    connection: Connection, rows: Sequence[Row], hours: Mapping[str, set[int]], stored: Mapping[str, Stored]
) -> None:
    """Write each row into its hour, and a mark into every other one in which there may be an older row."""
    marks: list[Row] = []
    grown: list[str] = []
    for row in rows:
        trace_id, own = row["trace_id"], row["own"]
        others = (hours[trace_id] | stored[trace_id].hours) - {own}
        marks += [{**{name: row[name] for name in _OF_MARKS}, "deleted": 2, "hour": hour} for hour in sorted(others)]
        if stored[trace_id].hours and not hours[trace_id] | {own} <= stored[trace_id].hours:
            grown.append(trace_id)
    connection.insert_in_parts("traces", [*rows, *marks])
    if grown:
        _hide_deleted(connection, grown)


_OF_MARKS = ("trace_id", "life", "own", "seq", "version", "born")


def _hide_deleted(connection: Connection, trace_ids: Sequence[str]) -> None:
    """Hide rows in new hours of traces that were deleted meanwhile: the deletion may not have seen them."""
    of_these = traces_of(trace_ids)
    deleted = connection.rows(
        "SELECT trace_id, argMax(life, version), argMax(seq, version) FROM traces"
        f" WHERE {of_these.text} GROUP BY trace_id HAVING argMax(deleted, version) = 1",
        of_these.parameters,
    )
    if deleted:
        write_tombstones(connection, {trace_id: life for trace_id, life, _ in deleted}, max(row[2] for row in deleted))


def write_tombstones(connection: Connection, lives: Lives, number: int) -> None:
    """Hide these lives of traces, in each hour in which they have rows, also in hours that are added meanwhile."""
    hidden: set[tuple[str, int]] = set()
    of_these = traces_of(list(lives))
    while True:
        there = connection.rows(
            f"SELECT DISTINCT trace_id, hour FROM traces WHERE {of_these.text}", of_these.parameters
        )
        new = [(trace_id, hour) for trace_id, hour in there if (trace_id, hour) not in hidden]
        if not new:
            return
        connection.insert_in_parts("traces", [_tombstone(each, hour, lives[each], number) for each, hour in new])
        hidden.update(new)


def _tombstone(trace_id: str, hour: int, life: int, number: int) -> Row:
    return {
        "trace_id": trace_id, "life": life, "deleted": 1, "hour": hour, "own": hour, "seq": number,
        "version": version_of(life, number, deleted=True),
    }  # fmt: skip


def _untold(connection: Connection, changes: Mapping[str, int]) -> list[str]:
    """The traces whose writer died before it made their change known."""
    if not changes:
        return []
    numbers = sorted(set(changes.values()))
    told = {row[0] for row in connection.rows("SELECT DISTINCT seq FROM changes WHERE seq IN ?", [numbers])}
    return [trace_id for trace_id, number in changes.items() if number not in told]


def version_of(life: int, number: int, *, deleted: bool = False) -> int:
    """The version of a trace's row: a deletion is above all other rows of the same life."""
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
    """Write spans anew that log records belong to; whether there were any."""
    with_logs = {trace_id: known for trace_id, known in all_known.items() if known.logs}
    named = {trace_id: named_spans(known.logs, known.aliases) for trace_id, known in with_logs.items()}
    if not with_logs:
        return False
    records: dict[str, dict[str, JsonObject]] = {trace_id: {} for trace_id in with_logs}
    of_these = spans_of(list(with_logs))
    for trace_id, life, span_id, record in connection.rows(
        f"SELECT trace_id, life, span_id, record FROM spans FINAL WHERE {of_these.text} AND span_id IN ?"
        f" AND rank >= {ENDED} AND {SHOWN}",
        [*of_these.parameters, sorted(set().union(*named.values()))],
    ):
        if life == with_logs[trace_id].life and span_id in named[trace_id]:
            records[trace_id][span_id] = orjson.loads(record)
    spans: list[SpanRow] = []
    facts: list[Row] = []
    for trace_id, known in with_logs.items():
        joined = join(known.logs, known.aliases, records[trace_id])
        spans += [ended_row(trace_id, known.life, place, span, known.owner) for place, span in enumerate(joined.spans)]
        starts = {span.span_id: span.start for span in known.spans}
        spans += [
            hidden_row(trace_id, known.life, span_id, starts[span_id]) for span_id in joined.hidden if span_id in starts
        ]
        facts += [fact(trace_id, known.life, "trace", _digest(each), 0, each) for each in joined.updates]
    connection.insert_in_parts("spans", spans, SPAN_ROW)
    connection.insert_in_parts("facts", facts)
    return bool(spans or facts)


def _known_at_hand(connection: Connection, new: _New) -> dict[str, Known]:
    """New traces whose only rows are those of this batch: as many spans and facts, of one time."""
    ids = list(new.traces)
    of_these = spans_of(ids)
    rows = connection.rows(
        f"SELECT trace_id, uniqExact(span_id), 0, min(at), max(at), min({_BORN}) FROM spans"
        f" WHERE {of_these.text} GROUP BY trace_id UNION ALL"
        " SELECT trace_id, 0, uniqExact(kind, key), min(at), max(at), 0 FROM facts WHERE trace_id IN ?"
        " GROUP BY trace_id",
        [*of_these.parameters, ids],
    )
    stored: dict[str, list[list[int]]] = defaultdict(list)
    for trace_id, *numbers in rows:
        stored[trace_id].append(numbers)
    facts: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for fact in new.facts:
        facts[fact["trace_id"]].add((fact["kind"], fact["key"]))
    found: dict[str, Known] = {}
    for trace_id, decoded in new.traces.items():
        there = stored[trace_id]
        counts = sum(row[0] for row in there), sum(row[1] for row in there)
        is_whole = counts == (len(decoded.spans) + len(decoded.starts), len(facts[trace_id]))
        if is_whole and all(first == last for _, _, first, last, _ in there):
            for span in decoded.spans.values():  # of a batch that was tried before, and is rolled up
                span.facts.covered, span.facts.beside = 0, None
            found[trace_id] = Known(
                trace_id,
                life=0,
                spans=[span.facts for span in decoded.spans.values()],
                running=[
                    Running(start.facts(), has_values=start.line is not None) for start in decoded.starts.values()
                ],
                updates=decoded.updates,
                assessments=list(_newest_last(decoded.assessments)),
                owner=decoded.owner or next((start.owner for start in decoded.starts.values() if start.owner), None),
                born=sum(row[4] for row in there),
                digests=new.digests.get(trace_id, set()),
                previews={name: span.previews for name, span in decoded.spans.items() if span.previews},
            )
    return found


_BORN = f"bitShiftLeft(at, {_PLACE_BITS}) + least(place, {(1 << _PLACE_BITS) - 1})"


def _experiment_of(known: Known) -> str | None:
    updates = TraceUpdates()
    updates.apply(known.updates)
    return updates.value("experiment")


def _read_known(connection: Connection, lives: Lives) -> dict[str, Known]:
    ids = list(lives)
    known: dict[str, Known] = {}
    gone: dict[str, set[str]] = defaultdict(set)
    for trace_id, life, kind, key, record in connection.rows(
        "SELECT trace_id, life, kind, key, record FROM facts FINAL WHERE trace_id IN ? AND record != ''"
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
    for span in _read_spans(connection, lives):
        life = lives[span.trace_id]
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


def _read_spans(connection: Connection, lives: Lives) -> list[SpanCells]:
    """The spans of traces; of those of one id that started in several hours the one that counts, others are hidden."""
    of_these = spans_of(list(lives))
    found: dict[tuple[str, str], SpanCells] = {}
    lost: list[SpanRow] = []
    for life, *cells in connection.rows(
        f"SELECT life, {SPAN_COLUMNS} FROM spans FINAL WHERE {of_these.text} AND {SHOWN}"
        " ORDER BY trace_id, at, place, span_id",
        of_these.parameters,
    ):
        span = SpanCells._make(cells)
        if life != lives[span.trace_id]:
            continue
        key = span.trace_id, span.span_id
        other = found.get(key)
        if other is not None:
            span, loser = (span, other) if span.rank > other.rank else (other, span)
            lost.append(hidden_row(span.trace_id, life, span.span_id, loser.start))
            del found[key]
        found[key] = span
    connection.insert_in_parts("spans", lost, SPAN_ROW)
    return sorted(found.values(), key=_order_of_spans) if lost else list(found.values())


def _order_of_spans(span: SpanCells) -> tuple[str, int, int, str]:
    return span.trace_id, span.at, span.place, span.span_id


def _record_reader(connection: Connection, known: Known, records: Mapping[tuple[str, str], bytes]) -> RecordOf:
    def record_of(span_id: str) -> JsonObject:
        line: Any = records.get((known.trace_id, span_id))
        if line is None:
            of_this = spans_of([known.trace_id])
            found = connection.rows(
                f"SELECT record FROM spans FINAL WHERE {of_this.text} AND life = ? AND span_id = ? AND {SHOWN}"
                " ORDER BY version DESC LIMIT 1",
                [*of_this.parameters, known.life, span_id],
            )
            line = found[0][0] if found else ""
        return orjson.loads(line) if line else {}

    return record_of


def _attachments_sent(batch: DecodedBatch) -> Attachments:
    return {**batch.attachments, **_of_logs(log for decoded in batch.traces.values() for log in decoded.logs)}


def _of_logs(logs: Iterable[JsonObject]) -> Attachments:
    return content_of([record for log in logs for record in log.get("attachments", ())])


def _write_alone(connection: Connection, batch: DecodedBatch) -> None:
    """Write the records that belong to no trace but for attachments."""
    processes = [process_row(record) for record in batch.processes if record.get("owner")]
    connection.insert(
        "processes",
        [{"owner": owner, "pid": pid, "time": time, "resource": resource} for owner, pid, time, resource in processes],
    )
    documents.write_experiments(connection, batch.experiments)
    documents.write_models(connection, batch.models)
    documents.write_runs(connection, batch.runs)
    documents.write_registered(connection, batch.registered)
