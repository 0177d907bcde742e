"""The row of a trace, made from its spans and the facts of its other records, in any order of arrival."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

import orjson

from tracer import _fault, semconv
from tracer._json import JsonObject
from tracer.semconv import PROMPT, SpanType
from tracer.store.clickhouse.places import hour_of
from tracer.store.decode import SpanFacts, StartFacts
from tracer.store.rollup import RollUp, Running
from tracer.store.sqlite.append import plain_text
from tracer.store.sqlite.plan import time_of
from tracer.store.tally import OneSpan, Tally
from tracer.store.text import Previews, previews, request_preview, response_preview
from tracer.store.trace_updates import TraceUpdates

_CALLS_LOOKED_AT = 3  # for a reply
RecordOf = Callable[[str], JsonObject]


@dataclass(slots=True)
class Known:
    """Everything that is known of a trace."""

    trace_id: str
    life: int
    spans: list[SpanFacts] = field(default_factory=list)  # in the order of their ends
    running: list[Running] = field(default_factory=list)
    updates: list[JsonObject] = field(default_factory=list)
    assessments: list[JsonObject] = field(default_factory=list)
    logs: list[JsonObject] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)  # ids by which log records name spans, and the spans' own
    owner: str | None = None
    born: int = 0  # grows with the time at which the trace's first record arrived
    digests: set[str] = field(default_factory=set)
    previews: dict[str, Previews] = field(default_factory=dict)  # of spans without a parent, as far as already made

    def has_more_than_logs(self) -> bool:
        """Whether there is more than log records, whose spans have not come."""
        return bool(self.spans or self.running or self.updates or self.assessments)


def trace_row(known: Known, experiments: Mapping[str, int], record_of: RecordOf) -> dict[str, Any]:
    """The cells of the row but for change number and version; ``record_of`` gives the record of a span."""
    tally = (
        OneSpan(known.spans[0]) if len(known.spans) == 1 and not known.running else Tally(known.spans, known.running)
    )
    rolled = tally.roll_up()
    updates = TraceUpdates()
    updates.apply(known.updates)
    said = updates.values()
    asked, replied = _previews(known, rolled, record_of)
    experiment = said["experiment"]
    state = said["state"] if rolled.state in ("OK", "ERROR") else None
    counts = [(rolled.usage or {}).get(name) for name in ("input_tokens", "output_tokens", "total_tokens")]
    costs = rolled.cost or (None, None, None)
    row = {
        "trace_id": known.trace_id, "life": known.life, "deleted": 0,
        "hour": hour_of(rolled.start), "own": hour_of(rolled.start),
        "experiment": experiments.get(experiment or "", 0),
        "experiment_name": experiment if experiment in experiments else "Default",
        "state": state or rolled.state, "name": rolled.name, "root_span": rolled.root, "start": rolled.start,
        "born": known.born, "duration": rolled.duration, "spans": rolled.spans, "errors": rolled.errors,
        "input_tokens": counts[0], "output_tokens": counts[1], "total_tokens": counts[2],
        "usage": orjson.dumps(rolled.usage).decode() if rolled.usage else "",
        "input_cost": costs[0], "output_cost": costs[1], "cost": costs[2],
        "request_preview": said["request_preview"] or asked, "response_preview": said["response_preview"] or replied,
        "session": said["session_id"], "user": said["user"], "model_id": said["model_id"], "run_id": said["run_id"],
        "client_request_id": said["client_request_id"], "owner": known.owner,
        "models": sorted(rolled.models), "providers": sorted(rolled.providers),
        "failed_steps": sorted(rolled.failed_steps), "exceptions": sorted(rolled.exceptions),
        "prompts": sorted(key[len(PROMPT) :] for key in updates.metadata if key.startswith(PROMPT)),
        "tags": updates.tags, "metadata": updates.metadata,
        **_assessments(known.assessments),
        "digests": sorted(known.digests),
        "owners": sorted({run.facts.owner for run in known.running if run.facts.owner and not run.gone}),
        **_spans(known),
    }  # fmt: skip
    return {**row, "digest": hashlib.blake2b(orjson.dumps(row), digest_size=16).hexdigest()}


def _spans(known: Known) -> dict[str, list[Any]]:
    rows = [_ended_cells(span) for span in known.spans] + [_running_cells(run) for run in known.running]
    columns = list(zip(*rows)) or [()] * len(_SPAN_CELLS)
    return {f"s.{name}": list(cells) for name, cells in zip(_SPAN_CELLS, columns)}


_SPAN_CELLS = (
    "id", "ended", "name", "type", "status", "model", "request_model", "provider", "start", "duration", "input_tokens",
    "output_tokens", "total_tokens", "cost", "first_chunk", "message", "covered", "beside",
)  # fmt: skip


def _ended_cells(span: SpanFacts) -> tuple[Any, ...]:
    usage = span.usage or {}
    return (
        span.span_id, 1, span.name, span.type, span.status, span.model, span.request_model, span.provider, span.start,
        span.duration, usage.get("input_tokens"), usage.get("output_tokens"), usage.get("total_tokens"),
        span.cost[2] if span.cost else None, span.first_chunk, span.message, span.covered, span.beside,
    )  # fmt: skip


def _running_cells(run: Running) -> tuple[Any, ...]:
    facts = run.facts
    status = "INTERRUPTED" if run.gone else "IN_PROGRESS"
    return (
        facts.span_id, 0, facts.name, facts.type, status, facts.model, None, facts.provider, facts.start,
        None, None, None, None, None, None, None, 0, None,
    )  # fmt: skip


def _assessments(records: Sequence[JsonObject]) -> dict[str, Any]:
    """The newest record of each, without deleted ones; overridden ones are shown, but do not count."""
    newest: dict[str, JsonObject] = {}
    for record in records:
        known = newest.get(record["id"])
        if known is None or time_of(record) > time_of(known):
            newest[record["id"]] = record
    given = [record for record in newest.values() if record.get("deleted") is not True]
    shown = [_shown(record) for record in sorted(given, key=lambda each: (time_of(each), each["id"]))]
    counted = [each for each in shown if semconv.OVERRIDDEN_BY not in each["metadata"]]
    return {
        "assessments": orjson.dumps(shown).decode() if shown else "",
        "a.type": [each["type"] for each in counted],
        "a.name": [each["name"] for each in counted],
        "a.text": [plain_text(each["value"]) for each in counted],
        "a.reviewer": [_reviewer(each["source"]) for each in counted],
    }


def _reviewer(source: JsonObject) -> str:
    """The person who gave it; empty for other sources."""
    return plain_text(source.get("id")) or "" if source.get("type") == "HUMAN" else ""


def _shown(record: JsonObject) -> JsonObject:
    source, metadata = record.get("source"), record.get("metadata")
    return {
        "id": record["id"],
        "span_id": plain_text(record.get("span_id")),
        "name": record["name"],
        "type": plain_text(record.get("type")) or "feedback",
        "value": record.get("value"),
        "rationale": plain_text(record.get("rationale")),
        "source": source if isinstance(source, dict) else {},
        "metadata": metadata if isinstance(metadata, dict) else {},
        "error": plain_text(record.get("error")),
        "time": time_of(record),
    }


def _previews(known: Known, rolled: RollUp, record_of: RecordOf) -> tuple[str | None, str | None]:
    """Request and reply: those of the root, else of the first model call and of the last one with a reply."""
    root = rolled.root
    if root is None:
        return None, None
    ended = {span.span_id: span for span in known.spans}
    if root not in ended:
        return _asked_by_running(known, root, record_of), None
    with _fault.guard("making the preview of a trace"):
        asked, replied = known.previews.get(root) or previews(record_of(root))
        if len(known.spans) + len(known.running) == 1 or (asked is not None and replied is not None):
            return asked, replied
        calls = [span for span in known.spans if _is_call(span.type) and span.span_id != root]
        if calls and asked is None:
            first = min(calls, key=lambda span: (span.start, span.span_id))
            asked = request_preview(record_of(first.span_id))
        if not calls and asked is None:
            asked = _asked_by_running(known, root, record_of)
        for call in nlargest(_CALLS_LOOKED_AT, calls, key=_order_of_replies):
            if replied is None:
                replied = response_preview(record_of(call.span_id))
        return asked, replied
    return None, None


def _order_of_replies(call: SpanFacts) -> tuple[bool, int, str]:
    """Ascending likelihood of a reply: failed calls first, then by their ends."""
    return call.status != "ERROR", call.start + call.duration, call.span_id


def _asked_by_running(known: Known, root: str, record_of: RecordOf) -> str | None:
    """The request of a root that runs, else that of the first running call."""
    told = [run.facts for run in known.running if run.has_values]
    own = [facts for facts in told if facts.span_id == root]
    calls = sorted((facts for facts in told if _is_call(facts.type)), key=_start_and_id)
    asked = (previews(record_of(facts.span_id))[0] for facts in [*own, *calls[:1]])
    return next((text for text in asked if text is not None), None)


def _start_and_id(facts: StartFacts) -> tuple[int, str]:
    return facts.start, facts.span_id


def _is_call(span_type: str | None) -> bool:
    return span_type in (SpanType.CHAT_MODEL, SpanType.LLM)
