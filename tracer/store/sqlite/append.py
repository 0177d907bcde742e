"""Writes a decoded batch into the tables: plans everything outside the lock, then writes in one short transaction.

A plan is made from the tables as they are at that moment. Every change of a trace gives it a new change number, so a
plan still fits while the change numbers of its traces are the same; else it is made again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

import orjson

from tracer import semconv
from tracer._fault import guard
from tracer._json import JsonObject
from tracer.store.decode import DecodedBatch, SpanFacts, StartFacts
from tracer.store.rollup import RollUp
from tracer.store.sqlite.attachments import delete_unused, remove_files, write_attachments
from tracer.store.sqlite.bases import RecentBases
from tracer.store.sqlite.connection import begin_write
from tracer.store.sqlite.hours import add_covered, add_priced, add_spans, take_back
from tracer.store.sqlite.insert import Row, insert_rows
from tracer.store.sqlite.logs import (
    TraceChangedError,
    content_of,
    forget,
    remove_replaced,
    write_aliases,
    write_waiting,
)
from tracer.store.sqlite.models_and_runs import experiment_number, write_experiments, write_models, write_runs
from tracer.store.sqlite.plan import AppendPlan, LonePlan, TracePlan, bases_of, make_plan, still_fits, time_of
from tracer.store.sqlite.recent import RecentTallies
from tracer.store.sqlite.registered import write_registered
from tracer.store.sqlite.schema import POSITION_BITS, POSITION_MASK
from tracer.store.tally import Tally
from tracer.store.topmost import PRICED_BELOW

_OPTIMISTIC_TRIES = 3
_NO_COUNTS = _NO_COST = (None, None, None)

_SPAN_COLUMNS = (
    "id", "span_id", "parent_id", "remote", "name", "type", "status", "message", "start", "duration", "model",
    "request_model", "provider", "input_tokens", "output_tokens", "total_tokens", "usage", "input_cost", "output_cost",
    "cost", "chunk", "first_chunk", "covered", "scope", "beside", "exception",
)  # fmt: skip
_BLOCK_COLUMNS = ("id", "trace", "first", "codec", "content", "base")
_TRACE_KEY = ("num", "trace_id")
_ROLLED_CELLS = (
    "seq", "experiment", "state", "name", "root_span", "start", "duration", "next_position", "spans",
    "errors", "input_tokens", "output_tokens", "total_tokens", "usage", "input_cost", "output_cost", "cost",
    "request_preview", "response_preview",
)  # fmt: skip
_TRACE_CELLS = (
    *_ROLLED_CELLS, "session", "user", "model_id", "run_id", "client_request_id", "said", "owner",
)  # fmt: skip
_UPDATE_TRACE = f"UPDATE traces SET {','.join(f'{name}=?' for name in _TRACE_CELLS)} WHERE num=?"
_COVER_SPAN = "UPDATE spans SET covered = ?, beside = ? WHERE id = ?"
_PUT_RUNNING = """INSERT INTO running(
    trace, span_id, parent_id, remote, name, type, start, owner, record
    ) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET name = excluded.name, type = excluded.type,
    record = excluded.record WHERE record IS NULL AND excluded.record IS NOT NULL"""
_PUT_LABEL = "INSERT OR REPLACE INTO labels(trace, kind, key, value, start) VALUES (?,?,?,?,?)"
_PUT_ASSESSMENT = """INSERT OR REPLACE INTO assessments(
    id, trace, span_id, name, type, value, text, rationale, source, metadata, error, time, deleted
    ) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"""


def append(connection: sqlite3.Connection, batch: DecodedBatch, recent: RecentTallies, bases: RecentBases) -> None:
    """Write the batch; raises sqlite3.Error and leaves the tables as they were."""
    for _ in range(_OPTIMISTIC_TRIES):
        if _try_append(connection, batch, recent, bases, is_locked=False):
            return
    _try_append(connection, batch, recent, bases, is_locked=True)


def _try_append(
    connection: sqlite3.Connection, batch: DecodedBatch, recent: RecentTallies, bases: RecentBases, *, is_locked: bool
) -> bool:
    """Plan and write; False where another process changed a trace, or deleted a base, meanwhile."""
    try:
        if is_locked:
            begin_write(connection)
        plan = make_plan(connection, batch, recent, None if is_locked else bases)
        left_out = plan.attachments_of_gone()
        if not (plan.changes_anything() or batch.has_more_than_traces() or left_out):
            return True
        if not is_locked:
            begin_write(connection)
        counters: dict[str, int] = dict(connection.execute("SELECT name, value FROM counters"))
        if not is_locked:
            fits = still_fits(connection, plan, batch, newest_log=counters["log"])
            if not fits or bases.forget_gone(connection, bases_of(plan.traces)):
                return False
        seq = _write(connection, plan, batch, counters)
        connection.execute("COMMIT")
        bases.commit()
    except (sqlite3.IntegrityError, TraceChangedError):
        if is_locked:
            raise
        return False  # a trace that was new when it was planned, or changed
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        bases.rollback()
    with guard("removing files of attachments"):  # the batch is written
        remove_files(connection, left_out)
    for each in plan.traces:
        if isinstance(each.known.tally, Tally):
            recent.keep(each.known.num, seq, each.known.tally)
    return True


def _write(connection: sqlite3.Connection, whole: AppendPlan, batch: DecodedBatch, counters: dict[str, int]) -> int:
    """Write the plan and give the change number it got."""
    plans = whole.traces
    counters["seq"] += 1
    experiments = _experiments(connection, plans)
    span_rows: list[Row] = []
    block_rows: list[Row] = []
    lone_rows: list[Row] = []
    lone_labels: list[Row] = []
    for each in whole.every:
        if isinstance(each, LonePlan):
            lone_rows.append(_place_lone(each, counters, span_rows, block_rows, lone_labels))
            continue
        if each.is_new:
            counters["trace"] += 1
            each.known.num = counters["trace"]
        _place_spans(each, counters, span_rows, block_rows)
    counters["spans"] += len(span_rows)
    insert_rows(connection, "chunks", _BLOCK_COLUMNS, block_rows)
    insert_rows(connection, "spans", _SPAN_COLUMNS, span_rows)
    insert_rows(connection, "traces", (*_TRACE_KEY, *_ROLLED_CELLS, "owner"), lone_rows)
    connection.executemany(_PUT_LABEL, lone_labels)
    _write_joined(connection, whole, counters)
    _write_traces(connection, plans, counters["seq"], experiments)
    _write_labels(connection, plans)
    _write_running(connection, plans)
    new_spans = chain(*((each.span,) if isinstance(each, LonePlan) else each.new_spans for each in whole.every))
    add_spans(connection, (span.facts for span in new_spans))
    _write_covered(connection, plans)
    _write_assessments(connection, plans)
    _write_attachments(connection, whole, batch)
    write_experiments(connection, batch.experiments)
    write_models(connection, batch.models)
    write_runs(connection, batch.runs)
    write_registered(connection, batch.registered)
    connection.executemany("DELETE FROM deleted WHERE trace_id = ?", [(each,) for each in batch.restored])
    values = [(value, name) for name, value in counters.items()]
    connection.executemany("UPDATE counters SET value = ? WHERE name = ?", values)
    return counters["seq"]


def _write_joined(connection: sqlite3.Connection, whole: AppendPlan, counters: dict[str, int]) -> None:
    """Remove spans that are written anew, and keep what belongs to spans that have not come."""
    for plan in whole.traces:
        if plan.joined:
            counters["spans"] -= len(plan.joined.replaced)
            remove_replaced(connection, plan.joined.replaced)
            write_aliases(connection, plan.known.num, plan.joined.aliases)
    waiting = [log for joined in whole.joined for log in joined.waiting]
    if waiting or counters["log"]:
        forget(connection, [number for joined in whole.joined for number in joined.taken])
        counters["log"] = write_waiting(connection, counters["log"], waiting)


def _place_spans(plan: TracePlan, counters: dict[str, int], span_rows: list[Row], block_rows: list[Row]) -> None:
    base = plan.known.num << POSITION_BITS
    position = plan.known.next_position
    if position + len(plan.new_spans) > POSITION_MASK:
        raise sqlite3.DataError(f"trace {plan.known.trace_id} has more than {POSITION_MASK} spans")
    for block in plan.packed:
        counters["chunk"] += 1
        if block.as_base:
            block.as_base.block = counters["chunk"]
        of_base = block.base.block if block.base else None
        block_rows.append(
            (counters["chunk"], plan.known.num, position + block.first, block.codec, block.content, of_base)
        )
        for offset in range(block.first, block.first + block.count):
            span_rows.append(_span_row(base | position + offset, plan.new_spans[offset].facts, counters["chunk"]))
    plan.known.next_position += len(plan.new_spans)


def _place_lone(
    plan: LonePlan, counters: dict[str, int], span_rows: list[Row], block_rows: list[Row], labels: list[Row]
) -> Row:
    """Number a trace of one span; its own row."""
    num = counters["trace"] = counters["trace"] + 1
    block = counters["chunk"] = counters["chunk"] + 1
    decoded, span, rolled, named, codec, content, (asked, replied) = plan
    block_rows.append((block, num, 0, codec, content, None))
    span_rows.append(_span_row(num << POSITION_BITS, span.facts, block))
    if named:
        labels.extend((num, kind, key, value, rolled.start) for (kind, key), value in named.items())
    cells = _rolled_cells(rolled, counters["seq"], 0, rolled.state, 1, asked, replied)
    return num, decoded.trace_id, *cells, decoded.owner


def _span_row(row_id: int, facts: SpanFacts, block: int) -> tuple[Any, ...]:
    usage = facts.usage
    counts = _counts(usage)
    detailed = orjson.dumps(usage).decode() if usage and len(usage) > 3 - counts.count(None) else None
    return (
        row_id, facts.span_id, facts.parent_id, int(facts.remote), facts.name, facts.type, facts.status, facts.message,
        facts.start, facts.duration, facts.model, facts.request_model, facts.provider, *counts, detailed,
        *(facts.cost or _NO_COST), block, facts.first_chunk, facts.covered, facts.scope, facts.beside, facts.exception,
    )  # fmt: skip


def _counts(usage: dict[str, int] | None) -> tuple[int | None, int | None, int | None]:
    if not usage:
        return _NO_COUNTS
    return usage.get("input_tokens"), usage.get("output_tokens"), usage.get("total_tokens")


def _write_covered(connection: sqlite3.Connection, plans: Sequence[TracePlan]) -> None:
    """Note which tokens and costs an ancestor carries too: of new spans, and of stored ones around these."""
    covered = [(span.facts, span.facts.covered) for plan in plans for span in plan.new_spans if span.facts.covered]
    stored = [span for plan in plans for span in plan.covered]
    if stored:
        connection.executemany(_COVER_SPAN, [(each.facts.covered, each.facts.beside, each.row_id) for each in stored])
        covered += [(span.facts, span.gained) for span in stored]
        add_priced(connection, [span.facts for span in stored if span.gained & PRICED_BELOW])
        take_back(connection, [(span.facts, span.lost) for span in stored if span.lost])
    if covered:
        add_covered(connection, covered)


def _experiments(connection: sqlite3.Connection, plans: Sequence[TracePlan]) -> dict[str, int]:
    names = {plan.known.updates.value("experiment") for plan in plans}
    found: dict[str, int] = {}
    for name in sorted(name for name in names if name):
        found[name] = experiment_number(connection, name)
    return found


def _write_traces(
    connection: sqlite3.Connection, plans: Sequence[TracePlan], seq: int, experiments: dict[str, int]
) -> None:
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for plan in plans:
        cells = _trace_cells(plan, seq, experiments)
        if plan.is_new:
            new.append((plan.known.num, plan.known.trace_id, *cells))
        else:
            changed.append((*cells, plan.known.num))
    insert_rows(connection, "traces", (*_TRACE_KEY, *_TRACE_CELLS), new)
    connection.executemany(_UPDATE_TRACE, changed)


def _trace_cells(plan: TracePlan, seq: int, experiments: dict[str, int]) -> tuple[Any, ...]:
    rolled, updates, known = plan.rolled, plan.known.updates.values(), plan.known
    state = updates["state"] if rolled.state in ("OK", "ERROR") else None
    asked = updates["request_preview"] or plan.request_preview
    replied = updates["response_preview"] or plan.response_preview
    experiment = experiments.get(updates["experiment"] or "", 0)
    return (
        *_rolled_cells(rolled, seq, experiment, state or rolled.state, known.next_position, asked, replied),
        updates["session_id"], updates["user"], updates["model_id"], updates["run_id"],
        updates["client_request_id"], known.updates.encoded(), known.owner or plan.decoded.owner,
    )  # fmt: skip


def _rolled_cells(
    rolled: RollUp, seq: int, experiment: int, state: str, next_position: int, asked: str | None, replied: str | None
) -> Row:
    """The cells of a trace that its spans decide, in the order of _ROLLED_CELLS."""
    usage = rolled.usage
    return (
        seq, experiment, state, rolled.name, rolled.root, rolled.start, rolled.duration, next_position, rolled.spans,
        rolled.errors, *_counts(usage), orjson.dumps(usage).decode() if usage else None, *(rolled.cost or _NO_COST),
        asked, replied,
    )  # fmt: skip


def _write_labels(connection: sqlite3.Connection, plans: Sequence[TracePlan]) -> None:
    gone: list[tuple[int, int, str]] = []
    rows: list[tuple[Any, ...]] = []
    for plan in plans:
        start = plan.rolled.start
        old = plan.known.labels
        if not (old or plan.labels):
            continue
        moved = start != plan.known.start
        gone.extend((plan.known.num, kind, key) for kind, key in old.keys() - plan.labels.keys())
        rows.extend(
            (plan.known.num, kind, key, value, start)
            for (kind, key), value in plan.labels.items()
            if moved or old.get((kind, key)) != value
        )
    connection.executemany("DELETE FROM labels WHERE trace = ? AND kind = ? AND key = ?", gone)
    connection.executemany(_PUT_LABEL, rows)


def _write_running(connection: sqlite3.Connection, plans: Sequence[TracePlan]) -> None:
    ended = [
        (plan.known.num, span.facts.span_id) for plan in plans if plan.known.had_running for span in plan.new_spans
    ]
    connection.executemany("DELETE FROM running WHERE trace = ? AND span_id = ?", ended)
    connection.executemany(
        _PUT_RUNNING,
        [
            (
                plan.known.num,
                span_id,
                facts.parent_id,
                int(facts.remote),
                facts.name,
                facts.type,
                facts.start,
                facts.owner,
                record,
            )
            for plan in plans
            if plan.known.tally.running
            for span_id, facts, record in _started(plan)
        ],
    )


def _started(plan: TracePlan) -> list[tuple[str, StartFacts, bytes | None]]:
    running, starts = plan.known.tally.running, plan.decoded.starts
    return [(span_id, running[span_id].facts, start.line) for span_id, start in starts.items() if span_id in running]


def _write_assessments(connection: sqlite3.Connection, plans: Sequence[TracePlan]) -> None:
    rows = [_assessment_row(plan.known.num, record) for plan in plans for record in plan.assessments]
    connection.executemany(_PUT_ASSESSMENT, rows)


def _assessment_row(trace: int, record: JsonObject) -> tuple[Any, ...]:
    value, source, given = record.get("value"), record.get("source"), record.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    return (
        record["id"],
        trace,
        plain_text(record.get("span_id")),
        record["name"],
        plain_text(record.get("type")) or "feedback",
        orjson.dumps(value).decode(),
        plain_text(value),
        plain_text(record.get("rationale")),
        orjson.dumps(source if isinstance(source, dict) else {}).decode(),
        orjson.dumps(metadata).decode(),
        plain_text(record.get("error")),
        time_of(record),
        1 if record.get("deleted") is True else 2 if semconv.OVERRIDDEN_BY in metadata else 0,
    )


def plain_text(value: Any) -> str | None:
    """A text as it is, of any other value its JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _write_attachments(connection: sqlite3.Connection, whole: AppendPlan, batch: DecodedBatch) -> None:
    plans, left_out = whole.traces, whole.attachments_of_gone()
    joined = content_of([record for plan in plans if plan.joined for record in plan.joined.attachments])
    rows = [(digest, mime, content) for digest, (mime, content) in {**batch.attachments, **joined}.items()]
    rows = [row for row in rows if row[0] not in left_out] if left_out else rows
    if rows:
        write_attachments(connection, rows)
    uses = [(plan.known.num, digest) for plan in plans for digest in sorted(plan.attachments)]
    connection.executemany("INSERT OR IGNORE INTO attachment_uses(trace, digest) VALUES (?,?)", uses)
    if left_out:
        delete_unused(connection, left_out)  # those that came before
    connection.executemany(
        "INSERT OR IGNORE INTO processes(owner, pid, time, resource) VALUES (?,?,?,?)",
        [process_row(record) for record in batch.processes if record.get("owner")],
    )


def process_row(record: JsonObject) -> tuple[Any, ...]:
    """Owner, process id, time and resource of a process."""
    resource, pid = record.get("resource"), record.get("pid")
    encoded = orjson.dumps(resource if isinstance(resource, dict) else {}).decode()
    return str(record["owner"]), pid if isinstance(pid, int) and abs(pid) < 2**63 else None, time_of(record), encoded
