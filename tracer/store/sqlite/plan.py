"""The plan of an append: the new state of each trace, computed before the store is locked."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple

import orjson

from tracer import _fault
from tracer._json import JsonObject
from tracer._records.attachments import ATTACHMENT_SCHEME
from tracer.semconv import PROMPT, SpanType
from tracer.store.decode import DecodedBatch, DecodedTrace, NewSpan, SpanFacts
from tracer.store.rollup import RollUp, Running
from tracer.store.sql import marks
from tracer.store.sqlite import blocks
from tracer.store.sqlite.bases import Base, RecentBases
from tracer.store.sqlite.known import KnownTrace, in_parts, load_known
from tracer.store.sqlite.logs import Joined, join, newest_log, waiting_logs
from tracer.store.sqlite.recent import RecentTallies
from tracer.store.sqlite.schema import (
    LABEL_EXCEPTION,
    LABEL_FAILED_STEP,
    LABEL_METADATA,
    LABEL_MODEL,
    LABEL_PROMPT,
    LABEL_PROVIDER,
    LABEL_TAG,
    POSITION_BITS,
    POSITION_MASK,
)
from tracer.store.tally import OneSpan, Tally
from tracer.store.text import Previews, previews, request_preview, response_preview
from tracer.store.trace_updates import TraceUpdates

_SCHEME = ATTACHMENT_SCHEME.encode()
_CALLS_LOOKED_AT = 3  # for a reply
_NO_NAMES: Set[str] = frozenset()
_NO_UPDATES = TraceUpdates()
_NO_LABELS: Mapping[tuple[int, str], str] = {}
_ATTACHMENT = re.compile(re.escape(_SCHEME) + rb"([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class CoveredSpan:
    """A stored span whose marks, or whose place beside another of the same call, change by new spans: topmost.py."""

    row_id: int
    gained: int
    lost: int
    facts: SpanFacts


@dataclass(slots=True)
class TracePlan:
    """The new state of one trace."""

    known: KnownTrace
    decoded: DecodedTrace
    is_new: bool
    rolled: RollUp
    new_spans: list[NewSpan]
    new: Mapping[str, NewSpan]  # the same by their ids
    packed: list[blocks.Block]
    attachments: Set[str]
    assessments: Sequence[JsonObject]
    labels: Mapping[tuple[int, str], str]
    covered: Sequence[CoveredSpan] = ()
    joined: Joined | None = None
    request_preview: str | None = None
    response_preview: str | None = None


class LonePlan(NamedTuple):
    """A new trace of one ended span, which most are: less to plan, and planned in less than half the time."""

    decoded: DecodedTrace
    span: NewSpan
    rolled: RollUp
    labels: Mapping[tuple[int, str], str]
    codec: int
    content: bytes  # of its block
    previews: Previews


@dataclass(slots=True)
class AppendPlan:
    """The new state of all traces of an append."""

    every: list[TracePlan | LonePlan]  # of the traces that change, in the order in which they came
    traces: list[TracePlan]  # among them
    read: dict[str, int | None]  # change numbers of the traces that log records were joined with; None: not stored
    joined: list[Joined]
    newest_log: int
    newest_deletion: int | None  # ns
    gone: list[DecodedTrace] = field(default_factory=list)  # of deleted traces: none of their records are written

    def changes_anything(self) -> bool:
        """Whether a trace changes, or the log records that wait."""
        return bool(self.every) or any(joined.waiting or joined.taken for joined in self.joined)

    def attachments_of_gone(self) -> Set[str]:
        """The attachments that only deleted traces name."""
        named = {digest for each in self.gone for digest in attachments_in([span.line for span in each.spans.values()])}
        return named - {digest for each in self.traces for digest in each.attachments} if named else named


def make_plan(
    connection: sqlite3.Connection, batch: DecodedBatch, recent: RecentTallies, bases: RecentBases | None
) -> AppendPlan:
    """A plan for each trace that changes, none for a trace whose records are all stored."""
    deleted = newest_deletion(connection)  # before all else: a later one is noticed under the lock
    newest = newest_log(connection)
    waiting = waiting_logs(connection, batch.traces) if newest else {}
    known = load_known(connection, list(batch.traces), recent)
    gone = deleted_among(connection, batch.traces.keys() - known.keys() - batch.restored)
    whole = AppendPlan([], [], {}, [], newest, deleted)
    for trace_id, decoded in batch.traces.items():
        if trace_id in gone:
            whole.gone.append(decoded)
            continue
        stored = known.get(trace_id)
        if stored is None and trace_id not in waiting and (lone := plan_lone(decoded)):
            whole.every.append(lone)
            continue
        joined = None
        if decoded.logs or decoded.aliases or trace_id in waiting:
            num, spans = (stored.num, stored.tally.spans) if stored else (-1, {})
            joined = join(connection, num, spans, decoded, waiting.get(trace_id, ()))
            whole.joined.append(joined)
            whole.read[trace_id] = stored.seq if stored else None
        plan = _plan(connection, stored, decoded, joined, bases)
        if plan is not None:
            whole.every.append(plan)
            whole.traces.append(plan)
    return whole


def newest_deletion(connection: sqlite3.Connection) -> int | None:
    """When a trace was last deleted, in ns."""
    found: int | None = connection.execute("SELECT max(time) FROM deleted").fetchone()[0]
    return found


def deleted_among(connection: sqlite3.Connection, trace_ids: Set[str]) -> set[str]:
    """The deleted ones of the traces: records that arrive late do not bring them back."""
    found: set[str] = set()
    for part in in_parts(list(trace_ids)):
        rows = connection.execute(f"SELECT trace_id FROM deleted WHERE trace_id IN ({marks(part)})", part)
        found.update(trace_id for (trace_id,) in rows)
    return found


def plan_lone(decoded: DecodedTrace) -> LonePlan | None:
    """The plan of a new trace with one ended span and nothing else; None where it needs more than this one has."""
    if len(decoded.spans) != 1 or decoded.has_more_than_spans():
        return None
    (span,) = decoded.spans.values()
    packed = None if _SCHEME in span.line else blocks.pack_one(span.line)
    if packed is None:
        return None
    rolled = OneSpan(span.facts).roll_up()
    asked_and_replied = span.previews or previews(orjson.loads(span.line))
    return LonePlan(decoded, span, rolled, _labels(_NO_UPDATES, rolled), *packed, asked_and_replied)


def _plan(
    connection: sqlite3.Connection,
    stored: KnownTrace | None,
    decoded: DecodedTrace,
    joined: Joined | None,
    bases: RecentBases | None,
) -> TracePlan | None:
    new_spans = joined.spans if joined else list(decoded.spans.values())
    if stored is None and not (new_spans or decoded.has_more_than_logs()):
        return None
    known = stored or _new_trace(decoded, new_spans)
    has_updates = known.updates.apply([*decoded.updates, *joined.updates] if joined else decoded.updates)
    assessments = newer_assessments(connection, decoded) if decoded.assessments else ()
    if stored is not None:
        if joined and joined.replaced:
            assert isinstance(stored.tally, Tally)
            stored.tally = stored.tally.without({span.facts.span_id for span in joined.replaced})
        new_spans, has_started = _take_in(stored.tally, decoded, new_spans)
        if not (new_spans or has_started or has_updates or assessments):
            return None
    lines = [span.line for span in new_spans]
    rolled = known.tally.roll_up()
    plan = TracePlan(
        known=known,
        decoded=decoded,
        is_new=stored is None,
        rolled=rolled,
        new_spans=new_spans,
        new=decoded.spans if joined is None else {span.facts.span_id: span for span in new_spans},
        packed=list(blocks.pack(lines, bases)),
        attachments=attachments_in([*lines, *(start.line for start in decoded.starts.values() if start.line)]),
        assessments=assessments,
        labels=_labels(known.updates, rolled),
        covered=_covered(connection, known, rolled) if rolled.covered else (),
        joined=joined,
    )
    _preview(connection, plan)
    _preview_from_calls(connection, plan)
    return plan


def _covered(connection: sqlite3.Connection, known: KnownTrace, rolled: RollUp) -> list[CoveredSpan]:
    low = known.num << POSITION_BITS
    rows = connection.execute("SELECT id, span_id FROM spans WHERE id BETWEEN ? AND ?", (low, low | POSITION_MASK))
    marks, spans = rolled.covered, known.tally.spans
    return [CoveredSpan(row_id, *marks[span_id], spans[span_id]) for row_id, span_id in rows if span_id in marks]


def _new_trace(decoded: DecodedTrace, new_spans: Sequence[NewSpan]) -> KnownTrace:
    spans = [span.facts for span in new_spans]
    running = [Running(start.facts(), has_values=start.line is not None) for start in decoded.starts.values()]
    tally = OneSpan(spans[0]) if len(spans) == 1 and not running else Tally(spans, running)
    return KnownTrace(decoded.trace_id, owner=decoded.owner, tally=tally)


def _take_in(tally: Tally | OneSpan, decoded: DecodedTrace, spans: Sequence[NewSpan]) -> tuple[list[NewSpan], bool]:
    """Bring a stored trace's tally up to date; the new spans, and whether running ones have changed."""
    assert isinstance(tally, Tally)
    has_started = False
    for span_id, start in decoded.starts.items():
        if span_id in tally.spans:
            continue
        run, facts = tally.running.get(span_id), start.facts()
        if run is None:
            tally.add_running(Running(facts, has_values=start.line is not None))
        elif start.line is not None and not run.has_values:
            tally.add_values(facts)
        else:
            continue
        has_started = True
    new_spans = [span for span in spans if span.facts.span_id not in tally.spans]
    for span in new_spans:
        tally.add(span.facts)
    return new_spans, has_started


def attachments_in(lines: Sequence[bytes]) -> Set[str]:
    """The digests of the attachments that these records name."""
    naming = [line for line in lines if _SCHEME in line]
    return {digest.decode() for line in naming for digest in _ATTACHMENT.findall(line)} if naming else _NO_NAMES


def _preview(connection: sqlite3.Connection, plan: TracePlan) -> None:
    root = plan.rolled.root
    if root is None or root not in plan.known.tally.spans:
        return
    new = plan.new.get(root)
    if new is None and root == plan.known.root:
        plan.request_preview, plan.response_preview = plan.known.request_preview, plan.known.response_preview
        return
    found = new.previews if new else None
    plan.request_preview, plan.response_preview = found or previews(_record(connection, plan, root))


def _stored_record(connection: sqlite3.Connection, num: int, span_id: str) -> JsonObject:
    low = num << POSITION_BITS
    row = connection.execute(
        f"SELECT {blocks.PACKED}, (s.id & {POSITION_MASK}) - c.first FROM spans s JOIN chunks c ON c.id = s.chunk"
        " WHERE s.id BETWEEN ? AND ? AND s.span_id = ?",
        (low, low | POSITION_MASK, span_id),
    ).fetchone()
    if row is None:
        return {}
    codec, content, base, offset = row
    record: JsonObject = blocks.unpack(codec, content, base)[offset]
    return record


def _preview_from_calls(connection: sqlite3.Connection, plan: TracePlan) -> None:
    """Without a preview of the root, take the first model call's request and the reply of the last one with any."""
    root, spans = plan.rolled.root, plan.known.tally.spans
    if root is None or isinstance(plan.known.tally, OneSpan):
        return
    if root not in spans:
        changes = plan.new_spans or plan.decoded.starts or root != plan.known.root
        plan.request_preview = _asked_by_running(connection, plan, root) if changes else plan.known.request_preview
        return
    with _fault.guard("making the preview of a trace"):
        if root == plan.known.root and all(span.facts.span_id != root for span in plan.new_spans):
            has_ended = plan.known.had_running and bool(plan.new_spans)
            if not (plan.decoded.starts or has_ended or any(_is_call(span.facts.type) for span in plan.new_spans)):
                return
            # the stored preview may be the root's own, or that of earlier calls
            record = _record(connection, plan, root)
            plan.request_preview, plan.response_preview = request_preview(record), response_preview(record)
        if plan.request_preview is not None and plan.response_preview is not None:
            return
        calls = [span for span in spans.values() if _is_call(span.type) and span.span_id != root]
        if calls and plan.request_preview is None:
            first = min(calls, key=lambda span: (span.start, span.span_id))
            plan.request_preview = request_preview(_record(connection, plan, first.span_id))
        if not calls and plan.request_preview is None:
            plan.request_preview = _asked_by_running(connection, plan, root)
        for call in nlargest(_CALLS_LOOKED_AT, calls, key=_order_of_replies):
            if plan.response_preview is None:
                plan.response_preview = response_preview(_record(connection, plan, call.span_id))


def _order_of_replies(call: SpanFacts) -> tuple[bool, int, str]:
    """Ascending likelihood of a reply: failed calls first, then by their ends."""
    return call.status != "ERROR", call.start + call.duration, call.span_id


def _asked_by_running(connection: sqlite3.Connection, plan: TracePlan, root: str) -> str | None:
    """The request of a root that runs, else that of the first running call."""
    told = [run.facts for run in plan.known.tally.running.values() if run.has_values]
    own = [facts for facts in told if facts.span_id == root]
    calls = sorted((facts for facts in told if _is_call(facts.type)), key=lambda facts: (facts.start, facts.span_id))
    asked = (previews(_started_record(connection, plan, facts.span_id))[0] for facts in [*own, *calls[:1]])
    return next((text for text in asked if text is not None), None)


def _started_record(connection: sqlite3.Connection, plan: TracePlan, span_id: str) -> JsonObject:
    """The first record of a running span that came with values."""
    stored = connection.execute(
        "SELECT record FROM running WHERE trace = ? AND span_id = ? AND record IS NOT NULL", (plan.known.num, span_id)
    ).fetchone()
    if stored is not None:
        record: JsonObject = orjson.loads(stored[0])
        return record
    start = plan.decoded.starts.get(span_id)
    return start.record if start is not None and start.line is not None else {}


def _is_call(span_type: str | None) -> bool:
    return span_type in (SpanType.CHAT_MODEL, SpanType.LLM)


def _record(connection: sqlite3.Connection, plan: TracePlan, span_id: str) -> JsonObject:
    new = plan.new.get(span_id)
    record: JsonObject = orjson.loads(new.line) if new else _stored_record(connection, plan.known.num, span_id)
    return record


def _labels(updates: TraceUpdates, rolled: RollUp) -> Mapping[tuple[int, str], str]:
    if not (updates or rolled.models or rolled.providers or rolled.errors):
        return _NO_LABELS
    labels = {(LABEL_TAG, key): value for key, value in updates.tags.items()}
    labels.update({(LABEL_METADATA, key): value for key, value in updates.metadata.items()})
    used = (key[len(PROMPT) :] for key in updates.metadata if key.startswith(PROMPT))
    labels.update({(LABEL_PROMPT, prompt): "" for prompt in used})
    labels.update({(LABEL_MODEL, model): "" for model in rolled.models})
    labels.update({(LABEL_PROVIDER, provider): "" for provider in rolled.providers})
    labels.update({(LABEL_FAILED_STEP, name): "" for name in rolled.failed_steps})
    labels.update({(LABEL_EXCEPTION, name): "" for name in rolled.exceptions})
    return labels


def newer_assessments(connection: sqlite3.Connection, decoded: DecodedTrace) -> list[JsonObject]:
    """The last record of each assessment, where it is newer than the stored one."""
    newest: dict[str, JsonObject] = {}
    for record in decoded.assessments:
        known = newest.get(record["id"])
        if known is None or time_of(record) >= time_of(known):
            newest[record["id"]] = record
    stored: dict[str, int] = {}
    for part in in_parts(list(newest)):
        marks = ",".join("?" * len(part))
        stored.update(connection.execute(f"SELECT id, time FROM assessments WHERE id IN ({marks})", part))
    return [record for id, record in newest.items() if id not in stored or time_of(record) > stored[id]]


def time_of(record: JsonObject) -> int:
    """The time of a record in ns; 0 where it has none."""
    time = record.get("time")
    return time if isinstance(time, int) and abs(time) < 2**63 else 0


def still_fits(connection: sqlite3.Connection, plan: AppendPlan, batch: DecodedBatch, *, newest_log: int) -> bool:
    """Whether the stored traces and the waiting logs are as they were when planned; asked under the lock."""
    expected: dict[str, int | None] = {each.known.trace_id: each.known.seq for each in plan.traces if not each.is_new}
    expected.update(plan.read)
    found: dict[str, int | None] = dict.fromkeys(plan.read)
    for part in in_parts(list(expected)):
        marks = ",".join("?" * len(part))
        found.update(connection.execute(f"SELECT trace_id, seq FROM traces WHERE trace_id IN ({marks})", part))
    if found != expected:
        return False
    if newest_deletion(connection) != plan.newest_deletion:
        new = {each.decoded.trace_id for each in plan.every if isinstance(each, LonePlan) or each.is_new}
        if deleted_among(connection, new - batch.restored):
            return False
    has_more_logs = newest_log != plan.newest_log
    return not (has_more_logs and waiting_logs(connection, batch.traces, after=plan.newest_log))


def bases_of(plans: Sequence[TracePlan]) -> set[Base]:
    """The stored blocks that the blocks of these plans are based on."""
    return {block.base for plan in plans for block in plan.packed if block.base and block.base.block is not None}
